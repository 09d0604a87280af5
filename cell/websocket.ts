/**
 * What the harness itself knows of WebSockets: the lazily made globals, and the `webSocket` of a response. The classes and the protocol
 * are in `extras/websocket`.
 */
import type { Invocation } from './context.ts';
import { loadExtra } from './extras.ts';
import { defineLazyGlobal } from './globals.ts';
import { listToWire, type Response, responseList, setWebSocketCheck } from './http/index.ts';

interface WebSocketExtra {
  readonly WebSocket: unknown;
  readonly WebSocketPair: unknown;
  readonly WebSocketRequestResponsePair: unknown;
  isWebSocket(value: unknown): boolean;
  clientSocket(stream: number): object;
  answerWith(socket: object, headers: readonly string[], invocation: Invocation): void;
  closeVisitors(): void;
}

const extra = (): WebSocketExtra => loadExtra<WebSocketExtra>('websocket');

/** Puts the classes into the global scope, and lets `Response` take a `webSocket` in its init. */
export function installWebSockets(): void {
  setWebSocketCheck((value) => extra().isWebSocket(value));
  defineLazyGlobal('WebSocket', () => extra().WebSocket);
  defineLazyGlobal('WebSocketPair', () => extra().WebSocketPair);
  defineLazyGlobal('WebSocketRequestResponsePair', () => extra().WebSocketRequestResponsePair);
  defineLazyGlobal('EventSource', () => loadExtra<{ EventSource: unknown }>('event-source').EventSource);
}

/** Tells every visitor with a connection that this end is going away, and those to come as well. */
export function closeVisitors(): void {
  if (isGoingAway) return;
  isGoingAway = true;
  if (hasConnections) extra().closeVisitors();
}
let isGoingAway = false;
/** The classes are not loaded only to close nothing. */
let hasConnections = false;

/** The call's stream goes on as a WebSocket. */
export const clientSocket = (stream: number): object => extra().clientSocket(stream);

/** Sends the response's head and joins its socket to the visitor's connection. Throws when the socket may not be returned. */
export function switchProtocols(response: Response, socket: object, invocation: Invocation): void {
  extra().answerWith(socket, listToWire(responseList(response)), invocation);
  hasConnections = true;
  if (isGoingAway) extra().closeVisitors();
}

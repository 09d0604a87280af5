/** WebSockets: loaded when user code first touches one of the globals, or a `fetch()` brings a connection. */
import type { Invocation } from '../../context.ts';
import { UPGRADE, type UpgradeHead } from '../../../shared/protocol.ts';
import { sendJson } from '../../channel.ts';
import { clientSocket } from './connect.ts';
import { WebSocketPair } from './pair.ts';
import { WebSocketRequestResponsePair } from './request-response-pair.ts';
import { internals, WebSocket } from './socket.ts';
import { closeVisitors, joinServerWire } from './wire.ts';

export { clientSocket, closeVisitors, WebSocket, WebSocketPair, WebSocketRequestResponsePair };

export const isWebSocket = (value: unknown): boolean => internals.isWebSocket(value);

/** Joins a socket that a response carries to the visitor's connection. Throws when it may not be returned. */
export function answerWith(socket: unknown, headers: readonly string[], invocation: Invocation): void {
  const end = internals.takeEnd(socket as WebSocket);
  joinServerWire(end, (stream) =>
    sendJson(UPGRADE, stream, { invocation: invocation.id, headers } satisfies UpgradeHead),
  );
}

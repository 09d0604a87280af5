/**
 * `WebSocketPair`, and the `webSocket` of a 101 response: one end of the pair stays with the worker, the other is joined to the
 * visitor's connection when the response leaves.
 */
import { deno } from './deno.ts';
import { advanceClockToNow, type Invocation, runInvocation } from './context.ts';
import { defineGlobal } from './globals.ts';
import { listGet, type Response, responseList, setWebSocketCheck } from './http/index.ts';
import type { Outgoing } from './outgoing.ts';
import { apply, NativeError, NativeTypeError } from './primordials.ts';

const { upgradeWebSocket } = deno;
const NativeMessageEvent = MessageEvent;
const NativeCloseEvent = CloseEvent;
const dispatchEvent = EventTarget.prototype.dispatchEvent;
/** Events held back until `accept()`; more than this and the connection is closed (a sender nobody listens to). */
const MAX_HELD_EVENTS = 1024;
const CLOSE_TOO_MUCH = 1009;

/** A WebSocket as a worker holds it. `new WebSocket(url)` is not offered: outgoing connections are not built yet. */
export class WorkerWebSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  #peer: WorkerWebSocket | undefined;
  #accepted = false;
  #held: Event[] = [];
  #readyState: number = WorkerWebSocket.OPEN;

  constructor(key?: unknown) {
    if (key !== CREATE) {
      throw new NativeError(
        'new WebSocket(url): outgoing WebSocket connections are not supported by this version of Skep.',
      );
    }
    super();
  }

  static link(a: WorkerWebSocket, b: WorkerWebSocket): void {
    a.#peer = b;
    b.#peer = a;
  }

  get readyState(): number {
    return this.#readyState;
  }

  accept(): void {
    if (this.#accepted) return;
    this.#accepted = true;
    const held = this.#held;
    this.#held = [];
    for (let index = 0; index < held.length; index++) apply(dispatchEvent, this, [held[index] as Event]);
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (!this.#accepted) throw new NativeTypeError('You must call accept() on this WebSocket before sending messages.');
    if (this.#readyState >= WorkerWebSocket.CLOSING) {
      throw new NativeTypeError("Can't call WebSocket send() after close().");
    }
    const peer = this.#peer as WorkerWebSocket;
    peer.#receive(new NativeMessageEvent('message', { data: messageData(data) }));
  }

  close(code?: number, reason?: string): void {
    if (this.#readyState >= WorkerWebSocket.CLOSING) return;
    if (code !== undefined && (code < 1000 || code >= 5000 || code === 1004 || code === 1005 || code === 1006)) {
      throw new NativeTypeError(`Invalid WebSocket close code: ${code}.`);
    }
    this.#readyState = WorkerWebSocket.CLOSING;
    const peer = this.#peer as WorkerWebSocket;
    peer.#closedByPeer(code ?? 1005, reason ?? '');
  }

  #closedByPeer(code: number, reason: string): void {
    const wasOpen = this.#readyState === WorkerWebSocket.OPEN;
    this.#readyState = wasOpen ? WorkerWebSocket.CLOSING : WorkerWebSocket.CLOSED;
    if (!wasOpen && this.#peer !== undefined) this.#peer.#readyState = WorkerWebSocket.CLOSED;
    this.#receive(new NativeCloseEvent('close', { code, reason, wasClean: code !== 1006 }));
  }

  #receive(event: Event): void {
    if (this.#accepted) apply(dispatchEvent, this, [event]);
    else if (this.#held.length < MAX_HELD_EVENTS) this.#held[this.#held.length] = event;
    else this.close(CLOSE_TOO_MUCH, 'Too many messages before accept()');
  }
}

const CREATE = {};

/** Binary messages arrive as an ArrayBuffer of the receiver's own. */
function messageData(data: unknown): unknown {
  if (typeof data === 'string') return data;
  if (data instanceof ArrayBuffer) return data.slice(0);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice().buffer;
  }
  return `${data as string}`;
}

class WebSocketPair {
  readonly 0: WorkerWebSocket;
  readonly 1: WorkerWebSocket;
  constructor() {
    this[0] = new WorkerWebSocket(CREATE);
    this[1] = new WorkerWebSocket(CREATE);
    WorkerWebSocket.link(this[0], this[1]);
  }
}

/** Puts the classes into the global scope, and lets `Response` take a `webSocket` in its init. */
export function installWebSockets(): void {
  setWebSocketCheck((value) => value instanceof WorkerWebSocket);
  for (const [name, value] of Object.entries({ WebSocketPair, WebSocket: WorkerWebSocket })) {
    defineGlobal(name, value);
  }
}

/** Joins the worker's end to the visitor's connection. Returns the response that switches protocols. */
export function upgrade(
  request: globalThis.Request,
  response: Response,
  inner: WorkerWebSocket,
  invocation: Invocation,
): Outgoing {
  const protocol = listGet(responseList(response), 'sec-websocket-protocol');
  const { socket, response: switching } = upgradeWebSocket(request, {
    idleTimeout: 0,
    ...(protocol === null ? {} : { protocol }),
  });
  socket.binaryType = 'arraybuffer';
  const within = (action: () => void) => () => {
    advanceClockToNow(invocation);
    runInvocation(invocation, action);
  };
  socket.onopen = within(() => {
    inner.addEventListener('message', (event) => {
      if (socket.readyState === WorkerWebSocket.OPEN) socket.send((event as MessageEvent).data);
    });
    inner.addEventListener('close', (event) => {
      const { code, reason } = event as CloseEvent;
      closeSocket(socket, code, reason);
    });
    inner.accept();
  });
  socket.onmessage = (event) =>
    within(() => {
      if (inner.readyState === WorkerWebSocket.OPEN) inner.send(event.data);
    })();
  socket.onclose = (event) => within(() => inner.close(usableCode(event.code), event.reason))();
  socket.onerror = within(() => inner.close());
  return { status: 101, statusText: '', list: [], whole: null, stream: null, switching };
}

const usableCode = (code: number): number | undefined =>
  code >= 1000 && code < 5000 && code !== 1004 && code !== 1005 && code !== 1006 ? code : undefined;

function closeSocket(socket: WebSocket, code: number, reason: string): void {
  try {
    if (code === 1000 || (code >= 3000 && code < 5000)) socket.close(code, reason);
    else socket.close();
  } catch {
    // Already closing.
  }
}

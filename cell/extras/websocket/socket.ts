/** `WebSocket` as workerd has it: one class for both ends of a pair, and for connections to the outside. */
import { serialize } from 'node:v8';
import { compatFlag } from '../../compat.ts';
import { advanceClockToNow, currentInvocation, type Invocation, runInvocationAnew } from '../../context.ts';
import { dispatchCatching } from '../../dispatch.ts';
import { adoptException } from '../../dom-exception.ts';
import {
  copyBytes,
  defineProperty,
  NativeDOMException,
  NativeError,
  nativeSetImmediate,
  NativeTypeError,
  nativeStructuredClone,
  stringToWellFormed,
  utf8Encode,
} from '../../primordials.ts';
import { addAttributeListeners, bytesOf, exposeInterface, uncaughtMessage } from './interface.ts';
import { illegalInvocation } from '../../webidl.ts';
import type { End, Message } from './inbox.ts';
import { NO_STATUS } from './frames.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
const MAX_REASON_BYTES = 123;
const MAX_ATTACHMENT_BYTES = 16_384;
const ABNORMAL = 1006;
const LOST = 'WebSocket disconnected without sending Close frame.';
const NOT_ACCEPTED =
  'You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.';

/** It comes from no origin, which on Workers is null and not an empty text. */
function messageEvent(data: unknown): MessageEvent {
  const event = new MessageEvent('message', { data });
  defineProperty(event, 'origin', { value: null, configurable: true });
  return event;
}

/** What only the platform may construct a WebSocket with. */
export const CREATE = {};
/** Classes as user code finds them when it first touches WebSockets. */
const { Blob: PlatformBlob, MessageEvent, CloseEvent, ErrorEvent, Event } = globalThis;

/** Opens the connection of `new WebSocket()`; set by `connect.ts`, which needs this class. */
type Connect = (url: string, protocols: unknown, opening: Opening) => string;
export interface Opening {
  succeed(end: End, protocol: string | null, extensions: string | null): void;
  fail(error: unknown): void;
}
let connect: Connect;
export const setConnect = (value: Connect): void => {
  connect = value;
};

/** What the platform does with a WebSocket that user code cannot. */
interface Internals {
  /** The end of the connection, to be joined to the visitor's. Throws when the socket may not be returned. */
  takeEnd(socket: WebSocket): End;
  isWebSocket(value: unknown): value is WebSocket;
}
export let internals: Internals;
let requireSelf: (value: unknown) => void;

/** Methods take their arguments as a list: on Workers the `length` of each is 0. */
export class WebSocket extends EventTarget {
  #end: End | undefined;
  #accepted = false;
  #used = false;
  #constructed = false;
  #connecting = false;
  #closedEarly = false;
  #closedIn = false;
  #closedOut = false;
  #broken = false;
  /** The other end went without a Close: there is nobody to tell of ours. */
  #lost = false;
  /** A listener threw: nothing more is received. */
  #deaf = false;
  #allowHalfOpen = false;
  #binaryType: 'arraybuffer' | 'blob' = compatFlag('websocket_standard_binary_type') ? 'blob' : 'arraybuffer';
  #url: string | null = null;
  #protocol: string | null = '';
  #extensions: string | null = '';
  #attachment: unknown = null;
  #invocation: Invocation | undefined;

  static {
    const isWebSocket = (value: unknown): value is WebSocket =>
      typeof value === 'object' && value !== null && #end in value;
    requireSelf = (value) => {
      if (!isWebSocket(value)) throw illegalInvocation();
    };
    internals = {
      isWebSocket,
      takeEnd: (socket) => socket.#takeEnd(),
    };
  }

  constructor(...args: unknown[]) {
    super();
    const url = args[0];
    addAttributeListeners(this, ['open', 'message', 'close', 'error']);
    if (url === CREATE) {
      this.#end = args[1] as End;
      return;
    }
    if (url === undefined) {
      throw new NativeTypeError("Failed to construct 'WebSocket': constructor parameter 1 is not of type 'string'.");
    }
    this.#constructed = true;
    this.#connecting = true;
    this.#invocation = currentInvocation();
    this.#url = connect(`${url as string}`, args[1], {
      succeed: (opened, protocol, extensions) => this.#opened(opened, protocol, extensions),
      fail: (error) => this.#within(() => this.#connectFailed(error)),
    });
  }

  // --- what user code sees ---

  get readyState(): number {
    requireSelf(this);
    if (this.#broken || (this.#closedIn && this.#closedOut)) return CLOSED;
    if (this.#closedIn || this.#closedOut) return CLOSING;
    return this.#connecting ? CONNECTING : OPEN;
  }

  get url(): string | null {
    requireSelf(this);
    return this.#url;
  }

  get protocol(): string | null {
    requireSelf(this);
    return this.#protocol;
  }

  get extensions(): string | null {
    requireSelf(this);
    return this.#extensions;
  }

  get bufferedAmount(): number {
    requireSelf(this);
    return this.#end?.outgoing.bufferedBytes ?? 0;
  }

  get binaryType(): string {
    requireSelf(this);
    return this.#binaryType;
  }

  set binaryType(value: unknown) {
    requireSelf(this);
    const type = `${value as string}`;
    if (type === 'arraybuffer' || type === 'blob') this.#binaryType = type;
  }

  accept(...args: unknown[]): void {
    requireSelf(this);
    const allowHalfOpen = readAllowHalfOpen(args[0]);
    if (this.#constructed && this.#connecting) {
      throw new NativeTypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    }
    if (this.#used) throw new NativeTypeError("Can't accept() WebSocket that was already used in a response.");
    if (this.#accepted) return;
    this.#allowHalfOpen = allowHalfOpen;
    this.#start();
  }

  send(...args: unknown[]): void {
    requireSelf(this);
    if (args.length === 0) {
      throw new NativeTypeError(
        "Failed to execute 'send' on 'WebSocket': parameter 1 is not of type 'ArrayBuffer or ArrayBufferView or string'.",
      );
    }
    const message = toMessage(args[0]);
    if (this.#closedOut) throw new NativeTypeError("Can't call WebSocket send() after close().");
    if (this.#broken) return;
    if (!this.#accepted) throw new NativeTypeError(NOT_ACCEPTED);
    this.#end?.outgoing.push(message);
  }

  close(...args: unknown[]): void {
    requireSelf(this);
    const closeCode = args[0] === undefined ? undefined : (args[0] as number) | 0;
    const text = args[1] === undefined ? undefined : stringToWellFormed(`${args[1] as string}`);
    checkClose(closeCode, text);
    if (this.#closedOut || this.#broken || this.#lost) return;
    if (this.#connecting) {
      this.#connecting = false;
      this.#closedEarly = true;
      return;
    }
    if (!this.#accepted) throw new NativeTypeError(NOT_ACCEPTED);
    this.#closedOut = true;
    this.#end?.outgoing.push({ kind: 'close', code: closeCode ?? NO_STATUS, reason: text ?? '', bytes: 0 });
  }

  serializeAttachment(...args: unknown[]): void {
    requireSelf(this);
    if (args.length === 0) {
      throw new NativeTypeError(
        "Failed to execute 'serializeAttachment' on 'WebSocket': parameter 1 is not of type 'Value'.",
      );
    }
    const value = cloneForKeeping(args[0]);
    const { length } = serialize(value) as { length: number };
    if (length > MAX_ATTACHMENT_BYTES) {
      throw new NativeError(
        `A WebSocket 'attachment' cannot be larger than ${MAX_ATTACHMENT_BYTES} bytes.'attachment' was ${length} bytes.`,
      );
    }
    this.#attachment = value;
  }

  deserializeAttachment(): unknown {
    requireSelf(this);
    return nativeStructuredClone(this.#attachment);
  }

  // --- what the platform does ---

  #takeEnd(): End {
    if (this.#constructed) {
      throw new NativeTypeError("Can't return WebSocket in a Response if it was created with `new WebSocket()`");
    }
    if (this.#used) throw new NativeTypeError("Can't return WebSocket that was already used in a response.");
    if (this.#accepted) throw new NativeTypeError("Can't return WebSocket in a Response after calling accept().");
    this.#used = true;
    return this.#end as End;
  }

  #start(): void {
    this.#accepted = true;
    this.#invocation = currentInvocation() ?? this.#invocation;
    this.#end?.incoming.consume((message) => this.#within(() => this.#receive(message)));
  }

  #within(action: () => void): void {
    const invocation = this.#invocation;
    if (invocation === undefined) return action();
    if (invocation.ended) return;
    advanceClockToNow(invocation);
    runInvocationAnew(invocation, action);
  }

  #opened(end: End, protocol: string | null, extensions: string | null): void {
    if (this.#closedEarly) {
      end.outgoing.push({ kind: 'broken', unread: true, bytes: 0 });
      this.#within(() => this.#connectFailed(new NativeError('Network connection lost.')));
      return;
    }
    this.#connecting = false;
    this.#end = end;
    this.#protocol = protocol;
    this.#extensions = extensions;
    this.#within(() => {
      this.#dispatch(new Event('open'));
      this.#start();
    });
  }

  #connectFailed(error: unknown): void {
    this.#connecting = false;
    this.#broken = true;
    this.#dispatchError(error);
    this.#dispatch(
      new CloseEvent('close', {
        code: ABNORMAL,
        reason: 'Failed to establish websocket connection',
        wasClean: false,
      }),
    );
  }

  #receive(message: Message): void {
    if (this.#broken || this.#deaf) return;
    if (message.kind === 'text' || message.kind === 'binary') {
      if (!this.#closedIn) this.#dispatch(messageEvent(this.#dataOf(message)));
    } else if (message.kind === 'close') this.#receiveClose(message.code, message.reason);
    else if (message.kind === 'lost') this.#receiveLost(message.reason);
    else if (message.kind === 'unreadable') {
      this.#broken = true;
      this.#dispatchError(new NativeError(message.message));
    } else if (message.kind === 'broken' && !message.unread) this.#receiveLost(LOST);
    else {
      this.#broken = true;
      this.#dispatchError(new NativeError('Network connection lost.'));
      if (message.kind === 'gone') return;
      this.#dispatch(new CloseEvent('close', { code: ABNORMAL, reason: LOST, wasClean: false }));
    }
  }

  #receiveLost(reason: string): void {
    this.#dispatch(new CloseEvent('close', { code: ABNORMAL, reason, wasClean: false }));
    this.#closedIn = true;
    this.#lost = true;
  }

  #dataOf(message: Extract<Message, { kind: 'text' | 'binary' }>): unknown {
    if (message.kind === 'text') return message.text;
    return this.#binaryType === 'blob' ? new PlatformBlob([message.data]) : message.data.buffer;
  }

  #receiveClose(code: number, reason: string): void {
    const end = this.#end as End;
    this.#closedIn = true;
    const isAnswer = this.#closedOut;
    if (!isAnswer && !this.#allowHalfOpen && compatFlag('web_socket_auto_reply_to_close')) {
      this.#closedOut = true;
      end.outgoing.push({ kind: 'close', code, reason, bytes: 0 });
    }
    this.#dispatch(new CloseEvent('close', { code, reason, wasClean: true }));
    if (isAnswer && !end.shared.released) {
      end.shared.released = true;
      end.outgoing.push({ kind: 'gone', bytes: 0 });
    }
  }

  /** A listener that throws breaks the connection: the other end sees it go without a Close. */
  #dispatch(event: Event): void {
    const thrown = dispatchCatching(this, event);
    if (thrown === undefined || this.#deaf) return;
    this.#deaf = true;
    // In a turn of its own: what the other end was told before comes first.
    nativeSetImmediate(() => this.#within(() => this.#break(thrown.error)));
  }

  #break(error: unknown): void {
    this.#broken = true;
    this.#dispatchError(error);
    const end = this.#end;
    if (!this.#closedOut) end?.outgoing.push({ kind: 'broken', unread: end.incoming.hasUnread, bytes: 0 });
  }

  #dispatchError(error: unknown): void {
    dispatchCatching(this, new ErrorEvent('error', { message: uncaughtMessage(error), error }));
  }
}

function cloneForKeeping(value: unknown): unknown {
  try {
    return nativeStructuredClone(value);
  } catch (error) {
    throw adoptException(error);
  }
}

function readAllowHalfOpen(options: unknown): boolean {
  if (options === undefined || options === null) return false;
  if (typeof options !== 'object' && typeof options !== 'function') {
    throw new NativeTypeError("Failed to execute 'accept' on 'WebSocket': parameter 1 is not of type 'AcceptOptions'.");
  }
  return Boolean((options as { allowHalfOpen?: unknown }).allowHalfOpen);
}

/** A Blob is no message on Workers: it is sent as the string that it converts to. */
function toMessage(data: unknown): Message {
  const bytes = bytesOf(data);
  if (bytes !== undefined) return { kind: 'binary', data: copyBytes(bytes), bytes: bytes.length };
  const text = stringToWellFormed(`${data as string}`);
  return { kind: 'text', text, bytes: utf8Encode(text).length };
}

function checkClose(code: number | undefined, reason: string | undefined): void {
  if (code !== undefined) {
    if (code < 1000 || code >= 5000 || code === 1004 || code === 1005 || code === 1006 || code === 1015) {
      throw new NativeDOMException(`Invalid WebSocket close code: ${code}.`, 'InvalidAccessError');
    }
  } else if (reason !== undefined) {
    throw new NativeDOMException(
      'If you specify a WebSocket close reason, you must also specify a code.',
      'InvalidAccessError',
    );
  }
  if (reason !== undefined && utf8Encode(reason).length > MAX_REASON_BYTES && isReasonLimited()) {
    throw new NativeDOMException(
      'WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.',
      'SyntaxError',
    );
  }
}

const isReasonLimited = (): boolean => compatFlag('websocket_close_reason_byte_limit');

const STATES = { CONNECTING, OPEN, CLOSING, CLOSED };
exposeInterface(WebSocket, 'WebSocket');
for (const target of [WebSocket, WebSocket.prototype]) {
  for (const [name, value] of Object.entries(STATES)) {
    for (const key of [`READY_STATE_${name}`, name]) {
      Object.defineProperty(target, key, { value, writable: false, enumerable: true, configurable: true });
    }
  }
}

/** Sessions and what they run over: the channel to the supervisor in either direction, or nothing but this isolate. */
import {
  FAIL,
  type Failure,
  INBOUND_DATA,
  INBOUND_END,
  INBOUND_FAIL,
  INBOUND_WINDOW,
  SESSION_DATA,
  SESSION_OPEN,
  type SessionAcceptHead,
  type SessionOpenHead,
} from '../../../shared/protocol.ts';
import { writeU32 } from '../../../shared/frames.ts';
import { type Destination, toWire } from '../../call-head.ts';
import {
  closeStream,
  openStream,
  sendFrame,
  sendFull,
  sendJson,
  sendWindow,
  type StreamListener,
} from '../../channel.ts';
import { createInvocation, currentInvocation, type Invocation, runInvocation } from '../../context.ts';
import { hangError } from '../../hang.ts';
import { endInvocation, onInvocationEnd, onInvocationEndForSession } from '../../invocation.ts';
import { reportException } from '../../console.ts';
import {
  jsonParse,
  jsonStringify,
  NativeError,
  nativeSetTimeout,
  NativeTypeError,
  NativeUint8Array,
  promiseResolve,
  promiseThen,
  subarray,
  utf8Decode,
  utf8Encode,
} from '../../primordials.ts';
import { addInboundSession, type InboundSession, removeInboundSession } from '../../sessions.ts';
import { requireInvocation } from '../../timers.ts';
import { findEntrypoint } from '../../worker.ts';
import { SESSION_CLOCK_BYTES } from '../../../shared/protocol.ts';
import { Link, type LinkEnd } from './link.ts';
import type { Answer } from './answer.ts';
import { type Reason, RpcSession, type SessionEnds, sessionIsOver } from './session.ts';
import { type CallTarget, entrypointTarget } from './targets.ts';

/** Opens a session with what a binding leads to, and makes its first call. */
export function openSession(destination: Destination, call: (session: RpcSession) => Answer): Answer {
  const end = new OutgoingEnd(destination, requireInvocation());
  return call(end.session);
}

/** The end of a session in the cell that opened it. */
class OutgoingEnd implements LinkEnd, SessionEnds, StreamListener {
  readonly session: RpcSession;
  readonly #destination: Destination;
  readonly #invocation: Invocation;
  readonly #link: Link;
  readonly #forget: () => void;
  #stream = 0;

  constructor(destination: Destination, invocation: Invocation) {
    this.#destination = destination;
    this.#invocation = invocation;
    this.#link = new Link(this, invocation);
    // The callee ends the session: it knows when nothing is left on both sides.
    this.session = new RpcSession(invocation, this, undefined);
    this.#forget = onInvocationEnd(invocation, () => this.#finish(sessionIsOver));
  }

  // --- what the session says ---

  send(message: Uint8Array): void {
    this.#link.send(message);
  }

  /** Nothing was sent, because the arguments could not be: there is nobody to wait for. */
  onIdle(): void {
    if (this.#stream === 0) this.#finish(sessionIsOver);
  }

  // --- what the link says ---

  /** The first frame opens the session. */
  emit(payload: Uint8Array): void {
    if (this.#stream !== 0) {
      sendFrame(SESSION_DATA, this.#stream, payload);
      return;
    }
    this.#stream = openStream(this);
    const head: SessionOpenHead = {
      invocation: this.#invocation.id,
      ...toWire(this.#destination),
      clockMs: this.#invocation.clockMs,
    };
    const bytes = subarray(payload, SESSION_CLOCK_BYTES, payload.length);
    sendFull(SESSION_OPEN, this.#stream, utf8Encode(jsonStringify(head)), bytes);
  }

  grant(bytes: number): void {
    sendWindow(this.#stream, bytes);
  }

  onMessage(message: Uint8Array): void {
    this.session.receive(message);
  }

  onBurst(error: Error): void {
    this.#break(error);
  }

  // --- what the supervisor says ---

  onResponse(): void {
    // A session is answered by its data.
  }

  onData(payload: Uint8Array): void {
    try {
      this.#link.receive(payload);
    } catch (error) {
      this.#break(error);
    }
  }

  onEnd(): void {
    this.#finish(sessionIsOver);
  }

  onFail(failure: Uint8Array): void {
    const error = toError(jsonParse(utf8Decode(failure)) as Failure);
    this.#finish(() => error);
  }

  onWindow(bytes: number): void {
    this.#link.window(bytes);
  }

  // --- the end ---

  #break(error: unknown): void {
    sendJson(FAIL, this.#stream, { name: 'Error', message: 'aborted' } satisfies Failure);
    this.#finish(() => error);
  }

  #finish(reason: Reason): void {
    if (this.session.isOver) return;
    this.#link.close();
    closeStream(this.#stream);
    this.#forget();
    this.session.close(reason);
  }
}

const toError = ({ name, message }: Failure): Error =>
  name === 'TypeError' ? new NativeTypeError(message) : new NativeError(message);

/** The end of a session in the cell that was called. */
class InboundEnd implements LinkEnd, SessionEnds, InboundSession {
  readonly session: RpcSession;
  readonly #invocation: Invocation;
  readonly #link: Link;

  constructor(invocation: Invocation, root: CallTarget) {
    this.#invocation = invocation;
    this.#link = new Link(this, invocation);
    this.session = new RpcSession(invocation, this, root);
    addInboundSession(invocation.id, this);
    invocation.onWaitsOver = () => this.session.checkIdle();
    // Later, so that the caller first hears what the method that aborted has thrown.
    invocation.onAbort = (reason) =>
      void nativeSetTimeout(() => {
        if (!this.session.isOver) this.#break(reason instanceof NativeError ? reason : sessionIsOver());
      }, 0);
    onInvocationEndForSession(invocation, () => this.#finish(sessionIsOver));
  }

  // --- what the session says ---

  send(message: Uint8Array): void {
    this.#link.send(message);
  }

  /** Nobody can call anything any more. */
  onIdle(): void {
    // Its last words may still wait for the window.
    if (this.#link.isSending) return;
    const invocation = this.#invocation;
    invocation.answered = true;
    const waits = invocation.pendingWaits > 0;
    const payload = new NativeUint8Array(1);
    payload[0] = waits ? 1 : 0;
    sendFrame(INBOUND_END, invocation.id, payload);
    this.#finish(sessionIsOver);
    if (!waits) endInvocation(invocation);
  }

  // --- what the link says ---

  emit(payload: Uint8Array): void {
    sendFrame(INBOUND_DATA, this.#invocation.id, payload);
  }

  grant(bytes: number): void {
    sendFrame(INBOUND_WINDOW, this.#invocation.id, u32(bytes));
  }

  onMessage(message: Uint8Array): void {
    this.session.receive(message);
  }

  onDrained(): void {
    this.session.checkIdle();
  }

  onBurst(error: Error): void {
    this.#break(error);
  }

  // --- what the supervisor says ---

  /** The bytes that came with the opening. */
  begin(first: Uint8Array): void {
    try {
      this.#link.receiveBytes(first);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  onData(payload: Uint8Array): void {
    try {
      this.#link.receive(payload);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  onWindow(bytes: number): void {
    this.#link.window(bytes);
  }

  onGone(): void {
    this.#finish(sessionIsOver);
  }

  get mayBringMore(): boolean {
    return this.session.mayBringMore;
  }

  // --- the end ---

  onHung(): void {
    const error = hangError();
    runInvocation(this.#invocation, reportException, error);
    this.#break(error);
  }

  #break(error: Error): void {
    sendJson(INBOUND_FAIL, this.#invocation.id, { name: 'Error', message: error.message } satisfies Failure);
    this.#finish(() => error);
    endInvocation(this.#invocation);
  }

  #finish(reason: Reason): void {
    if (this.session.isOver) return;
    removeInboundSession(this.#invocation.id);
    this.#link.close();
    this.session.close(reason);
  }
}

function u32(value: number): Uint8Array {
  const bytes = new NativeUint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

/** SESSION_ACCEPT: another cell calls this worker. */
export function accept(id: number, headBytes: Uint8Array, first: Uint8Array): void {
  const head = jsonParse(utf8Decode(headBytes)) as SessionAcceptHead;
  const invocation = createInvocation(id, head.clockMs, head.target);
  const root = entrypointTarget(() => findEntrypoint(invocation));
  const end = new InboundEnd(invocation, root);
  runInvocation(invocation, () => end.begin(first));
}

/** A session within the isolate: what `new RpcStub(target)` is called through. Returns the side that calls. */
export function localSession(connect: (server: RpcSession, client: RpcSession) => void): void {
  const invocation = currentInvocation() ?? createInvocation(0, 0);
  const client: RpcSession = new RpcSession(
    invocation,
    deliverTo(() => server),
    undefined,
  );
  const server: RpcSession = new RpcSession(
    invocation,
    deliverTo(() => client),
    undefined,
  );
  connect(server, client);
}

const deliverTo = (other: () => RpcSession): { send(message: Uint8Array): void; onIdle(): void } => ({
  send: (message) => void promiseThen(promiseResolve(undefined), () => other().receive(message)),
  onIdle: () => undefined,
});

/**
 * The streams that a cell opens: calls of its worker, sessions, and connections that it answers with. Every frame is an attacker's; what the
 * server holds of all of them together is bounded.
 */
import { sessionFrameCost, splitFull } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  CALL,
  CALL_FULL,
  DATA,
  END,
  FAIL,
  SERVICE_CALL,
  SESSION_CLOCK_BYTES,
  SESSION_DATA,
  SESSION_OPEN,
  START_TLS,
  UPGRADE,
  type UpgradeHead,
  WINDOW,
} from '../../shared/protocol.ts';
import type { CallHead } from '../../shared/protocol.ts';
import { parseCallHead } from './call-head.ts';
import { CellCall } from './cell-call.ts';
import { CellDuplex, type CallWire, type CellStream, failFrame } from './cell-duplex.ts';
import { readObject } from './cell-messages.ts';
import type { ChannelExchange } from './channel-exchange.ts';
import { HeldBytes } from './held-bytes.ts';
import type { Invocation } from './invocation.ts';
import { CellMisbehaved } from './misbehaved.ts';
import { ServiceCallIn } from './service-call.ts';
import { parseSessionHead, Session, type SessionWire, type UntakenBytes } from './session.ts';
import type { Broker, Caller } from './types.ts';
const TOO_MANY_CALLS = {
  name: 'Error',
  message: `Too many open calls: the requests that this Worker serves here have ${CHANNEL_LIMITS.maxOpenCalls} together. Wait for some of them.`,
};

const INVOCATION_IS_OVER = {
  name: 'Error',
  message: 'The invocation is over: its response was sent and its waitUntil work has ended.',
};

function receiveSession(session: Session, type: number, payload: Uint8Array): void {
  if (type === SESSION_DATA) session.receiveData(payload);
  else if (type === WINDOW) session.receiveWindow(payload);
  else if (type === END) session.receiveEnd();
  else if (type === FAIL) session.abort();
  else throw new CellMisbehaved(`Unknown session frame ${type}`);
}

const NO_BYTES = new Uint8Array(0);

export interface CellStreamsContext {
  readonly cellId: string;
  readonly broker: Broker;
  /** Those in flight. */
  readonly invocations: ReadonlyMap<number, Invocation>;
  /** Requests that were sent over the channel and are not answered. */
  readonly exchanges: ReadonlyMap<number, ChannelExchange>;
  readonly untaken: UntakenBytes;
  readonly send: (frame: Uint8Array) => void;
  /** Bytes of a call's body or answer have passed. */
  readonly onCarried: (invocation: Invocation, size: number) => void;
  /** Bytes of a session have passed. */
  readonly onCarriedByRpc: (invocation: Invocation, size: number) => void;
  /** The cell has left more with the server than it may. */
  readonly onTooMuchHeld: () => void;
  readonly onSessionEnd: (roundTrips: number) => void;
}

export class CellStreams {
  readonly #context: CellStreamsContext;
  readonly #streams = new Map<number, { readonly stream: CellStream; readonly invocationId: number }>();
  /** RPC sessions this cell has opened. */
  readonly #sessions = new Map<number, Session>();
  readonly #held = new HeldBytes();
  readonly #wire: CallWire;
  readonly #sessionWire: SessionWire;

  constructor(context: CellStreamsContext) {
    this.#context = context;
    const { send, untaken } = context;
    const taken = (id: number, bytes: number): void => this.#held.taken(id, bytes);
    const carried = (id: number, size: number): void => this.#carried(id, size);
    this.#wire = { send, taken, carried, closed: (id) => this.#closeStream(id) };
    const closed = (id: number, roundTrips: number): void => this.#closeSession(id, roundTrips);
    const carriedByRpc = (id: number, size: number): void => this.#carriedByRpc(id, size);
    this.#sessionWire = { send, taken, untaken, carried: carriedByRpc, closed };
  }

  /** A frame about a stream. Throws CellMisbehaved on what no honest harness sends. */
  receive(type: number, stream: number, payload: Uint8Array): void {
    if (type === CALL || type === CALL_FULL) {
      this.#openCall(type, stream, payload);
      return;
    }
    if (type === SERVICE_CALL) {
      this.#openServiceCall(stream, payload);
      return;
    }
    if (type === SESSION_OPEN) {
      this.#openSession(stream, payload);
      return;
    }
    const session = this.#sessions.get(stream);
    if (session !== undefined) {
      if (type === SESSION_DATA) this.#held.received(stream, sessionFrameCost(payload.length - SESSION_CLOCK_BYTES));
      this.#judgeHeld();
      receiveSession(session, type, payload);
      return;
    }
    if (type === UPGRADE) {
      this.#openConnection(stream, payload);
      return;
    }
    const call = this.#streams.get(stream)?.stream;
    // Frames that crossed with our own END or FAIL.
    if (call === undefined) return;
    if (type === DATA) {
      this.#held.received(stream, payload.length);
      this.#judgeHeld();
      this.#carried(stream, payload.length);
      call.receiveData(payload);
    } else if (type === END) call.receiveEnd();
    else if (type === WINDOW) call.receiveWindow(payload);
    else if (type === FAIL) call.abort();
    else if (type === START_TLS && call instanceof CellCall) call.receiveStartTls(payload);
    else if (type !== SESSION_DATA) throw new CellMisbehaved(`Unknown stream frame ${type}`);
  }

  #carried(stream: number, size: number): void {
    const invocation = this.#context.invocations.get(this.#streams.get(stream)?.invocationId ?? -1);
    if (invocation !== undefined) this.#context.onCarried(invocation, size);
  }

  #carriedByRpc(stream: number, size: number): void {
    const invocation = this.#context.invocations.get(this.#sessions.get(stream)?.caller.invocationId ?? -1);
    if (invocation !== undefined) this.#context.onCarriedByRpc(invocation, size);
  }

  /** The cell is gone. */
  abortAll(): void {
    for (const { stream } of [...this.#streams.values()]) stream.abort();
    for (const session of [...this.#sessions.values()]) session.abort();
  }

  #openCall(type: number, stream: number, payload: Uint8Array): void {
    if (!this.#admitStream(stream)) return;
    const { head: headBytes, body } = type === CALL_FULL ? splitFull(payload) : { head: payload, body: null };
    this.#startCall(stream, parseCallHead(headBytes), body, payload.length);
  }

  #openServiceCall(stream: number, payload: Uint8Array): void {
    if (!this.#admitStream(stream)) return;
    const read = new ServiceCallIn(payload);
    const invocation = this.#context.invocations.get(read.invocation);
    if (invocation === undefined) this.#wire.send(failFrame(stream, INVOCATION_IS_OVER));
    else if (read.problem !== undefined) {
      this.#wire.send(failFrame(stream, { name: 'TypeError', message: `${read.problem}.` }));
    } else {
      const caller = this.#beginCall(invocation, read.clockMs);
      if (!read.isPassable) read.keep();
      const call = read.isPassable
        ? new CellCall(this.#wire, stream, caller, read, NO_BYTES, read)
        : new CellCall(this.#wire, stream, caller, read, read.body);
      this.#keepStream(stream, call, invocation, payload.length);
      this.#context.broker.call(call);
    }
  }

  #startCall(stream: number, head: CallHead, body: Uint8Array | null, openingBytes: number): void {
    const invocation = this.#context.invocations.get(head.invocation);
    const wire = this.#wire;
    if (invocation === undefined) {
      wire.send(failFrame(stream, INVOCATION_IS_OVER));
      return;
    }
    const call = CellCall.open(wire, stream, this.#beginCall(invocation, head.clockMs), head, body);
    if (call === undefined) return;
    this.#keepStream(stream, call, invocation, openingBytes);
    this.#context.broker.call(call);
  }

  /** The worker answers a request with a WebSocket: its bytes travel on a stream of their own. */
  #openConnection(stream: number, payload: Uint8Array): void {
    if (!this.#admitStream(stream)) return;
    const { invocation: id, headers } = readObject<UpgradeHead>(payload);
    const invocation = this.#context.invocations.get(id);
    const exchange = this.#context.exchanges.get(id);
    const wire = this.#wire;
    if (invocation === undefined || exchange === undefined) {
      // Given up meanwhile.
      wire.send(failFrame(stream, { name: 'Error', message: 'Network connection lost.' }));
      return;
    }
    const duplex = new CellDuplex(wire, stream);
    this.#keepStream(stream, duplex, invocation, payload.length);
    if (!exchange.upgrade(headers, duplex)) duplex.destroy();
  }

  #openSession(stream: number, payload: Uint8Array): void {
    if (!this.#admitStream(stream)) return;
    const { head: headBytes, body } = splitFull(payload);
    const head = parseSessionHead(headBytes);
    const invocation = this.#context.invocations.get(head.invocation);
    const wire = this.#sessionWire;
    if (invocation === undefined) {
      wire.send(failFrame(stream, INVOCATION_IS_OVER));
      return;
    }
    const session = new Session(wire, stream, this.#beginCall(invocation, head.clockMs), head, body);
    this.#sessions.set(stream, session);
    this.#held.opened(stream, payload.length);
    this.#judgeHeld();
    (invocation.calls ??= new Set()).add(session);
    this.#context.broker.openSession(session);
  }

  /** False: it has been told that it has too many. */
  #admitStream(stream: number): boolean {
    if (this.#streams.has(stream) || this.#sessions.has(stream)) throw new CellMisbehaved('A stream opened twice');
    if (!this.#held.hasRoom) {
      this.#context.send(failFrame(stream, TOO_MANY_CALLS));
      return false;
    }
    return true;
  }

  #judgeHeld(): void {
    if (this.#held.isTooMuch) this.#context.onTooMuchHeld();
  }

  /** Who calls, and how late it is there: the caller's clock may have moved on with its timers; it never runs ahead of the real one. */
  #beginCall(invocation: Invocation, clockMs: number): Caller {
    invocation.hasCalled = true;
    const { pipeline } = invocation;
    if (clockMs > pipeline.clockMs) pipeline.clockMs = Math.min(clockMs, Date.now());
    const { id, version, depth } = invocation;
    return (invocation.asCaller ??= { version, cellId: this.#context.cellId, invocationId: id, pipeline, depth });
  }

  #keepStream(id: number, stream: CellStream, invocation: Invocation, openingBytes: number): void {
    this.#held.opened(id, openingBytes);
    this.#judgeHeld();
    this.#streams.set(id, { stream, invocationId: invocation.id });
    invocation.calls ??= new Set();
    invocation.calls.add(stream);
  }

  #closeStream(id: number): void {
    this.#held.closed(id);
    const open = this.#streams.get(id);
    if (open === undefined) return;
    this.#streams.delete(id);
    this.#context.invocations.get(open.invocationId)?.calls?.delete(open.stream);
  }

  #closeSession(id: number, roundTrips: number): void {
    this.#held.closed(id);
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#context.onSessionEnd(roundTrips);
    this.#sessions.delete(id);
    this.#context.invocations.get(session.caller.invocationId)?.calls?.delete(session);
  }
}

/**
 * One RPC session between two cells: bytes in both directions, from the cell that called a binding to the cell of the worker behind it.
 * What they say to each other is theirs alone (`cell/extras/rpc`); here it is routed, bounded and charged. For the callee a session is
 * one invocation. Both ends are attackers: neither may send more than the other has taken, or take what was not sent.
 */
import { encodeFrame, encodeFullFrame, readU32, SESSION_WINDOW_BYTES, sessionFrameCost } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  END,
  INBOUND_DATA,
  INBOUND_WINDOW,
  type InvocationTarget,
  SESSION_CLOCK_BYTES,
  SESSION_DATA,
  type SessionAcceptHead,
  type SessionOpenHead,
  WINDOW,
} from '../../shared/protocol.ts';
import { isTarget } from './call-head.ts';
import { failFrame } from './cell-duplex.ts';
import { CellMisbehaved } from './misbehaved.ts';
import type { Cell } from './cell.ts';
import type { CellSource } from './dispatch.ts';
import { deathFailure, toFailure } from './dispatch-failure.ts';
import type { Invocation } from './invocation.ts';
import type { BindingSession, Caller, InvocationFailure, SessionCall } from './types.ts';

const NOTHING = new Uint8Array(0);

/** Checks the head of a session. Throws CellMisbehaved on wrong shapes. */
export function parseSessionHead(bytes: Uint8Array): SessionOpenHead {
  if (bytes.length > CHANNEL_LIMITS.maxHeadBytes) throw new CellMisbehaved(`Session head of ${bytes.length} bytes`);
  const head = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as
    | SessionOpenHead
    | undefined;
  const wellFormed =
    typeof head === 'object' &&
    head !== null &&
    Number.isSafeInteger(head.invocation) &&
    (head.binding === null ? isTarget(head.loopback as InvocationTarget) : typeof head.binding === 'string') &&
    Number.isFinite(head.clockMs);
  if (!wellFormed) throw new CellMisbehaved('Session head of a wrong shape');
  return head;
}

export interface SessionWire {
  send(frame: Uint8Array): void;
  /** The callee took so many bytes; the caller has been told. */
  taken(stream: number, bytes: number): void;
  /** So many bytes have passed between the session and the caller's cell. */
  carried(stream: number, bytes: number): void;
  /** Counts bytes of sessions that the caller's cell has not taken yet. */
  readonly untaken: UntakenBytes;
  /** The session is over: forget the stream. */
  closed(stream: number, roundTrips: number): void;
}

/** What all sessions of a cell have sent it and it has not taken: in its socket, or waiting in the harness for a turn. */
export class UntakenBytes {
  #bytes = 0;

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  get isTooMuch(): boolean {
    return this.#bytes > CHANNEL_LIMITS.maxSessionBytesUntaken;
  }
}

/** The caller's end of a session; the callee's joins it by `connect`. */
export class Session implements BindingSession {
  readonly caller: Caller;
  readonly binding: string | null;
  readonly loopback: InvocationTarget | undefined;

  readonly #wire: SessionWire;
  readonly #stream: number;
  /** What came before the callee was there: never more than a window. */
  #held: Uint8Array[] = [];
  #endHeld = false;
  #cell: Cell | undefined;
  #invocation: Invocation | undefined;
  /** Bytes on the way that the other side has not taken. */
  #up = 0;
  #down = 0;
  #over = false;
  /** How often the callee has said something after the caller did. */
  #roundTrips = 0;
  #isAsked = true;

  constructor(wire: SessionWire, stream: number, caller: Caller, head: SessionOpenHead, first: Uint8Array) {
    this.#wire = wire;
    this.#stream = stream;
    this.caller = caller;
    this.binding = head.binding;
    this.loopback = head.loopback;
    this.#countUp(first.length);
    this.#held.push(first);
  }

  // --- from the caller's cell ---

  /** Payload: the caller's clock, then bytes for the callee. */
  receiveData(payload: Uint8Array): void {
    const bytes = this.#takeClock(payload);
    this.#isAsked = true;
    this.#countUp(bytes.length);
    this.#carried(bytes.length);
    const callee = this.#callee();
    if (callee === undefined) this.#held.push(bytes);
    else if (callee.cell.untaken.isTooMuch) this.#drown(callee.cell, callee.invocation);
    else callee.cell.requests.sendInbound(INBOUND_DATA, callee.invocation, this.#withClock(bytes));
  }

  /** So much waits for the other cell that more of it might end the cell, and everybody's requests in it. */
  #drown(cell: Cell, invocation: Invocation): void {
    this.fail({ name: 'Error', message: 'There is too much to read in the RPC sessions of one Worker.' });
    cell.invocations.disconnect(invocation, 'canceled');
  }

  receiveWindow(payload: Uint8Array): void {
    const taken = windowOf(payload);
    this.#down -= taken;
    this.#wire.untaken.add(-taken);
    if (this.#down < 0) throw new CellMisbehaved('The cell took more of a session than was sent');
    const callee = this.#callee();
    callee?.cell.requests.sendInbound(INBOUND_WINDOW, callee.invocation, payload);
  }

  /** The caller needs nothing more. */
  receiveEnd(): void {
    if (this.#cell === undefined) this.#endHeld = true;
    else this.#leave('ok');
  }

  /** The caller gave up, its invocation ended, or its cell is gone. */
  abort(): void {
    this.#leave('canceled');
  }

  #leave(outcome: 'ok' | 'canceled'): void {
    if (this.#over) return;
    const callee = this.#callee();
    this.#finish();
    callee?.cell.invocations.disconnect(callee.invocation, outcome);
  }

  // --- from the binding ---

  /** Finds a cell of the callee and opens the session there. */
  connect(call: SessionCall, source: CellSource): void {
    const cell = source.pick();
    if (cell !== undefined) this.#open(call, cell);
    else {
      source.wait().then(
        (ready) => {
          if (this.#over) return;
          // Between the promise and this line it may have been told to drain.
          if (ready.state === 'serving') this.#open(call, ready);
          else this.connect(call, source);
        },
        (error: unknown) => this.#failAs(call, toFailure(error)),
      );
    }
  }

  fail(error: { name: string; message: string }): void {
    if (this.#over) return;
    this.#wire.send(failFrame(this.#stream, error));
    this.#finish();
  }

  #open(call: SessionCall, cell: Cell): void {
    const invocation = cell.begin(this.caller);
    // It runs code that may change the world: never to be repeated.
    invocation.hasCalled = true;
    this.#cell = cell;
    this.#invocation = invocation;
    this.#stopRenewing = cell.cpu.keepRenewing(invocation);
    cell.untaken.add(this.#up);
    this.#describeDeath = () => call.describe(deathFailure(cell.deathOutcome, cell.deathReason ?? 'unknown'));
    const head: SessionAcceptHead = {
      clockMs: this.caller.pipeline.clockMs,
      ...(call.target && { target: call.target }),
    };
    const [first, ...rest] = this.#held;
    this.#held = [];
    cell.requests.accept(invocation, this, head, first as Uint8Array);
    // One by one as they came: what each takes of the window is counted by frames.
    for (const bytes of rest) cell.requests.sendInbound(INBOUND_DATA, invocation, this.#withClock(bytes));
    if (this.#endHeld) this.#leave('ok');
  }
  #stopRenewing: (() => void) | undefined;
  #describeDeath: (() => { name: string; message: string }) | undefined;

  #failAs(call: SessionCall, failure: InvocationFailure): void {
    this.fail(call.describe(failure));
  }

  // --- from the callee's cell ---

  receiveInboundData(payload: Uint8Array): void {
    const bytes = this.#takeClock(payload);
    if (this.#isAsked) this.#roundTrips++;
    this.#isAsked = false;
    const cost = sessionFrameCost(bytes.length);
    this.#down += cost;
    if (this.#down > SESSION_WINDOW_BYTES) throw new CellMisbehaved('The cell sent more than its window');
    const callee = this.#callee();
    if (callee === undefined) return;
    this.#carried(bytes.length);
    this.#wire.untaken.add(cost);
    if (this.#wire.untaken.isTooMuch) this.#drown(callee.cell, callee.invocation);
    else this.#wire.send(encodeFrame(SESSION_DATA, this.#stream, this.#withClock(bytes)));
  }

  receiveInboundWindow(payload: Uint8Array): void {
    const taken = windowOf(payload);
    this.#up -= taken;
    this.#callee()?.cell.untaken.add(-taken);
    if (this.#up < 0) throw new CellMisbehaved('The cell took more of a session than was sent');
    this.#wire.taken(this.#stream, taken);
    if (!this.#over) this.#wire.send(encodeFrame(WINDOW, this.#stream, payload));
  }

  /** The callee has nothing more to say; `waits`: its `waitUntil` work goes on. */
  receiveInboundEnd(waits: boolean): void {
    const callee = this.#callee();
    if (callee === undefined) return;
    this.#wire.send(encodeFrame(END, this.#stream, NOTHING));
    this.#finish();
    // After that: an invocation that ends under a session breaks it.
    if (waits) callee.cell.invocations.keepForWaitUntil(callee.invocation);
    else callee.cell.invocations.end(callee.invocation);
  }

  /** The callee broke the session off, with a reason for the caller. */
  receiveInboundFail(error: { name: string; message: string }): void {
    const callee = this.#callee();
    if (callee === undefined) return;
    callee.invocation.outcome = 'exception';
    this.fail(error);
    callee.cell.invocations.end(callee.invocation);
  }

  /** The callee's cell is gone, or its invocation was ended from outside. */
  lost(): void {
    if (this.#over) return;
    this.fail(this.#describeDeath?.() ?? { name: 'Error', message: 'The called Worker did not answer.' });
  }

  // --- both ---

  #callee(): { cell: Cell; invocation: Invocation } | undefined {
    if (this.#over || this.#cell === undefined || this.#invocation === undefined) return undefined;
    return { cell: this.#cell, invocation: this.#invocation };
  }

  #countUp(bytes: number): void {
    const cost = sessionFrameCost(bytes);
    this.#up += cost;
    this.#callee()?.cell.untaken.add(cost);
    if (this.#up > SESSION_WINDOW_BYTES) throw new CellMisbehaved('The cell sent more than its window');
  }

  /** Both invocations have moved them: see `CELL_LIMITS.carryingRpcCpuMsPerMiB`. */
  #carried(bytes: number): void {
    this.#wire.carried(this.#stream, bytes);
    const callee = this.#callee();
    callee?.cell.cpu.carriedByRpc(callee.invocation, bytes);
  }

  /** Whoever sends may have waited for its timers: the pipeline's clock follows, never ahead of the real one. */
  #takeClock(payload: Uint8Array): Uint8Array {
    if (payload.length < SESSION_CLOCK_BYTES) throw new CellMisbehaved('Session frame without a clock');
    const clockMs = new DataView(payload.buffer, payload.byteOffset).getFloat64(0, true);
    const { pipeline } = this.caller;
    if (clockMs > pipeline.clockMs) pipeline.clockMs = Math.min(clockMs, Date.now());
    return payload.subarray(SESSION_CLOCK_BYTES);
  }

  #withClock(bytes: Uint8Array): Uint8Array {
    const payload = Buffer.allocUnsafe(SESSION_CLOCK_BYTES + bytes.length);
    payload.writeDoubleLE(this.caller.pipeline.clockMs, 0);
    payload.set(bytes, SESSION_CLOCK_BYTES);
    return payload;
  }

  #finish(): void {
    if (this.#over) return;
    // What is still on its way is dropped where it arrives.
    this.#callee()?.cell.untaken.add(-this.#up);
    this.#wire.untaken.add(-this.#down);
    this.#over = true;
    this.#stopRenewing?.();
    this.#held = [];
    if (this.#invocation !== undefined) this.#cell?.requests.forgetSession(this.#invocation);
    this.#wire.closed(this.#stream, this.#roundTrips);
  }
}

function windowOf(payload: Uint8Array): number {
  if (payload.length !== 4) throw new CellMisbehaved('Window frame of a wrong length');
  return readU32(payload, 0);
}

/** The frame that opens a session in the callee's cell. */
export const acceptFrame = (type: number, id: number, head: SessionAcceptHead, first: Uint8Array): Uint8Array =>
  encodeFullFrame(type, id, Buffer.from(JSON.stringify(head)), first);

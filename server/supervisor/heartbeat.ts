/** Pings of a cell's event loop. The watchdog measures how much CPU passes until the answer comes, and ends a cell whose loop is blocked. */
import { encodeFrame } from '../../shared/frames.ts';
import { PING } from '../../shared/protocol.ts';
import type { WatchedCell } from './watchdog.ts';

const PING_FRAME = encodeFrame(PING, 0, new Uint8Array(0));
/** A busy cell is pinged when it has used this much CPU since the last time … */
const PING_AFTER_CPU_MS = 5;
/** … and in any case so often: an event loop that is blocked without using CPU must be found, too. */
const PING_AFTER_MS = 5_000;

export class Heartbeat {
  readonly #send: (frame: Uint8Array) => void;
  #pingCpuMs = 0;
  #pingedAtMs = 0;
  #isOutstanding = false;
  /** Frames sent that may make user code run, and how many there were at the last ping. */
  #sentEvents = 0;
  #eventsAtPing = 0;
  /** The harness says that it runs one event per turn. A lie costs or gains the worker's own requests only. */
  #splitsTurns = true;

  constructor(send: (frame: Uint8Array) => void) {
    this.#send = send;
  }

  /** A frame goes out that may make user code run. */
  eventSent(): void {
    this.#sentEvents++;
  }

  /**
   * Asks the event loop for a sign of life. The answer costs CPU that the requests in flight pay for, so a cell that only waits is hardly
   * ever asked.
   */
  ping(watched: WatchedCell, inFlight: number): void {
    if (this.#isOutstanding || inFlight === 0) return;
    const now = performance.now();
    const isQuiet = watched.cpuMs - this.#pingCpuMs < PING_AFTER_CPU_MS && this.#sentEvents === this.#eventsAtPing;
    if (isQuiet && now - this.#pingedAtMs < PING_AFTER_MS) return;
    // What was sent before the last ping is not in the turn of this one.
    const events = this.#splitsTurns ? 1 : Math.min(this.#sentEvents - this.#eventsAtPing, inFlight);
    this.#eventsAtPing = this.#sentEvents;
    this.#pingCpuMs = watched.cpuMs;
    this.#pingedAtMs = now;
    this.#isOutstanding = true;
    watched.pinged(events);
    this.#send(PING_FRAME);
  }

  /** A PONG has come. */
  answered(): void {
    this.#isOutstanding = false;
  }

  /** What the PONG says of the harness's turns. */
  reported(splitsTurns: boolean): void {
    this.#splitsTurns = splitsTurns;
  }
}

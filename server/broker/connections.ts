/**
 * How many connections to the outside one pipeline has. Cloudflare (since April 2026, platform/limits "Simultaneous open connections"): six
 * may wait for the head of their answer, a seventh waits until one of them has it. Service bindings do not count. Beyond that, so that
 * responses nobody reads cannot tie up the node, the one that has not moved for longest is closed when there are too many.
 */
import { CELL_LIMITS } from '../../shared/limits.ts';
import type { ConnectionCounts } from '../supervisor/connection-counts.ts';
import type { BindingCall, Pipeline } from '../supervisor/types.ts';

/** Cloudflare's words for a response that was closed to make room. */
const CLOSED = { name: 'Error', message: 'Response closed due to connection limit' };

/** Runs the call: at once, or when another one of its pipeline has its answer. Never, when it is given up before. */
export type ConnectionGate = (call: BindingCall, run: (call: BindingCall) => void) => void;

/** One for all pipelines of a node. */
export function createConnectionGate(counts: Pick<ConnectionCounts, 'open' | 'refusal'>): ConnectionGate {
  const pipelines = new WeakMap<Pipeline, PipelineConnections>();
  return (call, run) => {
    const { pipeline, version } = call.caller;
    const refusal = call.upgrade === null ? undefined : counts.refusal(version);
    if (refusal !== undefined) {
      call.fail({ name: 'Error', message: `${refusal}.` });
      return;
    }
    let connections = pipelines.get(pipeline);
    if (connections === undefined) pipelines.set(pipeline, (connections = new PipelineConnections()));
    connections.enter(call, run, () => counts.open(version));
  };
}

class PipelineConnections {
  /** Until the head of the answer. */
  readonly #waiting = new Set<BindingCall>();
  /** In the order they were asked for. */
  readonly #queue = new Map<BindingCall, (call: BindingCall) => void>();
  /** The head is there, the body is not over. */
  readonly #open = new Set<BindingCall>();
  #isStarting = false;

  /** `open`: counts what stays open, when the answer is a connection. */
  enter(call: BindingCall, run: (call: BindingCall) => void, open: () => () => void): void {
    let closed: (() => void) | undefined;
    call.observer = {
      answered: (isConnection) => {
        if (isConnection) closed = open();
        else this.#open.add(call);
        this.#answered(call);
      },
      over: () => {
        closed?.();
        this.#over(call);
      },
    };
    this.#queue.set(call, run);
    this.#startNext();
  }

  /** A loop and no recursion: a thousand queued calls may all fail at once. */
  #startNext(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#waiting.size < CELL_LIMITS.waitingConnections) {
      const [next] = this.#queue;
      if (next === undefined) break;
      const [call, run] = next;
      this.#queue.delete(call);
      this.#waiting.add(call);
      run(call);
    }
    this.#isStarting = false;
  }

  #answered(call: BindingCall): void {
    if (this.#open.size > CELL_LIMITS.openResponses) this.#closeStalled();
    this.#leave(call);
  }

  #over(call: BindingCall): void {
    this.#open.delete(call);
    this.#queue.delete(call);
    this.#leave(call);
  }

  #leave(call: BindingCall): void {
    if (this.#waiting.delete(call)) this.#startNext();
  }

  /** Of those whose bytes the worker does not take, the one that has not moved for longest. None: all are at work. */
  #closeStalled(): void {
    let stalled: BindingCall | undefined;
    for (const call of this.#open) {
      if (call.isStalled && (stalled === undefined || call.movedAtMs < stalled.movedAtMs)) stalled = call;
    }
    stalled?.cancel(CLOSED);
  }
}

/** The invocations that one cell runs, from their beginning to the event that tells what became of them. */
import { CANCEL, DISCONNECT } from '../../shared/protocol.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import { readObject } from './cell-messages.ts';
import type { CpuAccount } from './cpu-account.ts';
import { createPipeline, type Invocation } from './invocation.ts';
import { readThrownFailure } from './thrown.ts';
import type { CallParent, Outcome, WorkerEvent } from './types.ts';

export interface CellInvocationsContext {
  readonly cpu: CpuAccount;
  readonly waitUntilMs: number;
  /** Sends a control frame. */
  readonly send: (type: number, message: unknown) => void;
  readonly onEvent: (event: WorkerEvent) => void;
  /** It is in flight no more; what hangs on it is to be let go. */
  readonly onEnding: (invocation: Invocation) => void;
  /** It was reported. */
  readonly onEnded: () => void;
}

export class CellInvocations {
  /** Those in flight, by their number. */
  readonly #running: Map<number, Invocation>;
  readonly #context: CellInvocationsContext;
  #nextId = 1;

  /** `running` is filled here, and read by all that look invocations up. */
  constructor(running: Map<number, Invocation>, context: CellInvocationsContext) {
    this.#running = running;
    this.#context = context;
  }

  /** Begins an invocation. The caller must end it, whatever happens. */
  begin(version: WorkerVersion, parent: CallParent | undefined, publicHops: number): Invocation {
    const { cpu } = this.#context;
    const pipeline = parent?.pipeline ?? createPipeline(version, publicHops);
    pipeline.invocations++;
    const invocation: Invocation = {
      id: this.#nextId++,
      version,
      pipeline,
      depth: (parent?.depth ?? 0) + 1,
      caller: parent,
      startedAtMs: performance.now(),
      shareStartMs: cpu.shareMs,
      carriedBytes: 0,
      settledCpuMs: 0,
      asCaller: undefined,
      calls: undefined,
      hasCalled: false,
      logBytes: 0,
      truncated: false,
      outcome: 'ok',
      answerError: undefined,
      onAnswerError: undefined,
      answered: false,
      answeredAtMs: undefined,
      waitsSettled: false,
      waitTimer: undefined,
    };
    this.#running.set(invocation.id, invocation);
    cpu.began(invocation);
    return invocation;
  }

  /** Ends an invocation: closes its calls and reports it. Idempotent. */
  end(invocation: Invocation): void {
    if (!this.#running.delete(invocation.id)) return;
    const { cpu } = this.#context;
    cpu.ended(invocation);
    clearTimeout(invocation.waitTimer);
    if (invocation.calls !== undefined) for (const call of invocation.calls) call.abort();
    invocation.calls = undefined;
    this.#context.onEnding(invocation);
    const cpuMs = cpu.usedMs(invocation);
    invocation.pipeline.cpuMs += cpuMs;
    this.#report(invocation, cpuMs);
    this.#context.onEnded();
  }

  #report(invocation: Invocation, cpuMs: number): void {
    const now = performance.now();
    const { pipeline, caller } = invocation;
    this.#context.onEvent({
      type: 'invocation',
      version: invocation.version,
      invocationId: invocation.id,
      pipelineId: pipeline.id,
      depth: invocation.depth,
      outcome: invocation.outcome,
      wallMs: now - invocation.startedAtMs,
      answerMs: (invocation.answeredAtMs ?? now) - invocation.startedAtMs,
      cpuMs,
      pipelineCpuMs: pipeline.cpuMs,
      truncated: invocation.truncated,
      caller: caller === undefined ? null : callerOf(caller),
    });
  }

  /** The response is out but `waitUntil` work goes on: it has 30 s. */
  keepForWaitUntil(invocation: Invocation): void {
    if (!this.#running.has(invocation.id)) return;
    invocation.answeredAtMs ??= performance.now();
    if (invocation.waitsSettled) {
      this.end(invocation);
      return;
    }
    invocation.answered = true;
    invocation.waitTimer = setTimeout(() => {
      this.#context.send(CANCEL, { invocation: invocation.id });
      if (invocation.outcome === 'ok') invocation.outcome = 'exceededWallTime';
      this.end(invocation);
    }, this.#context.waitUntilMs);
    invocation.waitTimer.unref();
  }

  /** Nobody waits for the answer any longer: only `waitUntil` work may go on, and the cell says when it has ended. */
  disconnect(
    invocation: Invocation,
    outcome: 'ok' | 'canceled' | 'exception' | 'responseStreamDisconnected' = 'canceled',
  ): void {
    if (!this.#running.has(invocation.id)) return;
    invocation.outcome = outcome;
    this.connectionEnded(invocation);
  }

  /** The connection that the worker answered with is over: what `waitUntil` holds may finish, and the cell says when it has. */
  connectionEnded(invocation: Invocation): void {
    if (!this.#running.has(invocation.id)) return;
    this.keepForWaitUntil(invocation);
    this.#context.send(DISCONNECT, { invocation: invocation.id });
  }

  /** An INVOCATION_END frame. */
  receiveEnd(payload: Uint8Array): void {
    const invocation = this.#running.get(readObject<{ invocation: number }>(payload).invocation);
    if (invocation === undefined) return;
    // The word that nothing goes on may overtake the end of the response: they travel on different sockets.
    if (invocation.answered) this.end(invocation);
    else invocation.waitsSettled = true;
  }

  /** An ANSWER_BROKE frame: why the stream of an answer ended early. The first word counts, and is read only once. */
  receiveAnswerError(id: number, payload: Uint8Array): void {
    const invocation = this.#running.get(id);
    if (invocation === undefined || invocation.answerError !== undefined) return;
    invocation.answerError = readThrownFailure(readObject(payload));
    invocation.onAnswerError?.();
  }

  /** The cell is gone. A limit is the outcome also of those whose answer is out: it ended their `waitUntil` work. */
  lost(outcome: Outcome): void {
    for (const invocation of [...this.#running.values()]) {
      const isItsOutcome = !invocation.answered || outcome !== 'unknown';
      if (invocation.outcome === 'ok' && isItsOutcome) invocation.outcome = outcome;
      this.end(invocation);
    }
  }
}

const callerOf = ({ version, invocationId }: CallParent) => ({
  workerName: version.workerName,
  versionId: version.id,
  invocationId,
});

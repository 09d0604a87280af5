/** Why a cell ended, and how those end that it served: what was done to it, what the watchdog saw, and what the process said. */
import { isMemoryDeath } from './cell-facts.ts';
import type { CellEndReason, Outcome } from './types.ts';
import { KILLED_BACKGROUND, KILLED_CPU, KILLED_HANG, KILLED_MEMORY, KILLED_TURN } from './watchdog-layout.ts';

const MAX_STDERR_LENGTH = 2000;

export class CellEnd {
  readonly #watchdogReason: () => number | undefined;
  #reason: string | undefined;
  #cause: 'protocol' | 'stopped' | undefined;
  #ranOutOfMemory = false;

  /** @param watchdogReason why the watchdog has ended it, if it has */
  constructor(watchdogReason: () => number | undefined) {
    this.#watchdogReason = watchdogReason;
  }

  /** In the words of the operator. The first one stays. Undefined: nothing has been said. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** We end it. Without a reason the way it exits is the reason. */
  stopped(reason: string | undefined): void {
    this.#reason ??= reason;
    if (reason !== undefined) this.#cause ??= 'stopped';
  }

  /** We end it because of what it sent. To be said before `stopped`. */
  brokeProtocol(): void {
    this.#cause ??= 'protocol';
  }

  ranOutOfMemory(): void {
    this.#ranOutOfMemory = true;
  }

  /** Its process is gone, and has said so much before. */
  exited(how: string, stderr: string): void {
    this.#reason ??= `its process ended (${how})`;
    if (stderr !== '') this.#reason += `: ${stderr.slice(0, MAX_STDERR_LENGTH)}`;
    if (isMemoryDeath(this.#reason)) this.#ranOutOfMemory = true;
  }

  /** Of invocations that were in flight. */
  get outcome(): Outcome {
    const reason = this.#watchdogReason();
    if (reason === KILLED_CPU || reason === KILLED_TURN || reason === KILLED_BACKGROUND) return 'exceededCpu';
    if (reason === KILLED_MEMORY || this.#ranOutOfMemory) return 'exceededMemory';
    if (reason === KILLED_HANG) return 'exceededWallTime';
    return 'unknown';
  }

  /** For metrics: what ended it, in one word. */
  get metric(): CellEndReason {
    const { outcome } = this;
    if (outcome === 'exceededCpu') return 'cpu';
    if (outcome === 'exceededMemory') return 'memory';
    if (outcome === 'exceededWallTime') return 'hang';
    return this.#cause ?? 'crashed';
  }
}

/**
 * Whether a version may have new cells. One that keeps ending its cells is left alone for a while that grows, and its requests are
 * refused from memory meanwhile: a process per request that only dies would burn the machine. Pure: the time comes from outside, in
 * milliseconds that only go forward.
 */
import type { InvocationFailure } from './types.ts';

/** So many crashes within the window make a version unhealthy. */
export const CRASHES_TO_PAUSE = 5;
const CRASH_WINDOW_MS = 10_000;
/** A crash costs about one budget of CPU: the window grows with it, so that crashing takes at most half a processor before the first pause. */
const WINDOW_PER_BUDGET = 10;
export const FIRST_PAUSE_MS = 200;
export const LONGEST_PAUSE_MS = 30_000;
/** Without a crash for so long after its pause (and for as long as the pause was) it counts as healed. */
const HEAL_MS = 10_000;

/** `unhealthy`: no new cell before `retryAtMs`. `recovering`: may try again, and its next crash doubles the pause. */
export type HealthState = 'healthy' | 'unhealthy' | 'recovering';

export interface HealthReport {
  readonly state: HealthState;
  /** Why, in the operator's words; null while healthy. */
  readonly reason: string | null;
  readonly sinceMs: number | null;
  readonly retryAtMs: number | null;
}

export const HEALTHY: HealthReport = { state: 'healthy', reason: null, sinceMs: null, retryAtMs: null };

export class VersionHealth {
  readonly #windowMs: number;
  #crashes: number[] = [];
  #failure: InvocationFailure | undefined;
  #sinceMs: number | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #pausedUntilMs = 0;
  #lastCrashMs = 0;

  /** `budgetMs`: CPU time of one invocation of the version. */
  constructor(budgetMs: number) {
    this.#windowMs = Math.max(CRASH_WINDOW_MS, budgetMs * WINDOW_PER_BUDGET);
  }

  /** A cell ended, or could not load the version. Returns the pause that begins now, if one does. */
  recordCrash(nowMs: number, failure: InvocationFailure): number | undefined {
    this.#heal(nowMs);
    this.#failure = failure;
    this.#lastCrashMs = nowMs;
    if (this.#sinceMs !== undefined) {
      // The last cells of before the pause tell nothing new.
      if (nowMs < this.#pausedUntilMs) return undefined;
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
      return this.#pause(nowMs);
    }
    this.#crashes = this.#crashes.filter((at) => nowMs - at < this.#windowMs);
    this.#crashes.push(nowMs);
    if (this.#crashes.length < CRASHES_TO_PAUSE) return undefined;
    this.#sinceMs = this.#crashes[0] as number;
    return this.#pause(nowMs);
  }

  /** What requests are answered with during a pause; undefined: a cell may be started. */
  refusal(nowMs: number): InvocationFailure | undefined {
    return nowMs < this.#pausedUntilMs ? this.#failure : undefined;
  }

  report(nowMs: number): HealthReport {
    this.#heal(nowMs);
    if (this.#sinceMs === undefined) return HEALTHY;
    const isPaused = nowMs < this.#pausedUntilMs;
    return {
      state: isPaused ? 'unhealthy' : 'recovering',
      reason: this.#failure?.reason ?? null,
      sinceMs: this.#sinceMs,
      retryAtMs: isPaused ? this.#pausedUntilMs : null,
    };
  }

  #pause(nowMs: number): number {
    this.#pausedUntilMs = nowMs + this.#pauseMs;
    return this.#pauseMs;
  }

  #heal(nowMs: number): void {
    if (this.#sinceMs === undefined) return;
    const quietSinceMs = Math.max(this.#lastCrashMs, this.#pausedUntilMs);
    if (nowMs - quietSinceMs < Math.max(HEAL_MS, this.#pauseMs)) return;
    this.#sinceMs = undefined;
    this.#crashes = [];
    this.#pauseMs = FIRST_PAUSE_MS;
  }
}

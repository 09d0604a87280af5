/** What a visitor's request is told when its invocation failed, or never began. */
import type { Failure } from '../../shared/protocol.ts';
import { readThrownFailure } from './thrown.ts';
import type { InvocationFailure, Outcome } from './types.ts';

/** No cell could be had. */
export class DispatchFailure extends Error {
  override readonly name = 'DispatchFailure';
  readonly failure: InvocationFailure;
  constructor(failure: InvocationFailure) {
    super(failure.reason);
    this.failure = failure;
  }
}

/** What the harness said of an exception: JSON, unless the cell has other ideas. */
export function exceptionFailure(body: string): InvocationFailure {
  let error: Failure = { name: 'Error', message: 'unknown' };
  let reason = body;
  try {
    error = readThrownFailure(JSON.parse(body) as Record<string, unknown>);
    reason = error.stack ?? `${error.name}: ${error.message}`;
  } catch {
    // Not the harness's own words after all; the text is shown to the operator as it is.
  }
  return { kind: 'exception', outcome: 'exception', reason, error };
}

/** What the end of its cell means to an invocation. */
export const deathFailure = (outcome: Outcome, reason: string): InvocationFailure => ({
  kind: outcome === 'unknown' ? 'exception' : 'limit',
  outcome,
  reason: outcome === 'unknown' ? `The cell ended: ${reason}` : `${LIMIT_REASONS[outcome] ?? outcome} (${reason})`,
});

const LIMIT_REASONS: Partial<Record<Outcome, string>> = {
  exceededCpu: 'Worker exceeded its CPU time limit',
  exceededMemory: 'Worker exceeded its memory limit',
  exceededWallTime: 'Worker blocked its event loop',
};

/** Why no cell could be had. */
export const toFailure = (error: unknown): InvocationFailure =>
  error instanceof DispatchFailure
    ? error.failure
    : { kind: 'no-cell', outcome: 'unknown', reason: error instanceof Error ? error.message : String(error) };

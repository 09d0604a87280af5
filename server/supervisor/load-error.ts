import type { CellEnd } from './cell-end.ts';

/** Why a version could not be loaded. `exception`: user code threw; the message is what it threw. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly kind: 'exception' | 'cpu' | 'memory' | 'hang' | 'no-cell';
  /** The process ended, and no limit was the reason: perhaps the version's doing, perhaps it was dying before, or was killed from outside. */
  readonly processEnded: boolean;
  constructor(kind: LoadError['kind'], message: string, processEnded = false) {
    super(message);
    this.kind = kind;
    this.processEnded = processEnded;
  }
}

/** Why the top level did not finish: a limit, the end of its process (`death`; undefined while it lives), or time. */
export function startupError(death: CellEnd | undefined, startupMs: number): LoadError {
  if (death === undefined) return new LoadError('hang', `Script startup did not finish within ${startupMs / 1000} s.`);
  if (death.outcome === 'exceededCpu') return new LoadError('cpu', 'Script startup exceeded CPU time limit.');
  if (death.outcome === 'exceededMemory') return new LoadError('memory', 'Script startup exceeded memory limits.');
  return new LoadError('exception', `The script ended its process while starting (${death.reason}).`, true);
}

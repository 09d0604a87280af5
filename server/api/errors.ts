/** Errors of the API: one type that carries everything an answer needs. */
import type { R2Error } from '../storage/objects/types.ts';
import { type CloudflareErrorName, type CloudflareProblem, cloudflareProblem } from '../../shared/cloudflare-errors.ts';

/** Ends a request with Cloudflare's error envelope. Several problems at once are one answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly problems: readonly CloudflareProblem[];
  /** Seconds for a `Retry-After` header: set when the same request may succeed later. */
  readonly retryAfterS: number | undefined;

  constructor(problems: readonly CloudflareProblem[], options: { retryAfterS?: number; cause?: unknown } = {}) {
    super(problems.map((problem) => problem.message).join(' '), { cause: options.cause });
    this.problems = problems;
    this.retryAfterS = options.retryAfterS;
  }
}

/** `throw fail('workerNotFound', { name })` */
export function fail(name: CloudflareErrorName, values: Readonly<Record<string, string | number>> = {}): ApiError {
  return new ApiError([cloudflareProblem(name, values)]);
}

/** Throws one ApiError with all problems, if there are any. */
export function throwProblems(problems: readonly CloudflareProblem[]): void {
  if (problems.length > 0) throw new ApiError(problems);
}

/** A temporary failure: 503 with `Retry-After`; wrangler repeats uploads by itself. */
export function unavailable(reason: string, retryAfterS: number, cause?: unknown): ApiError {
  return new ApiError([cloudflareProblem('unavailable', { reason })], { retryAfterS, cause });
}

/** An object store's error in the API's envelope. */
export function ofObjectStore(error: R2Error): ApiError {
  const reason = error.message.replace(/\.$/, '');
  switch (error.kind) {
    case 'unavailable':
    case 'tooManyUploads':
      return unavailable(reason, 5, error);
    case 'quotaExceeded':
      return fail('r2QuotaExceeded', { reason });
    default:
      return fail('r2Refused', { reason });
  }
}

/** True for storage's "somebody else changed the same thing": read again and retry. Matched by name, not by class. */
export function isStoreConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreConflict';
}

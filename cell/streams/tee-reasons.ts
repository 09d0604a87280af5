/** Why the branches of a stream that was split were given up: the stream hears the reason of the last one, not of both. */
import { WeakMapConstructor, weakMapGet } from '../primordials.ts';

export interface Tee {
  lastReason: unknown;
}
/** By the stream that was teed. */
export const teed = new WeakMapConstructor<object, Tee>();
/** By each branch. */
export const branches = new WeakMapConstructor<object, Tee>();
/** The branch that a reader reads. */
export const branchReaders = new WeakMapConstructor<object, Tee>();

/** Remembers it, when the stream or reader belongs to a branch. */
export function noteReason(holder: WeakMap<object, Tee>, key: object, reason: unknown): void {
  const tee = weakMapGet(holder, key) as Tee | undefined;
  if (tee !== undefined) tee.lastReason = reason;
}

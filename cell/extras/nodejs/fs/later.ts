/** The forms that give their result later, though everything is done at once. */
import type { Callback } from './arguments.ts';

/** With a callback: called soon with an error or the value. Without: a promise. */
export function later(run: () => unknown, callback: unknown): unknown {
  if (typeof callback !== 'function') return new Promise((resolve) => resolve(run()));
  let result: [unknown, unknown?];
  try {
    result = [null, run()];
  } catch (error) {
    result = [error];
  }
  queueMicrotask(() => (callback as Callback)(...result));
  return undefined;
}

/** `AbortController` and `AbortSignal`: what Workers want of their arguments, and where what a listener throws goes. */
import { abortException } from './dom-exception.ts';
import { collectThrown } from './event-target.ts';
import {
  apply,
  defineProperty,
  deleteProperty,
  isAbortSignal,
  isArray,
  NativeTypeError,
  uncurry,
} from './primordials.ts';
import { parameterError } from './webidl.ts';

type AnyFunction = (...args: never[]) => unknown;

const abortError = (): DOMException => abortException('The operation was aborted', 'AbortError');
const nativeAbort = uncurry(AbortController.prototype.abort as (reason: unknown) => void);
const nativeAborted = AbortSignal.abort;
const nativeAny = AbortSignal.any;

export function installAbort(): void {
  // Deno's own there serve its own `AbortSignal.timeout`.
  for (const key of ['addEventListener', 'removeEventListener']) deleteProperty(AbortSignal.prototype, key);
  const { abort } = {
    abort(this: AbortController, reason?: unknown): void {
      collectThrown(() => nativeAbort(this, reason === undefined ? abortError() : reason));
    },
  };
  defineProperty(AbortController.prototype, 'abort', { value: abort });
  const statics = {
    any(signals?: unknown): AbortSignal {
      if (!isArray(signals)) throw parameterError('any', 'AbortSignal', 1, 'Array');
      for (let index = 0; index < signals.length; index++) {
        if (isAbortSignal(signals[index])) continue;
        throw new NativeTypeError(
          `Incorrect type for array element ${index}: the provided value is not of type 'AbortSignal'.`,
        );
      }
      return apply(nativeAny as AnyFunction, AbortSignal, [signals] as never[]) as AbortSignal;
    },
    abort(reason?: unknown): AbortSignal {
      return apply(nativeAborted as AnyFunction, AbortSignal, [reason === undefined ? abortError() : reason]) as never;
    },
  };
  defineProperty(AbortSignal, 'abort', { value: statics.abort });
  defineProperty(AbortSignal, 'any', { value: statics.any });
}

/** Aborts in the platform's name. */
export function abortWith(controller: AbortController, reason: unknown): void {
  nativeAbort(controller, reason);
}

/** Deno's `node:crypto`, and what the overrides of it have in common. */
import { NativeError, NativeRangeError, NativeTypeError } from './errors.ts';
import { workElsewhere } from '../../hang.ts';
import { denoNode } from '../nodejs/deno-node.ts';

type AnyFunction = (...args: unknown[]) => unknown;

export const native = denoNode('crypto') as Record<string, AnyFunction>;

export const nativeFunction = (name: string): AnyFunction => native[name] as AnyFunction;

/** An error as Node makes them: a code beside the message. */
function coded<E extends Error>(error: E, code: string): E {
  Object.defineProperty(error, 'code', { value: code, writable: true, enumerable: true, configurable: true });
  return error;
}

export const argumentTypeError = (message: string): TypeError =>
  coded(new NativeTypeError(message), 'ERR_INVALID_ARG_TYPE');
export const argumentValueError = (message: string): TypeError =>
  coded(new NativeTypeError(message), 'ERR_INVALID_ARG_VALUE');
export const outOfRange = (name: string, range: string, received: unknown): RangeError =>
  coded(
    new NativeRangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${show(received)}`),
    'ERR_OUT_OF_RANGE',
  );
export const wrongKeyType = (actual: string, expected: string): Error =>
  coded(
    new NativeError(`Invalid key object type ${actual}, expected ${expected}.`),
    'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE',
  );

/** A number as Node prints it: large ones in groups of three digits. */
function show(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}n` : String(value);
  const isLarge = typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > 2 ** 32;
  return isLarge ? text.replace(/\B(?=(\d{3})+$)/g, '_') : text;
}

export function notImplemented(name: string): AnyFunction {
  return {
    [name]: (): never => {
      throw coded(new NativeError(`The ${name} method is not implemented`), 'ERR_METHOD_NOT_IMPLEMENTED');
    },
  }[name] as AnyFunction;
}

/** What workerd says where Deno says something of its own, by the beginning of its code or message. */
export type Rephrasing = readonly (readonly [pattern: RegExp, make: (args: unknown[], error: Error) => Error])[];

/** Runs it; an exception that one of the patterns fits is replaced. The patterns see `code: message`. */
export function rephrased<T>(run: () => T, rephrasing: Rephrasing, args: unknown[] = []): T {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    const text = `${code ?? ''}: ${message ?? ''}`;
    for (const [pattern, make] of rephrasing) if (pattern.test(text)) throw make(args, error as Error);
    throw error;
  }
}

/** The function under its own name and length, with other words for its errors. */
export function rephrase(name: string, rephrasing: Rephrasing): AnyFunction {
  const original = nativeFunction(name);
  const wrapped = { [name]: (...args: unknown[]) => rephrased(() => original(...args), rephrasing, args) }[
    name
  ] as AnyFunction;
  Object.defineProperty(wrapped, 'length', { value: original.length, configurable: true });
  return wrapped;
}

/** The same function. When it is given a callback, other threads do its work: until the callback is called the request is not hung. */
export function onOtherThreads(run: AnyFunction): AnyFunction {
  const { name, length } = run;
  const wrapped = {
    [name]: (...args: unknown[]): unknown => {
      const callback = args.at(-1);
      if (typeof callback !== 'function') return run(...args);
      const done = workElsewhere();
      const called = (...results: unknown[]): unknown => {
        done();
        return (callback as AnyFunction)(...results);
      };
      try {
        return run(...args.slice(0, -1), called);
      } catch (error) {
        done();
        throw error;
      }
    },
  }[name] as AnyFunction;
  Object.defineProperty(wrapped, 'length', { value: length, configurable: true });
  return wrapped;
}

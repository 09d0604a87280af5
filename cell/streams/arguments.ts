/** What user code hands to streams, taken and refused as workerd does. */
import { compatFlag } from '../compat.ts';
import { apply, NativeError, NativeTypeError, promiseReject } from '../primordials.ts';
import { constructorParameterError, fieldError, isObject } from '../webidl.ts';

export type AnyFunction = (...args: never[]) => unknown;
export type Options = Record<string, unknown>;

/** A WebIDL `unsigned long long`, as workerd converts it. */
export function toUnsigned(value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : +(value as number);
  if (number !== number || number === Infinity || number === -Infinity) {
    throw new NativeTypeError('The value cannot be converted because it is not an integer.');
  }
  if (number < 0) {
    throw new NativeTypeError(
      'The value cannot be converted because it is negative and this API expects a positive bigint.',
    );
  }
  return number - (number % 1);
}

/** The function of that name, bound to the object it came from; a call through it cannot throw when `asPromise`. */
function takeMethod(source: Options, name: string, dictionary: string, asPromise = false): AnyFunction | undefined {
  const method = source[name];
  if (method === undefined) return undefined;
  if (typeof method !== 'function') throw fieldError(name, dictionary, 'function');
  if (!asPromise) return (...args: never[]) => apply(method as AnyFunction, source, args);
  return (...args: never[]) => {
    try {
      return apply(method as AnyFunction, source, args);
    } catch (error) {
      return promiseReject(error);
    }
  };
}

/** The functions of those names that the object has. Throws when one of them is something else. */
export function takeMethods(source: Options, names: readonly string[], dictionary: string): Options {
  const taken: Options = { __proto__: null as never };
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const method = takeMethod(source, name, dictionary, name === 'start');
    if (method !== undefined) taken[name] = method;
  }
  return taken;
}

/** A queuing strategy whose answers are numbers that a queue can be measured with. */
export function takeStrategy(owner: string, position: number, value: unknown, isBytes: boolean): Options | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw constructorParameterError(owner, position, 'StreamQueuingStrategy');
  const { highWaterMark, size } = value as Options;
  const strategy: Options = { __proto__: null as never };
  if (highWaterMark !== undefined) strategy.highWaterMark = toUnsigned(highWaterMark);
  if (size === undefined) return strategy;
  if (typeof size !== 'function') throw fieldError('size', 'StreamQueuingStrategy', 'function');
  if (!isBytes)
    strategy.size = (chunk: unknown) => toUnsigned(apply(size as AnyFunction, undefined, [chunk] as never[]));
  return strategy;
}

/** The first argument of a constructor: an object, or nothing. */
export function takeDictionary(owner: string, value: unknown, type: string): Options {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw constructorParameterError(owner, 1, type);
  return value as Options;
}

/** Throws where the Worker's compatibility date is older than constructors of streams. */
export function requireConstructors(name: string): void {
  if (compatFlag('streams_enable_constructors')) return;
  throw new NativeError(
    `To use the new ${name}() constructor, enable the streams_enable_constructors compatibility flag. Refer to the docs for more information: https://developers.cloudflare.com/workers/platform/compatibility-dates/#compatibility-flags`,
  );
}

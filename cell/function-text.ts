/**
 * The text of a function: what the platform offers is `function name() { [native code] }` as on Workers, whatever it is made of here.
 * Libraries tell built-ins by it, and nobody is shown the harness's source in place of an answer.
 */
import {
  apply,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  objectPrototype,
  ownKeys,
  stringIndexOf,
  stringSlice,
  WeakSetConstructor,
  weakSetAdd,
  weakSetHas,
} from './primordials.ts';

type AnyFunction = (...args: never[]) => unknown;

const nativeToString = Function.prototype.toString;
const functionPrototype: object = Function.prototype;
const platformFunctions = new WeakSetConstructor<object>();

/** Names that are none of Workers': its accessors and the methods whose key is a symbol have no name. */
const isNameless = (name: string): boolean => stringIndexOf(name, ' ') >= 0 || stringIndexOf(name, '[') >= 0;

/** As `Function.prototype.toString` gives it to user code. */
export function functionText(value: AnyFunction): string {
  if (!weakSetHas(platformFunctions, value)) return apply(nativeToString, value, []);
  const name: unknown = getOwnPropertyDescriptor(value, 'name')?.value;
  return `function ${typeof name === 'string' && !isNameless(name) ? name : ''}() { [native code] }`;
}

export const isPlatformFunction = (value: object): boolean => weakSetHas(platformFunctions, value);

/** As V8 shows functions in messages: of long ones the beginning and the end. */
export function shortFunctionText(value: AnyFunction): string {
  const text = functionText(value);
  return text.length > 128 ? `${stringSlice(text, 0, 111)}...<omitted>...${stringSlice(text, -2)}` : text;
}

/** A function of the platform, with its own functions and those of its prototype; of an object, its own and its class's. */
export function markPlatform(value: unknown): void {
  if (typeof value === 'function') markFunction(value as AnyFunction);
  else if (typeof value === 'object' && value !== null) {
    markMembers(value);
    const prototype = getPrototypeOf(value);
    if (prototype !== null && prototype !== objectPrototype) markMembers(prototype);
  }
}

function markFunction(value: AnyFunction): void {
  weakSetAdd(platformFunctions, value);
  markMembers(value);
  const prototype: unknown = getOwnPropertyDescriptor(value, 'prototype')?.value;
  if (typeof prototype === 'object' && prototype !== null) markMembers(prototype);
}

function markMembers(owner: object): void {
  if (owner === functionPrototype || owner === objectPrototype) return;
  const keys = ownKeys(owner);
  for (let index = 0; index < keys.length; index++) {
    const { value, get, set } = getOwnPropertyDescriptor(owner, keys[index] as PropertyKey) as PropertyDescriptor;
    if (typeof value === 'function') weakSetAdd(platformFunctions, value);
    if (get !== undefined) weakSetAdd(platformFunctions, get);
    if (set !== undefined) weakSetAdd(platformFunctions, set);
  }
}

const NAMED_LATER: readonly object[] = [
  ReadableStreamDefaultReader.prototype,
  ReadableStreamBYOBReader.prototype,
  ReadableStreamBYOBRequest.prototype,
  ReadableStreamDefaultController.prototype,
  ReadableByteStreamController.prototype,
  WritableStreamDefaultWriter.prototype,
  WritableStreamDefaultController.prototype,
  TransformStreamDefaultController.prototype,
  getPrototypeOf(new URLSearchParams().keys()) as object,
  getPrototypeOf(ReadableStream.prototype.values.call(new ReadableStream())) as object,
];

/** To be called when the global scope is complete, and before user code runs. What is loaded later marks itself. */
export function installFunctionText(): void {
  const scope = getPrototypeOf(globalThis) as object;
  for (const holder of [globalThis, scope, getPrototypeOf(scope) as object]) {
    for (const key of ownKeys(holder)) {
      const { value } = getOwnPropertyDescriptor(holder, key) as PropertyDescriptor;
      // The scope is an object of itself.
      if (value !== globalThis) markPlatform(value);
    }
  }
  const { toString } = {
    toString(this: unknown): string {
      return typeof this === 'function' ? functionText(this as AnyFunction) : apply(nativeToString, this as never, []);
    },
  };
  weakSetAdd(platformFunctions, toString);
  // Classes that Deno defines when they are first named, but whose instances are there before.
  for (const prototype of NAMED_LATER) markMembers(prototype);
  defineProperty(functionPrototype, 'toString', { value: toString, writable: true, configurable: true });
}

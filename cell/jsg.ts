/**
 * Helpers for classes that look to user code as those of Workers do: methods that are enumerable, constructors whose length is 0, and
 * the error text of a missing `new`. `webidl.ts` has the texts that need no class.
 */
import { markPlatform } from './function-text.ts';
import { illegalConstructor } from './webidl.ts';
import { defineProperty, getOwnPropertyDescriptor, NativeTypeError } from './primordials.ts';

/** What `C()` without `new` throws. */
export const needsNew = (name: string): TypeError =>
  new NativeTypeError(
    `Failed to construct '${name}': Please use the 'new' operator, this object constructor cannot be called as a function.`,
  );

/** Gives a class the tag, and its prototype's methods the attributes and lengths, that Workers' own have. Before user code runs. */
export function dressClass(constructor: { readonly prototype: object }, tag: string, name = tag): void {
  const { prototype } = constructor;
  defineProperty(constructor, 'name', { value: name, configurable: true });
  defineProperty(constructor, 'length', { value: 0, configurable: true });
  defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true });
  for (const key of Object.getOwnPropertyNames(prototype)) {
    const descriptor = getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    if (key !== 'constructor') defineProperty(prototype, key, { ...descriptor, enumerable: true });
    if (typeof descriptor.value === 'function' && key !== 'constructor') {
      defineProperty(descriptor.value as object, 'length', { value: 0, configurable: true });
    }
  }
  markPlatform(constructor);
}

/** A class that user code sees, but of which it makes nothing: with `new` and without it says so. Its name is that of the class. */
export function closedClass<Class extends { readonly prototype: object; readonly name: string }>(inner: Class): Class {
  const closed = function (): never {
    throw illegalConstructor();
  };
  const { prototype, name } = inner;
  defineProperty(closed, 'name', { value: name, configurable: true });
  defineProperty(closed, 'prototype', { value: prototype, writable: false });
  defineProperty(prototype, 'constructor', { value: closed, writable: true, enumerable: false, configurable: true });
  markPlatform(closed);
  return closed as unknown as Class;
}

/** A constructor function that can be extended, without the `class` of JavaScript: its own error says what a missing `new` means. */
export function dressBase(constructor: (...args: never[]) => void, tag: string): void {
  const name = constructor.name;
  dressClass(constructor as unknown as { prototype: object }, tag, name);
  defineProperty(constructor, 'prototype', { writable: false });
}

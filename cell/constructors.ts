/** Constructors of ours before Deno's classes. */
import { defineGlobal } from './globals.ts';
import { defineProperty, getOwnPropertyDescriptor, NativeTypeError, ownKeys } from './primordials.ts';

export type Construct = (args: unknown[], newTarget: never) => object;

const calledWithoutNew = (name: string): TypeError =>
  new NativeTypeError(
    `Failed to construct '${name}': Please use the 'new' operator, this object constructor cannot be called as a function.`,
  );

/** Puts a constructor of ours before Deno's class: same prototype, so that what Deno itself makes is an instance. */
export function replaceConstructor(name: string, native: { prototype: object }, make: Construct): void {
  const holder = {
    [name]: function (this: unknown, ...args: unknown[]): object {
      if (new.target === undefined) throw calledWithoutNew(name);
      return make(args, new.target as never);
    },
  };
  const front = holder[name] as unknown as { prototype: object };
  defineProperty(front, 'length', { value: 0, configurable: true });
  defineProperty(front, 'prototype', { value: native.prototype, writable: false, enumerable: false });
  defineProperty(native.prototype, 'constructor', {
    value: front,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  for (const key of ownKeys(native)) {
    if (key === 'length' || key === 'name' || key === 'prototype') continue;
    defineProperty(front, key, getOwnPropertyDescriptor(native, key) as PropertyDescriptor);
  }
  defineGlobal(name, front);
}

/** Constructors of ours before Deno's classes, and what all classes of the platform have. */
import { compatFlag, compatibilityIsKnown } from './compat.ts';
import { defineGlobal } from './globals.ts';
import { defineProperty, getOwnPropertyDescriptor, NativeTypeError, ownKeys } from './primordials.ts';
import { illegalConstructor } from './webidl.ts';

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

/** Puts a class in the global scope that only the platform makes objects of. */
export function hideConstructor(name: string, native: { prototype: object }): void {
  const holder = {
    [name]: function (): never {
      throw illegalConstructor();
    },
  };
  const visible = holder[name] as unknown as object;
  defineProperty(visible, 'prototype', { value: native.prototype, writable: false });
  defineProperty(native.prototype, 'constructor', { value: visible });
  defineGlobal(name, visible);
}

/** Gives the class its `Symbol.toStringTag`, if this worker's platform objects have one. */
export function defineTag(constructor: { readonly name: string; readonly prototype: object }): void {
  if (compatibilityIsKnown() && !compatFlag('set_tostring_tag')) return;
  defineProperty(constructor.prototype, Symbol.toStringTag, {
    value: constructor.name,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/**
 * Makes a class of ours look like one of the Workers runtime: methods enumerable and of length 0, a class string, no trace of how it
 * is built. And the texts of the errors that every such class throws.
 */
import { markPlatform } from '../function-text.ts';
import { needsNew } from '../jsg.ts';
import {
  construct,
  defineProperty,
  jsonParse,
  jsonStringify,
  NativeError,
  deleteProperty,
  getOwnPropertyDescriptor,
  ownKeys,
  stringStartsWith,
} from '../primordials.ts';

// oxlint-disable-next-line typescript/no-unsafe-function-type -- any class
type AnyClass = Function & { readonly prototype: object };

/** Handed to a constructor of ours in place of its first argument: the call comes from the harness. */
export const INTERNAL = { __proto__: null };

export {
  constructorParameterError as badConstructorParameter,
  fieldError as badField,
  illegalConstructor,
  illegalInvocation,
  isObject,
  parameterError as badParameter,
} from '../webidl.ts';

export const notImplementedField = (field: string, dictionary: string): Error =>
  new NativeError(`The '${field}' field on '${dictionary}' is not implemented.`);

/** A copy of what a value is as JSON: `cf` is data. */
export const cloneData = (value: object | undefined): object | undefined =>
  value === undefined ? undefined : (jsonParse(jsonStringify(value)) as object);

const tagged: { readonly prototype: object; readonly tag: string }[] = [];

/** What `in` is asked of when a method is called on nothing at all. */
export const NOTHING = {};

/**
 * The constructor that user code sees: a plain function in front of the class, so that a call without `new`, the chain of constructors and
 * its own properties are as in the runtime. Gives the class's prototype its public shape. Called once for each, at start.
 */
export function publicConstructor<Class extends AnyClass>(type: Class, tag: string): Class {
  // Without a name of its own: the engine's messages then say the class's.
  const [constructor] = [
    function (this: unknown) {
      if (new.target === undefined) throw needsNew(tag);
      // oxlint-disable-next-line prefer-rest-params -- how many there were matters, and a rest parameter would count as one
      return construct(type as never, arguments, new.target) as object;
    },
  ] as const;
  shapeMembers(type.prototype, tag);
  const { prototype } = type;
  defineProperty(prototype, 'constructor', {
    value: constructor,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  defineProperty(constructor, 'name', { value: tag, writable: false, enumerable: false, configurable: true });
  defineProperty(constructor, 'prototype', { value: prototype });
  const keys = ownKeys(type);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string | symbol;
    if (key === 'prototype' || key === 'length' || key === 'name') continue;
    shapeMember(type, key);
    defineProperty(constructor, key, getOwnPropertyDescriptor(type, key) as PropertyDescriptor);
  }
  tagged[tagged.length] = { prototype, tag };
  return constructor as unknown as Class;
}

/** As `publicConstructor`, for classes that user code meets only by their instances. */
export function shapeClass(type: AnyClass, tag: string): void {
  shapeMembers(type.prototype, tag);
  // The bundler renames a class that has the name of a global.
  defineProperty(type, 'name', { value: tag, writable: false, enumerable: false, configurable: true });
  defineProperty(type, 'length', { value: 0, writable: false, enumerable: false, configurable: true });
  markPlatform(type);
  tagged[tagged.length] = { prototype: type.prototype, tag };
}

function shapeMembers(prototype: object, tag: string): void {
  const keys = ownKeys(prototype);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string | symbol;
    if (key !== 'constructor' && typeof key === 'string') shapeMember(prototype, key);
  }
  setTag(prototype, tag);
}

function shapeMember(target: object, key: string | symbol): void {
  const descriptor = getOwnPropertyDescriptor(target, key) as PropertyDescriptor;
  if (typeof descriptor.value === 'function') {
    defineProperty(descriptor.value, 'length', { value: 0, writable: false, enumerable: false, configurable: true });
  }
  defineProperty(target, key, { ...descriptor, enumerable: true });
}

function setTag(prototype: object, tag: string): void {
  defineProperty(prototype, Symbol.toStringTag, { value: tag, writable: true, enumerable: false, configurable: true });
}

/** Before the flag `set_tostring_tag`, every object of the runtime was `[object Object]`. */
export function removeClassStrings(): void {
  for (let index = 0; index < tagged.length; index++) {
    deleteProperty((tagged[index] as { prototype: object }).prototype, Symbol.toStringTag);
  }
}

type Getter = (this: object) => unknown;

/**
 * Before the flag `workers_api_getters_setters_on_prototype`, properties were the instance's own. Takes the getters off the prototype
 * and returns what gives them to an instance.
 */
export function takeGetters(prototype: object): (instance: object) => void {
  const keys = ownKeys(prototype);
  const names: string[] = [];
  const getters: Getter[] = [];
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string | symbol;
    const getter = getOwnPropertyDescriptor(prototype, key)?.get;
    if (getter === undefined || typeof key !== 'string' || stringStartsWith(key, '_')) continue;
    names[names.length] = key;
    getters[getters.length] = getter as Getter;
    deleteProperty(prototype, key);
  }
  return (instance) => {
    for (let index = names.length - 1; index >= 0; index--) {
      defineProperty(instance, names[index] as string, {
        get: getters[index] as Getter,
        enumerable: true,
        configurable: true,
      });
    }
  };
}

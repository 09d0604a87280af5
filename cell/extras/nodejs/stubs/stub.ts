/** What stubs are made of. */
import { denoNode, type Exports } from '../deno-node.ts';
import { invalidArgType, notImplemented, shaped, unimplemented } from '../errors.ts';

export type Callback = (...args: unknown[]) => unknown;
export type AnyClass = abstract new (...args: never[]) => object;

export const returning = (name: string, value: unknown, length = 0): Callback => shaped(() => value, name, length);
export const doingNothing = (name: string, length = 0): Callback => returning(name, undefined, length);

/** Functions `{name: length}` that throw; the method named in the message has the prefix. */
export function refusing(prefix: string, names: Readonly<Record<string, number>>): Exports {
  const functions: Exports = {};
  for (const [name, length] of Object.entries(names)) functions[name] = unimplemented(`${prefix}${name}`, name, length);
  return functions;
}

/** A class that cannot be instantiated, or whose methods throw when it can. */
export function stubClass(
  name: string,
  methods: string,
  options: { refuse?: string; parent?: AnyClass } = {},
): AnyClass {
  const { refuse, parent = Object as unknown as AnyClass } = options;
  const made = {
    [name]: class extends (parent as new () => object) {
      constructor() {
        if (refuse !== undefined) throw notImplemented(refuse);
        super();
      }
    },
  }[name] as AnyClass;
  for (const method of methods.split(' ').filter(Boolean)) {
    Object.defineProperty(made.prototype, method, {
      value: unimplemented(`${name}.${method}`, method, 0),
      writable: true,
      configurable: true,
    });
  }
  return made;
}

export function requireString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value);
}

export function requireObject(name: string, value: unknown): void {
  if (value === null || typeof value !== 'object') throw invalidArgType(name, 'of type object', value);
}

/** Frozen, without a prototype. */
export const bare = <T extends object>(values: T): T => Object.freeze(Object.assign(Object.create(null) as T, values));

export function requireInteger(name: string, value: unknown): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
}

/** Node's `EventEmitter`. */
export const emitterClass = (): AnyClass => denoNode('events').EventEmitter as AnyClass;

/** The iterators of Headers and FormData, which are classes of their own in the runtime, one for each kind. */
import { defineProperty, getPrototypeOf, setPrototypeOf } from '../primordials.ts';
import { illegalConstructor, illegalInvocation, INTERNAL, shapeClass } from './shape.ts';

/** Where an iterator reads: the entry at a place, or undefined behind the last one. */
export interface EntrySource {
  entryAt(index: number): readonly [name: string, value: unknown] | undefined;
}

export type IteratorKind = 'entry' | 'key' | 'value';

const iteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()) as object) as object;

type IteratorClass = new (key: unknown, source: EntrySource) => IterableIterator<unknown>;

function iteratorClass(name: string, kind: IteratorKind): IteratorClass {
  const type = class {
    readonly #source: EntrySource;
    #index = 0;

    constructor(key: unknown, source: EntrySource) {
      if (key !== INTERNAL) throw illegalConstructor();
      this.#source = source;
    }

    next(): { done: boolean; value: unknown } {
      if (!(#source in this)) throw illegalInvocation();
      const entry = this.#source.entryAt(this.#index);
      if (entry === undefined) return { done: true, value: undefined };
      this.#index++;
      if (kind === 'key') return { done: false, value: entry[0] };
      return { done: false, value: kind === 'value' ? entry[1] : [entry[0], entry[1]] };
    }
  };
  defineProperty(type, 'name', { value: name, configurable: true });
  setPrototypeOf(type.prototype, iteratorPrototype);
  shapeClass(type, name);
  defineProperty(type.prototype, Symbol.iterator, {
    value: returnThis,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return type as unknown as IteratorClass;
}

/** The runtime's iterator function has no name. */
const returnThis = (() =>
  function (this: unknown) {
    return this;
  })();

export interface Iterators {
  readonly entries: (source: EntrySource) => IterableIterator<unknown>;
  readonly keys: (source: EntrySource) => IterableIterator<unknown>;
  readonly values: (source: EntrySource) => IterableIterator<unknown>;
}

/** Three iterator classes for one collection. */
export function iteratorsOf(): Iterators {
  const Entries = iteratorClass('EntryIterator', 'entry');
  const Keys = iteratorClass('KeyIterator', 'key');
  const Values = iteratorClass('ValueIterator', 'value');
  return {
    entries: (source) => new Entries(INTERNAL, source),
    keys: (source) => new Keys(INTERNAL, source),
    values: (source) => new Values(INTERNAL, source),
  };
}

/** Makes the class iterable by its entries: a function of its own, not `entries` itself. */
export function makeIterable(prototype: object, entries: (self: unknown) => IterableIterator<unknown>): void {
  const iterate = (() =>
    function (this: unknown) {
      return entries(this);
    })();
  defineProperty(prototype, Symbol.iterator, { value: iterate, writable: true, enumerable: false, configurable: true });
}

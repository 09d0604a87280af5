import { MapConstructor, mapDelete, mapForEach, mapGet, mapSet } from '../../primordials.ts';

/**
 * What a session knows by number. Most sessions are one call, and never have two of anything: the first entry needs no Map, of which a
 * session would have half a dozen.
 */
export class Table<V> {
  /** 0: nothing is kept here. Numbers begin at 1. */
  #id = 0;
  #value: V | undefined;
  #more: Map<number, V> | undefined;

  get(id: number): V | undefined {
    if (this.#id === id && id !== 0) return this.#value;
    return this.#more === undefined ? undefined : mapGet(this.#more, id);
  }

  set(id: number, value: V): void {
    if (id !== 0 && (this.#id === id || (this.#id === 0 && this.#more === undefined))) {
      this.#id = id;
      this.#value = value;
      return;
    }
    this.#more ??= new MapConstructor<number, V>();
    mapSet(this.#more, id, value);
  }

  delete(id: number): void {
    if (this.#id === id && id !== 0) {
      this.#id = 0;
      this.#value = undefined;
    } else if (this.#more !== undefined) mapDelete(this.#more, id);
  }

  forEach(visit: (value: V) => void): void {
    if (this.#id !== 0) visit(this.#value as V);
    if (this.#more !== undefined) mapForEach(this.#more, visit);
  }
}

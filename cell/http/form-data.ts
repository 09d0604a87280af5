/** `FormData` as the Workers runtime has it. Its two wire formats are in `form-codec.ts`. */
import { apply } from '../primordials.ts';
import { type Blob, blobBytes, blobTypeOf, type File, isFile, makeFile } from './blob.ts';
import { iteratorsOf, makeIterable } from './iterators.ts';
import { badParameter, illegalInvocation, isObject, NOTHING, publicConstructor } from './shape.ts';
import { toText } from './text.ts';

export type FormEntry = readonly [name: string, value: string | File];

const { entries, keys, values } = iteratorsOf();

/** The entries of a FormData, live; undefined for anything else. */
let formEntries: (value: unknown) => FormEntry[] | undefined;

export class FormData {
  readonly #entries: FormEntry[] = [];

  static {
    formEntries = (value) => (isObject(value) && #entries in value ? value.#entries : undefined);
  }

  append(name?: unknown, value?: unknown, fileName?: unknown): void {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    const entry = readEntry('append', arguments.length, name, value, fileName);
    this.#entries[this.#entries.length] = entry;
  }

  delete(name?: unknown): void {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('delete', 'FormData', 1, 'string');
    this.#keepOthers(toText(name), 0);
  }

  get(name?: unknown): string | File | null {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('get', 'FormData', 1, 'string');
    const wanted = toText(name);
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as FormEntry;
      if (entry[0] === wanted) return entry[1];
    }
    return null;
  }

  getAll(name?: unknown): (string | File)[] {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('getAll', 'FormData', 1, 'string');
    const wanted = toText(name);
    const found: (string | File)[] = [];
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as FormEntry;
      if (entry[0] === wanted) found[found.length] = entry[1];
    }
    return found;
  }

  has(name?: unknown): boolean {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    if (arguments.length < 1) throw badParameter('has', 'FormData', 1, 'string');
    return this.#find(toText(name)) >= 0;
  }

  set(name?: unknown, value?: unknown, fileName?: unknown): void {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    const entry = readEntry('set', arguments.length, name, value, fileName);
    const index = this.#find(entry[0]);
    if (index < 0) this.#entries[this.#entries.length] = entry;
    else {
      this.#entries[index] = entry;
      this.#keepOthers(entry[0], index + 1);
    }
  }

  entries(): IterableIterator<unknown> {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    return entries(over(this.#entries));
  }

  keys(): IterableIterator<unknown> {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    return keys(over(this.#entries));
  }

  values(): IterableIterator<unknown> {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    return values(over(this.#entries));
  }

  forEach(callback?: unknown, thisArgument?: unknown): void {
    if (!(#entries in (this ?? NOTHING))) throw illegalInvocation();
    if (typeof callback !== 'function') throw badParameter('forEach', 'FormData', 1, 'function');
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as FormEntry;
      apply(callback as (...args: never[]) => unknown, thisArgument, [entry[1], entry[0], this]);
    }
  }

  #find(name: string): number {
    for (let index = 0; index < this.#entries.length; index++) {
      if ((this.#entries[index] as FormEntry)[0] === name) return index;
    }
    return -1;
  }

  /** Drops the entries of this name from a place on. */
  #keepOthers(name: string, from: number): void {
    let kept = from;
    for (let index = from; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as FormEntry;
      if (entry[0] !== name) this.#entries[kept++] = entry;
    }
    this.#entries.length = kept;
  }
}
export { formEntries };

/** Iterators see what is added and removed while they run. */
const over = (list: FormEntry[]) => ({ entryAt: (index: number): FormEntry | undefined => list[index] });

function readEntry(method: string, given: number, name: unknown, value: unknown, fileName: unknown): FormEntry {
  if (given < 1) throw badParameter(method, 'FormData', 1, 'string');
  const key = toText(name);
  if (given < 2) throw badParameter(method, 'FormData', 2, 'File or Blob or string');
  const bytes = blobBytes(value);
  if (bytes === undefined) {
    const text = toText(value);
    if (fileName !== undefined) toText(fileName);
    return [key, text];
  }
  if (fileName === undefined && isFile(value)) return [key, value];
  return [key, makeFile(bytes, fileName === undefined ? key : toText(fileName), blobTypeOf(value as Blob))];
}

/** A FormData with these entries. */
export function makeFormData(list: readonly FormEntry[]): FormData {
  const form = new FormData();
  const own = formEntries(form) as FormEntry[];
  for (let index = 0; index < list.length; index++) own[index] = list[index] as FormEntry;
  return form;
}

export const PublicFormData = publicConstructor(FormData, 'FormData');
makeIterable(FormData.prototype, (self) => {
  const list = formEntries(self);
  if (list === undefined) throw illegalInvocation();
  return entries(over(list));
});

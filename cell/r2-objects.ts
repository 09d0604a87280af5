/** R2's objects, as far as RPC has to know them. Their classes are loaded when a worker has a bucket, or is sent such an object. */
import type { Checksums, ObjectHead } from '../shared/r2.ts';
import type { Response } from './http/index.ts';

/** An object, or (without a head) the checksums of one. */
export type R2ObjectParts =
  | {
      readonly head: ObjectHead;
      /** Has the object's body; null: it came without one. */
      readonly response: Response | null;
    }
  | { readonly head: null; readonly checksums: Checksums };

let find: (value: object) => R2ObjectParts | undefined = () => undefined;

/** Called by the classes when they are loaded; before that there is no such object. */
export const knowR2Objects = (partsOf: typeof find): void => {
  find = partsOf;
};

/** Undefined: the value is none of R2's objects. */
export const r2PartsOf = (value: object): R2ObjectParts | undefined => find(value);

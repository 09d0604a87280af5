/** Bytes in whatever object user code holds them. */
import { getPrototypeOf, getterOf, NativeUint8Array, copyBytes, copyInto } from '../primordials.ts';

const typedArray = getPrototypeOf(Uint8Array.prototype) as object;
const arrayBufferIsView = ArrayBuffer.isView;
const tagOf = getterOf<unknown, string | undefined>(typedArray, Symbol.toStringTag);
const typedBuffer = getterOf<object, ArrayBuffer>(typedArray, 'buffer');
const typedOffset = getterOf<object, number>(typedArray, 'byteOffset');
const typedLength = getterOf<object, number>(typedArray, 'byteLength');
const viewBuffer = getterOf<object, ArrayBuffer>(DataView.prototype, 'buffer');
const viewOffset = getterOf<object, number>(DataView.prototype, 'byteOffset');
const viewLength = getterOf<object, number>(DataView.prototype, 'byteLength');
const bufferLength = getterOf<object, number>(ArrayBuffer.prototype, 'byteLength');

function isArrayBuffer(value: object): value is ArrayBuffer {
  try {
    bufferLength(value);
    return true;
  } catch {
    return false;
  }
}

const sharedLength = getterOf<object, number>(SharedArrayBuffer.prototype, 'byteLength');

function isSharedBuffer(value: unknown): value is SharedArrayBuffer {
  if (typeof value !== 'object' || value === null) return false;
  try {
    sharedLength(value);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of an ArrayBuffer or a view, not copied, none of a detached one; undefined for anything else. */
export function viewOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return attachedViewOf(value);
  } catch {
    // Nothing of it can be seen any more.
    return new NativeUint8Array(0);
  }
}

function attachedViewOf(value: object): Uint8Array<ArrayBuffer> | undefined {
  if (arrayBufferIsView(value)) {
    if (tagOf(value) === undefined) {
      return new NativeUint8Array(viewBuffer(value), viewOffset(value), viewLength(value));
    }
    return new NativeUint8Array(typedBuffer(value), typedOffset(value), typedLength(value));
  }
  return isArrayBuffer(value) ? new NativeUint8Array(value) : undefined;
}

/** As `viewOf`, in a buffer of its own; a SharedArrayBuffer is one more that has bytes. */
export function copyOfAny(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  const view = viewOf(value);
  if (view !== undefined) return copyBytes(view);
  return isSharedBuffer(value) ? copyBytes(new NativeUint8Array(value)) : undefined;
}

/** As `viewOf`, in a buffer of its own. */
export function copyOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  const view = viewOf(value);
  return view === undefined ? undefined : copyBytes(view);
}

/** The pieces one after another. */
export function joinBytes(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const all = new NativeUint8Array(length);
  let at = 0;
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as Uint8Array;
    copyInto(all, piece, at);
    at += piece.length;
  }
  return all;
}

/** Bytes in whatever object user code holds them. */
import { arrayBufferView, copyBytes, copyInto, getterOf, NativeUint8Array } from '../primordials.ts';
import {
  bufferBytes,
  dataViewBuffer,
  dataViewBytes,
  dataViewOffset,
  typedArrayName,
  viewBuffer,
  viewBytes,
  viewOffset,
} from '../value-primordials.ts';

function isArrayBuffer(value: object): value is ArrayBuffer {
  try {
    bufferBytes(value);
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
  if (arrayBufferView(value)) {
    if (typedArrayName(value) === undefined) {
      return new NativeUint8Array(dataViewBuffer(value), dataViewOffset(value), dataViewBytes(value));
    }
    return new NativeUint8Array(viewBuffer(value), viewOffset(value), viewBytes(value));
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

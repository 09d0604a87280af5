/**
 * `readable.read()` gives all that is buffered, as the streams of Workers do. Those of the engine follow a newer Node and give one chunk a call,
 * so that a program which reads once when it is told that there is something would miss the rest.
 */
import { denoNode } from './deno-node.ts';

interface ReadableState {
  readonly flowing: boolean | null;
  readonly objectMode: boolean;
  readonly length: number;
  readonly ended: boolean;
  highWaterMark: number;
}
interface AnyReadable {
  readonly _readableState?: ReadableState;
}

let isDone = false;

/** Changes the prototype that all streams of Node's kind share, once. */
export function readWholeBuffers(): void {
  if (isDone) return;
  isDone = true;
  const { Readable } = denoNode('stream') as { Readable: { prototype: { read(size?: number): unknown } } };
  const readSome = Readable.prototype.read;
  const { read } = {
    read(this: AnyReadable, size?: number): unknown {
      const state = this._readableState;
      const isWhole =
        (size === undefined || Number.isNaN(size)) &&
        state !== undefined &&
        !state.objectMode &&
        state.flowing !== true;
      if (!isWhole || state.length === 0) return Reflect.apply(readSome, this, [size]);
      // Asked for a size beyond it, the engine would raise the mark.
      const { highWaterMark } = state;
      const whole: unknown = Reflect.apply(readSome, this, [state.length]);
      state.highWaterMark = highWaterMark;
      // The engine looks for the end only when it chose the size itself.
      if (state.ended && state.length === 0) Reflect.apply(readSome, this, [0]);
      return whole;
    },
  };
  Object.defineProperty(Readable.prototype, 'read', {
    value: read,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

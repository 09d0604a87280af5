/** The parts of Deno's `node:stream` and `node:events` that HTTP messages are built on, with the types they need here. */
import { denoNode } from '../nodejs/deno-node.ts';

export type Listener = (...args: never[]) => void;

export interface Emitter {
  on(event: string, listener: Listener): this;
  once(event: string, listener: Listener): this;
  off(event: string, listener: Listener): this;
  emit(event: string, ...args: unknown[]): boolean;
}

export interface ReadableBase extends Emitter {
  destroyed: boolean;
  readableEnded: boolean;
  push(chunk: unknown): boolean;
  destroy(error?: unknown): this;
  resume(): this;
  setEncoding(encoding: string): this;
}

export type Done = (error?: unknown) => void;

export interface WritableBase extends Emitter {
  destroyed: boolean;
  writableEnded: boolean;
  writableFinished: boolean;
  write(chunk: unknown, encoding?: unknown, callback?: Done): boolean;
  end(chunk?: unknown, encoding?: unknown, callback?: Done): this;
  destroy(error?: unknown): this;
  cork(): void;
  uncork(): void;
}

const stream = denoNode('stream') as Record<string, unknown>;

export const Readable = stream.Readable as new (options?: object) => ReadableBase;
export const Writable = stream.Writable as new (options?: object) => WritableBase;
export const EventEmitter = denoNode('events').EventEmitter as new () => Emitter;

interface BufferLike extends Uint8Array {
  toString(encoding?: string): string;
}
export const Buffer = denoNode('buffer').Buffer as {
  from(data: unknown, encoding?: string): BufferLike;
  byteLength(text: string, encoding?: string): number;
  concat(list: readonly Uint8Array[]): BufferLike;
};

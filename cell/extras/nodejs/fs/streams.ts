/** Files as Node's streams. */
import { denoNode } from '../deno-node.ts';
import { nodeError } from '../errors.ts';
import { Buffer, type Options, optionsOf } from './arguments.ts';
import { closeSync, openSync, readSync, writeSync } from './descriptors.ts';

type StreamBase = {
  push(chunk: unknown): boolean;
  destroy(error: unknown): void;
  emit(name: string, ...args: unknown[]): boolean;
};
const { Readable, Writable } = denoNode('stream') as Record<string, new (options: object) => StreamBase>;

interface StreamOptions extends Options {
  fd?: number | { fd: number };
  start?: number;
  end?: number;
  highWaterMark?: number;
}

const givenFd = (fd: StreamOptions['fd']): number | undefined => (typeof fd === 'object' ? fd.fd : fd);

export class ReadStream extends (Readable as new (options: object) => StreamBase) {
  fd: number | null;
  path: unknown;
  bytesRead = 0;
  #position: number;
  readonly #end: number;
  readonly #chunk: number;

  constructor(path: unknown, options?: unknown) {
    const settings = optionsOf(options) as StreamOptions;
    super({
      highWaterMark: settings.highWaterMark ?? 65_536,
      ...(settings.encoding ? { encoding: settings.encoding } : {}),
    });
    this.path = path;
    this.fd = givenFd(settings.fd) ?? null;
    this.#position = settings.start ?? 0;
    this.#end = settings.end ?? Infinity;
    this.#chunk = settings.highWaterMark ?? 65_536;
    openLater(this, settings.flags ?? 'r');
  }

  _read(): void {
    if (this.fd === null) return;
    const length = Math.min(this.#chunk, this.#end - this.#position + 1);
    const chunk = Buffer.from(new ArrayBuffer(Math.max(0, length)));
    const read = length <= 0 ? 0 : readSync(this.fd, chunk, 0, length, this.#position);
    this.#position += read;
    this.bytesRead += read;
    this.push(read === 0 ? null : chunk.subarray(0, read));
  }

  _destroy(error: unknown, done: (error: unknown) => void): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    done(error);
  }
}

export class WriteStream extends (Writable as new (options: object) => StreamBase) {
  fd: number | null;
  path: unknown;
  bytesWritten = 0;
  #position: number | undefined;

  constructor(path: unknown, options?: unknown) {
    const settings = optionsOf(options) as StreamOptions;
    super({ highWaterMark: settings.highWaterMark ?? 65_536, decodeStrings: true });
    this.path = path;
    this.fd = givenFd(settings.fd) ?? null;
    this.#position = settings.start;
    openLater(this, settings.flags ?? 'w');
  }

  _write(chunk: Uint8Array, _encoding: string, done: (error?: unknown) => void): void {
    if (this.fd === null) {
      done(nodeError('EBADF', 'bad file descriptor'));
      return;
    }
    this.bytesWritten += writeSync(this.fd, chunk, 0, chunk.length, this.#position);
    if (this.#position !== undefined) this.#position += chunk.length;
    done();
  }

  _destroy(error: unknown, done: (error: unknown) => void): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    done(error);
  }
}

/** The file is opened with the stream; that it worked, or did not, is told in the next turn. */
function openLater(stream: StreamBase & { fd: number | null; path: unknown }, flags: unknown): void {
  let failure: unknown;
  if (stream.fd === null) {
    try {
      stream.fd = openSync(stream.path, flags);
    } catch (error) {
      failure = error;
    }
  }
  queueMicrotask(() => {
    if (failure !== undefined) {
      stream.destroy(failure);
      return;
    }
    stream.emit('open', stream.fd);
    stream.emit('ready');
  });
}

export const createReadStream = (path: unknown, options?: unknown): ReadStream => new ReadStream(path, options);
export const createWriteStream = (path: unknown, options?: unknown): WriteStream => new WriteStream(path, options);

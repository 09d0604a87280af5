/**
 * Streams over RPC. A stream that is sent stays where it is; its bytes run through a pipe of the session, under a window. What is at the ends
 * of a pipe is in `pipe-ends.ts`.
 */
import { RPC_LIMITS } from '../../../shared/limits.ts';
import { type Invocation, runInvocation } from '../../context.ts';
import { MapConstructor, mapDelete, mapForEach, mapGet, mapSet, NativeTypeError } from '../../primordials.ts';
import { type ByteReader, type ByteWriter, malformed } from './bytes.ts';
import { FORGET, isLastWord, type Pipe, RemoteSink, RemoteSource, type Send, Sink, Source } from './pipe-ends.ts';

/** All pipes of a session. A pipe is known by a number of the side that sent the stream. */
export class Pipes {
  readonly #write: (write: (writer: ByteWriter) => void) => void;
  readonly #invocation: Invocation;
  readonly #own = new MapConstructor<number, Pipe>();
  readonly #theirs = new MapConstructor<number, Pipe>();
  #next = 1;
  #count = 0;
  #ownCount = 0;

  constructor(write: (write: (writer: ByteWriter) => void) => void, invocation: Invocation) {
    this.#write = write;
    this.#invocation = invocation;
  }

  get isIdle(): boolean {
    return this.#count === 0;
  }

  /** What is left are streams that the other side gave. */
  get hasGivenNone(): boolean {
    return this.#ownCount === 0;
  }

  exportReadable(stream: ReadableStream, made: number[]): number {
    const id = this.#open(made);
    mapSet(this.#own, id, new Source(stream, this.#sender(true, id)));
    return id;
  }

  exportWritable(stream: WritableStream, made: number[]): number {
    const id = this.#open(made);
    mapSet(this.#own, id, new Sink(stream, this.#sender(true, id)));
    return id;
  }

  importReadable(id: number): ReadableStream<Uint8Array> {
    const pipe = new RemoteSource(this.#sender(false, id));
    this.#take(id, pipe);
    return pipe.stream;
  }

  importWritable(id: number): WritableStream {
    const pipe = new RemoteSink(this.#sender(false, id));
    this.#take(id, pipe);
    return pipe.stream;
  }

  /** The message with these streams is out: they may run. */
  start(made: readonly number[]): void {
    for (let index = 0; index < made.length; index++) {
      const pipe = mapGet(this.#own, made[index] as number);
      if (pipe?.start !== undefined) runInvocation(this.#invocation, () => pipe.start?.());
    }
  }

  /** The message with these streams could not be sent. */
  takeBack(made: readonly number[], error: unknown): void {
    for (let index = 0; index < made.length; index++) {
      const id = made[index] as number;
      mapGet(this.#own, id)?.fail(error);
      this.#forget(true, id);
    }
  }

  receive(reader: ByteReader): void {
    const isOwn = reader.byte() === 1;
    const id = reader.uint();
    const kind = reader.byte();
    // What crossed with our own end.
    const pipe = mapGet(isOwn ? this.#own : this.#theirs, id);
    if (pipe !== undefined) runInvocation(this.#invocation, () => pipe.receive(kind, reader));
  }

  close(error: unknown): void {
    const failing = (pipe: Pipe): void => pipe.fail(error);
    mapForEach(this.#own, failing);
    mapForEach(this.#theirs, failing);
  }

  #open(made: number[]): number {
    if (this.#count >= RPC_LIMITS.maxExports) throw new NativeTypeError('Too many streams in one RPC session.');
    const id = this.#next++;
    made[made.length] = id;
    this.#count++;
    this.#ownCount++;
    return id;
  }

  #take(id: number, pipe: Pipe): void {
    if (mapGet(this.#theirs, id) !== undefined) throw malformed('a stream that came twice');
    if (this.#count >= RPC_LIMITS.maxExports) throw malformed('too many streams');
    mapSet(this.#theirs, id, pipe);
    this.#count++;
  }

  #forget(isOwn: boolean, id: number): void {
    const pipes = isOwn ? this.#own : this.#theirs;
    if (mapGet(pipes, id) === undefined) return;
    mapDelete(pipes, id);
    this.#count--;
    if (isOwn) this.#ownCount--;
  }

  /** The other side has it the other way round: its own is not ours. */
  #sender(isOwn: boolean, id: number): Send {
    return (kind, fill) => {
      if (kind === FORGET || isLastWord(kind)) this.#forget(isOwn, id);
      if (kind === FORGET) return;
      this.#write((writer) => {
        writer.byte(isOwn ? 0 : 1);
        writer.uint(id);
        writer.byte(kind);
        fill?.(writer);
      });
    };
  }
}

/** `new ReadableStream()`, `new WritableStream()`, `new TransformStream()` and `ReadableStream.from()`. */
import { compatFlag } from '../compat.ts';
import { constructIdentity } from '../identity-stream.ts';
import {
  apply,
  construct,
  getterOf,
  NativeReadableStream,
  NativeTransformStream,
  NativeTypeError,
  NativeWritableStream,
  uncurry,
  weakMapGet,
  weakSetAdd,
} from '../primordials.ts';
import { noteUserSource } from '../stream-facts.ts';
import { isObject, parameterError } from '../webidl.ts';
import {
  type AnyFunction,
  type Options,
  requireConstructors,
  takeDictionary,
  takeMethods,
  takeStrategy,
} from './arguments.ts';
import { ownByteStreams } from './checks.ts';
import { type Tee, teed } from './tee-reasons.ts';

/** What a byte stream offers to a default reader as `byobRequest` when it says nothing else, in bytes. */
const AUTO_ALLOCATE_BYTES = 4096;

function takeSource(value: unknown): { source: Options; isBytes: boolean } {
  const given = takeDictionary('ReadableStream', value, 'UnderlyingSource');
  const allocate = given.autoAllocateChunkSize;
  const source = takeMethods(given, ['cancel', 'pull', 'start'], 'UnderlyingSource');
  const type = given.type === undefined ? '' : `${given.type as string}`;
  if (type !== '' && type !== 'bytes') throw new NativeTypeError(`"${type}" is not a valid type of ReadableStream.`);
  if (type === '') return { source, isBytes: false };
  source.type = 'bytes';
  const size = allocate === undefined ? AUTO_ALLOCATE_BYTES : +(allocate as number) | 0;
  if (size === 0) throw new NativeTypeError('The autoAllocateChunkSize option cannot be zero.');
  source.autoAllocateChunkSize = size;
  return { source, isBytes: true };
}

export function constructReadable(args: unknown[], newTarget: object): ReadableStream {
  const { source, isBytes } = takeSource(args[0]);
  const strategy = takeStrategy('ReadableStream', 2, args[1], isBytes);
  requireConstructors('ReadableStream');
  const { cancel } = source;
  // oxlint-disable-next-line prefer-const -- the closure below needs it before it has a value
  let stream: ReadableStream | undefined;
  if (cancel !== undefined) {
    source.cancel = (reason: unknown) => {
      const tee = weakMapGet(teed, stream as ReadableStream) as Tee | undefined;
      return apply(cancel as AnyFunction, undefined, [tee === undefined ? reason : tee.lastReason] as never[]);
    };
  }
  stream = construct(NativeReadableStream, [source, strategy], newTarget as never) as ReadableStream;
  if (isBytes) weakSetAdd(ownByteStreams, stream);
  noteUserSource(stream);
  return stream;
}

export function constructWritable(args: unknown[], newTarget: object): object {
  const given = takeDictionary('WritableStream', args[0], 'UnderlyingSink');
  const sink = takeMethods(given, ['abort', 'close', 'start', 'write'], 'UnderlyingSink');
  const strategy = takeStrategy('WritableStream', 2, args[1], false);
  requireConstructors('WritableStream');
  return construct(NativeWritableStream, [sink, strategy], newTarget as never) as object;
}

export function constructTransform(args: unknown[], newTarget: { prototype: object }): object {
  if (!compatFlag('transformstream_enable_standard_constructor')) return constructIdentity(newTarget, undefined);
  const given = takeDictionary('TransformStream', args[0], 'Transformer');
  const transformer = takeMethods(given, ['cancel', 'flush', 'start', 'transform'], 'Transformer');
  for (const key of ['readableType', 'writableType']) {
    if (given[key] !== undefined) throw new NativeTypeError(`transformer.${key} must be undefined.`);
  }
  const writable = takeStrategy('TransformStream', 2, args[1], false);
  const readable = takeStrategy('TransformStream', 3, args[2], false);
  const stream = construct(NativeTransformStream, [transformer, writable, readable], newTarget as never);
  noteUserSource(readableOf(stream as TransformStream));
  return stream as object;
}

const readableOf = getterOf<TransformStream, ReadableStream>(NativeTransformStream.prototype, 'readable');
const nativeFrom = (NativeReadableStream as unknown as { from: AnyFunction }).from;
const stringIterator = uncurry(String.prototype[Symbol.iterator]);

export const { from: readableFrom } = {
  from(source: unknown): ReadableStream {
    requireConstructors('ReadableStream');
    const isIterable =
      typeof source === 'string' ||
      (isObject(source) &&
        ((source as Options)[Symbol.asyncIterator as never] ?? (source as Options)[Symbol.iterator as never]) !==
          undefined);
    if (!isIterable) throw parameterError('from', 'ReadableStream', 1, 'AsyncGenerator');
    const iterable = typeof source === 'string' ? stringIterator(source) : source;
    const stream = apply(nativeFrom, NativeReadableStream, [iterable] as never[]) as ReadableStream;
    noteUserSource(stream);
    return stream;
  },
};

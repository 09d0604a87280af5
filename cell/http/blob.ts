/** `Blob` and `File` as the Workers runtime has them: bytes in memory, shared by slices. */
import { copyBytes, dateNow, exactUtf8Decode, isArray, subarray, utf8Encode } from '../primordials.ts';

import { joinBytes, viewOf } from './bytes.ts';
import {
  badConstructorParameter,
  illegalInvocation,
  INTERNAL,
  NOTHING,
  isObject,
  notImplementedField,
  publicConstructor,
} from './shape.ts';
import { type ByteStream, streamOf } from './streams.ts';
import { matches, toInt, toLowerCase, toText } from './text.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The bytes of a Blob, not copied; undefined for anything else. */
let blobBytes: (value: unknown) => Bytes | undefined;
let blobTypeOf: (blob: Blob) => string;

type DefineGetters = (instance: object) => void;
let ownBlobGetters: DefineGetters | undefined;
let ownFileGetters: DefineGetters | undefined;
export const setBlobGetters = (blob: DefineGetters, file: DefineGetters): void => {
  ownBlobGetters = blob;
  ownFileGetters = file;
};

export class Blob {
  readonly #bytes: Bytes;
  readonly #type: string;

  static {
    blobBytes = (value) => (isObject(value) && #bytes in value ? value.#bytes : undefined);
    blobTypeOf = (blob) => blob.#type;
  }

  constructor(parts?: unknown, options?: unknown, bytes?: Bytes) {
    if (parts === INTERNAL) {
      this.#bytes = bytes as Bytes;
      this.#type = options as string;
    } else {
      this.#bytes = joinParts(parts, 'Blob');
      this.#type = readType(options, 'Blob', 2);
    }
    ownBlobGetters?.(this);
  }

  get size(): number {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    return this.#bytes.length;
  }

  get type(): string {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    return this.#type;
  }

  slice(start?: unknown, end?: unknown, type?: unknown): Blob {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    const size = this.#bytes.length;
    const from = place(start === undefined ? 0 : toInt(start), size);
    const to = place(end === undefined ? size : toInt(end), size);
    const bytes = subarray(this.#bytes, from, to > from ? to : from) as Bytes;
    return makeBlob(bytes, type === undefined ? '' : normalType(toText(type)));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    return settled(copyBytes(this.#bytes).buffer);
  }

  bytes(): Promise<Bytes> {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    return settled(copyBytes(this.#bytes));
  }

  /** A byte order mark stays, as on Workers; the File API would drop it. */
  text(): Promise<string> {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    return settled(exactUtf8Decode(this.#bytes));
  }

  stream(): ByteStream {
    if (!(#bytes in (this ?? NOTHING))) throw illegalInvocation();
    return streamOf(this.#bytes);
  }
}
export { blobBytes, blobTypeOf };

// oxlint-disable-next-line typescript/require-await -- a promise made without looking at `then` of the value
const settled = async <T>(value: T): Promise<T> => value;

/** A Blob over these bytes, which nobody may write to any more. */
export const makeBlob = (bytes: Bytes, type: string): Blob => new Blob(INTERNAL, type, bytes);

let isFileObject: (value: unknown) => value is File;
let fileNameOf: (file: File) => string;

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  static {
    isFileObject = (value): value is File => isObject(value) && #name in value;
    fileNameOf = (file) => file.#name;
  }

  constructor(parts?: unknown, name?: unknown, options?: unknown, bytes?: Bytes) {
    if (parts === INTERNAL) {
      super(INTERNAL, options, bytes);
      this.#name = name as string;
      this.#lastModified = dateNow();
    } else {
      if (arguments.length < 2) throw badConstructorParameter('File', 2, 'string');
      const content = joinParts(parts, 'File');
      const fileName = toText(name);
      super(INTERNAL, readType(options, 'File', 3), content);
      this.#name = fileName;
      this.#lastModified = readLastModified(options);
    }
    ownFileGetters?.(this);
  }

  get name(): string {
    if (!(#name in (this ?? NOTHING))) throw illegalInvocation();
    return this.#name;
  }

  get lastModified(): number {
    if (!(#name in (this ?? NOTHING))) throw illegalInvocation();
    return this.#lastModified;
  }
}
export { fileNameOf, isFileObject as isFile };

/** A File over these bytes, modified now. */
export const makeFile = (bytes: Bytes, name: string, type: string): File => new File(INTERNAL, name, type, bytes);

function readLastModified(options: unknown): number {
  const value = isObject(options) ? (options as { lastModified?: unknown }).lastModified : undefined;
  if (value === undefined) return dateNow();
  const time = +(value as number);
  return time === time ? time : 0;
}

function place(position: number, size: number): number {
  const absolute = position < 0 ? size + position : position;
  if (absolute < 0) return 0;
  return absolute > size ? size : absolute;
}

function joinParts(parts: unknown, type: string): Bytes {
  if (parts === undefined) return joinBytes([], 0);
  if (!isArray(parts)) throw badConstructorParameter(type, 1, 'Array');
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let index = 0; index < parts.length; index++) {
    const part: unknown = parts[index];
    const piece = blobBytes(part) ?? viewOf(part) ?? utf8Encode(toText(part));
    pieces[index] = piece;
    length += piece.length;
  }
  return joinBytes(pieces, length);
}

function readType(options: unknown, className: string, position: number): string {
  if (options === undefined || options === null) return '';
  if (!isObject(options)) throw badConstructorParameter(className, position, 'Options');
  const { type, endings } = options as { type?: unknown; endings?: unknown };
  const text = type === undefined ? '' : toText(type);
  if (endings !== undefined) throw notImplementedField('endings', 'Options');
  return normalType(text);
}

const NOT_PRINTABLE = /[^\x20-\x7e]/;
/** A media type as a Blob keeps it: in lower case, and none at all when it has characters outside printable ASCII. */
const normalType = (type: string): string => (matches(NOT_PRINTABLE, type) ? '' : toLowerCase(type));

export const PublicBlob = publicConstructor(Blob, 'Blob');
export const PublicFile = publicConstructor(File, 'File');

/** Bytes as values: the counterpart of `encode.ts`. What comes is another worker's word: only shapes and sizes that fit are taken. */
import { loadExtra } from '../../extras.ts';
import { headerName, type Headers, headersOver, headerValue, makeBlob, Request, Response } from '../../http/index.ts';
import { RPC_LIMITS } from '../../../shared/limits.ts';
import {
  construct,
  copyBytes,
  copyInto,
  defineProperty,
  mapSet,
  NativeDate,
  NativeTypeError,
  NativeUint8Array,
  setAdd,
  stringSlice,
} from '../../primordials.ts';
import {
  bufferBytes,
  ERRORS,
  isAnyArrayBuffer,
  NativeArrayBuffer,
  NativeBigInt,
  NativeDataView,
  NativeDOMException,
  NativeMap,
  NativeObject,
  NativeRegExp,
  NativeSet,
  VIEWS,
} from '../../value-primordials.ts';
import { showHeaderOnly } from '../../thrown.ts';
import { type ByteReader, malformed } from './bytes.ts';
import * as tag from './tags.ts';

/** Makes objects of the numbers that stand for what is on the other side. */
export interface Importer {
  stub(id: number): object;
  service(id: number): object;
  readable(id: number): ReadableStream<Uint8Array>;
  writable(id: number): WritableStream;
}

/** Deeper values would overflow the stack of whoever walks them. */
const MAX_DEPTH = 2_000;

const DOM_PROPERTIES = ['code', 'message', 'name', 'stack'] as const;

/** About what V8 takes for each, beside texts and bytes. */
const SLOT_BYTES = 8;
const OBJECT_BYTES = 64;
const PROPERTY_BYTES = 24;
const ENTRY_BYTES = 40;

export class Decoder {
  readonly #reader: ByteReader;
  readonly #importer: Importer | null;
  readonly #seen: unknown[] = [];
  #depth = 0;
  #structureBytes = 0;

  constructor(reader: ByteReader, importer: Importer | null) {
    this.#reader = reader;
    this.#importer = importer;
  }

  value(): unknown {
    if (++this.#depth > MAX_DEPTH) throw malformed('a value is nested too deeply');
    this.#charge(SLOT_BYTES);
    const value = this.#read(this.#reader.byte());
    this.#depth--;
    return value;
  }

  #charge(bytes: number): void {
    this.#structureBytes += bytes;
    if (this.#structureBytes > RPC_LIMITS.maxStructureBytes) throw malformed('a value has too many parts');
  }

  #read(kind: number): unknown {
    const reader = this.#reader;
    switch (kind) {
      case tag.UNDEFINED:
        return undefined;
      case tag.NULL:
        return null;
      case tag.TRUE:
        return true;
      case tag.FALSE:
        return false;
      case tag.INTEGER:
        return reader.uint();
      case tag.NEGATIVE_INTEGER:
        return -reader.uint();
      case tag.DOUBLE:
        return reader.double();
      case tag.TEXT:
        return reader.text();
      case tag.BIGINT:
        return toBigInt(reader.text());
      case tag.REFERENCE:
        return this.#reference(reader.uint());
      default:
        return this.#object(kind);
    }
  }

  #reference(index: number): unknown {
    if (index >= this.#seen.length) throw malformed('a reference to nothing');
    return this.#seen[index];
  }

  /** Objects are numbered in the order in which they begin. */
  #object(kind: number): unknown {
    const place = this.#seen.length;
    this.#charge(OBJECT_BYTES);
    this.#seen[place] = undefined;
    switch (kind) {
      case tag.OBJECT:
        return this.#properties((this.#seen[place] = {}) as Record<string, unknown>);
      case tag.ARRAY:
        return this.#array((this.#seen[place] = []) as unknown[]);
      case tag.SPARSE_ARRAY:
        return this.#sparse(place);
      case tag.MAP:
        return this.#map((this.#seen[place] = new NativeMap()) as Map<unknown, unknown>);
      case tag.SET:
        return this.#set((this.#seen[place] = new NativeSet()) as Set<unknown>);
      case tag.ERROR:
        return this.#error(place);
      default: {
        const value = this.#leaf(kind);
        this.#seen[place] = value;
        return value;
      }
    }
  }

  #properties(object: Record<string, unknown>): Record<string, unknown> {
    const count = this.#reader.count();
    for (let index = 0; index < count; index++) {
      const key = this.#reader.text();
      this.#charge(PROPERTY_BYTES);
      setOwn(object, key, this.value());
    }
    return object;
  }

  #array(array: unknown[]): unknown[] {
    const length = this.#reader.count();
    for (let index = 0; index < length; index++) setOwn(array, index, this.value());
    return array;
  }

  #sparse(place: number): unknown[] {
    const length = this.#reader.uint();
    if (length > 0xffffffff) throw malformed('an array is too long');
    const array: unknown[] = [];
    array.length = length;
    this.#seen[place] = array;
    this.#properties(array as unknown as Record<string, unknown>);
    return array;
  }

  #map(map: Map<unknown, unknown>): Map<unknown, unknown> {
    const count = this.#reader.count();
    for (let index = 0; index < count; index++) {
      const key = this.value();
      this.#charge(ENTRY_BYTES);
      mapSet(map, key, this.value());
    }
    return map;
  }

  #set(set: Set<unknown>): Set<unknown> {
    const count = this.#reader.count();
    for (let index = 0; index < count; index++) {
      this.#charge(ENTRY_BYTES);
      setAdd(set, this.value());
    }
    return set;
  }

  #error(place: number): Error {
    const reader = this.#reader;
    const constructor = ERRORS[reader.byte()] as ErrorConstructor | undefined;
    if (constructor === undefined) throw malformed('an unknown kind of error');
    const message = reader.text();
    const error = construct(constructor, argumentsOf(constructor, message)) as Error;
    this.#seen[place] = error;
    this.#properties(error as unknown as Record<string, unknown>);
    showHeaderOnly(error);
    return error;
  }

  #leaf(kind: number): unknown {
    const reader = this.#reader;
    switch (kind) {
      case tag.DATE:
        return new NativeDate(reader.double());
      case tag.REGEXP:
        return new NativeRegExp(reader.text(), reader.text());
      case tag.BUFFER:
        return copyBytes(reader.bytes()).buffer;
      case tag.RESIZABLE_BUFFER:
        return this.#resizableBuffer(reader.uint(), reader.bytes());
      case tag.VIEW:
        return this.#view(VIEWS[reader.byte()]);
      case tag.DATA_VIEW:
        return this.#view(NativeDataView);
      case tag.BOXED:
        return NativeObject(this.#primitive());
      case tag.DOM_EXCEPTION:
        return this.#domException();
      case tag.HEADERS:
        return this.#headers();
      default:
        return this.#capability(kind);
    }
  }

  /** What it may grow to is set aside at once. */
  #resizableBuffer(maxByteLength: number, bytes: Uint8Array): ArrayBuffer {
    this.#charge(maxByteLength);
    if (bytes.length > maxByteLength) throw malformed('a buffer is larger than it may be');
    const buffer = construct(NativeArrayBuffer, [bytes.length, { __proto__: null, maxByteLength }]) as ArrayBuffer;
    copyInto(new NativeUint8Array(buffer), bytes, 0);
    return buffer;
  }

  #view(constructor: unknown): unknown {
    if (typeof constructor !== 'function') throw malformed('an unknown kind of view');
    const buffer = this.value();
    const offset = this.#reader.uint();
    const length = this.#reader.uint();
    if (!isAnyArrayBuffer(buffer) || offset > bufferBytes(buffer as ArrayBuffer)) throw malformed('a view of nothing');
    return construct(constructor, [buffer, offset, length]);
  }

  #primitive(): unknown {
    const value = this.value();
    if (typeof value === 'object' || value === undefined) throw malformed('a boxed value that is no primitive');
    return value;
  }

  #domException(): DOMException {
    const name = this.#reader.text();
    const exception = new NativeDOMException(this.#reader.text(), name);
    showHeaderOnly(exception);
    // As workerd gives it: what it says of itself, it says as properties of its own.
    for (let index = 0; index < DOM_PROPERTIES.length; index++) {
      const key = DOM_PROPERTIES[index] as (typeof DOM_PROPERTIES)[number];
      setOwn(exception, key, exception[key]);
    }
    return exception;
  }

  #headers(): Headers {
    const list: string[] = [];
    const count = this.#reader.count();
    if (count % 2 !== 0) throw malformed('a header without a value');
    for (let index = 0; index < count; index += 2) {
      this.#charge(ENTRY_BYTES);
      list[index] = headerName(this.#reader.text());
      list[index + 1] = headerValue(this.#reader.text());
    }
    return headersOver(list, false);
  }

  #capability(kind: number): unknown {
    const reader = this.#reader;
    const importer = this.#importer;
    if (importer === null) throw malformed('a capability where there can be none');
    switch (kind) {
      case tag.STUB:
        return importer.stub(reader.uint());
      case tag.SERVICE:
        return importer.service(reader.uint());
      case tag.READABLE:
        return importer.readable(reader.uint());
      case tag.WRITABLE:
        return importer.writable(reader.uint());
      case tag.BLOB:
        return this.#blob();
      case tag.REQUEST:
        return this.#request();
      case tag.RESPONSE:
        return this.#response();
      case tag.ERROR_RESPONSE:
        return Response.error();
      case tag.R2_OBJECT:
        return this.#r2Object();
      case tag.R2_CHECKSUMS:
        return this.#r2Checksums();
      default:
        throw malformed(`an unknown kind of value (${kind})`);
    }
  }

  #blob(): object {
    const type = this.#reader.text();
    return makeBlob(copyBytes(this.#reader.bytes()), type);
  }

  #request(): Request {
    const method = this.#reader.text();
    const url = this.#reader.text();
    const redirect = this.#reader.text() as RequestRedirect;
    const headers = this.#headers();
    const cf = this.value();
    const body = this.#body();
    return new Request(url, { method, redirect, headers, body, cf });
  }

  #response(): Response {
    const status = this.#reader.uint();
    const statusText = this.#reader.text();
    const headers = this.#headers();
    const cf = this.value();
    const encodeBody = this.#reader.byte() === 1 ? 'automatic' : 'manual';
    const body = this.#body();
    if (status === 101) throw new NativeTypeError('A WebSocket response cannot be sent over RPC.');
    return new Response(body, { status, statusText, headers, cf, encodeBody });
  }

  #r2Object(): object {
    const head = this.value();
    const hasBody = this.#reader.byte() === 1;
    const body = this.#body();
    const { receiveObject } = loadExtra<typeof import('../r2/index.ts')>('r2');
    const object = receiveObject(head, hasBody ? (body ?? new NativeUint8Array(0)) : null);
    if (object === undefined) throw malformed('an object of R2 that is none');
    return object;
  }

  #r2Checksums(): object {
    const { receiveChecksums } = loadExtra<typeof import('../r2/index.ts')>('r2');
    const checksums = receiveChecksums(this.value());
    if (checksums === undefined) throw malformed('checksums that are none');
    return checksums;
  }

  #body(): Uint8Array<ArrayBuffer> | ReadableStream | null {
    const kind = this.#reader.byte();
    if (kind === tag.NO_BODY) return null;
    if (kind === tag.WHOLE_BODY) return copyBytes(this.#reader.bytes());
    return (this.#importer as Importer).readable(this.#reader.uint());
  }
}

/** As an object literal does it: no setter on a prototype sees the value. */
function setOwn(object: object, key: string | number, value: unknown): void {
  defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function toBigInt(hex: string): bigint {
  try {
    return hex[0] === '-' ? -NativeBigInt(`0x${stringSlice(hex, 1)}`) : NativeBigInt(`0x${hex}`);
  } catch {
    throw malformed('a bigint that is none');
  }
}

/** The two classes that hold other errors get these as properties, like any. */
function argumentsOf(constructor: unknown, message: string): unknown[] {
  if (constructor === ERRORS[7]) return [[], message];
  return constructor === ERRORS[8] ? [undefined, undefined, message] : [message];
}

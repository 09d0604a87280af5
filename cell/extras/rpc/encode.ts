/**
 * Values as bytes: everything the structured clone algorithm takes, and what RPC adds to it (functions, RpcTargets, stubs, services,
 * streams, requests, responses). workerd decides what can be sent; the texts of the refusals are its own.
 */
import { userStack } from '../../console.ts';
import { isEntrypoint, isRpcTarget } from '../../entrypoints.ts';
import {
  blobBytes,
  blobTypeOf,
  bytesOf,
  type ByteStream,
  type HeaderList,
  isFile,
  isRequest,
  isResponse,
  isUsed,
  listOf,
  type Request,
  requestList,
  requestMethod,
  requestRedirect,
  requestUrl,
  type Response,
  responseList,
  responseStatus,
  responseStatusText,
  responseWebSocket,
  take,
  type Whole,
} from '../../http/index.ts';
import {
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  isAbortSignal,
  isArray,
  MapConstructor,
  mapForEach,
  mapGet,
  mapSet,
  NativeError,
  NativeReadableStream,
  nativeString,
  NativeTypeError,
  NativeUint8Array,
  objectKeys,
  objectPrototype,
  setForEach,
  streamLocked,
} from '../../primordials.ts';
import { destinationOf } from '../../service.ts';
import {
  bigintText,
  bigintValue,
  booleanValue,
  bufferBytes,
  dataViewBuffer,
  dataViewBytes,
  dataViewOffset,
  dateTime,
  domExceptionMessage,
  domExceptionName,
  ERROR_NAMES,
  ERRORS,
  functionText,
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBufferView,
  isBigIntObject,
  isBooleanObject,
  isBoxedPrimitive,
  isDataView,
  isDate,
  isGeneratorObject,
  isMap,
  isNativeError,
  isNumberObject,
  isProxy,
  isRegExp,
  isSet,
  isSharedArrayBuffer,
  isStringObject,
  mapSize,
  NativeDOMException,
  NativeWritableStream,
  numberValue,
  regexpFlags,
  regexpSource,
  setSize,
  stringValue,
  typedArrayName,
  UNCLONEABLE_PROTOTYPES,
  VIEW_NAMES,
  viewBuffer,
  viewLength,
  viewOffset,
  writableLocked,
} from '../../value-primordials.ts';
import { ByteWriter } from './bytes.ts';
import * as tag from './tags.ts';

/** Gives numbers to what stays on this side. */
export interface Exporter {
  /** An RpcTarget, a function, or the like: calls on it run here. */
  exportTarget(target: object): number;
  /** A stub is passed on: calls on it go through here. Undefined: not a stub. */
  exportStub(value: object): number | undefined;
  exportReadable(stream: ReadableStream): number;
  exportWritable(stream: WritableStream): number;
  /** The class of a promise or property of RPC, which cannot be sent. */
  unsendableName(value: object): string | undefined;
}

export const cloneError = (message: string): DOMException => new NativeDOMException(message, 'DataCloneError');

const unsupported = (name: string): DOMException =>
  cloneError(`Could not serialize object of type "${name}". This type does not support serialization.`);

const uncloneable = (text: string): DOMException => cloneError(`${text} could not be cloned.`);

/** Writes values; one for each message, since values refer to one another within it. */
export class Encoder {
  readonly writer: ByteWriter;
  /** Null: nothing can stay behind (errors, props), and what would have to is refused. */
  readonly #exporter: Exporter | null;
  /** Objects so far, by their number; made with the first. */
  #seen: Map<object, number> | undefined;
  #count = 0;

  constructor(writer: ByteWriter, exporter: Exporter | null) {
    this.writer = writer;
    this.#exporter = exporter;
  }

  value(value: unknown): void {
    const { writer } = this;
    switch (typeof value) {
      case 'undefined':
        return writer.byte(tag.UNDEFINED);
      case 'boolean':
        return writer.byte(value ? tag.TRUE : tag.FALSE);
      case 'number':
        return this.#number(value);
      case 'string':
        writer.byte(tag.TEXT);
        return writer.text(value);
      case 'bigint':
        writer.byte(tag.BIGINT);
        return writer.text(bigintText(value, 16));
      case 'symbol':
        throw uncloneable(nativeString(value));
      default:
        if (value === null) writer.byte(tag.NULL);
        else this.#object(value as object);
    }
  }

  #number(value: number): void {
    const { writer } = this;
    // -0 is no integer here: the sign would be lost.
    if (value >= 0 && value <= 0xffffffff && value % 1 === 0 && 1 / value > 0) {
      writer.byte(tag.INTEGER);
      writer.uint(value);
    } else if (value < 0 && value >= -0xffffffff && value % 1 === 0) {
      writer.byte(tag.NEGATIVE_INTEGER);
      writer.uint(-value);
    } else {
      writer.byte(tag.DOUBLE);
      writer.double(value);
    }
  }

  #object(value: object): void {
    this.#seen ??= new MapConstructor<object, number>();
    const seen = mapGet(this.#seen, value);
    if (seen !== undefined) {
      this.writer.byte(tag.REFERENCE);
      this.writer.uint(seen);
      return;
    }
    mapSet(this.#seen, value, this.#count++);
    if (typeof value === 'function') this.#function(value);
    else if (isProxy(value)) this.#proxy(value);
    else if (isArray(value)) this.#array(value);
    else if (getPrototypeOf(value) === objectPrototype && !isArgumentsObject(value)) this.#plain(value);
    else this.#special(value);
  }

  #function(value: object): void {
    const exporter = this.#exporter;
    const unsendable = exporter?.unsendableName(value);
    if (unsendable !== undefined) throw unsupported(unsendable);
    const stub = exporter?.exportStub(value);
    if (destinationOf(value) !== undefined) throw unsupported('LoopbackServiceStub');
    if (exporter === null) throw uncloneable(functionText(value as () => void));
    this.writer.byte(tag.STUB);
    this.writer.uint(stub ?? exporter.exportTarget(value));
  }

  /** It may stand for anything, so it stays here and is called. */
  #proxy(value: object): void {
    if (isRevoked(value)) throw new NativeTypeError('Proxy is revoked');
    if (this.#exporter === null) throw uncloneable('#<Object>');
    this.writer.byte(tag.STUB);
    this.writer.uint(this.#exporter.exportTarget(value));
  }

  #array(value: readonly unknown[]): void {
    const { writer } = this;
    const { length } = value;
    const keys = objectKeys(value);
    if (keys.length === length && isDense(value, length)) {
      writer.byte(tag.ARRAY);
      writer.uint(length);
      for (let index = 0; index < length; index++) this.value(value[index]);
      return;
    }
    writer.byte(tag.SPARSE_ARRAY);
    writer.uint(length);
    this.#properties(value as unknown as Record<string, unknown>, keys);
  }

  #plain(value: object): void {
    this.writer.byte(tag.OBJECT);
    this.#properties(value as Record<string, unknown>, objectKeys(value));
  }

  #properties(value: Record<string, unknown>, keys: readonly string[]): void {
    this.writer.uint(keys.length);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      this.writer.text(key);
      this.value(value[key]);
    }
  }

  #special(value: object): void {
    // The engine takes a DOMException for an error of its own.
    if (value instanceof NativeDOMException) this.#domException(value);
    else if (isNativeError(value)) this.#error(value as Error);
    else if (isDate(value)) this.#date(value as Date);
    else if (isMap(value)) this.#map(value as Map<unknown, unknown>);
    else if (isSet(value)) this.#set(value as Set<unknown>);
    else if (isArrayBufferView(value)) this.#view(value);
    else if (isAnyArrayBuffer(value) && !isSharedArrayBuffer(value)) this.#buffer(value as ArrayBuffer);
    else if (isRegExp(value)) this.#regexp(value as RegExp);
    else if (isBoxedPrimitive(value)) this.#boxed(value);
    else this.#platform(value);
  }

  #date(value: Date): void {
    this.writer.byte(tag.DATE);
    this.writer.double(dateTime(value));
  }

  #map(value: Map<unknown, unknown>): void {
    this.writer.byte(tag.MAP);
    // A getter further down may change the map: what was there first is sent.
    const entries: unknown[] = [];
    mapForEach(value, (item, key) => {
      entries[entries.length] = key;
      entries[entries.length] = item;
    });
    this.writer.uint(mapSize(value));
    for (let index = 0; index < entries.length; index++) this.value(entries[index]);
  }

  #set(value: Set<unknown>): void {
    this.writer.byte(tag.SET);
    const entries: unknown[] = [];
    setForEach(value, (item) => {
      entries[entries.length] = item;
    });
    this.writer.uint(setSize(value));
    for (let index = 0; index < entries.length; index++) this.value(entries[index]);
  }

  /** The whole buffer goes, as in a structured clone, so that views of one buffer share one again. */
  #view(value: object): void {
    const { writer } = this;
    if (isDataView(value)) {
      writer.byte(tag.DATA_VIEW);
      this.value(dataViewBuffer(value));
      writer.uint(dataViewOffset(value));
      writer.uint(dataViewBytes(value));
      return;
    }
    writer.byte(tag.VIEW);
    writer.byte(viewKind(value));
    this.value(viewBuffer(value));
    writer.uint(viewOffset(value));
    writer.uint(viewLength(value));
  }

  #buffer(value: ArrayBuffer): void {
    this.writer.byte(tag.BUFFER);
    this.writer.bytes(bufferBytes(value) === 0 ? new NativeUint8Array(0) : new NativeUint8Array(value));
  }

  #regexp(value: RegExp): void {
    this.writer.byte(tag.REGEXP);
    this.writer.text(regexpSource(value));
    this.writer.text(regexpFlags(value));
  }

  #boxed(value: object): void {
    this.writer.byte(tag.BOXED);
    if (isNumberObject(value)) this.value(numberValue(value as unknown as number));
    else if (isStringObject(value)) this.value(stringValue(value as unknown as string));
    else if (isBooleanObject(value)) this.value(booleanValue(value as unknown as boolean));
    else if (isBigIntObject(value)) this.value(bigintValue(value as unknown as bigint));
    else throw uncloneable('#<Symbol>');
  }

  /** Kind, message, stack, cause and own properties. A `name` of its own is one of these. */
  #error(value: Error): void {
    const { writer } = this;
    writer.byte(tag.ERROR);
    writer.byte(errorKind(value));
    const message: unknown = value.message;
    writer.text(typeof message === 'string' ? message : '');
    const { stack } = value;
    writer.text(typeof stack === 'string' ? userStack(stack) : '');
    const keys = objectKeys(value);
    const extra: string[] = [];
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      if (key !== 'message' && key !== 'stack' && key !== 'remote') extra[extra.length] = key;
    }
    addHidden(value, 'cause', extra);
    addHidden(value, 'errors', extra);
    this.#properties(value as unknown as Record<string, unknown>, extra);
  }

  #platform(value: object): void {
    if (isRpcTarget(value) || isEntrypoint(value)) this.#target(value);
    else if (isResponse(value)) this.#response(value);
    else if (isRequest(value)) this.#request(value);
    else if (value instanceof NativeReadableStream) this.#readable(value);
    else if (value instanceof NativeWritableStream) this.#writable(value);
    else if (destinationOf(value) !== undefined) this.#service(value);
    else this.#data(value);
  }

  #domException(value: DOMException): void {
    this.writer.byte(tag.DOM_EXCEPTION);
    this.writer.text(`${domExceptionName(value)}`);
    this.writer.text(`${domExceptionMessage(value)}`);
    const { stack } = value;
    this.writer.text(typeof stack === 'string' ? userStack(stack) : '');
  }

  #data(value: object): void {
    const headers = listOf(value);
    const bytes = isFile(value) ? undefined : blobBytes(value);
    if (headers !== undefined) this.#headers(headers);
    else if (bytes !== undefined) this.#blob(value, bytes);
    else throw refusal(value);
  }

  #requireExporter(value: object): Exporter {
    if (this.#exporter === null) throw refusal(value);
    return this.#exporter;
  }

  #target(value: object): void {
    const id = this.#requireExporter(value).exportTarget(value);
    this.writer.byte(tag.STUB);
    this.writer.uint(id);
  }

  #service(value: object): void {
    const id = this.#requireExporter(value).exportTarget(value);
    this.writer.byte(tag.SERVICE);
    this.writer.uint(id);
  }

  #readable(value: ReadableStream): void {
    const exporter = this.#requireExporter(value);
    if (streamLocked(value)) {
      throw new NativeTypeError('The ReadableStream has been locked to a reader.');
    }
    this.writer.byte(tag.READABLE);
    this.writer.uint(exporter.exportReadable(value));
  }

  #writable(value: WritableStream): void {
    const exporter = this.#requireExporter(value);
    if (writableLocked(value)) {
      throw new NativeTypeError('The WritableStream has been locked to a writer.');
    }
    this.writer.byte(tag.WRITABLE);
    this.writer.uint(exporter.exportWritable(value));
  }

  #blob(value: object, bytes: Uint8Array): void {
    this.#requireExporter(value);
    this.writer.byte(tag.BLOB);
    this.writer.text(blobTypeOf(value as Parameters<typeof blobTypeOf>[0]));
    this.writer.bytes(bytes);
  }

  #headers(list: HeaderList): void {
    this.writer.byte(tag.HEADERS);
    this.#headerList(list);
  }

  #headerList(list: HeaderList): void {
    this.writer.uint(list.length);
    for (let index = 0; index < list.length; index++) this.writer.text(list[index] as string);
  }

  #request(value: Request): void {
    const { writer } = this;
    this.#requireExporter(value);
    const body = takeBody(value);
    writer.byte(tag.REQUEST);
    writer.text(requestMethod(value));
    writer.text(requestUrl(value));
    writer.text(requestRedirect(value));
    this.#headerList(requestList(value));
    this.#body(body);
  }

  #response(value: Response): void {
    const { writer } = this;
    this.#requireExporter(value);
    if (responseWebSocket(value) !== null) throw unsupported('WebSocket');
    const body = takeBody(value);
    writer.byte(tag.RESPONSE);
    writer.uint(responseStatus(value));
    writer.text(responseStatusText(value));
    this.#headerList(responseList(value));
    this.#body(body);
  }

  #body(body: Whole | ByteStream | null): void {
    const { writer } = this;
    if (body === null) writer.byte(tag.NO_BODY);
    else if (typeof body === 'string' || body instanceof NativeUint8Array) {
      writer.byte(tag.WHOLE_BODY);
      writer.bytes(bytesOf(body));
    } else {
      const id = (this.#exporter as Exporter).exportReadable(body);
      writer.byte(tag.STREAM_BODY);
      writer.uint(id);
    }
  }
}

function takeBody(value: Request | Response): Whole | ByteStream | null {
  if (isUsed(value)) throw new NativeTypeError('The ReadableStream has been locked to a reader.');
  return take(value);
}

/** Asks in a way that runs no trap. */
function isRevoked(proxy: object): boolean {
  try {
    isArray(proxy);
    return false;
  } catch {
    return true;
  }
}

function isDense(value: readonly unknown[], length: number): boolean {
  for (let index = 0; index < length; index++) if (!hasOwn(value, index)) return false;
  return true;
}

/** Own, but not enumerable in the error as JavaScript makes it. */
function addHidden(value: Error, key: string, keys: string[]): void {
  const descriptor = getOwnPropertyDescriptor(value, key);
  if (descriptor !== undefined && descriptor.enumerable !== true) keys[keys.length] = key;
}

/** As in V8's own clone, an error's name decides of which class it arrives. */
function errorKind({ name }: Error): number {
  for (let index = 0; index < ERROR_NAMES.length; index++) if (ERROR_NAMES[index] === name) return index;
  return 0;
}

function viewKind(value: object): number {
  const name = typedArrayName(value);
  for (let index = 0; index < VIEW_NAMES.length; index++) if (VIEW_NAMES[index] === name) return index;
  throw uncloneable('#<TypedArray>');
}

/** Why an object cannot be sent: the engine's words for its own kinds, workerd's for all others. */
function refusal(value: object): DOMException {
  if (isGeneratorObject(value)) return uncloneable('[object Generator]');
  if (isArgumentsObject(value)) return uncloneable('#<Object>');
  if (value === globalThis) return uncloneable('#<ServiceWorkerGlobalScope>');
  if (isAbortSignal(value)) return cloneError('AbortSignal serialization is not enabled.');
  for (let step: object | null = value; step !== null; step = getPrototypeOf(step)) {
    for (let index = 0; index < UNCLONEABLE_PROTOTYPES.length; index++) {
      const [prototype, name] = UNCLONEABLE_PROTOTYPES[index] as readonly [object, string];
      if (prototype === step) return uncloneable(`#<${name}>`);
    }
  }
  return unsupported(constructorName(value));
}

function constructorName(value: object): string {
  for (let step: object | null = value; step !== null; step = getPrototypeOf(step)) {
    const constructor: unknown = getOwnPropertyDescriptor(step, 'constructor')?.value;
    if (typeof constructor === 'function') return nativeString(constructor.name);
  }
  return 'Object';
}

/** The bytes of a value that refers to nothing here. Throws DataCloneError. */
export function encodeDetached(value: unknown): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder(new ByteWriter(), null);
  encoder.value(value);
  return encoder.writer.finish();
}

/** An exception as it travels. What cannot be sent with it is left behind, so that the error itself always arrives. */
export function encodeThrown(writer: ByteWriter, thrown: unknown): void {
  writer.bytes(thrownBytes(thrown));
}

function thrownBytes(thrown: unknown): Uint8Array {
  if ((typeof thrown !== 'object' || thrown === null) && typeof thrown !== 'bigint') {
    return encodeDetached(basicError(textOf(thrown)));
  }
  try {
    return encodeDetached(thrown);
  } catch {
    return encodeDetached(stripped(thrown as Error));
  }
}

const basicError = (message: string): Error => new NativeError(message);

function stripped(thrown: Error): Error {
  try {
    if (!isNativeError(thrown)) return basicError(textOf(thrown));
    const bare = new (ERRORS[errorKind(thrown) % 7] as ErrorConstructor)(textOf(thrown.message));
    bare.stack = textOf(thrown.stack);
    return bare;
  } catch {
    return basicError('An exception whose own properties throw');
  }
}

function textOf(value: unknown): string {
  try {
    return nativeString(value);
  } catch {
    return 'An exception that cannot be shown';
  }
}

/**
 * Values as bytes: everything the structured clone algorithm takes, functions and stubs; objects of the platform are in `encode-platform.ts`.
 * workerd decides what can be sent; the texts of the refusals are its own.
 */
import { RPC_LIMITS } from '../../../shared/limits.ts';
import { isRpcTarget } from '../../entrypoints.ts';
import { shortFunctionText } from '../../function-text.ts';
import {
  getPrototypeOf,
  hasOwn,
  isArray,
  MapConstructor,
  mapForEach,
  mapGet,
  mapSet,
  NativeError,
  nativeString,
  NativeTypeError,
  NativeUint8Array,
  objectKeys,
  objectPrototype,
  ownKeys,
  setForEach,
} from '../../primordials.ts';
import { destinationOf } from '../../service.ts';
import {
  bigintText,
  bigintValue,
  booleanValue,
  bufferBytes,
  bufferDetached,
  bufferMaxBytes,
  bufferResizable,
  dataViewBuffer,
  dataViewBytes,
  dataViewOffset,
  dateTime,
  domExceptionMessage,
  domExceptionName,
  ERROR_NAMES,
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBufferView,
  isBigIntObject,
  isBooleanObject,
  isBoxedPrimitive,
  isDataView,
  isDate,
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
  numberValue,
  regexpFlags,
  regexpSource,
  setSize,
  stringValue,
  typedArrayName,
  VIEW_NAMES,
  viewBuffer,
  viewLength,
  viewOffset,
} from '../../value-primordials.ts';
import { ByteWriter } from './bytes.ts';
import { type Exporter, type PlatformWriter, writePlatformObject } from './encode-platform.ts';
import {
  cloneError,
  isOwnInstance,
  kindOf,
  markRemote,
  PROXY_REFUSED,
  refusal,
  uncloneable,
  unsupported,
} from './refusals.ts';
import * as tag from './tags.ts';

/** An error that is being written, by its number, and the one around it. */
interface OpenError {
  readonly place: number;
  readonly around: OpenError | undefined;
}

const UNREADABLE = 'Unable to deserialize cloned data.';
const MESSAGE_REFUSED = 'Deserialization failed: error message is not a string';

/** Writes values; one for each message, since values refer to one another within it. */
export class Encoder implements PlatformWriter {
  readonly writer: ByteWriter;
  /** Null: nothing can stay behind (errors, props), and what would have to is refused. */
  readonly exporter: Exporter | null;
  /** Of an exception, instances of the worker's own classes go as what they own. */
  readonly #instancesAsPlain: boolean;
  /** Objects so far, by their number; made with the first. */
  #seen: Map<object, number> | undefined;
  #count = 0;
  /** Errors whose own properties are being written: the innermost. */
  #openErrors: OpenError | undefined;

  constructor(writer: ByteWriter, exporter: Exporter | null, instancesAsPlain: boolean) {
    this.writer = writer;
    this.exporter = exporter;
    this.#instancesAsPlain = instancesAsPlain;
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
      this.#requireNoOpenError(seen);
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
    const exporter = this.exporter;
    const unsendable = exporter?.unsendableName(value);
    if (unsendable !== undefined) throw unsupported(unsendable);
    const stub = exporter?.exportStub(value);
    if (destinationOf(value) !== undefined) throw unsupported('LoopbackServiceStub');
    if (exporter === null) throw uncloneable(shortFunctionText(value as () => void));
    this.writer.byte(tag.STUB);
    this.writer.uint(stub ?? exporter.exportTarget(value));
  }

  /** It may stand for anything that can be called from afar, so it stays here. What it says of its prototype decides, as on Workers. */
  #proxy(value: object): void {
    if (isRevoked(value)) throw new NativeTypeError('Proxy is revoked');
    if (typeof value !== 'function' && getPrototypeOf(value) !== objectPrototype && !isRpcTarget(value)) {
      throw cloneError(PROXY_REFUSED);
    }
    if (this.exporter === null) throw uncloneable('#<Object>');
    this.writer.byte(tag.STUB);
    this.writer.uint(this.exporter.exportTarget(value));
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
    else if (isSharedArrayBuffer(value)) throw markRemote(new NativeError(UNREADABLE));
    else if (isAnyArrayBuffer(value)) this.#buffer(value as ArrayBuffer);
    else if (isRegExp(value)) this.#regexp(value as RegExp);
    else if (isBoxedPrimitive(value)) this.#boxed(value);
    else if (!writePlatformObject(this, value)) this.#instance(value);
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
    if (bufferDetached(value)) throw cloneError('An ArrayBuffer is detached and could not be cloned.');
    const isResizable = bufferResizable(value);
    this.writer.byte(isResizable ? tag.RESIZABLE_BUFFER : tag.BUFFER);
    if (isResizable) this.writer.uint(maxBytes(value));
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
    else throw uncloneable('[object Symbol]');
  }

  /**
   * Kind, message and own properties, hidden ones too; a name that is not that of the kind is one of these, wherever it stands. The stack
   * stays: the other worker sees, as on Workers, where it was when the error reached it.
   */
  #error(value: Error): void {
    const { writer } = this;
    const { name, message } = value as { name: unknown; message: unknown };
    // What the other end could not read is found out here, and told as if it came from there.
    if (typeof message !== 'string' && this.exporter !== null) throw markRemote(cloneError(MESSAGE_REFUSED));
    const kind = kindOf(name);
    writer.byte(tag.ERROR);
    writer.byte(kind);
    writer.text(typeof message === 'string' ? message : '');
    const keys: string[] = name === ERROR_NAMES[kind] ? [] : ['name'];
    const own = ownKeys(value);
    for (let index = 0; index < own.length; index++) {
      const key = own[index];
      if (typeof key === 'string' && key !== 'message' && key !== 'stack' && key !== 'name') keys[keys.length] = key;
    }
    const place = this.#count - 1;
    const around = this.#openErrors;
    this.#openErrors = { place, around };
    this.#properties(value as unknown as Record<string, unknown>, keys);
    this.#openErrors = around;
  }

  /** workerd cannot read an error that is a part of itself, unless something else stands between. */
  #requireNoOpenError(place: number): void {
    for (let open = this.#openErrors; open !== undefined; open = open.around) {
      if (open.place === place) throw markRemote(new NativeError(UNREADABLE));
    }
  }

  /** Of a class that only the worker knows. */
  #instance(value: object): void {
    if (!this.#instancesAsPlain || !isOwnInstance(value)) throw refusal(value);
    this.#plain(value);
  }

  #domException(value: DOMException): void {
    this.writer.byte(tag.DOM_EXCEPTION);
    this.writer.text(`${domExceptionName(value)}`);
    this.writer.text(`${domExceptionMessage(value)}`);
  }
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

function maxBytes(buffer: object): number {
  const bytes = bufferMaxBytes(buffer);
  if (bytes < RPC_LIMITS.maxStructureBytes) return bytes;
  throw cloneError(
    `An ArrayBuffer with a maxByteLength of ${bytes} could not be cloned: over RPC it has to be below ${RPC_LIMITS.maxStructureBytes}.`,
  );
}

function viewKind(value: object): number {
  const name = typedArrayName(value);
  for (let index = 0; index < VIEW_NAMES.length; index++) if (VIEW_NAMES[index] === name) return index;
  throw uncloneable('#<TypedArray>');
}

/** The bytes of a value that refers to nothing here. Throws DataCloneError. */
export function encodeDetached(value: unknown): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder(new ByteWriter(), null, false);
  encoder.value(value);
  return encoder.writer.finish();
}

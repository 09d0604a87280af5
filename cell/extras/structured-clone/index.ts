/**
 * The structured clone of everything that is more than a primitive. The engine's own clones what the engine knows; of the platform's
 * objects, which here are objects of JavaScript, it would make empty ones. So the graph is walked here, and what can be taken to be
 * whole (dates, regular expressions, buffers) goes to the engine one by one.
 */
import { compatFlag } from '../../compat.ts';
import { adoptException, NativeDOMException } from '../../dom-exception.ts';
import { shortFunctionText } from '../../function-text.ts';
import {
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  isArray,
  MapConstructor,
  mapForEach,
  mapGet,
  mapSet,
  NativeArray,
  nativeString,
  nativeStructuredClone,
  objectKeys,
  objectPrototype,
  ownKeys,
  reflectHas,
  SetConstructor,
  setAdd,
  setForEach,
} from '../../primordials.ts';
import { copyOfPlatformObject, isPrototypeOf, refuseToClone } from '../../scope-functions.ts';
import {
  dataViewBuffer,
  dataViewBytes,
  dataViewOffset,
  ERRORS,
  isAnyArrayBuffer,
  isArgumentsObject,
  isArrayBufferView,
  isBoxedPrimitive,
  isDataView,
  isDate,
  isMap,
  isNativeError,
  isProxy,
  isRegExp,
  isSet,
  NativeDataView,
  typedArrayName,
  VIEW_NAMES,
  VIEWS,
  viewBuffer,
  viewLength,
  viewOffset,
} from '../../value-primordials.ts';
import { RpcPromise, RpcProperty, RpcStub } from '../../rpc-classes.ts';
import { engineText, isOfEngine, kindOf, uncloneable } from '../rpc/refusals.ts';

/** A buffer that is to be transferred, or a view of one: it is made when everything else has been cloned without an error. */
class Moved {
  readonly buffer: ArrayBuffer;
  readonly make: (buffer: ArrayBuffer) => object;

  constructor(buffer: ArrayBuffer, make: (buffer: ArrayBuffer) => object) {
    this.buffer = buffer;
    this.make = make;
  }
}

/** In `ERRORS`: this class and those after it hold other errors. */
const KIND_OF_AGGREGATE = 7;
const itself = (buffer: ArrayBuffer): object => buffer;

/** @throws DataCloneError, and whatever a getter throws; nothing has been transferred then */
export function cloneGraph(value: unknown, transfer: readonly ArrayBuffer[]): unknown {
  const cloner = new Cloner(transfer);
  const copy = cloner.value(value);
  return cloner.finish(copy);
}

/** As an object literal does it: no setter on a prototype sees the value. */
function setOwn(object: object, key: string | number, value: unknown): void {
  defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The engine's clone of one value that holds no others. */
function cloneLeaf(value: object): object {
  try {
    return adoptException(nativeStructuredClone(value)) as object;
  } catch (error) {
    throw adoptException(error);
  }
}

const RPC_CLASSES: readonly { readonly name: string; readonly prototype: object }[] = [
  RpcStub as unknown as { readonly name: string; readonly prototype: object },
  RpcPromise,
  RpcProperty,
];

/** Stubs, promises and properties of RPC are functions, and shown as objects. */
function rpcText(value: object): string | undefined {
  for (let index = 0; index < RPC_CLASSES.length; index++) {
    const { name, prototype } = RPC_CLASSES[index] as (typeof RPC_CLASSES)[number];
    if (isPrototypeOf(prototype, value)) return `#<${name}>`;
  }
  return undefined;
}

class Cloner {
  /** Copies so far, by what they are copies of. */
  readonly #seen = new MapConstructor<object, object>();
  readonly #transfer: readonly ArrayBuffer[];
  /** By a buffer that is transferred: the new one. */
  readonly #received = new MapConstructor<ArrayBuffer, ArrayBuffer>();
  readonly #afterTransfer: (() => void)[] = [];

  constructor(transfer: readonly ArrayBuffer[]) {
    this.#transfer = transfer;
  }

  value(value: unknown): unknown {
    if (typeof value === 'symbol') throw uncloneable(nativeString(value));
    if (typeof value === 'function') throw uncloneable(rpcText(value) ?? shortFunctionText(value as () => void));
    return typeof value === 'object' && value !== null ? this.#object(value) : value;
  }

  /** Transfers, and puts what was transferred where it belongs. */
  finish(copy: unknown): unknown {
    if (this.#transfer.length > 0) this.#move();
    for (let index = 0; index < this.#afterTransfer.length; index++) (this.#afterTransfer[index] as () => void)();
    return this.#settled(copy);
  }

  #move(): void {
    const transfer = this.#transfer as ArrayBuffer[];
    const options = { __proto__: null, transfer } as StructuredSerializeOptions;
    let received: ArrayBuffer[];
    try {
      received = nativeStructuredClone(transfer, options);
    } catch (error) {
      throw adoptException(error);
    }
    for (let index = 0; index < transfer.length; index++) {
      mapSet(this.#received, transfer[index] as ArrayBuffer, received[index] as ArrayBuffer);
    }
  }

  #settled(copy: unknown): unknown {
    if (!(copy instanceof Moved)) return copy;
    const known = mapGet(this.#seen, copy);
    if (known !== undefined) return known;
    const made = copy.make(mapGet(this.#received, copy.buffer) as ArrayBuffer);
    mapSet(this.#seen, copy, made);
    return made;
  }

  #put(owner: object, key: string | number, copy: unknown): void {
    // Assigning is much cheaper than defining, and the same where no prototype has anything to say.
    if (reflectHas(owner, key)) setOwn(owner, key, copy);
    else (owner as Record<string, unknown>)[key] = copy;
    if (this.#transfer.length > 0 && copy instanceof Moved) {
      this.#afterTransfer[this.#afterTransfer.length] = () => setOwn(owner, key, this.#settled(copy));
    }
  }

  #object(value: object): object {
    const seen = mapGet(this.#seen, value);
    if (seen !== undefined) return seen;
    // What V8 says of it; it looks into no proxy.
    if (isProxy(value)) throw uncloneable(isArray(value) ? '[object Object]' : '#<Object>');
    if (isArray(value)) return this.#array(value);
    if (getPrototypeOf(value) === objectPrototype && !isArgumentsObject(value)) return this.#plain(value);
    return this.#special(value);
  }

  #known<T extends object>(value: object, copy: T): T {
    mapSet(this.#seen, value, copy);
    return copy;
  }

  #plain(value: object): object {
    return this.#properties(value, this.#known(value, {}));
  }

  #array(value: readonly unknown[]): object {
    const copy = this.#known(value, new NativeArray(value.length) as unknown[]);
    const keys = objectKeys(value);
    // Indexes come first: when the last key is the last index there are neither holes nor other properties.
    if (keys.length !== value.length || keys[value.length - 1] !== `${value.length - 1}`)
      return this.#properties(value, copy, keys);
    for (let index = 0; index < keys.length; index++) this.#put(copy, index, this.value(value[index]));
    return copy;
  }

  #properties(value: object, copy: object, keys = objectKeys(value)): object {
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const item = (value as Record<string, unknown>)[key];
      // A getter may have deleted it.
      if (item === undefined && !hasOwn(value, key)) continue;
      this.#put(copy, key, typeof item === 'object' && item !== null ? this.#object(item) : this.value(item));
    }
    return copy;
  }

  #special(value: object): object {
    // The engine takes a DOMException for an error of its own.
    if (value instanceof NativeDOMException) return this.#known(value, cloneLeaf(value));
    if (isNativeError(value)) {
      return compatFlag('enhanced_error_serialization') ? this.#error(value as Error) : this.#bareError(value as Error);
    }
    if (isMap(value)) return this.#map(value as Map<unknown, unknown>);
    if (isSet(value)) return this.#set(value as Set<unknown>);
    if (isArrayBufferView(value)) return this.#view(value);
    if (isAnyArrayBuffer(value)) return this.#buffer(value as ArrayBuffer);
    if (isDate(value) || isRegExp(value) || isBoxedPrimitive(value)) return this.#known(value, cloneLeaf(value));
    refuseToClone(value);
    const copy = copyOfPlatformObject(value);
    if (copy !== undefined) return this.#known(value, copy);
    if (isOfEngine(value)) throw uncloneable(engineText(value));
    return this.#plain(value);
  }

  #map(value: Map<unknown, unknown>): object {
    const copy = this.#known(value, new MapConstructor<unknown, unknown>());
    // A getter further down may change the map: what was there first is cloned.
    const entries: unknown[] = [];
    mapForEach(value, (item, key) => {
      entries[entries.length] = key;
      entries[entries.length] = item;
    });
    this.#fill(entries, () => {
      for (let at = 0; at < entries.length; at += 2) {
        mapSet(copy, this.#settled(entries[at]), this.#settled(entries[at + 1]));
      }
    });
    return copy;
  }

  #set(value: Set<unknown>): object {
    const copy = this.#known(value, new SetConstructor<unknown>());
    const entries: unknown[] = [];
    setForEach(value, (item) => {
      entries[entries.length] = item;
    });
    this.#fill(entries, () => {
      for (let at = 0; at < entries.length; at++) setAdd(copy, this.#settled(entries[at]));
    });
    return copy;
  }

  /** Entries have an order: all of them are put in at once, if need be after the transfer. */
  #fill(entries: unknown[], fill: () => void): void {
    for (let index = 0; index < entries.length; index++) entries[index] = this.value(entries[index]);
    if (this.#transfer.length === 0) fill();
    else this.#afterTransfer[this.#afterTransfer.length] = fill;
  }

  #view(value: object): object {
    const [buffer, make] = isDataView(value) ? ofDataView(value) : ofTypedArray(value);
    const copy = this.#object(buffer);
    if (copy instanceof Moved) return this.#known(value, new Moved(copy.buffer, make));
    return this.#known(value, make(copy as ArrayBuffer));
  }

  #buffer(value: ArrayBuffer): object {
    for (let index = 0; index < this.#transfer.length; index++) {
      if (this.#transfer[index] === value) return this.#known(value, new Moved(value, itself));
    }
    return this.#known(value, cloneLeaf(value));
  }

  /** With all its own properties, which all become enumerable, the stack first. Its name decides of which class it is. */
  #error(error: Error): object {
    const type = ERRORS[kindOf(error.name)] as ErrorConstructor;
    const message: unknown = getOwnPropertyDescriptor(error, 'message')?.value;
    const text = message === undefined ? undefined : nativeString(message);
    const copy = this.#known(error, construct(type, argumentsOf(type, text)) as object);
    setOwn(copy, 'stack', error.stack);
    const keys = ownKeys(error);
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index];
      if (typeof key !== 'string' || key === 'stack' || key === 'message') continue;
      this.#put(copy, key, this.value(error[key as keyof Error]));
    }
    return copy;
  }

  /** Before 2026-04-21: only what the engine keeps of every error, and only the classes that hold no others. */
  #bareError(error: Error): object {
    const { stack } = error;
    const type = ERRORS[bareKindOf(error.name)] as ErrorConstructor;
    const message: unknown = getOwnPropertyDescriptor(error, 'message')?.value;
    const copy = construct(type, [message === undefined ? undefined : nativeString(message)]) as object;
    const value = typeof stack === 'string' ? stack : undefined;
    defineProperty(copy, 'stack', { value, writable: true, enumerable: false, configurable: true });
    this.#known(error, copy);
    const cause = getOwnPropertyDescriptor(error, 'cause');
    if (cause !== undefined) {
      const held = this.value(error.cause);
      const put = (of: unknown): void =>
        void defineProperty(copy, 'cause', { value: of, writable: true, enumerable: false, configurable: true });
      if (held instanceof Moved) this.#afterTransfer[this.#afterTransfer.length] = () => put(this.#settled(held));
      else put(held);
    }
    return copy;
  }
}

function bareKindOf(name: unknown): number {
  const kind = kindOf(name);
  return kind < KIND_OF_AGGREGATE ? kind : 0;
}

/** The two classes that hold other errors get these as properties, like any. */
function argumentsOf(type: unknown, message: string | undefined): unknown[] {
  if (type === ERRORS[7]) return [[], message];
  return type === ERRORS[8] ? [undefined, undefined, message] : [message];
}

type View = readonly [buffer: ArrayBuffer, make: (buffer: ArrayBuffer) => object];

function ofDataView(value: object): View {
  const [offset, length] = [dataViewOffset(value), dataViewBytes(value)];
  return [dataViewBuffer(value), (buffer) => new NativeDataView(buffer, offset, length)];
}

function ofTypedArray(value: object): View {
  const name = typedArrayName(value);
  const [offset, length] = [viewOffset(value), viewLength(value)];
  const make = (buffer: ArrayBuffer): object => {
    for (let index = 0; index < VIEW_NAMES.length; index++) {
      if (VIEW_NAMES[index] === name) return construct(VIEWS[index] as never, [buffer, offset, length]) as object;
    }
    throw uncloneable('#<Object>');
  };
  return [viewBuffer(value), make];
}

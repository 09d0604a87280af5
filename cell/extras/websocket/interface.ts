/** What workerd's interfaces have in common, for the classes of this extra. */
import {
  apply,
  arrayBufferIsView,
  defineProperty,
  eventTargetAdd,
  getOwnPropertyDescriptor,
  isArrayBuffer,
  NativeDOMException,
  NativeUint8Array,
  ownKeys,
  symbolToStringTag,
} from '../../primordials.ts';

type AnyFunction = (...args: never[]) => unknown;

/** A function in the property `on<type>` is called before the listeners that were added. */
export function addAttributeListeners(target: EventTarget, types: readonly string[]): void {
  for (let index = 0; index < types.length; index++) {
    const attribute = `on${types[index] as string}`;
    eventTargetAdd(target, types[index] as string, (event) => {
      const handler = (target as unknown as Record<string, unknown>)[attribute];
      if (typeof handler === 'function') apply(handler as AnyFunction, target, [event]);
    });
  }
}

/** Members of an interface are enumerable, and its objects are tagged with its name. Run before user code has the class. */
export function exposeInterface(constructor: { readonly prototype: object }, name: string): void {
  const { prototype } = constructor;
  for (const key of ownKeys(prototype)) {
    const isHidden = key === 'constructor' || typeof key === 'symbol';
    if (!isHidden && getOwnPropertyDescriptor(prototype, key)?.configurable === true) {
      defineProperty(prototype, key, { enumerable: true });
    }
  }
  defineProperty(prototype, symbolToStringTag, { value: name, writable: true, enumerable: false, configurable: true });
}

/** The bytes of a buffer or a view, not copied; undefined for anything else. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (isArrayBuffer(value)) return new NativeUint8Array(value);
  if (!arrayBufferIsView(value)) return undefined;
  return new NativeUint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
}

/** The message of the `error` event for an exception. */
export function uncaughtMessage(error: unknown): string {
  try {
    return `Uncaught ${error instanceof NativeDOMException ? '' : String(error)}`;
  } catch {
    return 'Uncaught ';
  }
}

/**
 * `DOMException` as Workers has it: what it says are own properties of each exception. Those that Deno itself makes keep its getters, on a
 * prototype of their own between them and the one that user code sees.
 */
const {
  apply,
  construct,
  defineProperty,
  deleteProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  ownKeys,
  setPrototypeOf,
} = Reflect;
const NativeTypeError = TypeError;
const Native = DOMException;

const nativePrototype = Native.prototype as object;
const visiblePrototype = Object.create(Error.prototype) as object;

/** Deno's getters refuse an object without its prototype; where they read is there in either kind of exception. */
function reader<T>(description: string): (exception: DOMException) => T {
  const slot = ownKeys(new Native()).find((key) => typeof key === 'symbol' && key.description === description);
  if (slot === undefined) throw new NativeTypeError(`No slot for ${description}`);
  return (exception) => (exception as unknown as Record<PropertyKey, T>)[slot] as T;
}

export const domExceptionName = reader<string>('name');
export const domExceptionMessage = reader<string>('message');
export const domExceptionCode = reader<number>('code');

interface DOMExceptionClass {
  new (message?: string, name?: string): DOMException;
  readonly prototype: DOMException;
}

const readOnly = (value: unknown): PropertyDescriptor => ({
  // @ts-expect-error -- a descriptor inherits nothing, whatever user code did to Object.prototype
  __proto__: null,
  value,
  writable: false,
  enumerable: true,
  configurable: true,
});

function showStack(exception: object): void {
  const { get, value: text } = getOwnPropertyDescriptor(exception, 'stack') ?? {};
  const stack = get === undefined ? text : apply(get, exception, []);
  deleteProperty(exception, 'stack');
  const accessor: PropertyDescriptor = {
    get: () => stack as unknown,

    enumerable: true,
    configurable: true,
  };
  setPrototypeOf(accessor, null);
  defineProperty(exception, 'stack', accessor);
}

const UNLISTED = Object.freeze({ __proto__: null, enumerable: false }) as PropertyDescriptor;

/** What the exception says, as own properties. Deno keeps it under symbols, which at least are not copied along with these. */
function showProperties(exception: DOMException): void {
  for (const key of ownKeys(exception)) {
    if (typeof key !== 'symbol' || getOwnPropertyDescriptor(exception, key)?.configurable !== true) continue;
    defineProperty(exception, key, UNLISTED);
  }
  defineProperty(exception, 'code', readOnly(domExceptionCode(exception)));
  defineProperty(exception, 'name', readOnly(domExceptionName(exception)));
  defineProperty(exception, 'message', readOnly(domExceptionMessage(exception)));
  showStack(exception);
}

/** Makes an exception of Deno's one of Workers'; any other value stays as it is. */
export function adoptException(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || getPrototypeOf(value) !== nativePrototype) return value;
  showProperties(value as DOMException);
  setPrototypeOf(value, visiblePrototype);
  return value;
}

const holder = {
  DOMException: function (this: unknown, ...args: unknown[]): object {
    if (new.target === undefined) {
      throw new NativeTypeError(
        "Failed to construct 'DOMException': Please use the 'new' operator, this object constructor cannot be called as a function.",
      );
    }
    const message = args[0] === undefined ? '' : `${args[0] as string}`;
    const name = args[1] === undefined ? 'Error' : `${args[1] as string}`;
    const exception = construct(Native, [message, name], new.target) as DOMException;
    showProperties(exception);
    return exception;
  },
};

export const NativeDOMException = holder.DOMException as unknown as DOMExceptionClass;

/** What an `AbortSignal` is aborted with by itself. */
export function abortException(message: string, name: string): DOMException {
  const exception = new NativeDOMException(message, name);
  defineProperty(exception, 'retryable', { ...readOnly(true), writable: true });
  return exception;
}

function copyConstants(from: object, to: object): void {
  for (const key of ownKeys(from)) {
    const descriptor = getOwnPropertyDescriptor(from, key) as PropertyDescriptor;
    if (typeof descriptor.value === 'number' && key !== 'length')
      defineProperty(to, key, { ...descriptor, configurable: true });
  }
}

copyConstants(Native, NativeDOMException);
copyConstants(nativePrototype, visiblePrototype);
defineProperty(NativeDOMException, 'length', { value: 0, configurable: true });
defineProperty(NativeDOMException, 'prototype', { value: visiblePrototype, writable: true, enumerable: false });
const hidden = { writable: true, enumerable: false, configurable: true };
defineProperty(visiblePrototype, 'constructor', { value: NativeDOMException, ...hidden });
defineProperty(visiblePrototype, Symbol.toStringTag, { value: 'DOMException', configurable: true });
for (const key of ['constructor', Symbol.toStringTag]) deleteProperty(nativePrototype, key);
setPrototypeOf(nativePrototype, visiblePrototype);
defineProperty(globalThis, 'DOMException', { value: NativeDOMException, ...hidden });

const brand = ownKeys(new Native()).find((key) => typeof key === 'symbol' && key.description === 'name') as symbol;
const nativeIsError = (Error as unknown as { isError?: (value: unknown) => boolean }).isError;
if (nativeIsError !== undefined) {
  const { isError } = {
    /** To Workers' engine a DOMException is none of its errors. */
    isError: (value: unknown): boolean =>
      nativeIsError(value) && getOwnPropertyDescriptor(value as object, brand) === undefined,
  };
  defineProperty(Error, 'isError', { value: isError, ...hidden });
}

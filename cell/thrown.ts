/** An exception on its way to the worker that called: out of the one cell as text, and back into an error in the other. */
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import {
  ERROR_KINDS,
  type ErrorKind,
  type Failure,
  MAX_THROWN_PROPERTIES,
  type ThrownError,
} from '../shared/protocol.ts';
import { toFailure } from './console.ts';
import { loadExtra } from './extras.ts';
import {
  defineProperty,
  errorToString,
  getOwnPropertyDescriptor,
  hasOwn,
  NativeAggregateError,
  NativeDOMException,
  NativeError,
  NativeEvalError,
  NativeRangeError,
  NativeReferenceError,
  NativeSyntaxError,
  NativeTypeError,
  NativeURIError,
  objectKeys,
  promiseResolve,
  promiseThen,
  stringIndexOf,
  stringSlice,
} from './primordials.ts';
import type { RpcRuntime } from './rpc-classes.ts';

/** Texts of own properties that are longer do not cross. */
const MAX_PROPERTY_TEXT = 1024;

const CONSTRUCTORS = {
  __proto__: null,
  Error: NativeError,
  EvalError: NativeEvalError,
  RangeError: NativeRangeError,
  ReferenceError: NativeReferenceError,
  SyntaxError: NativeSyntaxError,
  TypeError: NativeTypeError,
  URIError: NativeURIError,
} as unknown as Readonly<Record<ErrorKind, new (message: string) => Error>>;

/** The text of what was thrown, and what of it the calling worker is to see. Never throws, whatever the value's getters do. */
export function toThrownFailure(error: unknown): Failure {
  const failure = toFailure(error);
  try {
    if (isSimple(error)) return { ...failure, thrown: shortForm(error) };
    const value = encodedValue(error);
    return { ...failure, thrown: value === undefined ? shortForm(error) : { kind: 'Error', own: {}, value } };
  } catch {
    return failure;
  }
}

const shortForm = (error: unknown): ThrownError => ({
  kind: kindOf(error),
  own: error instanceof NativeError && !(error instanceof NativeDOMException) ? ownOf(error) : {},
});

/** Nothing would be lost if only class, texts and plain properties went. */
function isSimple(error: unknown): boolean {
  if (error instanceof NativeDOMException) return true;
  if (!(error instanceof NativeError)) return typeof error === 'string';
  if (hasOwn(error, 'cause') || hasOwn(error, 'errors') || hasOwn(error, 'suppressed')) return false;
  const keys = objectKeys(error);
  if (keys.length > MAX_THROWN_PROPERTIES) return false;
  for (let index = 0; index < keys.length; index++) {
    const own = getOwnPropertyDescriptor(error, keys[index] as string);
    if (own === undefined || own.get !== undefined || !crosses(own.value)) return false;
  }
  return true;
}

function encodedValue(error: unknown): string | undefined {
  const value = loadExtra<RpcRuntime>('rpc').encodeThrownValue(error);
  return value.length > CHANNEL_LIMITS.maxThrownValueChars ? undefined : value;
}

/** As in V8's own clone, an error's name decides of which class it arrives. */
function kindOf(error: unknown): ErrorKind {
  if (error instanceof NativeDOMException) return 'DOMException';
  if (!(error instanceof NativeError)) return 'Error';
  for (let index = 0; index < ERROR_KINDS.length - 1; index++) {
    if (ERROR_KINDS[index] === error.name) return ERROR_KINDS[index] as ErrorKind;
  }
  return 'Error';
}

function ownOf(error: Error): ThrownError['own'] {
  const own = { __proto__: null } as unknown as Record<string, string | number | boolean | null>;
  const keys = objectKeys(error);
  for (let index = 0, kept = 0; index < keys.length && kept < MAX_THROWN_PROPERTIES; index++) {
    const key = keys[index] as string;
    if (key === 'message' || key === 'stack' || key === 'remote') continue;
    const value = (error as unknown as Record<string, unknown>)[key];
    if (!crosses(value)) continue;
    own[key] = value;
    kept++;
  }
  return own;
}

const crosses = (value: unknown): value is string | number | boolean | null =>
  value === null ||
  typeof value === 'number' ||
  typeof value === 'boolean' ||
  (typeof value === 'string' && value.length <= MAX_PROPERTY_TEXT);

/** What the caller catches: of the same built-in class, with `remote: true`. It comes from another worker: what cannot be read is left out. */
export function rebuildThrown({ name, message }: Failure, { kind, own, value }: ThrownError): unknown {
  if (value !== undefined) {
    try {
      return loadExtra<RpcRuntime>('rpc').decodeThrownValue(value);
    } catch {
      // What is known without it will do.
    }
  }
  const error = newError(kind, name, message);
  const keys = objectKeys(own);
  for (let index = 0; index < keys.length; index++) setOwn(error, keys[index] as string, own[keys[index] as string]);
  setOwn(error, 'remote', true);
  showHeaderOnly(error);
  return error;
}

function newError(kind: ErrorKind, name: string, message: string): Error {
  if (kind === 'DOMException') return new NativeDOMException(message, name);
  if (kind === 'AggregateError') return new NativeAggregateError([], message);
  return new CONSTRUCTORS[kind](message);
}

const setOwn = (object: object, key: string, value: unknown): void => {
  defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
};

/**
 * A promise that rejects with a thrown value whose stack says, as on Workers, who awaits it here. The engine knows that only while it
 * runs a reaction that the promise comes from, and once those who wait for it are known: so two turns later.
 */
export function rejection(thrown: unknown): Promise<never> {
  return promiseThen(promiseThen(promiseResolve(undefined), nothing), () => {
    if (thrown instanceof NativeError) showAwaiting(thrown);
    throw thrown;
  });
}

const nothing = (): void => undefined;

function showAwaiting(error: Error): void {
  const { stack } = new NativeError();
  if (typeof stack !== 'string') return;
  const end = stringIndexOf(stack, '\n');
  if (end >= 0) error.stack += stringSlice(stack, end);
}

/** An error of another worker brings no frames: whose they are is nobody's business here. */
export function showHeaderOnly(error: Error): void {
  let header = 'Error';
  try {
    header = errorToString(error);
  } catch {
    // A name or message that is no text.
  }
  defineProperty(error, 'stack', { value: header, writable: true, configurable: true, enumerable: false });
}

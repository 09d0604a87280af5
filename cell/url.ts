/** `URL` and `URLSearchParams`: Deno's, with the argument checks and the words of Workers. */
import { replaceConstructor } from './constructors.ts';
import {
  apply,
  construct,
  defineProperty,
  NativeError,
  NativeTypeError,
  NativeURL,
  objectKeys,
} from './primordials.ts';
import { constructorParameterError, illegalInvocation, isObject, parameterError } from './webidl.ts';

const NativeURLSearchParams = URLSearchParams;
const NativeURLPattern = URLPattern;
const { canParse, parse } = NativeURL;

const statics = {
  canParse(...args: unknown[]): boolean {
    if (args.length === 0) throw parameterError('canParse', 'URL', 1, 'USVString');
    return canParse(args[0] as string, args[1] as string);
  },

  parse(...args: unknown[]): URL | null {
    if (args.length === 0) throw parameterError('parse', 'URL', 1, 'USVString');
    return apply(parse as (...args: never[]) => unknown, NativeURL, args as never[]) as URL | null;
  },

  createObjectURL(): never {
    throw new NativeError('URL.createObjectURL() is not implemented');
  },

  revokeObjectURL(): never {
    throw new NativeError('URL.revokeObjectURL() is not implemented');
  },
};

function constructUrl(args: unknown[], newTarget: never): object {
  if (args.length === 0) throw constructorParameterError('URL', 1, 'USVString');
  const text = `${args[0] as string}`;
  const base = args[1] === undefined ? undefined : `${args[1] as string}`;
  try {
    return construct(NativeURL, base === undefined ? [text] : [text, base], newTarget) as object;
  } catch {
    throw new NativeTypeError('Invalid URL string.');
  }
}

/** Pairs that are none are refused in workerd's words; of a record the properties whose key is a symbol are no parameters. */
function constructSearchParams(args: unknown[], newTarget: never): object {
  const init = args[0];
  try {
    return construct(
      NativeURLSearchParams,
      init === undefined ? [] : [isRecord(init) ? pairsOf(init) : init],
      newTarget,
    );
  } catch (error) {
    throw codeOf(error) === 'ERR_INVALID_TUPLE' ? new NativeTypeError('Invalid URL search params sequence.') : error;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === undefined;

function pairsOf(record: Record<string, unknown>): [string, string][] {
  const keys = objectKeys(record);
  const pairs: [string, string][] = [];
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    pairs[index] = [key, `${record[key] as string}`];
  }
  return pairs;
}

const codeOf = (error: unknown): unknown => (isObject(error) ? (error as { code?: unknown }).code : undefined);

/** Methods of URLSearchParams, with the types of the parameters they cannot do without. */
const SEARCH_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  append: ['USVString', 'USVString'],
  delete: ['USVString'],
  forEach: ['function'],
  get: ['USVString'],
  getAll: ['USVString'],
  has: ['USVString'],
  set: ['USVString', 'USVString'],
};

type Method = (...args: never[]) => unknown;

/** Deno's method behind a check of what is there; its own complaints have codes of Node's, which those of Workers have not. */
function checkedMethod(name: string, native: Method, types: readonly string[]): Method {
  return {
    [name](this: unknown, ...args: unknown[]): unknown {
      for (let index = 0; index < types.length; index++) {
        const type = types[index] as string;
        const isThere = type === 'function' ? typeof args[index] === type : index < args.length;
        if (!isThere) throw parameterError(name, 'URLSearchParams', index + 1, type);
      }
      try {
        return apply(native, this as never, args as never[]);
      } catch (error) {
        throw codeOf(error) === 'ERR_INVALID_THIS' ? illegalInvocation() : error;
      }
    },
  }[name] as Method;
}

function installSearchParams(): void {
  const prototype = NativeURLSearchParams.prototype as unknown as Record<string, Method>;
  for (const [name, types] of Object.entries(SEARCH_PARAMETERS)) {
    const value = checkedMethod(name, prototype[name] as Method, types);
    defineProperty(value, 'length', { value: 0, configurable: true });
    defineProperty(prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
  replaceConstructor('URLSearchParams', NativeURLSearchParams, constructSearchParams);
}

function constructPattern(args: unknown[], newTarget: never): object {
  try {
    return construct(NativeURLPattern, args, newTarget);
  } catch (error) {
    if (!(error instanceof NativeTypeError)) throw error;
    throw new NativeTypeError('Failed to construct URLPattern');
  }
}

/** `test()` and `exec()` of nothing ask about a URL of which nothing is known. */
function installPattern(): void {
  const prototype = NativeURLPattern.prototype as unknown as Record<string, Method>;
  for (const name of ['test', 'exec']) {
    const native = prototype[name] as Method;
    const method = {
      [name](this: unknown, ...args: unknown[]): unknown {
        return apply(native, this as never, (args.length === 0 ? [{}] : args) as never[]);
      },
    }[name] as Method;
    defineProperty(method, 'length', { value: 0, configurable: true });
    defineProperty(prototype, name, { value: method, writable: true, enumerable: true, configurable: true });
  }
  replaceConstructor('URLPattern', NativeURLPattern, constructPattern);
}

export function installUrl(): void {
  for (const [name, value] of Object.entries(statics)) {
    defineProperty(NativeURL, name, { value, writable: true, enumerable: true, configurable: true });
  }
  replaceConstructor('URL', NativeURL, constructUrl);
  installSearchParams();
  installPattern();
}

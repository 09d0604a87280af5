/** `URL` and `URLSearchParams`: Deno's, with the argument checks and the words of Workers. */
import { compatFlag } from './compat.ts';
import { replaceConstructor } from './constructors.ts';
import {
  apply,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  NativeError,
  NativeTypeError,
  NativeURL,
  objectKeys,
  regExpExec,
  stringIndexOf,
  stringSlice,
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

  createObjectURL(...args: unknown[]): never {
    if (args.length === 0) throw parameterError('createObjectURL', 'URL', 1, 'File or Blob');
    throw new NativeError('URL.createObjectURL() is not implemented');
  },

  revokeObjectURL(...args: unknown[]): never {
    if (args.length === 0) throw parameterError('revokeObjectURL', 'URL', 1, 'USVString');
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

/** What Deno's accessors say of a URL without a host whose path begins with two slashes (`web:/.//path`). */
const NO_HOST: Readonly<Record<string, string>> = { host: '/.', port: '.' };

function installHostAccessors(): void {
  const prototype = NativeURL.prototype;
  for (const name of ['host', 'port']) {
    const descriptor = getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor & { get(): string };
    const { get } = {
      get(this: URL): string {
        const value: string = apply(descriptor.get, this, []);
        return value === NO_HOST[name] ? '' : value;
      },
    };
    defineProperty(get, 'name', { value: descriptor.get.name, configurable: true });
    defineProperty(prototype, name, { ...descriptor, get });
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

/** Before they followed the standard, patterns given as a text matched nothing in what the text does not name. */
function withoutWildcards(pattern: URLPattern, text: string, newTarget: never): object {
  const named = { username: '@', password: '*@', search: '?*', hash: '#*' };
  const { protocol, hostname, port, pathname } = pattern;
  const init: Record<string, string> = { protocol, hostname, port, pathname };
  const names = objectKeys(named) as (keyof typeof named)[];
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as keyof typeof named;
    const value = pattern[name];
    init[name] = value === '*' && stringIndexOf(text, named[name]) < 0 ? '' : value;
  }
  return construct(NativeURLPattern, [init], newTarget);
}

function constructPattern(args: unknown[], newTarget: never): object {
  try {
    const pattern = construct(NativeURLPattern, args, newTarget) as URLPattern;
    const text = args[0];
    if (typeof text !== 'string' || compatFlag('urlpattern_standard')) return pattern;
    return withoutWildcards(pattern, text, newTarget);
  } catch (error) {
    if (!(error instanceof NativeTypeError)) throw error;
    throw new NativeTypeError('Failed to construct URLPattern');
  }
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** A text that is no URL by itself is the end of one of which the rest is empty. Undefined: it is none of these. */
function relativeParts(text: string): Record<string, string> | undefined {
  if (canParse(text) || regExpExec(SCHEME, text) !== null) return undefined;
  const base = 'https://relative';
  if (!canParse(text, base)) return undefined;
  const url = new NativeURL(text, base);
  const { pathname, search, hash } = url;
  const hasPath = text !== '' && text[0] !== '?' && text[0] !== '#';
  const rest = { protocol: '', username: '', password: '', hostname: '', port: '' };
  return {
    ...rest,
    pathname: hasPath ? pathname : '',
    search: stringSlice(search, 1),
    hash: stringSlice(hash, 1),
  };
}

/** `test()` and `exec()` of nothing ask about a URL of which nothing is known. */
function installPattern(): void {
  const prototype = NativeURLPattern.prototype as unknown as Record<string, Method>;
  for (const name of ['test', 'exec']) {
    const native = prototype[name] as Method;
    const ask = (pattern: unknown, input: unknown): unknown => apply(native, pattern as never, [input] as never[]);
    const method = {
      [name](this: unknown, ...args: unknown[]): unknown {
        const input = args[0];
        if (args.length === 0) return ask(this, {});
        if (typeof input !== 'string' || args[1] !== undefined || !compatFlag('urlpattern_standard')) {
          return apply(native, this as never, args as never[]);
        }
        const parts = relativeParts(input);
        if (parts === undefined) return ask(this, input);
        const found = ask(this, parts);
        if (isObject(found)) (found as { inputs: unknown }).inputs = [input];
        return found;
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
  installHostAccessors();
  installSearchParams();
  installPattern();
}

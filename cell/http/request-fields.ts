/** What the fields of a Request's init dictionary may be, and with which words anything else is refused. */
import { compatFlag } from '../compat.ts';
import { NativeTypeError, signalAborted } from '../primordials.ts';
import { badField, isObject, notImplementedField } from './shape.ts';
import { matches, toText, toUpperCase } from './text.ts';

const METHODS =
  /^(?:GET|HEAD|POST|PUT|DELETE|PATCH|PURGE|OPTIONS|TRACE|COPY|LOCK|MKCOL|MOVE|PROPFIND|PROPPATCH|SEARCH|UNLOCK|ACL|REPORT|MKACTIVITY|CHECKOUT|MERGE|MSEARCH|NOTIFY|SUBSCRIBE|UNSUBSCRIBE|QUERY|BAN)$/;
/** Fetch standard, "normalize a method": only these may be written in any case. */
const NORMALIZED_METHODS = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/;
export const DICTIONARY = 'RequestInitializerDict';
const REDIRECT_ERROR =
  'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not make sense at the edge; use "manual" and check the response status code).';

/** Whether a value is a binding that a request can be sent through. Set by who makes them. */
let isFetcher: (value: object) => boolean = () => false;
export const setFetcherCheck = (check: (value: object) => boolean): void => {
  isFetcher = check;
};

/** The method as it goes out: normalised as the worker's flags say. Throws TypeError. */
export function readMethod(text: string): string {
  const upper = toUpperCase(text);
  const method = compatFlag('upper_case_all_http_methods') || matches(NORMALIZED_METHODS, upper) ? upper : text;
  if (!matches(METHODS, method)) throw new NativeTypeError(`Invalid HTTP method string: ${text}`);
  return method;
}

/** Throws TypeError for `error` too, in the words of the runtime. */
export function readRedirect(text: string): 'follow' | 'manual' {
  const mode = toUpperCase(text);
  if (mode === 'FOLLOW') return 'follow';
  if (mode === 'MANUAL') return 'manual';
  throw new NativeTypeError(REDIRECT_ERROR);
}

/** A binding that the request is to be sent through, or null. Throws TypeError. */
export function readFetcher(value: unknown): object | null {
  if (value === null) return null;
  if (isObject(value) && isFetcher(value)) return value;
  throw badField('fetcher', DICTIONARY, 'Fetcher');
}

/** A cache mode that the worker's flags allow. Throws TypeError. */
export function readCache(value: unknown): string {
  if (!compatFlag('cache_option_enabled')) throw notImplementedField('cache', DICTIONARY);
  const mode = toText(value);
  const allowed =
    mode === 'no-store' ||
    (mode === 'no-cache' && compatFlag('cache_no_cache_enabled')) ||
    (mode === 'reload' && compatFlag('cache_reload_enabled'));
  if (!allowed) throw new NativeTypeError(`Unsupported cache mode: ${mode}`);
  return mode;
}

/** Throws TypeError when the value is no AbortSignal, whatever its prototype says. */
export function requireSignal(value: unknown): AbortSignal {
  try {
    signalAborted(value as AbortSignal);
    return value as AbortSignal;
  } catch {
    throw badField('signal', DICTIONARY, 'AbortSignal');
  }
}

/** `encodeBody` and `encodeResponseBody`. */
export function readEncoding(mode: string, field: string): 'automatic' | 'manual' {
  if (mode === 'automatic' || mode === 'manual') return mode;
  throw new NativeTypeError(`${field}: unexpected value: ${mode}`);
}

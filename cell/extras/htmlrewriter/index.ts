/**
 * `HTMLRewriter`, as in https://developers.cloudflare.com/workers/runtime-apis/html-rewriter/. Loaded when a worker first names it.
 */
import {
  defineProperty,
  MapConstructor,
  mapGet,
  mapSet,
  mapSize,
  NativeTypeError,
  streamLocked,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  stringTrim,
  symbolToStringTag,
  weakMapGet,
  weakMapSet,
  WeakMapConstructor,
} from '../../primordials.ts';
import { compatFlag } from '../../compat.ts';
import { isResponse, isUsed, listGet, Response, responseList, responseType, streamBehind } from '../../http/index.ts';
import { illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import { dictionaryParameter, functionMember, stringParameter } from './arguments.ts';
import { encodingOf } from './encodings.ts';
import { acquireEngine } from './engine.ts';
import { type Handlers, lockedError, rewriteStream } from './rewrite.ts';
import { normaliseSelector } from './selectors.ts';

const registered = new WeakMapConstructor<object, Handlers[]>();

function handlersOf(rewriter: unknown): Handlers[] {
  const handlers = isObject(rewriter) ? weakMapGet(registered, rewriter) : undefined;
  if (handlers === undefined) throw illegalInvocation();
  return handlers as Handlers[];
}

/** A function and not a class: called without `new` it has its own words for that. */
export const HTMLRewriter = function HTMLRewriter(this: object) {
  if (new.target === undefined) {
    throw new NativeTypeError(
      "Failed to construct 'HTMLRewriter': Please use the 'new' operator, this object constructor cannot be called as a function.",
    );
  }
  weakMapSet(registered, this, []);
} as unknown as new () => object;

/** Methods take their arguments as a list: their `length` is 0, and a missing one is not the same as undefined. */
const methods = {
  on(this: unknown, ...args: unknown[]): unknown {
    const handlers = handlersOf(this);
    const selector = stringParameter('HTMLRewriter', 'on', args, 0);
    const given = dictionaryParameter('HTMLRewriter', 'on', args, 1, 'ElementContentHandlers');
    const element = functionMember(given, 'element', 'ElementContentHandlers');
    const comments = functionMember(given, 'comments', 'ElementContentHandlers');
    const text = functionMember(given, 'text', 'ElementContentHandlers');
    handlers[handlers.length] = { selector: checkSelector(selector), self: args[1], element, comments, text };
    return this;
  },

  onDocument(this: unknown, ...args: unknown[]): unknown {
    const handlers = handlersOf(this);
    const given = dictionaryParameter('HTMLRewriter', 'onDocument', args, 0, 'DocumentContentHandlers');
    const doctype = functionMember(given, 'doctype', 'DocumentContentHandlers');
    const comments = functionMember(given, 'comments', 'DocumentContentHandlers');
    const text = functionMember(given, 'text', 'DocumentContentHandlers');
    const end = functionMember(given, 'end', 'DocumentContentHandlers');
    handlers[handlers.length] = { selector: undefined, self: args[0], doctype, comments, text, end };
    return this;
  },

  transform(this: unknown, ...args: unknown[]): Response {
    const handlers = handlersOf(this);
    const response = args[0];
    if (!isResponse(response)) throw parameterError('transform', 'HTMLRewriter', 1, 'Response');
    if (responseType(response) === 'error') {
      throw new NativeTypeError('HTMLRewriter cannot transform an error response');
    }
    const body = streamBehind(response);
    if (body === null) return response;
    const charset = charsetOf(listGet(responseList(response), 'content-type'));
    const encoding = charset === '' ? undefined : encodingOf(charset);
    if (streamLocked(body) || isUsed(response)) throw lockedError();
    const copies: Handlers[] = [];
    for (let index = 0; index < handlers.length; index++) copies[index] = handlers[index] as Handlers;
    const stream = rewriteStream(body, {
      handlers: copies,
      encoding,
      esiTags: compatFlag('html_rewriter_treats_esi_include_as_void_tag'),
    });
    return new Response(stream, response);
  },
};

function define(name: 'on' | 'onDocument' | 'transform'): void {
  defineProperty(HTMLRewriter.prototype, name, {
    value: methods[name],
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
define('on');
define('onDocument');
define('transform');
if (compatFlag('set_tostring_tag')) {
  defineProperty(HTMLRewriter.prototype, symbolToStringTag, { value: 'HTMLRewriter', configurable: true });
}
defineProperty(HTMLRewriter, 'prototype', { writable: false });

/** Selectors that were found good, in the parser's own words. Workers use few, and use them again for every request. */
const checked = new MapConstructor<string, string>();
const MAX_CHECKED = 1000;

/** @throws {TypeError} "Parser error: …" */
function checkSelector(selector: string): string {
  const known = mapGet(checked, selector);
  if (known !== undefined) return known;
  const normal = normaliseSelector(selector);
  const engine = acquireEngine();
  engine.begin(() => undefined, false);
  try {
    engine.on(normal, {});
  } finally {
    engine.release();
  }
  if (mapSize(checked) < MAX_CHECKED) mapSet(checked, selector, normal);
  return normal;
}

/** The charset parameter of a content type; empty: none. https://mimesniff.spec.whatwg.org/#parsing-a-mime-type */
function charsetOf(contentType: string | null): string {
  if (contentType === null) return '';
  let at = stringIndexOf(contentType, ';');
  while (at !== -1) {
    const equals = stringIndexOf(contentType, '=', at);
    if (equals === -1) return '';
    const name = stringToLowerCase(stringTrim(stringSlice(contentType, at + 1, equals)));
    const quoted = contentType[equals + 1] === '"';
    const close = quoted ? stringIndexOf(contentType, '"', equals + 2) : stringIndexOf(contentType, ';', equals);
    const end = close === -1 ? contentType.length : close;
    if (name === 'charset') return stringTrim(stringSlice(contentType, equals + (quoted ? 2 : 1), end));
    at = stringIndexOf(contentType, ';', end);
  }
  return '';
}

/** `Request` as the Workers runtime has it. */
import { compatFlag } from '../compat.ts';
import {
  deepFreeze,
  NativeAbortController,
  NativeDOMException,
  NativeTypeError,
  NativeURL,
  urlHref,
} from '../primordials.ts';
import { Body, type BodyInit, copyBody, extractBody, isBodyless, moveBody, NO_BODY } from './body.ts';
import {
  type HeaderList,
  type Headers,
  headersOver,
  listAppend,
  listCopy,
  listFromField,
  listFromWire,
  listHas,
} from './headers.ts';
import {
  badConstructorParameter,
  badField,
  cloneData,
  illegalInvocation,
  INTERNAL,
  NOTHING,
  isObject,
  publicConstructor,
} from './shape.ts';
import {
  DICTIONARY,
  readCache,
  readEncoding,
  readFetcher,
  readMethod,
  readRedirect,
  requireSignal,
} from './request-fields.ts';
import { toText } from './text.ts';

/** Everything a Request is, beside its body. */
interface RequestState {
  readonly method: string;
  readonly url: string;
  list: HeaderList;
  /** Incoming requests: the headers as they came, until somebody reads them. */
  flat: readonly string[] | undefined;
  headersImmutable: boolean;
  redirect: 'follow' | 'manual';
  cache: string | undefined;
  cf: object | undefined;
  /** Makes `cf` when it is first read. */
  readCf: (() => object | undefined) | undefined;
  fetcher: object | null;
  signal: AbortSignal | undefined;
  /** The request it was made of: it fires with that one's signal. */
  signalFrom: RequestState | undefined;
  /** A signal that never fires, for who asks a request that was given none. */
  idleSignal: AbortSignal | undefined;
  /** Incoming requests: called when user code first asks for the signal, with what makes it fire. */
  listen: ((onAbort: () => void) => void) | undefined;
  encodeResponseBody: 'automatic' | 'manual';
}

/** What a request is made of that came from outside. */
export interface IncomingRequest {
  readonly method: string;
  /** Absolute; user code sees it as it is. */
  readonly url: string;
  /** Its headers as the wire brought them. */
  readonly flat: readonly string[];
  readonly body: BodyInit;
  readonly readCf: (() => object | undefined) | undefined;
  readonly listen: (onAbort: () => void) => void;
}

let stateOf: (value: unknown) => RequestState | undefined;
let ownGetters: ((instance: object) => void) | undefined;
export const setRequestGetters = (define: (instance: object) => void): void => {
  ownGetters = define;
};

export class Request extends Body {
  readonly #state: RequestState;
  #headers: Headers | undefined;

  static {
    stateOf = (value) => (isObject(value) && #state in value ? value.#state : undefined);
  }

  constructor(input?: unknown, init?: unknown, state?: RequestState) {
    if (input === INTERNAL) {
      super(INTERNAL, init as BodyInit);
      this.#state = state as RequestState;
    } else {
      if (arguments.length === 0) throw badConstructorParameter('Request', 1, 'Request or string');
      const made = readRequest(input, init);
      super(INTERNAL, made.body);
      this.#state = made.state;
    }
    ownGetters?.(this);
  }

  clone(): Request {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    const state = this.#state;
    const copy = { ...derivedState(state), headersImmutable: state.headersImmutable };
    return new Request(INTERNAL, copyBody(this), copy);
  }

  get method(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.method;
  }

  get url(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.url;
  }

  get headers(): Headers {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    this.#headers ??= headersOver(readList(this.#state), this.#state.headersImmutable);
    return this.#headers;
  }

  get redirect(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.redirect;
  }

  get fetcher(): object | null {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.fetcher;
  }

  get signal(): AbortSignal {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return readSignal(this.#state);
  }

  get cf(): object | undefined {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return readCf(this.#state);
  }

  get integrity(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return '';
  }

  get keepalive(): boolean {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return false;
  }

  get cache(): string | undefined {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.cache;
  }
}

function readList(state: RequestState): HeaderList {
  if (state.flat !== undefined) {
    state.list = listFromWire(state.flat);
    state.flat = undefined;
  }
  return state.list;
}

function readSignal(state: RequestState): AbortSignal {
  const source = signalSource(state);
  if (source.signal !== undefined) return source.signal;
  const controller = new NativeAbortController();
  const { signal } = controller;
  if (source.listen === undefined) {
    state.idleSignal ??= signal;
    return state.idleSignal;
  }
  source.signal = signal;
  source.listen(() => controller.abort(new NativeDOMException('The client has disconnected', 'AbortError')));
  return signal;
}

/** The request in the chain that was given a signal, or that the chain begins with. */
function signalSource(state: RequestState): RequestState {
  let source = state;
  while (source.signal === undefined && source.signalFrom !== undefined) source = source.signalFrom;
  return source;
}

function readCf(state: RequestState): object | undefined {
  if (state.cf === undefined && state.readCf !== undefined) {
    state.cf = deepFreeze(state.readCf());
    state.readCf = undefined;
  }
  return state.cf;
}

/** The Request constructor's work. */
function readRequest(input: unknown, init: unknown): { state: RequestState; body: BodyInit } {
  const source = stateOf(input);
  const state = source === undefined ? newState(toText(input)) : derivedState(source);
  const given = stateOf(init);
  let body: BodyInit | undefined;
  if (given !== undefined) body = applyRequest(state, init as Request, given);
  else if (init !== undefined && init !== null) {
    if (!isObject(init)) throw badConstructorParameter('Request', 2, `${DICTIONARY} or Request`);
    body = applyInit(state, init as Record<string, unknown>);
  }
  body ??= source === undefined ? NO_BODY : movedBody(input as Request, state.method);
  return { state, body };
}

function normalUrl(url: string): string {
  try {
    return urlHref(new NativeURL(url));
  } catch {
    throw new NativeTypeError(`Invalid URL: ${url}`);
  }
}

function newState(url: string): RequestState {
  return {
    method: 'GET',
    url: compatFlag('fetch_standard_url') ? normalUrl(url) : url,
    list: [],
    flat: undefined,
    headersImmutable: false,
    redirect: 'follow',
    cache: undefined,
    cf: undefined,
    readCf: undefined,
    fetcher: null,
    signal: undefined,
    signalFrom: undefined,
    idleSignal: undefined,
    listen: undefined,
    encodeResponseBody: 'automatic',
  };
}

function derivedState(source: RequestState): RequestState {
  return {
    ...source,
    list: listCopy(readList(source)),
    headersImmutable: false,
    cf: cloneData(readCf(source)),
    readCf: undefined,
    signal: undefined,
    signalFrom: source,
    idleSignal: undefined,
    listen: undefined,
  };
}

function movedBody(source: Request, method: string): BodyInit {
  if (isBodyless(source)) return NO_BODY;
  // In this order: the body is gone also when the method cannot have one.
  const moved = moveBody(source);
  requireBodyMethod(method);
  return moved;
}

function requireBodyMethod(method: string): void {
  if (method === 'GET' || method === 'HEAD') {
    throw new NativeTypeError('Request with a GET or HEAD method cannot have a body.');
  }
}

type Mutable = { -readonly [Key in keyof RequestState]: RequestState[Key] };

/** `init` is a Request itself: it stands for all of its properties. */
function applyRequest(state: RequestState, request: Request, given: RequestState): BodyInit | undefined {
  const target = state as Mutable;
  target.method = given.method;
  target.list = listCopy(readList(given));
  target.redirect = given.redirect;
  target.cache = given.cache;
  target.fetcher = given.fetcher;
  target.cf = cloneData(readCf(given));
  target.signal = undefined;
  target.signalFrom = given;
  target.encodeResponseBody = given.encodeResponseBody;
  if (isBodyless(request)) return NO_BODY;
  requireBodyMethod(given.method);
  return { ...extractBody(request.body), type: null };
}

function requireOneLifetime({ cacheTtl, cacheControl }: { cacheTtl?: unknown; cacheControl?: unknown }): void {
  if (cacheTtl === undefined || cacheControl === undefined) return;
  throw new NativeTypeError(
    "The 'cacheControl' and 'cacheTtl' options on cf are mutually exclusive. Use 'cacheControl' for explicit Cache-Control header directives, or 'cacheTtl' for a simplified TTL, but not both.",
  );
}

/** Reads the dictionary, each field once and in the runtime's order. Undefined: it says nothing about a body. */
function applyInit(state: RequestState, init: Record<string, unknown>): BodyInit | undefined {
  const target = state as Mutable;
  const { method, headers, body, redirect, fetcher, cf } = init;
  const { cache, integrity, signal, encodeResponseBody } = init;
  if (method !== undefined) target.method = readMethod(toText(method));
  if (headers !== undefined) target.list = listFromField(headers, DICTIONARY);
  let content: BodyInit | undefined;
  if (body !== undefined) {
    content = extractBody(body);
    if (content !== NO_BODY) requireBodyMethod(target.method);
    if (content.type !== null && !listHas(target.list, 'content-type')) {
      listAppend(target.list, 'content-type', content.type);
    }
  }
  if (redirect !== undefined) target.redirect = readRedirect(toText(redirect));
  if (fetcher !== undefined) target.fetcher = readFetcher(fetcher);
  if (cf !== undefined) {
    if (!isObject(cf)) throw badField('cf', DICTIONARY, 'Object');
    target.cf = cloneData(cf);
    requireOneLifetime(target.cf as { cacheTtl?: unknown; cacheControl?: unknown });
  }
  if (cache !== undefined) target.cache = readCache(cache);
  if (integrity !== undefined && toText(integrity) !== '') {
    throw new NativeTypeError(
      'Subrequest integrity checking is not implemented. The integrity option must be either undefined or an empty string.',
    );
  }
  if (signal !== undefined) {
    target.signal = signal === null ? undefined : requireSignal(signal);
    target.signalFrom = undefined;
  }
  if (encodeResponseBody !== undefined) {
    target.encodeResponseBody = readEncoding(toText(encodeResponseBody), 'encodeResponseBody');
  }
  return content;
}

const NO_HEADERS: HeaderList = [];

/** A request from outside. */
export function makeIncomingRequest(incoming: IncomingRequest): Request {
  return new Request(INTERNAL, incoming.body, {
    method: incoming.method,
    url: incoming.url,
    list: NO_HEADERS,
    flat: incoming.flat,
    headersImmutable: true,
    redirect: 'manual',
    cache: undefined,
    cf: undefined,
    readCf: incoming.readCf,
    fetcher: null,
    signal: undefined,
    signalFrom: undefined,
    idleSignal: undefined,
    listen: incoming.listen,
    encodeResponseBody: 'automatic',
  });
}

const known = (request: Request): RequestState => stateOf(request) as RequestState;

export const isRequest = (value: unknown): value is Request => stateOf(value) !== undefined;
export const requestMethod = (request: Request): string => known(request).method;
export const requestUrl = (request: Request): string => known(request).url;
/** The live list of its headers. */
export const requestList = (request: Request): HeaderList => readList(known(request));
export const requestRedirect = (request: Request): 'follow' | 'manual' => known(request).redirect;
export const requestFetcher = (request: Request): object | null => known(request).fetcher;
export const requestCf = (request: Request): object | undefined => readCf(known(request));
export const requestCache = (request: Request): string | undefined => known(request).cache;
/** Its signal, unless nobody gave it one or asked for it: then it never fires. */
export const requestSignal = (request: Request): AbortSignal | undefined => signalSource(known(request)).signal;
export const requestEncodesResponse = (request: Request): boolean => known(request).encodeResponseBody === 'automatic';

export const PublicRequest = publicConstructor(Request, 'Request');

/** `Response` as the Workers runtime has it. */
import { compatFlag } from '../compat.ts';
import { jsonStringify, NativeRangeError, NativeTypeError, NativeURL, urlHref } from '../primordials.ts';
import { refuseAtStartup } from '../startup.ts';
import { Body, type BodyInit, copyBody, extractBody, NO_BODY, setHeadersOf } from './body.ts';
import { type HeaderList, type Headers, headersOver, listAppend, listCopy, listFromField, listHas } from './headers.ts';
import { requestList, type Request } from './request.ts';
import { readEncoding } from './request-fields.ts';
import {
  badConstructorParameter,
  badField,
  cloneData,
  badParameter,
  illegalInvocation,
  INTERNAL,
  NOTHING,
  isObject,
  publicConstructor,
} from './shape.ts';
import { declaredLength } from '../stream-facts.ts';
import { statusPhrase } from '../../shared/status-phrases.ts';
import { matches, toInt, toText } from './text.ts';

/** Everything a Response is, beside its body. */
interface ResponseState {
  status: number;
  statusText: string;
  list: HeaderList;
  headersImmutable: boolean;
  type: 'default' | 'error';
  url: string;
  redirected: boolean;
  cf: object | undefined;
  webSocket: object | null;
  encodeBody: 'automatic' | 'manual';
}

const DICTIONARY = 'InitializerDict';
const BAD_STATUS_TEXT = /[\0-\x1f]/;

/** Whether a value is a WebSocket of ours. Set by who makes them. */
let isWebSocket: (value: object) => boolean = () => false;
export const setWebSocketCheck = (check: (value: object) => boolean): void => {
  isWebSocket = check;
};

let stateOf: (value: unknown) => ResponseState | undefined;
let ownGetters: ((instance: object) => void) | undefined;
export const setResponseGetters = (define: (instance: object) => void): void => {
  ownGetters = define;
};

export class Response extends Body {
  readonly #state: ResponseState;
  #headers: Headers | undefined;

  static {
    stateOf = (value) => (isObject(value) && #state in value ? value.#state : undefined);
  }

  constructor(body?: unknown, init?: unknown, state?: ResponseState) {
    if (body === INTERNAL) {
      super(INTERNAL, init as BodyInit);
      this.#state = state as ResponseState;
    } else {
      const content = extractBody(body);
      const made = readInit(init, () => badConstructorParameter('Response', 2, `${DICTIONARY} or Response`));
      super(INTERNAL, fittingBody(made, content));
      this.#state = made;
    }
    ownGetters?.(this);
  }

  static error(): Response {
    return new Response(INTERNAL, NO_BODY, { ...newState(), status: 0, type: 'error' });
  }

  static redirect(url?: unknown, status?: unknown): Response {
    if (arguments.length < 1) throw badParameter('redirect', 'Response', 1, 'string');
    const text = toText(url);
    const code = status === undefined ? 302 : toInt(status);
    if (!REDIRECT_STATUS[code]) {
      throw new NativeRangeError(
        `${code} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`,
      );
    }
    const list = ['location', redirectUrl(text)];
    return new Response(INTERNAL, NO_BODY, { ...newState(), status: code, list, headersImmutable: true });
  }

  static json(value?: unknown, init?: unknown): Response {
    if (arguments.length < 1) throw badParameter('json', 'Response', 1, 'Value');
    const text = `${jsonStringify(value)}`;
    const state = readInit(init, () => badParameter('json', 'Response', 2, `${DICTIONARY} or Response`));
    if (!listHas(state.list, 'content-type')) listAppend(state.list, 'content-type', 'application/json');
    refuseAtStartup();
    return new Response(INTERNAL, fittingBody(state, { whole: text, stream: null, type: null }), state);
  }

  clone(): Response {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    const state = this.#state;
    if (state.webSocket !== null) {
      throw new NativeTypeError('Cannot clone a response to a WebSocket handshake.');
    }
    return new Response(INTERNAL, copyBody(this), { ...state, list: listCopy(state.list) });
  }

  get status(): number {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.status;
  }

  get statusText(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.statusText;
  }

  get headers(): Headers {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    this.#headers ??= headersOver(this.#state.list, this.#state.headersImmutable);
    return this.#headers;
  }

  get ok(): boolean {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.status >= 200 && this.#state.status < 300;
  }

  get redirected(): boolean {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.redirected;
  }

  get url(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.url;
  }

  get webSocket(): object | null {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.webSocket;
  }

  get cf(): object | undefined {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.cf;
  }

  get type(): string {
    if (!(#state in (this ?? NOTHING))) throw illegalInvocation();
    return this.#state.type;
  }
}

const table = (...codes: number[]): Record<number, boolean> => {
  const found = { __proto__: null } as unknown as Record<number, boolean>;
  for (const code of codes) found[code] = true;
  return found;
};
const REDIRECT_STATUS = table(301, 302, 303, 307, 308);
const NULL_BODY_STATUS = table(101, 204, 205, 304);

const newState = (): ResponseState => ({
  status: 200,
  statusText: '',
  list: [],
  headersImmutable: false,
  type: 'default',
  url: '',
  redirected: false,
  cf: undefined,
  webSocket: null,
  encodeBody: 'automatic',
});

/** Reads the dictionary, each field once and in the runtime's order; or another Response, which stands for all of its properties. */
function readInit(init: unknown, wrongType: () => TypeError): ResponseState {
  const state = newState();
  if (init === undefined || init === null) return state;
  const other = stateOf(init);
  if (other !== undefined) copyState(state, other);
  else if (isObject(init)) applyInit(state, init as Record<string, unknown>);
  else throw wrongType();
  checkStatus(state);
  return state;
}

function copyState(state: ResponseState, other: ResponseState): void {
  state.status = other.status;
  state.statusText = other.statusText;
  state.list = listCopy(other.list);
  state.cf = cloneData(other.cf);
  state.webSocket = other.webSocket;
  state.encodeBody = other.encodeBody;
}

function applyInit(state: ResponseState, init: Record<string, unknown>): void {
  const { status, statusText, headers, cf, webSocket, encodeBody } = init;
  if (status !== undefined) state.status = toInt(status);
  if (statusText !== undefined) {
    state.statusText = toText(statusText);
    if (matches(BAD_STATUS_TEXT, state.statusText)) throw new NativeTypeError('Invalid statusText');
  }
  if (headers !== undefined) state.list = listFromField(headers, DICTIONARY);
  if (cf !== undefined) {
    if (!isObject(cf)) throw badField('cf', DICTIONARY, 'Object');
    state.cf = cloneData(cf);
  }
  if (webSocket !== undefined && webSocket !== null) {
    if (!isObject(webSocket) || !isWebSocket(webSocket)) throw badField('webSocket', DICTIONARY, 'WebSocket');
    state.webSocket = webSocket;
  }
  if (encodeBody !== undefined) state.encodeBody = readEncoding(toText(encodeBody), 'encodeBody');
}

function checkStatus(state: ResponseState): void {
  const { status } = state;
  if (state.webSocket !== null) {
    if (status !== 101) throw new NativeRangeError('Responses with a WebSocket must have status code 101.');
  } else if (status < 200 || status > 599) {
    throw new NativeRangeError(
      'Responses may only be constructed with status codes in the range 200 to 599, inclusive.',
    );
  }
}

/** The body as the status allows it; its content type goes into the headers. */
function fittingBody(state: ResponseState, content: BodyInit): BodyInit {
  if (NULL_BODY_STATUS[state.status] && content !== NO_BODY) {
    const empty = content.whole === null ? lengthOf(content) === 0 : content.whole.length === 0;
    if (empty) return NO_BODY;
    throw new NativeTypeError('Response with null body status (101, 204, 205, or 304) cannot have a body.');
  }
  if (content.type !== null && !listHas(state.list, 'content-type')) {
    listAppend(state.list, 'content-type', content.type);
  }
  return content;
}

const lengthOf = (content: BodyInit): number | undefined =>
  content.stream === null ? undefined : declaredLength(content.stream);

function redirectUrl(text: string): string {
  try {
    const parsed = urlHref(new NativeURL(text));
    return compatFlag('response_redirect_url_standard') ? parsed : text;
  } catch {
    throw new NativeTypeError(`Unable to parse URL: ${text}`);
  }
}

/** An answer from outside. Its list belongs to it. */
export interface ReceivedResponse {
  readonly status: number;
  readonly statusText: string;
  readonly list: HeaderList;
  readonly body: BodyInit;
  readonly url: string;
  readonly redirected: boolean;
  readonly webSocket?: object | null;
  readonly encodeBody?: 'automatic' | 'manual';
}

/** A response that came from outside: its headers are immutable. */
export function makeReceivedResponse(received: ReceivedResponse): Response {
  const { status, list, body, url, redirected } = received;
  const statusText = received.statusText === '' ? statusPhrase(status) : received.statusText;
  const state = { ...newState(), status, statusText, list, url, redirected, headersImmutable: true };
  state.encodeBody = received.encodeBody ?? 'automatic';
  state.webSocket = received.webSocket ?? null;
  return new Response(INTERNAL, NULL_BODY_STATUS[status] ? NO_BODY : body, state);
}

const known = (response: Response): ResponseState => stateOf(response) as ResponseState;

export const isResponse = (value: unknown): value is Response => stateOf(value) !== undefined;
export const responseStatus = (response: Response): number => known(response).status;
export const responseType = (response: Response): string => known(response).type;
export const responseCf = (response: Response): object | undefined => known(response).cf;

export const responseStatusText = (response: Response): string => known(response).statusText;
/** The live list of its headers. */
export const responseList = (response: Response): HeaderList => known(response).list;
export const responseWebSocket = (response: Response): object | null => known(response).webSocket;
export const responseEncodes = (response: Response): boolean => known(response).encodeBody === 'automatic';

setHeadersOf((body) => stateOf(body)?.list ?? requestList(body as Request));
export const PublicResponse = publicConstructor(Response, 'Response');

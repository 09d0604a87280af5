/**
 * `fetch()` of the global scope and of bindings: what it takes, `data:` URLs, and redirects. Each hop is a call of its own (`calls.ts`).
 */
import type { Destination } from './call-head.ts';
import { callOnce } from './calls.ts';
import { compatFlag } from './compat.ts';
import { type DataUrl, readDataUrl } from './data-url.ts';
import {
  bytesOf,
  type ByteStream,
  headersOver,
  isRequest,
  isUsed,
  ownBody,
  listCopy,
  listDelete,
  listFromWire,
  listGet,
  makeReceivedResponse,
  Request,
  requestList,
  requestMethod,
  requestRedirect,
  requestSignal,
  requestUrl,
  type Response,
  responseList,
  responseStatus,
  isBodyLocked,
  streamBehind,
  take,
  type Whole,
} from './http/index.ts';
import {
  NativeTypeError,
  NativeUint8Array,
  NativeURL,
  stringStartsWith,
  urlHref,
  urlOrigin,
  urlProtocol,
} from './primordials.ts';
import { bodyOf } from './received-response.ts';
import { requireInvocation } from './timers.ts';

const MAX_REDIRECTS = 20;

/** `fetch(input, init)` of a binding (or of the global scope), redirects included. */
export async function fetchThrough(destination: Destination, input: unknown, init?: unknown): Promise<Response> {
  const invocation = requireInvocation();
  let request = init === undefined && isRequest(input) ? input : new Request(input, init);
  if (request === input && isUsed(request)) {
    throw new NativeTypeError('Cannot reconstruct a Request with a used body.');
  }
  const content = stringStartsWith(requestUrl(request), 'data:') ? readDataUrl(requestUrl(request)) : undefined;
  if (content !== undefined) return dataResponse(content, requestMethod(request) === 'GET');
  if (!isHttp(requestUrl(request)) && compatFlag('fetch_refuses_unknown_protocols')) {
    throw new NativeTypeError(`Fetch API cannot load: ${requestUrl(request)}`);
  }
  const mode = requestRedirect(request);
  let visited = '';
  for (let hops = 0; ; hops++) {
    requireUnlocked(request);
    const body = take(request);
    const whole = body === null || isWhole(body) ? body : null;
    const stream = body === null || isWhole(body) ? null : body;
    const bytes = whole === null ? null : bytesOf(whole);
    const response = await callOnce(invocation, destination, request, bytes, stream, hops);
    const location = redirectTarget(response);
    if (location === null || mode === 'manual') {
      ownBody(response, invocation.id);
      return response;
    }
    visited += `${hops === 0 ? '' : ', '}${requestUrl(request)}`;
    if (hops >= MAX_REDIRECTS) throw new NativeTypeError(`Too many redirects.${visited}`);
    void streamBehind(response)?.cancel();
    request = followUp(request, bytes, stream !== null, responseStatus(response), location, destination === null);
  }
}

function requireUnlocked(request: Request): void {
  if (isBodyLocked(request)) {
    throw new NativeTypeError('The ReadableStream has been locked to a reader.');
  }
}

/** It has no URL, as on Workers. */
const dataResponse = ({ type, bytes }: DataUrl, isGet: boolean): Response =>
  makeReceivedResponse({
    status: 200,
    statusText: 'OK',
    list: listFromWire(['content-type', type]),
    body: bodyOf(isGet ? bytes : null),
    url: '',
    redirected: false,
    webSocket: null,
  });

const isWhole = (body: Whole | ByteStream): body is Whole =>
  typeof body === 'string' || body instanceof NativeUint8Array;

const isHttp = (url: string): boolean => stringStartsWith(url, 'http:') || stringStartsWith(url, 'https:');

const REDIRECTS = { __proto__: null, 301: true, 302: true, 303: true, 307: true, 308: true } as unknown as Record<
  number,
  boolean
>;

/** Null: the response is no redirect, or leads nowhere. */
const redirectTarget = (response: Response): string | null =>
  REDIRECTS[responseStatus(response)] ? listGet(responseList(response), 'location') || null : null;

const INVALID_LOCATION = 'Invalid Location header; unable to follow redirect.';

/** Another worker may send its caller anywhere: all that it asks for comes back to it. */
function targetOf(location: string, base: string, isOutside: boolean): URL {
  let url: URL;
  try {
    url = new NativeURL(location, base);
  } catch {
    throw new NativeTypeError(INVALID_LOCATION);
  }
  const protocol = urlProtocol(url);
  if (isOutside && protocol !== 'http:' && protocol !== 'https:') throw new NativeTypeError(INVALID_LOCATION);
  return url;
}

/** The request after a redirect: fetch standard, "HTTP-redirect fetch", steps 11–16; the headers stay, as on Workers. */
function followUp(
  request: Request,
  bytes: Uint8Array | null,
  streamed: boolean,
  status: number,
  location: string,
  isOutside: boolean,
): Request {
  const url = targetOf(location, requestUrl(request), isOutside);
  const method = requestMethod(request);
  const list = listCopy(requestList(request));
  const toGet = (status <= 302 && method === 'POST') || (status === 303 && method !== 'GET' && method !== 'HEAD');
  if (!toGet && streamed) {
    throw new NativeTypeError(
      'A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer.',
    );
  }
  if (toGet) listDelete(list, 'content-length');
  const isElsewhere = urlOrigin(url) !== urlOrigin(new NativeURL(requestUrl(request)));
  if (isElsewhere && compatFlag('strip_authorization_on_cross_origin_redirect')) listDelete(list, 'authorization');
  return new Request(urlHref(url), {
    method: toGet ? 'GET' : method,
    headers: headersOver(list, false),
    body: toGet ? null : bytes,
    redirect: requestRedirect(request),
    signal: requestSignal(request),
  });
}

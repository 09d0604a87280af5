/** Answers to calls become Responses. */
import type { ResponseHead } from '../shared/protocol.ts';
import { decodeBody } from './http/encoding.ts';
import {
  type BodyInit,
  type ByteStream,
  fromWire,
  type HeaderList,
  listFromWire,
  listGet,
  makeReceivedResponse,
  type Request,
  requestEncodesResponse,
  requestMethod,
  requestUrl,
  type Response,
} from './http/index.ts';
import { NativeUint8Array, numberParseInt, stringIndexOf, stringSlice } from './primordials.ts';
import { declareLength } from './stream-facts.ts';
import { clientSocket } from './websocket.ts';

/** What a response says of where it came from. */
export interface Origin {
  readonly url: string;
  readonly redirected: boolean;
  /** Of a response to HEAD: it has no body. */
  readonly isHead: boolean;
  /** `encodeResponseBody: "manual"`: the bytes as they came, and passed on as such. */
  readonly isEncoded: boolean;
}

/** A request that came here after `hops` redirects. */
export const originOf = (request: Request, hops: number): Origin => ({
  url: withoutFragment(requestUrl(request)),
  redirected: hops > 0,
  isHead: requestMethod(request) === 'HEAD',
  isEncoded: !requestEncodesResponse(request),
});

function withoutFragment(url: string): string {
  const at = stringIndexOf(url, '#');
  return at < 0 ? url : stringSlice(url, 0, at);
}

/** Of the answer to a call. `stream`: the call's own, which is the connection of one that was answered with 101. */
export function receiveResponse(
  origin: Origin,
  head: ResponseHead,
  body: Uint8Array<ArrayBuffer> | ByteStream | null,
  stream: number,
): Response {
  if (head.status === 101) return makeResponse(head, null, origin, clientSocket(stream));
  return makeResponse(head, origin.isHead && body instanceof NativeUint8Array ? null : body, origin);
}

function makeResponse(
  head: ResponseHead,
  body: Uint8Array<ArrayBuffer> | ByteStream | null,
  { url, redirected, isEncoded }: Origin,
  webSocket: object | null = null,
): Response {
  const list = listFromWire(head.headers);
  const encoding = body === null ? null : listGet(list, 'content-encoding');
  if (body !== null && !(body instanceof NativeUint8Array)) declareReceivedLength(body, head.bodyBytes, list);
  const content = body === null || encoding === null || isEncoded ? body : decodeBody(body, encoding);
  return makeReceivedResponse({
    status: head.status,
    statusText: fromWire(head.statusText),
    list,
    body: bodyOf(content),
    url,
    redirected,
    webSocket,
    encodeBody: isEncoded ? 'manual' : 'automatic',
  });
}

/** A body that is passed on goes out with the length it came with. */
function declareReceivedLength(body: ByteStream, bodyBytes: number | null | undefined, list: HeaderList): void {
  const length = listGet(list, 'content-length');
  const known = bodyBytes === undefined && length !== null ? numberParseInt(length, 10) : bodyBytes;
  if (typeof known === 'number') declareLength(body, known);
}

/** All that there is of a body, or a stream of it. */
export const bodyOf = (content: Uint8Array<ArrayBuffer> | ByteStream | null): BodyInit =>
  content === null || content instanceof NativeUint8Array
    ? { whole: content, stream: null, type: null }
    : { whole: null, stream: content, type: null };

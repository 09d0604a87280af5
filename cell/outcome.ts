/** What the harness says to the supervisor in a response's own headers (`OUTCOME_HEADER`). */
import { OUTCOME_FLAGS, OUTCOME_HEADER } from '../shared/protocol.ts';
import { toFailure } from './console.ts';
import type { Invocation } from './context.ts';
import {
  headersGet,
  headersSet,
  jsonStringify,
  NativeHeaders,
  NativeResponse,
  responseBody,
  responseHeaders,
  responseStatus,
  responseStatusText,
  stringSlice,
  stringStartsWith,
} from './primordials.ts';

/** Marks the harness's words as its own: user code never sees it. */
let nonce = '';

export const setNonce = (value: string): void => {
  nonce = value;
};

/** The response with a word of the harness to the supervisor: what goes on after it, or how far the clock has moved. */
export function flagged(invocation: Invocation, response: Response, flags: string): Response {
  const headers = new NativeHeaders(responseHeaders(response));
  const previous = outcomeFlags(headers);
  headersSet(headers, OUTCOME_HEADER, `${nonce};${previous}${flags};${invocation.clockMs}`);
  return new NativeResponse(responseBody(response), {
    status: responseStatus(response),
    statusText: responseStatusText(response),
    headers,
  });
}

function outcomeFlags(headers: Headers): string {
  const value = headersGet(headers, OUTCOME_HEADER);
  const prefix = `${nonce};`;
  return value !== null && stringStartsWith(value, prefix) ? stringSlice(value, prefix.length, value.length) : '';
}

/** The supervisor turns this into Cloudflare's error page, or into an exception in the calling worker. */
export function failedResponse(error: unknown): Response {
  return new NativeResponse(jsonStringify(toFailure(error)), {
    status: 500,
    headers: { [OUTCOME_HEADER]: `${nonce};${OUTCOME_FLAGS.exception}` },
  });
}

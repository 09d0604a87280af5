/** What the harness says to the supervisor in a response's own headers (`OUTCOME_HEADER`). */
import { OUTCOME_FLAGS, OUTCOME_HEADER } from '../shared/protocol.ts';
import type { Invocation } from './context.ts';
import { listGet, listSet } from './http/index.ts';
import type { Outgoing } from './outgoing.ts';
import { jsonStringify, stringSlice, stringStartsWith, utf8Encode } from './primordials.ts';
import { toThrownFailure } from './thrown.ts';

/** Marks the harness's words as its own: user code never sees it. */
let nonce = '';

export const setNonce = (value: string): void => {
  nonce = value;
};

/** Adds a word of the harness to the supervisor: what goes on after the answer, or how far the clock has moved. */
export function flagged(invocation: Invocation, outgoing: Outgoing, flags: string): Outgoing {
  const value = listGet(outgoing.list, OUTCOME_HEADER);
  const prefix = `${nonce};`;
  const previous =
    value !== null && stringStartsWith(value, prefix) ? stringSlice(value, prefix.length, value.length) : '';
  listSet(outgoing.list, OUTCOME_HEADER, `${nonce};${previous}${flags};${invocation.clockMs}`);
  return outgoing;
}

/** The supervisor turns this into Cloudflare's error page, or into an exception in the calling worker. */
export const failedOutgoing = (error: unknown): Outgoing => ({
  status: 500,
  statusText: '',
  list: [OUTCOME_HEADER, `${nonce};${OUTCOME_FLAGS.exception}`],
  whole: utf8Encode(jsonStringify(toThrownFailure(error))),
  stream: null,
  isNull: false,
});

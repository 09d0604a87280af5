/** What the harness says to the supervisor in a response's own headers (`OUTCOME_HEADER`). */
import { OUTCOME_FLAGS, OUTCOME_HEADER } from '../shared/protocol.ts';
import type { Invocation } from './context.ts';
import { type HeaderList, listDelete, listGet, listSet } from './http/index.ts';
import type { Outgoing } from './outgoing.ts';
import {
  jsonStringify,
  numberParseInt,
  stringIndexOf,
  stringSlice,
  stringStartsWith,
  utf8Encode,
} from './primordials.ts';
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

/** Takes the harness's words out of an answer's headers, for an answer that has other places for them. */
export function takeOutcome(list: HeaderList): { isException: boolean; isWaiting: boolean; clockMs: number } {
  const value = listGet(list, OUTCOME_HEADER);
  const prefix = `${nonce};`;
  if (value === null || !stringStartsWith(value, prefix)) return NOTHING_TO_SAY;
  listDelete(list, OUTCOME_HEADER);
  const words = stringSlice(value, prefix.length, value.length);
  const separator = stringIndexOf(words, ';');
  const flags = separator < 0 ? words : stringSlice(words, 0, separator);
  return {
    isException: stringIndexOf(flags, OUTCOME_FLAGS.exception) >= 0,
    isWaiting: stringIndexOf(flags, OUTCOME_FLAGS.waiting) >= 0,
    clockMs: separator < 0 ? 0 : numberParseInt(stringSlice(words, separator + 1, words.length), 10),
  };
}

const NOTHING_TO_SAY = { isException: false, isWaiting: false, clockMs: 0 };

/** The supervisor turns this into Cloudflare's error page, or into an exception in the calling worker. */
export const failedOutgoing = (error: unknown): Outgoing => ({
  status: 500,
  statusText: '',
  list: [OUTCOME_HEADER, `${nonce};${OUTCOME_FLAGS.exception}`],
  whole: utf8Encode(jsonStringify(toThrownFailure(error))),
  stream: null,
  isNull: false,
});

/** What the server finds in the frames of calls between workers, which cells have written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANNEL_LIMITS, GATEWAY_LIMITS } from '../../shared/limits.ts';
import { FRAME_HEADER_BYTES } from '../../shared/protocol.ts';
import {
  answerHeadText,
  callHeadText,
  encodeServiceAnswer,
  encodeServiceCall,
  type ServiceCallHead,
} from '../../shared/service-frames.ts';
import { ServiceAnswerIn, ServiceCallIn } from '../../server/supervisor/service-call.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const HEAD: ServiceCallHead = {
  method: 'POST',
  url: 'http://b/x?y=1',
  headers: ['a', '1', 'b', ''],
  hasBody: true,
  cf: '{"x":1}',
};

function callPayload(head: string, body = '', name = 'B', isLoopback = false): Uint8Array {
  const parts = { clockMs: 1_700_000_000_123, invocation: 7, isLoopback, name: bytes(name), head: bytes(head) };
  return encodeServiceCall(3, { ...parts, body: bytes(body) }).subarray(FRAME_HEADER_BYTES);
}
const call = (changes: Partial<ServiceCallHead> = {}, body = 'body'): ServiceCallIn =>
  new ServiceCallIn(callPayload(callHeadText({ ...HEAD, ...changes }), body));

const answer = (headers: string[], statusText = 'fine', status = 200, body = 'b'): ServiceAnswerIn =>
  new ServiceAnswerIn(
    encodeServiceAnswer(1, 0, status, 0, bytes(answerHeadText(statusText, headers)), bytes(body)).subarray(
      FRAME_HEADER_BYTES,
    ),
  );

test('a call is read as it was written, and may be passed on as it is', () => {
  const read = call();
  assert.equal(read.isPassable, true);
  assert.equal(read.problem, undefined);
  const { clockMs, invocation, binding, method, url, headers, hasBody, bodyBytes, cf } = read;
  assert.deepEqual({ method, url, headers, hasBody, cf }, HEAD);
  assert.deepEqual([clockMs, invocation, binding, bodyBytes], [1_700_000_000_123, 7, 'B', 4]);
  assert.equal(Buffer.from(read.body).toString(), 'body');
  assert.deepEqual(call({ headers: [], cf: undefined }).headers, []);
  const target = { entrypoint: 'Admin', props: null };
  const loopback = new ServiceCallIn(callPayload(callHeadText(HEAD), '', JSON.stringify(target), true));
  assert.deepEqual([loopback.binding, loopback.loopback], [null, target]);
});

test('framing, names of ours and names in upper case are not passed on as they are', () => {
  for (const name of ['connection', 'content-length', 'transfer-encoding', 'te', 'x-skep-outcome', 'X-Upper']) {
    const read = call({ headers: ['a', '1', name, 'v'] });
    assert.deepEqual([read.isPassable, read.problem], [false, undefined], name);
  }
  for (const name of ['upgrade', 'keep-alive', 'x-skep-invocation', 'Location']) {
    const read = answer([name, 'v']);
    assert.deepEqual([read.isPassable, read.isMalformed], [false, false], name);
  }
  assert.equal(answer(['content-length', '1', 'host', 'h']).isPassable, true);
  assert.equal(call({ headers: ['host', 'h', 'hosts', '1', 'x-skeptic', '2', 'tea', '3'] }).isPassable, true);
});

test('what HTTP does not allow is no request, whatever the cell made of its lines', () => {
  const wrong: Partial<ServiceCallHead>[] = [
    { method: '' },
    { method: 'GET /' },
    { url: 'http://b/ x' },
    { url: 'http://b/é' },
    { url: `http://b/${'x'.repeat(GATEWAY_LIMITS.maxUrlBytes)}` },
    { headers: ['a'] },
    { headers: ['', 'v'] },
    { headers: ['a b', 'v'] },
    { headers: ['a:', 'v'] },
    { headers: ['a', 'v\rx'] },
    { headers: ['a', 'v\0'] },
    { headers: ['a', 'v\n', 'b', 'c'] },
    { headers: ['a', '\u20ac'] },
  ];
  for (const changes of wrong) assert.ok(call(changes).problem, JSON.stringify(changes).slice(0, 100));
  assert.equal(call({ headers: ['a', '\u00e9\t~'] }).problem, undefined);
  for (const headers of [['a'], ['', 'v'], ['a', 'v\r'], ['a', '\u20ac'], ['ä', 'v']])
    assert.equal(answer(headers).isMalformed, true, headers.join());
  assert.equal(answer([], 'bad\r').isMalformed, true);
  for (const status of [0, 101, 199, 600, 4_000_000_000]) assert.equal(answer([], '', status).isMalformed, true);
});

test('what a cell sends with one header line too many is no request and no answer', () => {
  const lines = (count: number): string[] => Array.from({ length: count }, () => ['a', '']).flat();
  const most = CHANNEL_LIMITS.maxHeaderLines;
  for (const count of [most - 1, most]) {
    assert.deepEqual([call({ headers: lines(count) }).problem, answer(lines(count)).isMalformed], [undefined, false]);
  }
  assert.match(call({ headers: lines(most + 1) }).problem ?? '', /at most 1024 header lines/);
  assert.equal(answer(lines(most + 1)).isMalformed, true);
});

test('lengths that do not fit, missing lines and a body that was denied end the cell', () => {
  const whole = callPayload(callHeadText(HEAD), 'body');
  // Shorter by more than its body: the head is cut.
  for (let length = 0; length < whole.length - 4; length++) {
    assert.throws(() => new ServiceCallIn(whole.slice(0, length)), `${length} bytes`);
  }
  for (const head of ['', 'GET', 'GET\nhttp://b/', 'GET\nhttp://b/\n1', 'GET\nhttp://b/\n11\n']) {
    assert.throws(() => new ServiceCallIn(callPayload(head)), JSON.stringify(head));
  }
  assert.throws(() => call({ hasBody: false }, 'body'), /said not to be there/);
  assert.throws(() => call({ cf: 'x'.repeat(CHANNEL_LIMITS.maxHeadBytes) }), /head of/);
  assert.throws(() => new ServiceCallIn(callPayload(callHeadText(HEAD), '', '{"entrypoint":1}', true)));
  for (let length = 0; length < 17; length++) assert.throws(() => new ServiceAnswerIn(whole.slice(0, length)));
});

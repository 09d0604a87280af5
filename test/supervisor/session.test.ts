/** RPC sessions as the supervisor holds them: what a cell that lies gets for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { FAIL, SESSION_CLOCK_BYTES } from '../../shared/protocol.ts';
import { createPipeline } from '../../server/supervisor/invocation.ts';
import { parseSessionHead, Session, UntakenBytes } from '../../server/supervisor/session.ts';
import type { Caller } from '../../server/supervisor/types.ts';

const HEAD = { invocation: 1, binding: 'NEXT', clockMs: 0 };

function open(first = 0): { session: Session; sent: Uint8Array[]; caller: Caller } {
  const sent: Uint8Array[] = [];
  const caller = { pipeline: createPipeline({} as Caller['version']), depth: 1 } as Caller;
  const wire = {
    send: (frame: Uint8Array) => sent.push(frame),
    untaken: new UntakenBytes(),
    carried: () => undefined,
    taken: () => undefined,
    closed: () => undefined,
  };
  return { session: new Session(wire, 1, caller, HEAD, new Uint8Array(first)), sent, caller };
}

function data(bytes: number, clockMs = 0): Uint8Array {
  const payload = Buffer.alloc(SESSION_CLOCK_BYTES + bytes);
  payload.writeDoubleLE(clockMs, 0);
  return payload;
}

const WINDOW = CHANNEL_LIMITS.streamWindowBytes;
const LEAST = CHANNEL_LIMITS.minSessionFrameCost;

test('a cell may send one window before anybody takes it, and tiny frames take more of it than their bytes', () => {
  const { session } = open(1);
  session.receiveData(data(WINDOW - LEAST));
  assert.throws(() => session.receiveData(data(1)), /more than its window/);
  const empty = open(0).session;
  for (let frame = 1; frame < WINDOW / LEAST; frame++) empty.receiveData(data(0));
  assert.throws(() => empty.receiveData(data(0)), /more than its window/);
  assert.throws(() => open(WINDOW + LEAST), /more than its window/);
});

test('a cell cannot take what was not sent to it', () => {
  const taken = (bytes: number) => new Uint8Array([bytes & 255, bytes >> 8, 0, 0]);
  assert.throws(() => open().session.receiveWindow(taken(1)), /took more of a session than was sent/);
  const { session } = open(1000);
  session.receiveInboundWindow(taken(1000));
  assert.throws(() => session.receiveInboundWindow(taken(1)), /took more of a session than was sent/);
  assert.throws(() => open().session.receiveWindow(new Uint8Array(3)), /wrong length/);
});

test('frames need a clock, and a clock from the future moves the pipeline to the real time at most', () => {
  assert.throws(() => open().session.receiveData(new Uint8Array(SESSION_CLOCK_BYTES - 1)), /without a clock/);
  const { session, caller } = open();
  session.receiveData(data(0, Date.now() + 1_000_000));
  assert.ok(caller.pipeline.clockMs <= Date.now());
  session.receiveData(data(0, Number.NaN));
  assert.ok(Number.isFinite(caller.pipeline.clockMs));
});

test('a session that is refused says so once', () => {
  const { session, sent } = open();
  session.fail({ name: 'Error', message: 'no' });
  session.fail({ name: 'Error', message: 'again' });
  session.lost();
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.[4], FAIL);
});

test('heads of a wrong shape end the cell', () => {
  const parse = (head: unknown) => () => parseSessionHead(Buffer.from(JSON.stringify(head)));
  assert.deepEqual(parse(HEAD)(), HEAD);
  const loopback = { entrypoint: 'Named', props: null };
  assert.deepEqual(parse({ ...HEAD, binding: null, loopback })(), { ...HEAD, binding: null, loopback });
  const wrong: unknown[] = [
    null,
    5,
    {},
    { ...HEAD, invocation: '1' },
    { ...HEAD, binding: 7 },
    { ...HEAD, binding: null },
    { ...HEAD, binding: null, loopback: { entrypoint: 5, props: null } },
    { ...HEAD, binding: null, loopback: { entrypoint: null, props: { json: { forged: true } } } },
    { ...HEAD, clockMs: null },
  ];
  for (const head of wrong) assert.throws(parse(head), /wrong shape/, JSON.stringify(head));
  assert.throws(() => parseSessionHead(new Uint8Array(CHANNEL_LIMITS.maxHeadBytes + 1)), /Session head of/);
});

/**
 * A cell that lies at one end of an RPC session, an honest worker at the other: whatever comes, the honest cell answers its other requests, and
 * none of its cells ends. And frames of every type in every order: the server goes on, and nothing of them is left.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { createServiceBinding } from '../../server/bindings/service/service.ts';
import { createBroker } from '../../server/broker/broker.ts';
import { ConnectionCounts } from '../../server/supervisor/connection-counts.ts';
import type { BindingCall, Dispatcher } from '../../server/supervisor/types.ts';
import { CELL_LIMITS, RPC_LIMITS } from '../../shared/limits.ts';
import * as protocol from '../../shared/protocol.ts';
import { serviceBinding, type TestAnswer } from '../support/cells.ts';
import { createHostilePrograms, type HostilePrograms } from '../support/hostile.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';
import type { Told } from '../fixtures/cells/hostile.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 30);

const HONEST = `import { WorkerEntrypoint, RpcTarget } from 'cloudflare:workers';
class Target extends RpcTarget { one() { return 1; } }
export default class extends WorkerEntrypoint {
  echo(value) { return value; }
  target() { return new Target(); }
  bytes(count) { return new Uint8Array(count); }
  stream() { return new ReadableStream({ type: 'bytes', pull: (controller) => controller.enqueue(new Uint8Array(10_000)) }); }
  write(stream) { return stream.getWriter().write(new Uint8Array(10)); }
  async fetch(request) {
    const turns = +request.headers.get('compute');
    for (let turn = 0, list = []; turn < turns; turn++) {
      for (let at = 0; at < 10_000; at++) list[at] = Math.sqrt(at * turn);
      if (turn === turns - 1) return new Response('computed');
    }
    const script = request.headers.get('script');
    if (script === null) return new Response('well');
    const use = async () => {
      const value = await this.env.LIAR[script](new Target());
      if (value instanceof ReadableStream) for await (const chunk of value) void chunk;
      else await value.one?.();
      return 'came';
    };
    const ended = await Promise.race([use().catch((error) => 'threw ' + error.message), scheduler.wait(+request.headers.get('patience')).then(() => 'waits')]);
    return new Response(ended);
  }
}`;

let programs: HostilePrograms;
let hostile: TestSupervisor;
let honest: TestSupervisor;
/** Why cells of the honest worker ended. */
const honestDeaths: string[] = [];

before(async () => {
  programs = createHostilePrograms();
  const of = (workerName: string): TestSupervisor => (workerName === 'liar' ? hostile : honest);
  const dispatcher: Dispatcher = {
    fetch: (call, sink) => of(call.version.workerName).supervisor.fetch(call, sink),
    openSession: (call, session) => of(call.version.workerName).supervisor.openSession(call, session),
  };
  const services = createServiceBinding({
    catalog: {
      findByName: (_account, name) => ({
        workerId: name,
        accountId: 'a'.repeat(32),
        name,
        workersDev: true,
        deploymentId: name,
        versions: [{ version: of(name).versionOf(name), percentage: 100 }],
      }),
    },
    dispatcher: () => dispatcher,
  });
  const refuse = (call: BindingCall): void => call.fail({ name: 'Error', message: 'not here' });
  const broker = createBroker({
    connections: new ConnectionCounts(),
    bindings: { service: services.call },
    loopback: services.loopback,
    session: services.session,
    cache: refuse,
    egress: refuse,
    externalSubrequests: CELL_LIMITS.subrequests,
    maxExternalSubrequests: CELL_LIMITS.maxSubrequests,
  });
  honest = await createTestSupervisor({
    prestarted: 0,
    cpuMs: 5_000,
    broker,
    onCellEvent: (event) => {
      if (event.type === 'ended' && event.reason !== 'stopped') honestDeaths.push(event.reason);
    },
  });
  hostile = await createTestSupervisor({
    harnessPath: await programs.path(''),
    prestarted: 3,
    cpuMs: 5_000,
    timings: { waitUntilMs: 300 },
    broker,
  });
  deployHonest();
  deploy();
});
after(async () => {
  await hostile.close();
  await honest.close();
  programs.remove();
});

/** A cell of its own for what follows: without the garbage of the attacks before. */
const deployHonest = () =>
  honest.deploy({
    name: 'honest',
    modules: { 'index.js': HONEST },
    bindings: [serviceBinding('LIAR', 'liar')],
    compatibilityDate: '2026-01-01',
  });

/** A version that dies often is paused: each attack has its own. */
const deploy = () =>
  hostile.deploy({ name: 'liar', bindings: [serviceBinding('HONEST', 'honest')], modules: { 'index.js': '' } });

const scriptOf = (told: readonly Told[]): string => Buffer.from(JSON.stringify(told)).toString('base64');
const base64 = (...parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('base64');
const CLOCK = new Uint8Array(protocol.SESSION_CLOCK_BYTES);

/** The liar opens sessions with the honest worker and sends what it is told. */
async function callHonestly(told: readonly Told[]): Promise<void> {
  deploy();
  const open = hostile.open('liar', { url: '/script', method: 'POST', headers: { script: scriptOf(told) } });
  await Promise.race([open.done, new Promise((resolve) => setTimeout(resolve, 2_000))]);
  open.control.cancel();
  await until(() => hostile.supervisor.counts().inFlight === 0, 'nothing of the liar is in flight');
}

/** The honest worker calls the liar, which then sends what it is told; what came of it in the honest worker. */
async function beCalled(told: readonly Told[], patienceMs = 10_000): Promise<TestAnswer> {
  deploy();
  return await honest.fetch('honest', {
    url: '/',
    headers: { script: `S{${scriptOf(told)}}`, patience: String(patienceMs) },
  });
}

/** None of the honest worker’s cells ends, and it answers. */
async function unharmed<T>(attack: () => Promise<T>): Promise<T> {
  const result = await attack();
  const { body, failure } = await honest.fetch('honest', '/');
  assert.deepEqual([body, failure?.reason], ['well', undefined]);
  assert.deepEqual(honestDeaths.splice(0), [], 'cells of the honest worker that ended');
  await until(() => honest.supervisor.counts().inFlight === 0, 'nothing is in flight in the honest cells', 10_000);
  return result;
}

// --- messages of a session, as cell/extras/rpc speaks them ---

const uint = (value: number): Uint8Array => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
};
const text = (value: string): Uint8Array => Buffer.concat([uint(Buffer.byteLength(value) * 2), Buffer.from(value)]);
const u32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const message = (...parts: readonly Uint8Array[]): Uint8Array => {
  const whole = Buffer.concat(parts);
  return Buffer.concat([u32(whole.length), whole]);
};
const CALL = 1;
const RESULT = 2;
const ARRAY = 11;
const OBJECT = 10;
const args = (...values: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Uint8Array.of(1, ARRAY), uint(values.length), ...values]);
const callOf = (id: number, method: string, given: Uint8Array = args()): Uint8Array =>
  message(Uint8Array.of(CALL), uint(id), Uint8Array.of(0), uint(0), uint(1), text(method), given);
/** The honest caller's first call has the number 1. */
const resultOf = (value: Uint8Array, isKept = 0): Uint8Array =>
  message(Uint8Array.of(RESULT), uint(1), value, Uint8Array.of(isKept));

const FRAME_BYTES = 60_000;
const openTold = (stream: number, first: Uint8Array): Told => ({
  type: protocol.SESSION_OPEN,
  stream,
  head: { binding: 'HONEST', clockMs: 0 },
  bytes: base64(first),
});
const dataTold = (type: number, stream: number, bytes: Uint8Array, times = 1): Told => ({
  type,
  stream,
  bytes: base64(CLOCK, bytes),
  times,
});
function pieces(type: number, stream: number, bytes: Uint8Array): Told[] {
  const told: Told[] = [];
  for (let at = 0; at < bytes.length; at += FRAME_BYTES)
    told.push(dataTold(type, stream, bytes.subarray(at, at + FRAME_BYTES)));
  return told;
}
const asCaller = (first: Uint8Array, ...rest: readonly Told[]): Told[] => [openTold(1, first), ...rest];
const asCallee = (...messages: readonly Uint8Array[]): Told[] =>
  pieces(protocol.INBOUND_DATA, -1, Buffer.concat(messages));

test('an honest session works over the same wires, so that what follows proves something', async () => {
  const { body } = await beCalled(asCallee(resultOf(Uint8Array.of(4, 5))));
  assert.equal(body, 'came');
  await unharmed(() => callHonestly(asCaller(callOf(1, 'echo', args(Uint8Array.of(4, 5))))));
});

test('an answer that cannot be read fails the call that waits for it, and nothing else', async () => {
  for (const value of [Uint8Array.of(99), Uint8Array.of(OBJECT, 200), Uint8Array.of(9, 7), Uint8Array.of(21, 77)]) {
    const { body } = await unharmed(() => beCalled(asCallee(resultOf(value))));
    assert.match(body, /^threw The other side of an RPC session broke the protocol/);
  }
});

test('a message of a million empty objects is refused before it fills the cell', async () => {
  const count = 1_200_000;
  const frames = Math.floor((count * 2) / FRAME_BYTES);
  const objects = { bytes: base64(Uint8Array.of(OBJECT, 0)), times: FRAME_BYTES / 2 };
  const head = Buffer.concat([Uint8Array.of(RESULT), uint(1), Uint8Array.of(ARRAY), uint(count)]);
  const length = head.length + frames * FRAME_BYTES;
  const told = [
    dataTold(protocol.INBOUND_DATA, -1, Buffer.concat([u32(length), head])),
    { ...dataTold(protocol.INBOUND_DATA, -1, new Uint8Array(0), frames), pad: objects, pauseMs: 6 },
  ];
  const { body } = await unharmed(() => beCalled(told));
  assert.match(body, /a value has too many parts/);
});

test('lengths of 32 MiB are announced in sixty sessions at once, and nothing is set aside for them', async () => {
  const told = Array.from({ length: 60 }, (_value, index) => openTold(index + 1, u32(RPC_LIMITS.maxMessageBytes)));
  await unharmed(() => callHonestly(told));
});

test('who asks for 120 MB in forty pieces and takes nothing loses its session, not the other’s cell', async () => {
  const pieceOf = args(Buffer.concat([Uint8Array.of(4), uint(3_000_000)]));
  const told = Array.from({ length: 40 }, (_value, index) => ({
    ...dataTold(protocol.SESSION_DATA, 1, callOf(index + 2, 'bytes', pieceOf)),
    pauseMs: 10,
  }));
  await unharmed(() => callHonestly(asCaller(callOf(1, 'echo'), ...told)));
  assert.ok(40 * 3_000_000 > RPC_LIMITS.maxHeldBytes);
});

test('floods of empty and of tiny frames end at the window, or are taken as fast as they come', async () => {
  for (const size of [0, 1]) {
    const flood = dataTold(protocol.SESSION_DATA, 1, new Uint8Array(size), 20_000);
    await unharmed(() => callHonestly(asCaller(callOf(1, 'echo'), flood)));
    const back = dataTold(protocol.INBOUND_DATA, -1, new Uint8Array(size), 20_000);
    // Empty frames say nothing: then the caller waits, as long as it likes.
    const { body } = await unharmed(() => beCalled([back], size === 0 ? 500 : undefined));
    assert.match(body, size === 0 ? /^(threw|waits)/ : /^threw /);
  }
});

test('five hundred sessions that fill their windows while the called worker computes do not end its cell', async () => {
  deployHonest();
  // A message that does not end: nobody takes more than a window of it.
  const zeros = { bytes: base64(new Uint8Array(1_000)), times: 60 };
  const told: Told[] = [];
  for (let stream = 1; stream <= 500; stream++) told.push(openTold(stream, u32(RPC_LIMITS.maxMessageBytes)));
  for (let stream = 1; stream <= 500; stream++)
    told.push({ ...dataTold(protocol.SESSION_DATA, stream, new Uint8Array(0), 4), pad: zeros });
  await unharmed(async () => {
    const busy = honest.fetch('honest', { url: '/', headers: { compute: '1500' } });
    await callHonestly(told);
    assert.equal((await busy).body, 'computed');
  });
});

const TAGS = fc.nat({ max: 40 });
const number = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(2 ** 32, 2 ** 52, 1_000_000)).map(uint);
const word = fc
  .oneof(
    fc.constantFrom('echo', 'target', 'stream', 'write', 'one', '__proto__', 'constructor', 'fetch', ''),
    fc.string(),
  )
  .map(text);
const anyBytes = fc.uint8Array({ maxLength: 40 });
const blob = anyBytes.map((bytes) => Buffer.concat([uint(bytes.length), bytes]));
const { value: anyValue } = fc.letrec<{ value: Uint8Array; list: Uint8Array }>((tie) => ({
  list: fc.array(tie('value'), { maxLength: 4 }).map((values) => Buffer.concat([uint(values.length), ...values])),
  value: fc
    .tuple(
      TAGS,
      fc.array(fc.oneof({ depthSize: 'small' }, number, word, anyBytes, blob, tie('list')), { maxLength: 5 }),
    )
    .map(([tag, parts]) => Buffer.concat([Uint8Array.of(tag), ...parts])),
}));
const anyMessage = fc.oneof(
  anyBytes.map((bytes) => message(Uint8Array.of(0), bytes)),
  fc
    .tuple(fc.nat({ max: 9 }), fc.array(fc.oneof(number, word, anyValue, anyBytes), { maxLength: 6 }))
    .map(([kind, parts]) => message(Uint8Array.of(kind), ...parts)),
  fc.tuple(fc.nat({ max: 3 }), word, anyValue).map(([id, method, value]) => {
    const given = Buffer.concat([Uint8Array.of(1, ARRAY), uint(1), value]);
    return message(Uint8Array.of(CALL), uint(id), Uint8Array.of(id), uint(id), uint(1), method, given);
  }),
  anyValue.map((value) => resultOf(value, 1)),
  // A stream message: whose pipe, which, what.
  fc
    .tuple(fc.nat({ max: 1 }), fc.nat({ max: 3 }), fc.nat({ max: 7 }), fc.oneof(number, blob))
    .map(([side, id, kind, rest]) => message(Uint8Array.of(7, side), uint(id), Uint8Array.of(kind), rest)),
  fc.tuple(fc.nat(), anyBytes).map(([length, bytes]) => Buffer.concat([u32(length), bytes])),
);
const conversation = fc.array(anyMessage, { minLength: 1, maxLength: 6 }).map((messages) => Buffer.concat(messages));

test('whatever a caller says in a session, the worker it calls goes on', async () => {
  await unharmed(() =>
    fc.assert(
      fc.asyncProperty(conversation, fc.constantFrom('echo', 'target', 'stream', 'write'), async (said, method) => {
        const first = callOf(1, method, args(Uint8Array.of(33, 1)));
        await unharmed(() => callHonestly([...asCaller(first, ...pieces(protocol.SESSION_DATA, 1, said))]));
      }),
      { numRuns: RUNS },
    ),
  );
});

test('whatever a called worker says in a session, its caller goes on, and never hangs', async () => {
  await fc.assert(
    fc.asyncProperty(conversation, fc.boolean(), async (said, ends) => {
      const told = asCallee(said);
      if (ends) told.push({ type: protocol.INBOUND_END, stream: -1, bytes: base64(Uint8Array.of(0)) });
      // Whoever is told the end has no reason to wait, however busy the machine is.
      const { body, failure } = await unharmed(() => beCalled(told, ends ? undefined : 200));
      assert.equal(failure, undefined);
      assert.match(body, /^(came|waits|threw .)/);
      if (ends) assert.notEqual(body, 'waits', 'a session that is over leaves nobody waiting');
    }),
    { numRuns: RUNS },
  );
});

const CELL_FRAMES = [
  protocol.DATA,
  protocol.END,
  protocol.FAIL,
  protocol.WINDOW,
  protocol.SESSION_DATA,
  protocol.INBOUND_DATA,
  protocol.INBOUND_WINDOW,
  protocol.INBOUND_END,
  protocol.INBOUND_FAIL,
  protocol.LOG,
  protocol.EXCEPTION,
  protocol.INVOCATION_END,
  protocol.ANSWER,
  protocol.ANSWER_WAITS,
  protocol.START_TLS,
  protocol.PONG,
  protocol.LOADED,
];
const stream = fc.constantFrom(-1, 0, 1, 2, 3);
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }).map((value) => ({ value })),
  fc.constant({ name: 'Error', message: { toString: 1, valueOf: 1 } }),
  fc.constant({ level: 'log', message: [{ toString: 1, valueOf: 1 }] }),
  fc.constant({ expectedServerHostname: 'x' }),
);
const call = { method: 'GET', url: 'http://x/', headers: [], hasBody: true, bodyBytes: null, clockMs: 0 };
const anyFrame: fc.Arbitrary<Told> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...CELL_FRAMES), stream, fc.uint8Array({ maxLength: 30 }))
    .map(([type, on, bytes]) => ({ type, stream: on, bytes: base64(bytes) })),
  fc
    .tuple(fc.constantFrom(...CELL_FRAMES), stream, json)
    .map(([type, on, value]) => ({ type, stream: on, json: value })),
  fc
    .tuple(stream, fc.constantFrom(null, 'websocket', 'socket'), fc.constantFrom(null, 'HONEST', 'NONE'))
    .map(([on, upgrade, binding]) => ({ type: protocol.CALL, stream: on, json: { ...call, upgrade, binding } })),
  fc
    .tuple(stream, fc.constantFrom([], ['x-a', 'b'], ['x'], ['x y', 'z'], 7, null))
    .map(([on, headers]) => ({ type: protocol.UPGRADE, stream: on, json: { headers } })),
  stream.map((on) => openTold(on, callOf(1, 'target'))),
  fc.tuple(fc.nat({ max: 255 }), stream).map(([type, on]) => ({ type, stream: on, bytes: '' })),
);

test('frames of every type in every order: the request ends, the server goes on, and nothing is left of them', async () => {
  await unharmed(() =>
    fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { minLength: 1, maxLength: 8 }), fc.boolean(), async (frames, upgrade) => {
        deploy();
        const open = hostile.open('liar', { url: '/script', headers: { script: scriptOf(frames) }, upgrade });
        open.upgraded.then(
          ({ socket }) => socket.destroy(),
          () => undefined,
        );
        await Promise.race([open.done, new Promise((resolve) => setTimeout(resolve, 1_000))]);
        open.control.cancel();
        await until(() => hostile.supervisor.counts().inFlight === 0, 'nothing of the liar is in flight');
        await until(() => honest.supervisor.counts().inFlight === 0, 'nothing it called is in flight', 10_000);
      }),
      { numRuns: RUNS },
    ),
  );
});

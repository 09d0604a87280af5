/**
 * Cells that lie (test/fixtures/cells/hostile.ts). Whatever one does: its own request fails or is answered, the supervisor and a neighbour go
 * on, and no process, socket or directory is left.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import { LoadError } from '../../server/supervisor/load-error.ts';
import { createCellHost } from '../support/cell-host.ts';
import { buildVersion, serviceBinding, type TestAnswer, type TestRequest } from '../support/cells.ts';
import { createHostilePrograms, type HostilePrograms } from '../support/hostile.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';
import type { BindingCall } from '../../server/supervisor/types.ts';

let programs: HostilePrograms;
let hostile: TestSupervisor;
let honest: TestSupervisor;
/** Calls of the hostile cell that reached the broker and were not answered. */
const brokerCalls: BindingCall[] = [];

before(async () => {
  programs = createHostilePrograms();
  honest = await createTestSupervisor({ prestarted: 0 });
  honest.deploy({
    name: 'neighbour',
    modules: { 'index.js': `export default { fetch: () => new Response('fine') };` },
  });
  hostile = await createTestSupervisor({
    harnessPath: await programs.path(''),
    prestarted: 2,
    cpuMs: 100,
    timings: { waitUntilMs: 500 },
    broker: { call: (call) => brokerCalls.push(call), openSession: () => undefined },
  });
  deploy();
});
after(async () => {
  await hostile.close();
  assert.deepEqual(
    hostile.cellPids().filter((pid) => !honest.cellPids().includes(pid)),
    [],
    'no hostile process is left',
  );
  assert.deepEqual(hostile.cellDirectories(), [], 'no directory is left');
  await honest.close();
  programs.remove();
});

/** Each attack gets a version of its own: a version that dies often is paused. */
const deploy = () =>
  hostile.deploy({ name: 'liar', bindings: [serviceBinding('NEXT', 'liar')], modules: { 'index.js': '' } });

async function attack(path: string, request: TestRequest = {}): Promise<TestAnswer> {
  deploy();
  const answer = await hostile.fetch('liar', { ...request, url: path });
  assert.equal((await honest.fetch('neighbour')).body, 'fine');
  return answer;
}

const started: readonly (readonly [behaviour: string, what: string, kind: LoadError['kind'] | '', reason: RegExp])[] = [
  ['dies-at-once', 'that dies at once', 'no-cell', /exit code/],
  ['silent', 'that never says hello', 'no-cell', /no hello within 600 ms/],
  ['no-sandbox', 'that claims a sandbox it did not enter', 'no-cell', /system-call filter is not on/],
  ['other-protocol', 'of another protocol version', 'no-cell', /it speaks protocol 99/],
  ['hello-shape', 'whose hello is no object', 'no-cell', /./],
  ['hello-lists', 'whose hello is full of lists', 'no-cell', /lists of a wrong shape/],
  [
    'hello-twice',
    'that says hello twice',
    '',
    /Message for starting while|broke the protocol|not warm|its process is gone/,
  ],
  ['rubbish-first', 'that begins with rubbish', 'no-cell', /Frame of|broke the protocol/],
  ['closes-channel', 'that closes its channel', 'no-cell', /./],
  ['floods-stderr', 'that floods its standard error', 'no-cell', /./],
  [
    'loaded-before-load',
    'that claims to have loaded before it was told to',
    '',
    /Message for loading while|broke the protocol|not warm|its process is gone/,
  ],
  ['loaded-shape', 'whose handlers are no names', 'exception', /./],
  ['failed-shape', 'whose failure is a list', 'exception', /./],
  ['failed-huge', 'whose failure is 200 KB long', 'exception', /./],
  ['never-loaded', 'that never loads', 'hang', /did not finish within 0\.5 s/],
  ['exits-loading', 'that exits while loading', 'exception', /ended its process while starting/],
];

for (const [behaviour, what, kind, reason] of started) {
  test(`a cell ${what} never serves, and leaves nothing behind`, async (t) => {
    const host = await createCellHost({
      harnessPath: await programs.path(behaviour),
      // Only where the time is what ends it: a busy machine may need longer for everything else.
      timings: {
        ...(behaviour === 'silent' && { helloMs: 600 }),
        ...(behaviour === 'never-loaded' && { startupMs: 500 }),
      },
    });
    t.after(() => host.close());
    const { version, modules } = buildVersion({ name: 'w', modules: { 'index.js': '' } });
    const outcome = await host
      .start()
      .then(
        async (cell) => {
          await cell.load(version, modules, 100);
          // A second message may come after the first was taken: then the cell ends a moment later.
          await until(() => cell.state === 'dead', 'it is ended');
          throw new LoadError('no-cell', cell.deathReason ?? '');
        },
        (error: LoadError) => {
          throw error;
        },
      )
      .catch((error: unknown) => error as LoadError);
    assert.ok(outcome instanceof LoadError, String(outcome));
    if (kind !== '') assert.equal(outcome.kind, kind);
    assert.match(outcome.message, reason);
    assert.ok(outcome.message.length < 140_000, `${outcome.message.length} characters`);
  });
}

test('a cell that ignores every polite signal ends all the same', async (t) => {
  const host = await createCellHost({ harnessPath: await programs.path('ignores-signals') });
  t.after(() => host.close());
  const cell = await host.start();
  cell.kill('enough');
  const startedAt = performance.now();
  await cell.exited;
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < 10_000, `ended after ${tookMs} ms`);
});

/** These end the cell: the request fails and says why. */
const ENDED: readonly (readonly [path: string, what: string])[] = [
  ['/rubbish', 'writes rubbish'],
  ['/oversize', 'announces a frame of 2 GB'],
  ['/short-full', 'answers with a frame too short for a head length'],
  ['/report-short', 'reports its CPU in a frame too short'],
  ['/report-ragged', 'reports its CPU in half an entry'],
  ['/report-false-sum', 'reports parts of its CPU that are more than the whole'],
  ['/long-head', 'answers with a head longer than its frame'],
  ['/no-json', 'answers with a head that is no JSON'],
  ['/end-shape', 'ends an invocation with null'],
  ['/hello-again', 'says hello again'],
  ['/loaded-again', 'says loaded again'],
  ['/failed-late', 'says that its loading failed when it was done'],
  ['/unknown-control', 'sends a frame of unknown type'],
  ['/log-shape', 'logs something of a wrong shape'],
  ['/exception-shape', 'reports an exception of a wrong shape'],
  ['/call-twice', 'opens a stream twice'],
  ['/call-shape', 'opens a call of a wrong shape'],
  ['/call-head', 'opens a call with a head of 200 KB'],
  ['/call-length', 'announces a body of negative length'],
  ['/call-window', 'sends more than its window'],
  ['/call-longer', 'sends more than the body it announced'],
  ['/call-shorter', 'ends a body before its announced length'],
  ['/call-after-end', 'sends body bytes after the end'],
  ['/call-window-frame', 'sends a window frame of a wrong length'],
  ['/call-response', 'sends a frame that only the supervisor sends'],
  ['/service-short', 'calls a service in a frame too short'],
  ['/service-name', 'calls a service by a name longer than its frame'],
  ['/service-lines', 'calls a service with lines missing'],
  ['/service-denied-body', 'sends a service a body that it said was none'],
  ['/service-answer-short', 'answers as a service in a frame too short'],
  ['/exit', 'exits in the middle of a request'],
  ['/close-channel', 'closes its channel in the middle of a request'],
];

for (const [path, what] of ENDED) {
  test(`a cell that ${what} is ended, and its request fails`, async () => {
    // Not a safe method: a second cell would be asked the same.
    const { failure, status } = await attack(path, { method: 'POST' });
    assert.equal(status, 0);
    assert.equal(failure?.kind, 'exception', failure?.reason);
    await until(() => hostile.supervisor.counts().inFlight === 0, 'nothing is left in flight');
  });
}

/** These fail one request, whether or not the cell lives on. */
const REFUSED: readonly string[] = [
  '/null-head',
  '/status-99',
  '/status-1000',
  '/status-101',
  '/status-text',
  '/reason-split',
  '/header-split',
  '/header-name',
  '/header-odd',
  '/header-number',
  '/header-object',
  '/service-answer-split',
  '/service-answer-odd',
  '/service-answer-101',
];

for (const path of REFUSED) {
  test(`an answer with ${path.slice(1)} is refused`, async () => {
    const { failure, status, raw } = await attack(path, { method: 'POST' });
    assert.deepEqual([status, raw, failure?.kind], [0, [], 'exception']);
  });
}

test('a call of a service with a URL or header that is none reaches nobody, and is the only one to fail', async () => {
  for (const path of ['/service-header', '/service-url']) {
    brokerCalls.length = 0;
    assert.equal((await attack(path, { method: 'POST' })).body, 'ok');
    assert.equal(brokerCalls.length, 0, path);
  }
});

test('a call of a service cannot set framing or headers of ours; the host is its own to say', async () => {
  brokerCalls.length = 0;
  assert.equal((await attack('/service-unclean', { method: 'POST' })).body, 'ok');
  const [call] = brokerCalls;
  assert.deepEqual([call?.binding, call?.relay, call?.headers], ['NEXT', undefined, ['host', 'evil', 'kept', 'yes']]);
  const answer = await attack('/service-answer-framing', { method: 'POST' });
  assert.deepEqual([answer.status, answer.body, answer.raw], [200, 'body', ['kept', 'yes']]);
});

test('an answer cannot set its framing or the harness’s headers', async () => {
  const framing = await attack('/framing');
  assert.deepEqual(
    framing.raw.filter((name) => ['transfer-encoding', 'connection'].includes(name)),
    [],
  );
  assert.equal(framing.body, 'body');
  const forged = await attack('/forged');
  assert.equal(forged.failure, undefined);
  assert.deepEqual(
    forged.raw.filter((name) => name.toLowerCase().startsWith('x-skep')),
    [],
  );
});

test('a second answer, an answer to a stranger’s request and a forged end change nothing', async () => {
  assert.equal((await attack('/twice')).body, 'first');
  assert.equal((await attack('/after-end')).body, 'whole');
  assert.equal((await attack('/other-id')).body, 'ok');
  assert.equal((await attack('/end-forged')).body, 'ok');
});

test('calls in the name of another invocation or of a binding that is none do not reach the broker as such', async () => {
  brokerCalls.length = 0;
  assert.equal((await attack('/call-stranger')).body, 'ok');
  assert.equal(brokerCalls.length, 0);
  await attack('/call-other-binding');
  for (const call of brokerCalls) assert.equal(call.caller.version.workerName, 'liar');
});

test('a clock from the future does not move the pipeline’s ahead of the real one', async () => {
  brokerCalls.length = 0;
  await attack('/call-clock');
  await until(() => brokerCalls.length > 0, 'the call arrives');
  assert.ok((brokerCalls[0] as BindingCall).caller.pipeline.clockMs <= Date.now());
});

test('a cell that floods logs, of its request or of none, is answered and its logs are bounded', async () => {
  for (const path of ['/log-flood', '/log-flood-stray']) {
    hostile.events.length = 0;
    const { body, failure } = await attack(path);
    assert.ok(body === 'ok' || failure?.kind === 'exception' || failure?.kind === 'limit', failure?.reason);
    const kept = hostile.eventsOf('log').reduce((sum, { message }) => sum + message.join('').length, 0);
    assert.ok(kept < 2_000_000, `${kept} of 20,000,000 bytes were kept`);
  }
});

test('of the calls that a cell opens at once those beyond 16,384 fail, and nothing else happens', async () => {
  brokerCalls.length = 0;
  assert.equal((await attack('/calls', { method: 'POST' })).body, 'ok');
  assert.equal(brokerCalls.length, CHANNEL_LIMITS.maxOpenCalls);
});

for (const [path, what] of [
  ['/call-heads', 'calls with large heads'],
  ['/call-bodies', 'bodies of calls that nobody reads'],
] as const) {
  test(`a cell that fills the server with ${what} is ended for its memory at 64 MiB`, async () => {
    brokerCalls.length = 0;
    const before = process.memoryUsage().rss;
    const { failure } = await attack(path, { method: 'POST' });
    assert.equal(failure?.outcome, 'exceededMemory', failure?.reason);
    assert.match(failure?.reason ?? '', /left more than 64 MiB of calls with the server/);
    brokerCalls.length = 0;
    const grownMiB = (process.memoryUsage().rss - before) / (1024 * 1024);
    assert.ok(grownMiB < 250, `the server grew by ${grownMiB.toFixed(0)} MiB`);
  });
}

test('a cell that sends half a frame and then nothing is let go when the client goes away', async () => {
  deploy();
  for (const path of ['/half', '/silent']) {
    const call = hostile.open('liar', { url: path });
    await until(() => hostile.supervisor.counts().inFlight > 0, 'it hangs');
    call.control.cancel();
    await until(() => hostile.supervisor.counts().inFlight === 0, 'the invocation is given up');
  }
});

test('a cell that spins or hoards outside the harness’s care meets the same limits', async () => {
  const spun = await attack('/spin', { method: 'POST' });
  assert.equal(spun.failure?.outcome, 'exceededCpu');
  const hoarded = await attack('/hoard', { method: 'POST' });
  assert.equal(hoarded.failure?.kind, 'limit', hoarded.failure?.reason);
});

test('a cell that exits after its answer takes nothing with it', async () => {
  for (let round = 0; round < 3; round++) assert.equal((await attack('/exit-late')).body, 'ok');
});

test('a cell that stops reading is ended before it has made the server hold much for it', async () => {
  deploy();
  brokerCalls.length = 0;
  const rssMiB = (): number => (Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * 4096) / 1048576;
  const before = rssMiB();
  const answer = hostile.fetch('liar', { url: '/stop-reading', method: 'POST' });
  await until(() => brokerCalls.length >= 1500, 'its calls arrive');
  const body = Buffer.alloc(200_000, 1);
  for (const call of brokerCalls) {
    call.respond(200, '', []);
    call.write(body);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { failure } = await answer;
  assert.equal(failure?.kind, 'exception', failure?.reason);
  assert.match(failure?.reason ?? '', /does not read/);
  assert.ok(rssMiB() - before < 250, `${Math.round(rssMiB() - before)} MB`);
});

const HTTP_BROKEN = [
  'status-line',
  'not-http',
  'version',
  'both-framings',
  'two-lengths',
  'no-framing',
  'large-head',
  'endless-head',
  'folded',
  'line-feed',
  'unasked-101',
  'close',
];
/** Broken after a good head. */
const HTTP_CUT = ['negative-chunk', 'huge-chunk', 'chunk-line', 'chunk-end', 'trailer', 'short-body'];
const upload = (): TestRequest => ({ method: 'POST', body: Readable.from([Buffer.from('streamed')]) });

for (const name of HTTP_BROKEN) {
  test(`an HTTP answer with ${name} is refused, and nothing of it gets out`, async () => {
    const { status, raw, failure } = await attack(`/http/${name}`, upload());
    assert.deepEqual([status, raw], [0, []]);
    assert.equal(failure?.kind, 'exception', failure?.reason);
    assert.equal(
      (await hostile.fetch('liar', { ...upload(), url: '/http/fine' })).body,
      'ok',
      'the next request is answered',
    );
  });
}

for (const name of HTTP_CUT) {
  test(`an HTTP body with ${name} is never taken for a whole one`, async () => {
    const { status, failure } = await attack(`/http/${name}`, upload());
    assert.equal(status, 200);
    assert.notEqual(failure, undefined);
    assert.equal(
      (await hostile.fetch('liar', { ...upload(), url: '/http/fine' })).body,
      'ok',
      'the next request is answered',
    );
  });
}

test('informational answers are skipped, and bytes after an answer never become the next one', async () => {
  assert.equal((await attack('/http/continue', upload())).body, 'ok');
  deploy();
  for (let round = 0; round < 5; round++) {
    for (const path of ['/http/extra-bytes', '/http/fine']) {
      const { body, failure } = await hostile.fetch('liar', { ...upload(), url: path });
      assert.equal(failure, undefined, `${path}: ${failure?.reason}`);
      assert.equal(body, 'ok', path);
    }
  }
});

test('a cell that answers before it is asked cannot pass its words off as an answer', async (t) => {
  const first = await createTestSupervisor({ harnessPath: await programs.path('answers-first'), prestarted: 1 });
  t.after(() => first.close());
  first.deploy({ name: 'hasty', modules: { 'index.js': '' } });
  // The first answer on a connection cannot be told from an early one; it must not be given to a second request.
  const bodies: string[] = [];
  for (let round = 0; round < 6; round++)
    bodies.push((await first.fetch('hasty', { ...upload(), url: '/http/fine' })).body);
  assert.ok(
    bodies.every((body) => body === 'forged' || body === 'ok' || body === ''),
    bodies.join(),
  );
  assert.equal((await honest.fetch('neighbour')).body, 'fine');
});

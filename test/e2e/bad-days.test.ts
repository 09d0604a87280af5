/** Processes that die, databases that go away, disks that fill up: what was acknowledged stays, and workers go on answering. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDataDir } from '../../server/storage/data-dir.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/storage/embedded/embedded.ts';
import { deployWriter, kv, r2, sql } from '../support/crash-stores.ts';
import { testLog } from '../support/log.ts';
import { urlOfConnection } from '../support/postgres.ts';
import { descendantsOf } from '../support/processes.ts';
import { type HttpAnswer, type Skep, spawnSkep, startSkep, temporaryDirectory } from '../support/server.ts';
import { until } from '../support/until.ts';

const IS_ROOT = process.getuid?.() === 0;
/** Long enough for a cell that spins to be still there when the server is killed. */
const HOGS_ALLOWED = { SKEP_LIMIT_CPU_MS: '30000' };
const answering = (text: string): string =>
  `export default { fetch() { return new Response(${JSON.stringify(text)}); } };`;

/** Cloudflare's envelope of an error. */
function assertEnvelope(answer: HttpAnswer, status: number, message: RegExp): void {
  assert.equal(answer.status, status, answer.text);
  const body = answer.json();
  assert.deepEqual([body.success, body.result], [false, null]);
  assert.equal(typeof body.errors[0].code, 'number');
  assert.match(body.errors[0].message, message);
}

async function assertAnswers(skep: Skep, worker: string, text: string): Promise<void> {
  const answer = await skep.request(worker);
  assert.deepEqual([answer.status, answer.text], [200, text]);
}

/** In the middle of writes: crash.test.ts. */
describe('kill -9 of the server', () => {
  test('while idle, and while a worker spins: nothing is left within 2 s, and the next start has everything', async () => {
    const skep = await startSkep({ env: HOGS_ALLOWED });
    await skep.deploy('idle', answering('idle'));
    await skep.deploy('hog', 'export default { fetch() { for (;;); } };');
    await skep.kill9();

    const second = await startSkep({ dataDir: skep.dataDir, env: HOGS_ALLOWED });
    await assertAnswers(second, 'idle', 'idle');
    const hogging = second.request('hog').catch((error: Error) => error);
    await sleep(300);
    await second.kill9();
    assert.ok((await hogging) instanceof Error);

    const third = await startSkep({ dataDir: skep.dataDir });
    await assertAnswers(third, 'idle', 'idle');
    await third.stop();
  });

  test('on a machine without bubblewrap no cell outlives it either, not even one that spins', async (t) => {
    const hide = ['unshare', '--mount', '--', 'sh', '-c', 'mount --bind /dev/null /usr/bin/bwrap; exec "$@"', 'sh'];
    if (!IS_ROOT || !existsSync('/usr/bin/bwrap')) return t.skip('needs root and bubblewrap (to hide it)');
    if (spawnSync(hide[0] ?? '', [...hide.slice(1), 'true']).status !== 0)
      return t.skip('mount namespaces are not available');
    const skep = await startSkep({ wrapper: hide, env: HOGS_ALLOWED });
    assert.match(skep.stderr(), /without empty-root/);
    await skep.deploy('idle', answering('idle'));
    await assertAnswers(skep, 'idle', 'idle');
    await skep.deploy('hog', 'export default { fetch() { for (;;); } };');
    void skep.request('hog').catch(() => {});
    await sleep(300);
    await skep.kill9();
    return undefined;
  });
});

describe('kill -9 of a cell', () => {
  test('under load: GETs in flight are repeated, only POSTs in flight may fail, and the next request is served', async (t) => {
    const skep = await startSkep();
    await skep.deploy(
      'busy',
      `export default { async fetch(request) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return new Response(request.method);
    } };`,
    );
    assert.equal((await skep.request('busy')).status, 200);
    const results = { GET: 0, POST: 0, failedGet: [] as string[], failedPost: [] as string[] };
    const stopped = new AbortController();
    t.after(() => stopped.abort());
    const client = async (method: 'GET' | 'POST'): Promise<void> => {
      while (!stopped.signal.aborted) {
        const answer = await skep.request('busy', '/', { method }).catch((error: Error) => error);
        if (!(answer instanceof Error) && answer.status === 200 && answer.text === method) results[method] += 1;
        else
          results[method === 'GET' ? 'failedGet' : 'failedPost'].push(
            answer instanceof Error ? String(answer) : `${answer.status} ${answer.text}`,
          );
      }
    };
    const clients = Promise.all([...Array<'GET'>(6).fill('GET'), ...Array<'POST'>(2).fill('POST')].map(client));
    let kills = 0;
    for (let round = 0; round < 4; round++) {
      // A cell that is only starting has nothing in flight, and two in a row that are killed at that are too many for anybody.
      const answered = results.GET;
      await until(() => results.GET > answered + 20, 'requests are answered', 30_000);
      const cell = busyCell(skep.pid);
      if (cell === undefined) continue;
      process.kill(cell, 'SIGKILL');
      kills += 1;
    }
    const answered = results.GET;
    await until(() => results.GET > answered, 'and once more', 30_000);
    stopped.abort();
    await clients;
    t.diagnostic(
      `${kills} kills; ${results.GET} GETs, ${results.POST} POSTs answered; hit: ${results.failedGet.length} GETs, ${results.failedPost.length} POSTs`,
    );
    assert.ok(kills >= 2, `${kills} kills`);
    // Never an error page; an answer whose head is out already cannot be repeated and is cut off.
    for (const text of results.failedGet) assert.match(text, /other side closed|terminated|ECONNRESET/, skep.stdout());
    assert.ok(results.failedGet.length <= kills, results.failedGet.join('\n'));
    // Two POSTs are in flight at a time.
    assert.ok(results.failedPost.length <= kills * 2, results.failedPost.join('\n'));
    for (const text of results.failedPost) assert.match(text, /^500 error code: 1101$/);
    assert.equal((await skep.request('busy')).status, 200);
    await skep.stop();
  });
});

/** The cell with the most CPU time: the one that serves. */
function busyCell(serverPid: number): number | undefined {
  const ticks = (pid: number): number => {
    const stat = spawnSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' }).stdout;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const cells = descendantsOf(serverPid).filter(({ command }) => /^\S*deno run /.test(command));
  return cells.sort((a, b) => ticks(b.pid) - ticks(a.pid))[0]?.pid;
}

describe('kill -9 of the embedded PostgreSQL', () => {
  test('workers go on answering, the API says 503 or waits, and deploys work again without a restart', async (t) => {
    const skep = await startSkep();
    await skep.deploy('steady', answering('steady'));
    await skep.deploy('cold', answering('cold'));
    const failures: string[] = [];
    let requests = 0;
    const stopped = new AbortController();
    t.after(() => stopped.abort());
    const client = async (): Promise<void> => {
      while (!stopped.signal.aborted) {
        requests += 1;
        const answer = await skep.request('steady').catch((error: Error) => error);
        if (answer instanceof Error || answer.text !== 'steady')
          failures.push(answer instanceof Error ? String(answer) : answer.text);
        await sleep(5);
      }
    };
    const clients = Promise.all([client(), client()]);
    const postgres = descendantsOf(skep.pid).filter(({ command }) => /postgres/.test(command));
    assert.ok(postgres.length > 2, `${postgres.length} processes of PostgreSQL`);
    for (const { pid } of postgres) killQuietly(pid);
    const killedAt = performance.now();
    const during = await skep.upload('during', answering('during'));
    if (during.status !== 200) assertEnvelope(during, 503, /database/);
    // Not in any cell yet: its modules come from the disk.
    await assertAnswers(skep, 'cold', 'cold');
    await until(async () => (await skep.api('GET', '/workers/scripts')).status === 200, 'the API is back', 30_000);
    const backMs = performance.now() - killedAt;
    await skep.deploy('afterwards', answering('afterwards'));
    await assertAnswers(skep, 'afterwards', 'afterwards');
    // The next change is followed without delay, so LISTEN works again.
    await skep.deploy('steady', answering('steady'));
    stopped.abort();
    await clients;
    t.diagnostic(`the API was back after ${Math.round(backMs)} ms; ${requests} requests meanwhile`);
    assert.deepEqual(failures, []);
    await skep.stop();
  });
});

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with another one.
  }
}

describe("a PostgreSQL of one's own (DATABASE_URL)", () => {
  let postgres: EmbeddedPostgres | undefined;
  let dataDir: Awaited<ReturnType<typeof openDataDir>> | undefined;
  const directory = temporaryDirectory();

  async function startDatabase(): Promise<string> {
    dataDir ??= await openDataDir(join(directory, 'data'));
    postgres = await startEmbeddedPostgres({ dataDir, log: testLog });
    return urlOfConnection(postgres.connection, 'postgres');
  }
  after(async () => {
    await postgres?.stop();
    await dataDir?.close();
  });

  test('goes away and comes back: workers answer, deploys get a clear error, then work again; a start meanwhile is refused', async (t) => {
    const url = await startDatabase();
    const skep = await startSkep({ env: { DATABASE_URL: url } });
    assert.deepEqual(
      descendantsOf(skep.pid).filter(({ command }) => command.includes('postgres')),
      [],
      'with DATABASE_URL no PostgreSQL of its own is started',
    );
    await skep.deploy('steady', answering('steady'));
    await skep.deploy('cold', answering('cold'));
    await postgres?.stop();

    await assertAnswers(skep, 'steady', 'steady');
    await assertAnswers(skep, 'cold', 'cold');
    assertEnvelope(await skep.upload('steady', answering('changed')), 503, /database/);
    assertEnvelope(await skep.api('GET', '/workers/scripts'), 503, /database/);
    const apiReady = await fetch(`http://127.0.0.1:${skep.apiPort}/readyz`);
    assert.deepEqual([apiReady.status, ((await apiReady.json()) as { ready: boolean }).ready], [503, false]);
    const gatewayReady = await fetch(`http://127.0.0.1:${skep.gatewayPort}/readyz`);
    assert.equal(gatewayReady.status, 200, 'the gateway serves without a database');
    const second = spawnSkep({ env: { DATABASE_URL: url } });
    assert.deepEqual(await second.exited, { code: 1, signal: null });
    assert.match(second.stderr(), /^Skep cannot start\. [^\n]*DATABASE_URL[^\n]*\n$/);
    assert.doesNotMatch(second.stderr(), new RegExp(postgres?.connection.password ?? 'x'));

    assert.equal(await startDatabase(), url);
    const back = performance.now();
    await until(async () => (await skep.api('GET', '/workers/scripts')).status === 200, 'the API is back', 15_000);
    t.diagnostic(`the API was back ${Math.round(performance.now() - back)} ms after the database`);
    await skep.deploy('steady', answering('changed'));
    await assertAnswers(skep, 'steady', 'changed');
    await skep.kill9();
    const again = await startSkep({ dataDir: skep.dataDir, env: { DATABASE_URL: url } });
    await assertAnswers(again, 'steady', 'changed');
    await again.stop();
  });
});

const DATA = [kv, r2, sql];

describe('a full disk', () => {
  test('deploys get a clear error, deployed workers answer, and space that is freed is enough to recover', (t) =>
    onSmallDisk(t, fillAndFree));

  test('accounts cannot fill it together: the last part is the platform’s, which goes on deploying', (t) =>
    onSmallDisk(t, fillToReserve));

  async function onSmallDisk(
    t: TestContext,
    use: (directory: string, t: { diagnostic(text: string): void }) => Promise<void>,
  ): Promise<void> {
    if (!IS_ROOT) return t.skip('needs root to mount a small file system');
    const directory = temporaryDirectory();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200m,mode=0711', 'skep-test', directory], {
      encoding: 'utf8',
    });
    if (mounted.status !== 0) return t.skip(`mount does not work here: ${mounted.stderr.trim()}`);
    try {
      await use(directory, t);
    } finally {
      await until(() => spawnSync('umount', [directory]).status === 0, 'unmounted');
    }
    return undefined;
  }

  /** Two Workers that store until they are refused: what is left then is enough for deploys, and it is let go of again. */
  async function fillToReserve(directory: string): Promise<void> {
    const skep = await startSkep({ dataDir: join(directory, 'data'), env: { SKEP_DISK_RESERVE_MIB: '40' } });
    try {
      await deployWriter(skep, DATA);
      for (const store of DATA) for (const key of store.keys) assert.ok(await store.write(skep, key, 1));
      const put = (name: string, key: string): Promise<HttpAnswer> =>
        skep.request('crash-writer', `/${name}/${key}`, { method: 'PUT', body: 'x'.repeat(4_000_000) + key });
      const freeMiB = (): number => (statfsSync(directory).bavail * statfsSync(directory).bsize) / 2 ** 20;
      const filler = join(directory, 'filler');
      writeFileSync(filler, Buffer.alloc(Math.floor((freeMiB() - 55) * 2 ** 20), 1));
      let stored = 0;
      await until(async () => (await put('r2', `filler-${stored++}`)).status !== 200, 'objects are refused', 20_000);
      assert.ok(stored > 1, 'there was room at first');
      assert.ok(freeMiB() > 10, `${freeMiB()} MiB are free`);
      for (const { name, keys } of DATA) {
        const { status, text } = await put(name, keys[0] as string);
        assert.equal(status, 503, `${name}: ${text}`);
        assert.match(text, /nearly full/, `${name}: ${text}`);
      }
      for (const store of DATA) for (const key of store.keys) assert.equal(await store.read(skep, key), 1, store.name);
      await skep.deploy('beside', answering('beside') + `/* ${'x'.repeat(1_000_000)} */`);
      await assertAnswers(skep, 'beside', 'beside');
      truncateSync(filler, 0);
      for (const store of DATA) {
        await until(() => store.write(skep, store.keys[0] as string, 2), `${store.name} takes writes again`, 20_000);
      }
    } finally {
      skep.signal('SIGKILL');
      await skep.exited;
    }
  }

  async function fillAndFree(directory: string, t: { diagnostic(text: string): void }): Promise<void> {
    const skep = await startSkep({ dataDir: join(directory, 'data'), env: { SKEP_DISK_RESERVE_MIB: '0' } });
    try {
      await skep.deploy('steady', answering('steady'));
      await deployWriter(skep, DATA);
      for (const store of DATA) for (const key of store.keys) assert.ok(await store.write(skep, key, 1));
      const filler = join(directory, 'filler');
      const free = statfsSync(directory).bavail * statfsSync(directory).bsize;
      t.diagnostic(`${Math.round(free / 1e6)} MB free before it was filled`);
      fill(filler, free);
      const megabyte = `/* ${'x'.repeat(4_000_000)}${Math.random()} */`;
      const refused = await skep.upload('large', answering('large') + megabyte);
      assertEnvelope(refused, 503, /disk|space|database/);
      await assertAnswers(skep, 'steady', 'steady');
      assert.equal((await skep.request('large')).status, 404);
      for (const { name, keys } of DATA) {
        const path = `/${name}/${keys[0]}`;
        const body = 'x'.repeat(4_000_000);
        const { status, text } = await skep.request('crash-writer', path, { method: 'PUT', body });
        assert.equal(status, 503, `${name}: ${text}`);
        t.diagnostic(`${name} says: ${text}`);
      }
      truncateSync(filler, 0);
      await until(
        async () => (await skep.upload('large', answering('large') + megabyte)).status === 200,
        'deploys work again',
        20_000,
      );
      await assertAnswers(skep, 'large', 'large');
      for (const store of DATA) {
        for (const key of store.keys) assert.equal(await store.read(skep, key), 1, store.name);
        await until(() => store.write(skep, store.keys[0] as string, 2), `${store.name} takes writes again`);
      }
      // A disk that is full at the start: one sentence.
      assert.deepEqual(await skep.stop(), { code: 0, signal: null });
      fill(filler, statfsSync(directory).bavail * statfsSync(directory).bsize);
      const fresh = join(directory, 'fresh');
      const start = spawnSkep({ dataDir: fresh });
      assert.deepEqual(await start.exited, { code: 1, signal: null });
      assert.match(start.stderr(), /^Skep cannot start\. [^\n]*disk is full[^\n]*\n$/);
      truncateSync(filler, 0);
      const again = await startSkep({ dataDir: skep.dataDir });
      await assertAnswers(again, 'large', 'large');
      await again.stop();
    } finally {
      skep.signal('SIGKILL');
      await skep.exited;
    }
  }

  /** Takes all that is left, by ever smaller files' worth: PostgreSQL may need some in between. */
  function fill(path: string, bytes: number): void {
    writeFileSync(path, '');
    const chunk = Buffer.alloc(1 << 20, 1);
    try {
      for (let written = 0; written <= bytes + chunk.length; written += chunk.length)
        writeFileSync(path, chunk, { flag: 'a' });
      assert.fail('the file system did not become full');
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
});

/** The Cache API: what lies on disk and for how long, and what a cell may do with it. How it answers is in `conformance/cases/cache`. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, test } from 'node:test';
import { storable } from '../../server/bindings/cache/freshness.ts';
import { type CacheKey, CacheStore, type CacheStoreOptions, TooLarge } from '../../server/bindings/cache/store.ts';
import { CACHE_LIMITS } from '../../shared/limits.ts';
import { parseCallHead } from '../../server/supervisor/call-head.ts';
import { recordingLog } from '../support/log.ts';
import { createTestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'skep-cache-'));
  folders.push(folder);
  return folder;
}

const openStore = (options: Partial<CacheStoreOptions> = {}): Promise<CacheStore> =>
  CacheStore.open({
    dir: newFolder(),
    maxBytes: 1024 * 1024,
    maxObjectBytes: 512 * 1024,
    log: recordingLog().log,
    ...options,
  });

const key = (url: string, more: Partial<CacheKey> = {}): CacheKey => ({ accountId: 'a', cache: null, url, ...more });

const head = (seconds = 60) => ({
  status: 200,
  statusText: 'OK',
  headers: ['x', 'y'],
  storedAtMs: Date.now(),
  freshUntilMs: Date.now() + seconds * 1000,
});

const put = (store: CacheStore, at: CacheKey, body: string | Readable, seconds = 60): Promise<void> =>
  store.put(at, head(seconds), typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body);

async function textOf(store: CacheStore, at: CacheKey): Promise<string | undefined> {
  const stored = await store.get(at);
  return stored === undefined ? undefined : read(stored.read());
}

async function read(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const filesIn = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('accounts, caches and URLs are apart, however their names are put together', async () => {
  const store = await openStore();
  await put(store, key('http://x/', { cache: 'c' }), 'mine');
  assert.equal(await textOf(store, key('http://x/', { cache: 'c' })), 'mine');
  assert.equal(await textOf(store, key('http://x/', { cache: 'c', accountId: 'b' })), undefined);
  assert.equal(await textOf(store, key('http://x/')), undefined);
  assert.equal(await textOf(store, key('', { cache: 'chttp://x/' })), undefined);
  assert.equal(await store.delete(key('http://x/', { cache: 'c', accountId: 'b' })), false);
  assert.equal(await store.delete(key('http://x/', { cache: 'c' })), true);
  await store.close();
});

test('a restart keeps what was stored, and throws away what was not finished', async () => {
  const dir = newFolder();
  const first = await openStore({ dir });
  await put(first, key('http://x/'), 'kept');
  await first.close();
  writeFileSync(join(dir, 'incoming', 'left-over'), 'half');
  const second = await openStore({ dir });
  assert.deepEqual(readdirSync(join(dir, 'incoming')), []);
  assert.equal(await textOf(second, key('http://x/')), 'kept');
  await until(() => second.usedBytes > 0, 'the folder is read');
  await second.close();
});

test('a response is gone when its time is over, from the disk as well', async () => {
  const dir = newFolder();
  const store = await openStore({ dir });
  await put(store, key('http://x/'), 'old', -1);
  assert.equal(await textOf(store, key('http://x/')), undefined);
  assert.deepEqual(filesIn(dir), []);
  assert.equal(store.usedBytes, 0);
  await store.close();
});

test('when the room is used up, what was not used for longest goes', async () => {
  const dir = newFolder();
  const store = await openStore({ dir, maxBytes: 3_000 });
  await put(store, key('http://1/'), 'x'.repeat(1_000));
  await put(store, key('http://2/'), 'x'.repeat(1_000));
  await textOf(store, key('http://1/'));
  await put(store, key('http://3/'), 'x'.repeat(1_000));
  assert.equal((await textOf(store, key('http://1/')))?.length, 1_000);
  assert.equal(await textOf(store, key('http://2/')), undefined);
  assert.equal((await textOf(store, key('http://3/')))?.length, 1_000);
  assert.ok(store.usedBytes <= 3_000);
  await until(() => filesIn(dir).length === 2, 'the file is gone');
  await store.close();
});

test('an account that stores without end throws out its own responses, and nobody else’s', async () => {
  const dir = newFolder();
  const store = await openStore({ dir, maxBytes: 64 * 1024, maxEntries: 20 });
  const quiet = key('quiet', { accountId: 'quiet' });
  await put(store, quiet, 'still here');
  for (let index = 0; index < 30; index++) await put(store, key(`large-${index}`), 'x'.repeat(10_000));
  assert.ok(store.usedBytes <= 64 * 1024);
  for (let index = 0; index < 30; index++) await put(store, key(`small-${index}`), 'x');
  assert.equal(await textOf(store, quiet), 'still here');
  assert.equal(await textOf(store, key('small-29')), 'x');
  assert.equal(await textOf(store, key('large-0')), undefined);
  await store.close();
  const again = await openStore({ dir, maxBytes: 4 * 1024 });
  await put(again, key('last'), 'x'.repeat(3_000));
  assert.equal(await textOf(again, quiet), 'still here');
});

test('bodies that do not end leave room for what others store', async () => {
  const store = await openStore({ maxBytes: 1024 * 1024, maxObjectBytes: 200 * 1024 });
  const bodies: PassThrough[] = [];
  const begin = (url: string, bytes: number): Promise<unknown> => {
    const body = new PassThrough();
    bodies.push(body);
    body.write(Buffer.alloc(bytes));
    return put(store, key(url), body).catch((error: unknown) => error);
  };
  const puts = Array.from({ length: 8 }, (_, index) => begin(`k${index}`, 150 * 1024));
  assert.ok((await Promise.race(puts)) instanceof TooLarge);
  await until(() => store.usedBytes <= 300 * 1024, 'the refused ones are gone');
  await put(store, key('theirs', { accountId: 'b' }), 'x'.repeat(100 * 1024));
  assert.equal((await textOf(store, key('theirs', { accountId: 'b' })))?.length, 100 * 1024);
  const many = Array.from({ length: CACHE_LIMITS.maxOpenPutsPerAccount }, (_, index) => begin(`s${index}`, 0));
  assert.ok((await begin('one more', 1)) instanceof TooLarge);
  for (const body of bodies) body.end();
  await Promise.all([...puts, ...many]);
  await put(store, key('after'), 'x');
});

test('a node keeps so many responses and not one more: again what was not used for longest goes', async () => {
  const store = await openStore({ maxEntries: 3 });
  const kept = async (): Promise<boolean[]> =>
    Promise.all([1, 2, 3, 4].map(async (n) => (await textOf(store, key(`http://${n}/`))) !== undefined));
  for (const n of [1, 2]) await put(store, key(`http://${n}/`), 'x');
  assert.deepEqual(await kept(), [true, true, false, false], 'one below');
  await put(store, key('http://3/'), 'x');
  assert.deepEqual(await kept(), [true, true, true, false], 'at the limit');
  await put(store, key('http://4/'), 'x');
  await until(async () => !(await kept())[0], 'one above: the first is gone');
  assert.deepEqual(await kept(), [false, true, true, true]);
  await store.close();
});

test('a response over the limit is refused, and neither it nor a failed one leaves anything behind', async () => {
  const dir = newFolder();
  const store = await openStore({ dir, maxObjectBytes: 2_000 });
  await put(store, key('http://x/'), 'before');
  await assert.rejects(put(store, key('http://x/'), 'x'.repeat(2_001)), TooLarge);
  await put(store, key('http://fits/'), 'x'.repeat(1_700));
  const failing = Readable.from(
    (async function* () {
      yield Buffer.from('begin');
      throw new Error('the worker is gone');
    })(),
  );
  await assert.rejects(put(store, key('http://x/'), failing), /the worker is gone/);
  assert.equal(await textOf(store, key('http://x/')), 'before');
  assert.deepEqual(readdirSync(join(dir, 'incoming')), []);
  await store.close();
});

test('nothing is kept when the cache has no room at all', async () => {
  const store = await openStore({ maxBytes: 0 });
  await assert.rejects(put(store, key('http://x/'), 'x'), TooLarge);
  assert.equal(await textOf(store, key('http://x/')), undefined);
  await store.close();
});

test('who reads a response goes on reading it while it is replaced and deleted', async () => {
  const store = await openStore();
  await put(store, key('http://x/'), 'first');
  const stored = await store.get(key('http://x/'));
  await put(store, key('http://x/'), 'second');
  assert.equal(await store.delete(key('http://x/')), true);
  assert.equal(await read(stored?.read() as Readable), 'first');
  assert.equal(await textOf(store, key('http://x/')), undefined);
  await store.close();
});

test('a file that lost its end is not a response', async () => {
  const dir = newFolder();
  const store = await openStore({ dir });
  await put(store, key('http://x/'), 'a whole body');
  const [file] = filesIn(dir);
  truncateSync(file as string, 100);
  assert.equal(await textOf(store, key('http://x/')), undefined);
  assert.deepEqual(filesIn(dir), []);
  await store.close();
});

test('puts of one URL at once leave one of them, whole', async () => {
  const store = await openStore();
  await Promise.all(['a', 'b', 'c', 'd'].map((letter) => put(store, key('http://x/'), letter.repeat(20_000))));
  const text = (await textOf(store, key('http://x/'))) as string;
  assert.equal(text, (text[0] as string).repeat(20_000));
  assert.ok(store.usedBytes < 21_000);
  await store.close();
});

test('how long a response is kept follows its headers', () => {
  const seconds = (...headers: string[]): number | undefined => storable(headers, 0)?.seconds;
  assert.equal(seconds(), 7200);
  assert.equal(seconds('cache-control', 'max-age=5, s-maxage=7'), 7);
  assert.equal(seconds('cache-control', 'public', 'cache-control', 'max-age=5'), 5);
  assert.equal(seconds('cache-control', 'max-age=99999999999'), 366 * 24 * 3600);
  assert.equal(seconds('expires', new Date(9_000).toUTCString()), 9);
  for (const refused of [
    'no-store',
    'no-cache',
    'private',
    'Private, max-age=5',
    'max-age=0',
    'max-age=5, s-maxage=0',
  ]) {
    assert.equal(seconds('cache-control', refused), undefined, refused);
  }
  assert.equal(seconds('set-cookie', 'a=b', 'cache-control', 'max-age=5'), undefined);
  const without = storable(['set-cookie', 'a=b', 'cache-control', 'max-age=5, private=Set-Cookie'], 0);
  assert.deepEqual(without?.headers, ['cache-control', 'max-age=5, private=Set-Cookie']);
});

test('a cell that speaks of a cache in a wrong shape is ended', () => {
  const good = {
    invocation: 1,
    binding: null,
    method: 'PUT',
    url: 'http://x/',
    headers: [],
    hasBody: false,
    bodyBytes: null,
    upgrade: null,
    clockMs: 0,
  };
  const parse = (cache: unknown) => parseCallHead(Buffer.from(JSON.stringify({ ...good, cache })));
  assert.deepEqual(parse({ name: null, put: { status: 200, statusText: 'OK' } }).cache, {
    name: null,
    put: { status: 200, statusText: 'OK' },
  });
  assert.equal(parse({ name: 'é'.repeat(511) }).cache?.name?.length, 511);
  for (const wrong of [
    null,
    'default',
    {},
    { name: 5 },
    { name: 'é'.repeat(512) },
    { name: null, put: null },
    { name: null, put: { status: 199, statusText: '' } },
    { name: null, put: { status: 600, statusText: '' } },
    { name: null, put: { status: 200, statusText: 'a\r\nb' } },
    { name: null, put: { status: '200', statusText: '' } },
  ]) {
    assert.throws(() => parse(wrong), { name: 'CellMisbehaved' }, JSON.stringify(wrong));
  }
});

test('a worker stores bodies larger than the channel holds at once, and hears nothing of one that is too large', async () => {
  const cells = await createTestSupervisor({ cpuMs: 5_000, cacheOptions: { maxObjectBytes: 2_000_000 } });
  try {
    cells.deploy({
      name: 'large',
      modules: {
        'index.js': `export default { async fetch(request) {
          const sizes = [];
          for (const size of [262144, 262145, 1000000, 3000000]) {
            for (const stream of [false, true]) {
              const url = 'http://cached/' + size + stream;
              const bytes = new Uint8Array(size).fill(size & 255);
              const body = stream ? new Blob([bytes]).stream() : bytes;
              await caches.default.put(url, new Response(body));
              const hit = await caches.default.match(url);
              const back = hit && new Uint8Array(await hit.arrayBuffer());
              sizes.push(back === undefined ? null : back.every((byte) => byte === (size & 255)) && back.length);
            }
          }
          return Response.json(sizes);
        } };`,
      },
    });
    const response = await cells.fetch('large');
    assert.deepEqual(JSON.parse(response.body), [262144, 262144, 262145, 262145, 1000000, 1000000, null, null]);
  } finally {
    await cells.close();
  }
});

test('operations of the cache count as subrequests to services', async () => {
  const cells = await createTestSupervisor({ cpuMs: 5_000 });
  try {
    cells.deploy({
      name: 'busy',
      modules: {
        'index.js': `export default { async fetch() {
          const outcomes = {};
          for (let n = 0; n < 1005; n++) {
            const outcome = await caches.default.match('http://cached/' + n).then(String, (error) => error.message);
            outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
          }
          return Response.json(outcomes);
        } };`,
      },
    });
    const response = await cells.fetch('busy');
    assert.deepEqual(JSON.parse(response.body), { undefined: 1000, 'Too many subrequests.': 5 });
  } finally {
    await cells.close();
  }
});

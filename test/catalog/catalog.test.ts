import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBus } from '../../server/bus/postgres-bus.ts';
import { createCatalog } from '../../server/catalog/catalog.ts';
import type { CatalogOptions, RunningCatalog } from '../../server/catalog/catalog.ts';
import type { DeployedWorker } from '../../server/catalog/types.ts';
import { openDataDir } from '../../server/storage/data-dir.ts';
import { startEmbeddedPostgres } from '../../server/storage/embedded/embedded.ts';
import { openStore } from '../../server/storage/open-store.ts';
import type { PublishedVersion, Store } from '../../server/storage/store.ts';
import { Resources } from '../../shared/resources.ts';
import { recordingLog, testLog } from '../support/log.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ACCOUNT_ID, moduleOf, newVersion } from '../support/uploads.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skep-test-catalog-'));
  await chmod(directory, 0o711);
});
after(() => rm(directory, { recursive: true, force: true }));

let db: TestDatabase;
let store: Store;
let resources: Resources;
beforeEach(async () => {
  resources = new Resources();
  db = resources.use('database', await createTestDatabase(), (opened) => opened.close());
  store = db.store;
  await store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
});
afterEach(() => resources.close());

/** A node: bus and catalog on the test's database, with a cache of its own. */
async function startNode(options: Partial<CatalogOptions> = {}): Promise<RunningCatalog> {
  const bus = resources.use('bus', createBus({ database: db.database, log: testLog }), (opened) => opened.close());
  const cacheDir = join(directory, randomBytes(6).toString('hex'));
  const catalog = await createCatalog({ store, bus, log: testLog, baseDomain: 'Localhost', cacheDir, ...options });
  return resources.use('catalog', catalog, (opened) => opened.close());
}

/** Uploads the next version of a worker and deploys it. */
async function deploy(name: string, code: string = randomBytes(4).toString('hex')): Promise<PublishedVersion> {
  const latest = (await store.findWorker(ACCOUNT_ID, name))?.latestVersionId ?? null;
  return await store.publishVersion(
    newVersion(name, { expectedLatestVersionId: latest, modules: [moduleOf('index.js', code)] }),
  );
}

describe('finding workers', () => {
  test('a worker answers to its host in any case, with and without port and final dot, and to no other', async () => {
    await deploy('apple');
    const catalog = await startNode();
    for (const host of [
      'apple.dev.localhost',
      'APPLE.dev.LOCALHOST',
      'apple.dev.localhost:8787',
      'Apple.dev.localhost.:80',
      'apple.dev.localhost.',
    ]) {
      assert.equal(catalog.findByHost(host)?.name, 'apple', host);
    }
    for (const host of [
      '',
      ':',
      'apple',
      'dev.localhost',
      'pear.dev.localhost',
      'apple.dev.localhost..',
      'x.apple.dev.localhost',
      '[::1]:80',
      '__proto__',
    ]) {
      assert.equal(catalog.findByHost(host), undefined, host);
    }
    assert.equal(catalog.findByName(ACCOUNT_ID, 'apple'), catalog.findByHost('apple.dev.localhost'));
    assert.equal(catalog.findByName('b'.repeat(32), 'apple'), undefined);
  });

  test('what is only uploaded is not there, and shares come in descending order', async () => {
    await store.publishVersion(newVersion('draft', { deploy: false }));
    const one = await deploy('split');
    const two = await deploy('split');
    await store.createDeployment(ACCOUNT_ID, 'split', {
      versions: [
        { versionId: one.version.id, percentage: 10 },
        { versionId: two.version.id, percentage: 90 },
      ],
      annotations: {},
      source: 'api',
    });
    const catalog = await startNode();
    assert.equal(catalog.findByName(ACCOUNT_ID, 'draft'), undefined);
    assert.deepEqual(
      catalog.findByName(ACCOUNT_ID, 'split')?.versions.map(({ version, percentage }) => [version.number, percentage]),
      [
        [2, 90],
        [1, 10],
      ],
    );
  });
});

describe('following changes', () => {
  test('a deploy, a switch and a deletion are visible when waitForChange says so', async () => {
    const catalog = await startNode();
    for (let round = 1; round <= 5; round++) {
      const { changeSeq, version } = await deploy('apple');
      await catalog.waitForChange(changeSeq, 5_000);
      assert.equal(catalog.findByHost('apple.dev.localhost')?.versions[0]?.version.id, version.id);
    }
    const switched = await store.updateWorker(ACCOUNT_ID, 'apple', { workersDev: true });
    await catalog.waitForChange(switched.changeSeq, 5_000);
    assert.equal(catalog.findByHost('apple.dev.localhost')?.workersDev, true);
    await catalog.waitForChange((await store.deleteWorker(ACCOUNT_ID, 'apple')).changeSeq, 5_000);
    assert.equal(catalog.findByHost('apple.dev.localhost'), undefined);
  });

  test('every node follows', async () => {
    const nodes = await Promise.all([startNode(), startNode(), startNode()]);
    const { changeSeq, version } = await deploy('apple');
    await Promise.all(nodes.map((node) => node.waitForChange(changeSeq, 5_000)));
    for (const node of nodes) assert.equal(node.findByName(ACCOUNT_ID, 'apple')?.versions[0]?.version.id, version.id);
  });

  test('another subdomain moves all workers of the account', async () => {
    await deploy('apple');
    const catalog = await startNode();
    await deploy('pear');
    const { changeSeq } = await store.setSubdomain(ACCOUNT_ID, 'orchard');
    await catalog.waitForChange(changeSeq, 5_000);
    await until(() => catalog.findByHost('pear.orchard.localhost') !== undefined, 'the pear');
    assert.ok(catalog.findByHost('apple.orchard.localhost'));
    assert.equal(catalog.findByHost('apple.dev.localhost'), undefined);
  });

  test('waiting for a change that does not come rejects in time', async () => {
    const catalog = await startNode();
    await assert.rejects(catalog.waitForChange(1_000_000n, 50), /Change 1000000 is not served after 50 ms/);
  });

  test('many deploys of many workers at once end with the newest of each', async () => {
    const catalog = await startNode();
    const names = ['a', 'b', 'c', 'd'];
    const last = await Promise.all(
      names.map(async (name) => {
        for (let round = 0; round < 5; round++) await deploy(name);
        const published = await deploy(name);
        await catalog.waitForChange(published.changeSeq, 5_000);
        return [catalog.findByName(ACCOUNT_ID, name)?.versions[0]?.version.id, published.version.id];
      }),
    );
    for (const [served, published] of last) assert.equal(served, published);
  });
});

describe('switching', () => {
  test('a new deployment becomes visible only after beforeSwitch, and afterSwitch gets old and new', async () => {
    const events: string[] = [];
    const numberOf = (worker: DeployedWorker | undefined): string => String(worker?.versions[0]?.version.number ?? '-');
    const catalog: RunningCatalog = await startNode({
      beforeSwitch: async (worker) => {
        await sleep(20);
        events.push(`warm ${numberOf(worker)} while ${numberOf(catalog.findByName(ACCOUNT_ID, 'apple'))}`);
      },
      afterSwitch: (previous, next) => events.push(`${numberOf(previous)} to ${numberOf(next)}`),
    });
    await catalog.waitForChange((await deploy('apple')).changeSeq, 5_000);
    await catalog.waitForChange((await deploy('apple')).changeSeq, 5_000);
    await catalog.waitForChange((await store.updateWorker(ACCOUNT_ID, 'apple', { workersDev: true })).changeSeq, 5_000);
    await catalog.waitForChange((await store.deleteWorker(ACCOUNT_ID, 'apple')).changeSeq, 5_000);
    assert.deepEqual(events, ['warm 1 while -', '- to 1', 'warm 2 while 1', '1 to 2', '2 to 2', '2 to -']);
  });

  test('a version that cannot be made warm is served all the same, and logged', async () => {
    const { log, lines } = recordingLog();
    const catalog = await startNode({ log, beforeSwitch: () => Promise.reject(new Error('no cell')) });
    await catalog.waitForChange((await deploy('apple')).changeSeq, 5_000);
    assert.ok(catalog.findByName(ACCOUNT_ID, 'apple'));
    assert.match(lines.join(''), /warn +catalog: A new version could not be made warm .*no cell/);
  });

  test('a worker that warms up slowly does not delay another one', async () => {
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => (release = resolve));
    const catalog = await startNode({ beforeSwitch: (worker) => (worker.name === 'slow' ? slow : Promise.resolve()) });
    const first = await deploy('slow');
    const second = await deploy('quick');
    await catalog.waitForChange(second.changeSeq, 5_000);
    assert.equal(catalog.findByName(ACCOUNT_ID, 'slow'), undefined);
    await assert.rejects(catalog.waitForChange(first.changeSeq, 20), /is not served/);
    release();
    await catalog.waitForChange(first.changeSeq, 5_000);
    assert.ok(catalog.findByName(ACCOUNT_ID, 'slow'));
  });

  test('closing does not wait for a version that never gets warm', async () => {
    const catalog = await startNode({ beforeSwitch: () => new Promise(() => {}) });
    const { changeSeq } = await deploy('stuck');
    await assert.rejects(catalog.waitForChange(changeSeq, 100));
    const started = performance.now();
    await catalog.close();
    const tookMs = performance.now() - started;
    assert.ok(tookMs < 10_000, `closed after ${tookMs} ms`);
  });
});

describe('modules', () => {
  const text = (contents: readonly { content: Uint8Array }[]): string[] =>
    contents.map(({ content }) => Buffer.from(content).toString());

  test('they come from disk once they were fetched, and damaged files are fetched again', async () => {
    const cacheDir = join(directory, 'cache-damaged');
    const { version } = await deploy('apple', 'the code');
    const catalog = await startNode({ cacheDir });
    assert.deepEqual(text(await catalog.loadModules(version)), ['the code']);
    const hash = version.modules[0]?.hash ?? '';
    await writeFile(join(cacheDir, hash.slice(0, 2), hash), 'evil code');
    assert.deepEqual(text(await catalog.loadModules(version)), ['the code']);
    await store.deleteWorker(ACCOUNT_ID, 'apple');
    assert.deepEqual(text(await catalog.loadModules(version)), ['the code'], 'the database has it no more');
  });

  test('one content under two names is kept once and given twice', async () => {
    const modules = [moduleOf('a.js', 'same'), moduleOf('b.js', 'same'), moduleOf('c.js', '')];
    const { version } = await store.publishVersion(newVersion('twins', { modules, mainModule: 'a.js' }));
    const catalog = await startNode();
    for (let round = 0; round < 2; round++) {
      const loaded = await catalog.loadModules(version);
      assert.deepEqual(
        [loaded.map(({ name }) => name), text(loaded)],
        [
          ['a.js', 'b.js', 'c.js'],
          ['same', 'same', ''],
        ],
      );
    }
  });

  test('when the disk refuses they are served from memory', async () => {
    const cacheDir = join(directory, 'cache-refused');
    await writeFile(cacheDir, 'a file where the directory should be');
    const { version } = await deploy('apple', 'in memory');
    const catalog = await startNode({ cacheDir });
    assert.deepEqual(text(await catalog.loadModules(version)), ['in memory']);
    await store.deleteWorker(ACCOUNT_ID, 'apple');
    assert.deepEqual(text(await catalog.loadModules(version)), ['in memory']);
  });

  test('a version that was deleted is an error, not an empty worker', async () => {
    const { version } = await deploy('gone');
    await store.deleteWorker(ACCOUNT_ID, 'gone');
    await assert.rejects((await startNode()).loadModules(version), /was deleted/);
  });

  test('files nobody uses are removed after a while, those in use stay', async () => {
    const cacheDir = join(directory, 'cache-sweep');
    const { version } = await deploy('apple');
    const hash = version.modules[0]?.hash ?? '';
    const old = join(cacheDir, 'ab', `ab${'0'.repeat(62)}`);
    await mkdir(join(cacheDir, 'ab'), { recursive: true });
    await writeFile(old, 'unused');
    await utimes(old, 0, 0);
    await startNode({ cacheDir });
    await until(
      async () => (await readdir(join(cacheDir, 'ab'))).length === (hash.startsWith('ab') ? 1 : 0),
      'the removal',
    );
    assert.deepEqual(await readdir(join(cacheDir, hash.slice(0, 2))), [hash]);
  });
});

describe('when the database goes away', () => {
  test('what is deployed is still found and loaded; afterwards the node catches up without a restart', async () => {
    const own = new Resources();
    try {
      const dataDir = own.use('data', await openDataDir(join(directory, 'outage')), (opened) => opened.close());
      let postgres = await startEmbeddedPostgres({ dataDir, log: testLog });
      own.use('postgres', null, () => postgres.stop());
      const options = { connection: postgres.connection, masterKey: randomBytes(32), log: testLog };
      const opened = own.use('store', await openStore(options), (it) => it.close());
      await opened.store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
      const first = await opened.store.publishVersion(
        newVersion('apple', { modules: [moduleOf('index.js', 'first')] }),
      );
      const bus = own.use('bus', createBus({ database: opened.database, log: testLog }), (it) => it.close());
      const cacheDir = join(directory, 'outage-cache');
      const catalog = own.use(
        'catalog',
        await createCatalog({ store: opened.store, bus, log: testLog, baseDomain: 'localhost', cacheDir }),
        (it) => it.close(),
      );
      const hash = first.version.modules[0]?.hash ?? '';
      await until(
        () =>
          readdir(join(cacheDir, hash.slice(0, 2))).then(
            (names) => names.includes(hash),
            () => false,
          ),
        'the prefetch',
      );

      await postgres.stop();
      await assert.rejects(opened.store.ping(), { name: 'StoreUnavailable' });
      const found = catalog.findByHost('apple.dev.localhost');
      assert.equal(found?.versions[0]?.version.id, first.version.id);
      assert.equal((await catalog.loadModules(first.version)).length, 1);

      postgres = await startEmbeddedPostgres({ dataDir, log: testLog });
      // Another node writes as soon as the database is back; this one may not have noticed yet.
      const other = await openStore({ ...options, connection: postgres.connection });
      const second = await other.store.publishVersion(
        newVersion('apple', { expectedLatestVersionId: first.version.id }),
      );
      await other.close();
      await catalog.waitForChange(second.changeSeq, 15_000);
      assert.equal(catalog.findByHost('apple.dev.localhost')?.versions[0]?.version.id, second.version.id);
    } finally {
      await own.close();
    }
  });
});

import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import type { Binding } from '../../shared/worker.ts';
import { StoreConflict } from '../../server/storage/store.ts';
import type { Store } from '../../server/storage/store.ts';
import { createTestDatabase } from '../support/postgres.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { ACCOUNT_ID, moduleOf, newVersion, secret } from '../support/uploads.ts';

let db: TestDatabase;
let store: Store;

before(async () => {
  db = await createTestDatabase();
  store = db.store;
  await store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
});
after(() => db.close());

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

async function count(table: string): Promise<number> {
  const { rows } = await db.database.query<{ n: number }>(`SELECT count(*)::int AS n FROM skep.${table}`);
  return rows[0]?.n ?? Number.NaN;
}

describe('accounts and tokens', () => {
  test('the first account is made once, even by many nodes that start together', async () => {
    const own = await createTestDatabase();
    try {
      const calls = Array.from({ length: 10 }, () =>
        own.store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: null }),
      );
      const results = await Promise.all(calls);
      assert.equal(results.filter(({ created }) => created).length, 1);
      assert.equal(new Set(results.map(({ account }) => account.id)).size, 1);
      assert.equal((await own.store.listAccounts()).length, 1);
      assert.match(results[0]?.account.id ?? '', /^[0-9a-f]{32}$/);
    } finally {
      await own.close();
    }
  });

  test('another account id on a database that is set up is refused with the id that is there', async () => {
    const id = 'b'.repeat(32);
    await assert.rejects(store.bootstrap({ accountId: id, subdomain: 'dev', tokenHash: null }), {
      name: 'DatabaseError',
      message: new RegExp(`${id}.*first one is ${ACCOUNT_ID}`),
    });
  });

  test('tokens are found by hash, and a new administrator token revokes the one before', async () => {
    const none = await store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: null });
    assert.equal(none.hasAdminToken, false);
    await store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: sha256('first') });
    await store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: sha256('first') });
    assert.equal((await store.findToken(sha256('first')))?.accountId, null);
    const second = await store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: sha256('second') });
    assert.equal(second.hasAdminToken, true);
    assert.equal(await store.findToken(sha256('first')), null);
    assert.notEqual(await store.findToken(sha256('second')), null);
    assert.equal((await store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: null })).hasAdminToken, true);
  });

  test('no token is stored in clear', async () => {
    const token = `token-${randomBytes(8).toString('hex')}`;
    await store.bootstrap({ accountId: null, subdomain: 'dev', tokenHash: sha256(token) });
    const { rows } = await db.database.query<{ text: string }>('SELECT t::text AS text FROM skep.tokens t');
    assert.ok(rows.every(({ text }) => !text.includes(token) && !text.includes(Buffer.from(token).toString('hex'))));
  });

  test('a subdomain belongs to one account', async () => {
    await db.database.query("INSERT INTO skep.accounts (id, name, subdomain) VALUES ($1, 'other', 'other')", [
      'c'.repeat(32),
    ]);
    await assert.rejects(store.setSubdomain(ACCOUNT_ID, 'other'), StoreConflict);
    const before = await store.currentChangeSeq();
    const { changeSeq } = await store.setSubdomain(ACCOUNT_ID, 'dev2');
    assert.deepEqual(await store.listChanges(before, 10), [
      { seq: changeSeq, accountId: ACCOUNT_ID, workerName: null },
    ]);
    assert.equal((await store.findAccount(ACCOUNT_ID))?.subdomain, 'dev2');
    await assert.rejects(store.setSubdomain('d'.repeat(32), 'x'), StoreConflict);
  });
});

describe('versions', () => {
  test('a published version is read back as it was given', async () => {
    const bindings: Binding[] = [
      { type: 'plain_text', name: 'TEXT', text: 'nul \u0000 and ünï' },
      { type: 'json', name: 'JSON', json: { z: 1, aa: [null, '\u0000', 1e21], a: { '': false } } },
      secret('SECRET', 'hush ✓'),
      { type: 'service', name: 'OTHER', service: 'banana', entrypoint: 'Inner', props: { a: 1 } },
      { type: 'version_metadata', name: 'META' },
    ];
    const modules = [
      moduleOf('index.js', 'export default {}'),
      moduleOf('sub/blob.bin', randomBytes(1000)),
      moduleOf('empty.txt', ''),
    ];
    const given = newVersion('read-back', {
      bindings,
      modules,
      limits: { cpuMs: 50 },
      compatibilityFlags: ['nodejs_compat'],
      annotations: { 'workers/message': 'first' },
      kept: { placement: { mode: 'smart' } },
      settings: { observability: { enabled: true }, gone: null },
    });
    const published = await store.publishVersion(given);
    const found = await store.findVersion(ACCOUNT_ID, 'read-back', published.version.id);
    assert.deepEqual(found, published.version);
    const { modules: refs, createdAt, id, workerId, etag, ...rest } = published.version;
    const { expectedLatestVersionId: _, deploy: __, modules: ___, settings: ____, ...expected } = given;
    assert.deepEqual(rest, { ...expected, number: 1 });
    assert.deepEqual(
      refs,
      modules.map(({ content: _content, ...ref }) => ref),
    );
    assert.deepEqual(JSON.stringify(found?.bindings[1]), JSON.stringify(bindings[1]), 'the order of keys is kept');
    assert.match(etag, /^[0-9a-f]{64}$/);
    assert.ok(Math.abs(createdAt.getTime() - Date.now()) < 60_000);
    assert.equal(published.worker.latestVersionId, id);
    assert.equal(published.worker.id, workerId);
    assert.deepEqual(published.worker.settings, { observability: { enabled: true } });
    const contents = await store.readModules(id);
    assert.deepEqual(
      contents.map((module) => ({ ...module, content: Buffer.from(module.content) })),
      modules.map((module) => ({ ...module, content: Buffer.from(module.content) })),
    );
  });

  test('secrets are not in the database in clear, and open only at their place', async () => {
    const { version } = await store.publishVersion(
      newVersion('sealed', { bindings: [secret('A', 'hush-hush'), secret('B', 'other')] }),
    );
    const { rows } = await db.database.query<{ text: string; secret: Buffer }>(
      'SELECT b::text AS text, b.secret FROM skep.version_bindings b WHERE version_id = $1',
      [version.id],
    );
    for (const row of rows) assert.ok(!row.text.includes('hush') && !row.secret.includes('hush'));
    await db.database.query('ALTER TABLE skep.version_bindings DISABLE TRIGGER immutable');
    await db.database.query(
      `UPDATE skep.version_bindings SET secret = (SELECT secret FROM skep.version_bindings WHERE version_id = $1 AND name = 'A')
        WHERE version_id = $1 AND name = 'B'`,
      [version.id],
    );
    await db.database.query('ALTER TABLE skep.version_bindings ENABLE TRIGGER immutable');
    await assert.rejects(store.findVersion(ACCOUNT_ID, 'sealed', version.id), {
      name: 'EnvelopeError',
      message: /Cannot open the secret .*\/B/,
    });
    // The neighbours do not suffer.
    const deployed = await store.readDeployed();
    assert.ok(deployed.some(({ worker, versions }) => worker.name === 'sealed' && versions.length === 0));
    assert.ok(deployed.some(({ versions }) => versions.length === 1));
    await store.deleteWorker(ACCOUNT_ID, 'sealed');
  });

  test('numbers count up, and of two uploads on the same base one is told to try again', async () => {
    const first = await store.publishVersion(newVersion('race'));
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        store.publishVersion(newVersion('race', { expectedLatestVersionId: first.version.id })),
      ),
    );
    const lost = attempts.filter((attempt) => attempt.status === 'rejected');
    assert.equal(lost.length, 7);
    for (const { reason } of lost) assert.ok(reason instanceof StoreConflict, String(reason));
    assert.deepEqual(
      (await store.listVersions(ACCOUNT_ID, 'race', 10)).map(({ number }) => number),
      [2, 1],
    );
    assert.deepEqual(
      (await store.listVersions(ACCOUNT_ID, 'race', 1)).map(({ number }) => number),
      [2],
    );
  });

  test('many first uploads of one worker make one worker and one version', async () => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => store.publishVersion(newVersion('first-race'))),
    );
    assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test('an upload that is not deployed leaves the deployment and is visible as newest version', async () => {
    const draft = await store.publishVersion(newVersion('draft', { deploy: false }));
    assert.equal(draft.deployment, null);
    const [record] = await store.readDeployed({ accountId: ACCOUNT_ID, workerName: 'draft' });
    assert.deepEqual([record?.deployment, record?.versions], [null, []]);
    assert.equal(record?.worker.latestVersionId, draft.version.id);
  });

  test('modules of an older version can be taken over, those of another worker cannot', async () => {
    const { version } = await store.publishVersion(newVersion('copy'));
    const copied = await store.publishVersion(
      newVersion('copy', {
        expectedLatestVersionId: version.id,
        modules: { copyFromVersionId: version.id },
        bindings: [secret('S', 's')],
      }),
    );
    assert.deepEqual([copied.version.modules, copied.version.etag], [version.modules, version.etag]);
    await assert.rejects(
      store.publishVersion(newVersion('thief', { modules: { copyFromVersionId: version.id } })),
      StoreConflict,
    );
    assert.equal(await store.findWorker(ACCOUNT_ID, 'thief'), null, 'nothing is left of a refused upload');
  });

  test('an upload for an account that does not exist is refused', async () => {
    await assert.rejects(store.publishVersion(newVersion('x', { accountId: 'e'.repeat(32) })), StoreConflict);
  });

  test('bytes that do not have their hash are refused', async () => {
    const module = { ...moduleOf('index.js', 'a'), content: Buffer.from('b') };
    await assert.rejects(store.publishVersion(newVersion('liar', { modules: [module] })), /hash_of_content/);
    assert.equal(await store.findWorker(ACCOUNT_ID, 'liar'), null);
  });

  test('a name with NUL is nobody, not an error', async () => {
    const name = 'race\u0000';
    assert.equal(await store.findWorker(ACCOUNT_ID, name), null);
    assert.equal(await store.findAccount(name), null);
    assert.equal(await store.findVersion(ACCOUNT_ID, name, randomUUID()), null);
    assert.deepEqual(await store.listVersions(ACCOUNT_ID, name, 1), []);
    assert.deepEqual(await store.listDeployments(ACCOUNT_ID, name, 1), []);
    assert.deepEqual(await store.listCallers(ACCOUNT_ID, name), []);
    assert.equal((await store.deleteWorker(ACCOUNT_ID, name)).deleted, false);
  });

  test('an id that is no UUID is nobody, not an error', async () => {
    assert.equal(await store.findVersion(ACCOUNT_ID, 'race', "x' OR true"), null);
    assert.equal(await store.findVersion(ACCOUNT_ID, 'race', randomUUID()), null);
    assert.deepEqual(await store.readModules('x'), []);
  });

  test('a module of 20 MB passes', async () => {
    const content = randomBytes(20_000_000);
    const { version } = await store.publishVersion(newVersion('large', { modules: [moduleOf('big.bin', content)] }));
    assert.ok(content.equals((await store.readModules(version.id))[0]?.content ?? Buffer.alloc(0)));
  });

  test('versions and deployments cannot be changed, whoever asks', async () => {
    for (const table of [
      'versions',
      'deployments',
      'version_modules',
      'version_bindings',
      'deployment_versions',
      'modules',
    ]) {
      const column =
        { modules: 'content', version_modules: 'name', version_bindings: 'name', deployment_versions: 'percentage' }[
          table
        ] ?? 'source';
      assert.ok((await count(table)) > 0, table);
      await assert.rejects(db.database.query(`UPDATE skep.${table} SET ${column} = ${column}`), /immutable/, table);
    }
  });
});

describe('deployments', () => {
  test('traffic is split between versions of the worker, exactly 100 %', async () => {
    const one = (await store.publishVersion(newVersion('split'))).version.id;
    const two = (await store.publishVersion(newVersion('split', { expectedLatestVersionId: one, deploy: false })))
      .version.id;
    const deploy = (versions: { versionId: string; percentage: number }[]): ReturnType<Store['createDeployment']> =>
      store.createDeployment(ACCOUNT_ID, 'split', { versions, annotations: { a: 'b' }, source: 'api' });
    const { deployment } = await deploy([
      { versionId: one, percentage: 33.33 },
      { versionId: two, percentage: 66.67 },
    ]);
    assert.deepEqual(
      deployment.versions.map(({ percentage }) => percentage),
      [33.33, 66.67],
    );
    const [record] = await store.readDeployed({ accountId: ACCOUNT_ID, workerName: 'split' });
    assert.deepEqual(record?.deployment, deployment);
    assert.deepEqual(new Set(record?.versions.map(({ id }) => id)), new Set([one, two]));
    assert.equal((await store.listDeployments(ACCOUNT_ID, 'split', 10)).length, 2);
    assert.equal((await store.listDeployments(ACCOUNT_ID, 'split', 1))[0]?.id, deployment.id);

    const foreign = (await store.publishVersion(newVersion('foreign'))).version.id;
    await assert.rejects(deploy([{ versionId: foreign, percentage: 100 }]), StoreConflict);
    await assert.rejects(deploy([{ versionId: 'x', percentage: 100 }]), StoreConflict);
    await assert.rejects(deploy([{ versionId: one, percentage: 99 }]), StoreConflict);
    await assert.rejects(
      deploy([
        { versionId: one, percentage: 50 },
        { versionId: one, percentage: 50 },
      ]),
      StoreConflict,
    );
    await assert.rejects(
      store.createDeployment(ACCOUNT_ID, 'nobody', { versions: [], annotations: {}, source: 'api' }),
      StoreConflict,
    );
  });
});

describe('workers', () => {
  test('switches and settings change alone, and null removes a setting', async () => {
    await store.publishVersion(newVersion('settings', { settings: { a: 1, b: { c: 2 } } }));
    const { worker } = await store.updateWorker(ACCOUNT_ID, 'settings', {
      workersDev: true,
      settings: { a: null, d: [1] },
    });
    assert.deepEqual(
      [worker.workersDev, worker.previewsEnabled, worker.settings],
      [true, false, { b: { c: 2 }, d: [1] }],
    );
    assert.equal((await store.updateWorker(ACCOUNT_ID, 'settings', { previewsEnabled: true })).worker.workersDev, true);
    await assert.rejects(store.updateWorker(ACCOUNT_ID, 'nobody', {}), StoreConflict);
  });

  test('callers are the workers whose deployed versions are bound to it', async () => {
    const service = (name: string): Binding => ({ type: 'service', name: 'S', service: name });
    await store.publishVersion(newVersion('callee', { bindings: [service('callee')] }));
    const old = await store.publishVersion(newVersion('caller', { bindings: [service('callee')] }));
    assert.deepEqual(await store.listCallers(ACCOUNT_ID, 'callee'), ['caller']);
    await store.publishVersion(newVersion('caller', { expectedLatestVersionId: old.version.id }));
    assert.deepEqual(await store.listCallers(ACCOUNT_ID, 'callee'), []);
  });

  test('deleting a worker takes its versions, deployments and the modules nobody else has', async () => {
    const shared = moduleOf('shared.js', 'shared bytes');
    const alone = moduleOf('index.js', `alone ${randomUUID()}`);
    await store.publishVersion(newVersion('keeps', { modules: [shared] }));
    const gone = await store.publishVersion(newVersion('goes', { modules: [alone, shared] }));
    const tables = {
      versions: await count('versions'),
      deployments: await count('deployments'),
      modules: await count('modules'),
    };
    const { deleted, changeSeq } = await store.deleteWorker(ACCOUNT_ID, 'goes');
    assert.equal(deleted, true);
    assert.deepEqual((await store.listChanges(changeSeq - 1n, 1))[0]?.workerName, 'goes');
    assert.equal(await count('versions'), tables.versions - 1);
    assert.equal(await count('deployments'), tables.deployments - 1);
    assert.equal(await count('modules'), tables.modules - 1);
    assert.deepEqual(await store.readModules(gone.version.id), []);
    assert.deepEqual(await store.readDeployed({ accountId: ACCOUNT_ID, workerName: 'goes' }), []);
    assert.equal((await store.deleteWorker(ACCOUNT_ID, 'goes')).deleted, false);
  });

  test('uploads and deletions of the same modules at the same time leave no version without bytes', async () => {
    const modules = Array.from({ length: 5 }, (_, index) => moduleOf(`m${index}.js`, `contended ${index}`));
    const rounds = Array.from({ length: 6 }, async (_, worker) => {
      for (let round = 0; round < 8; round++) {
        const name = `contended-${worker}`;
        const order = worker % 2 === 0 ? modules : modules.toReversed();
        const { version } = await store.publishVersion(newVersion(name, { modules: order }));
        assert.equal((await store.readModules(version.id)).length, 5);
        if (round < 7) await store.deleteWorker(ACCOUNT_ID, name);
      }
    });
    await Promise.all(rounds);
  });
});

describe('changes', () => {
  test('whoever follows while many write sees every change, in order, without gaps that fill up later', async () => {
    const start = await store.currentChangeSeq();
    const seen: bigint[] = [];
    let writing = true;
    const follow = async (): Promise<void> => {
      for (let after = start; ; ) {
        const wasWriting = writing;
        const changes = await store.listChanges(after, 7);
        seen.push(...changes.map(({ seq }) => seq));
        after = changes.at(-1)?.seq ?? after;
        if (changes.length === 0 && !wasWriting) return;
      }
    };
    const write = async (name: string): Promise<bigint[]> => {
      const seqs: bigint[] = [];
      for (let round = 0; round < 10; round++) {
        await store.publishVersion(newVersion(name)).then(({ changeSeq }) => seqs.push(changeSeq));
        seqs.push((await store.deleteWorker(ACCOUNT_ID, name)).changeSeq);
      }
      return seqs;
    };
    const following = follow();
    const written = (await Promise.all(['w1', 'w2', 'w3', 'w4', 'w5'].map(write))).flat();
    writing = false;
    await following;
    assert.deepEqual(
      seen,
      written.toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });
});

describe('what one account may have', () => {
  test('a Worker more than an account may have is refused, and those that are there can be changed', async () => {
    const { maxWorkersPerAccount } = UPLOAD_LIMITS;
    const own = await createTestDatabase();
    try {
      await own.store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
      await own.database.query(
        `INSERT INTO skep.workers (account_id, name) SELECT $1, 'w-' || n FROM generate_series(1, $2::int) AS n`,
        [ACCOUNT_ID, maxWorkersPerAccount - 1],
      );
      await own.store.publishVersion(newVersion('last'));
      await assert.rejects(own.store.publishVersion(newVersion('one-more')), {
        name: 'AccountFull',
        message: `This account has ${maxWorkersPerAccount} Workers, as many as it may have`,
      });
      await own.store.publishVersion(newVersion('w-1'));
      assert.equal(await own.store.findWorker(ACCOUNT_ID, 'one-more'), null);
    } finally {
      await own.close();
    }
  });

  test('what all nodes keep in memory of deployed versions has an end: no deploy beyond it, and a version that is not deployed costs nothing', async () => {
    const own = await createTestDatabase();
    try {
      await own.store.bootstrap({ accountId: ACCOUNT_ID, subdomain: 'dev', tokenHash: null });
      const bindings = [secret('KEY', 'x')];
      const { version } = await own.store.publishVersion(newVersion('large', { bindings }));
      const addBytes = (position: number, bytes: number) =>
        own.database.query(
          `INSERT INTO skep.version_bindings (version_id, position, name, type, data)
           VALUES ($1, $2::int, 'more-' || $2::int, 'plain_text', to_json(repeat('x', $3::int)))`,
          [version.id, position, bytes],
        );
      await addBytes(50, UPLOAD_LIMITS.maxDeployedBytesPerAccount - 2_000);
      const small = await own.store.publishVersion(newVersion('small'));
      await addBytes(51, 2_000);
      const full = { name: 'AccountFull', message: /would take \d+ bytes together, 67108864 are allowed/ };
      await assert.rejects(own.store.publishVersion(newVersion('other')), full);
      const redeploy = own.store.createDeployment(ACCOUNT_ID, 'small', {
        versions: [{ versionId: small.version.id, percentage: 100 }],
        annotations: {},
        source: 'api',
      });
      await assert.rejects(redeploy, full);
      await own.store.publishVersion(newVersion('other', { deploy: false }));
    } finally {
      await own.close();
    }
  });
});

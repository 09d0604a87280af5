/** `skep backup` and `skep restore` on the whole platform: what was acknowledged before the backup is there after the restore, and nothing half-made ever is. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type CrashStore, type DataStore, deploys, deployWriter, kv, r2, sql } from '../support/crash-stores.ts';
import { tablesAsText } from '../support/embedded-sql.ts';
import { type Skep, spawnSkep, startSkep, temporaryDirectory } from '../support/server.ts';
import { until } from '../support/until.ts';

const SECRET = randomBytes(12).toString('hex');
const CODE = `export default { fetch: (request, env) => Response.json({ key: env.KEY, list: env.LIST }) };`;
const BINDINGS = [
  { type: 'secret_text', name: 'KEY', text: SECRET },
  { type: 'json', name: 'LIST', json: [1, { two: '2' }] },
];
const folder = temporaryDirectory();
const children = new Set<ChildProcess>();

const DATA: readonly DataStore[] = [kv, r2, sql];

let original: Skep;
before(async () => {
  original = await startSkep();
  await original.deploy('kept', CODE, { bindings: BINDINGS });
  await deployWriter(original, DATA);
});
after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await original?.stop();
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Starts `skep backup …` or `skep restore …` as an operator would. */
function skepCommand(
  args: readonly string[],
  env: Record<string, string> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [resolve('bin/skep.js'), ...args], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      children.delete(child);
      done({ code, output });
    });
  });
  return { child, ended };
}

async function succeeds(...args: readonly string[]): Promise<string> {
  const { code, output } = await skepCommand(args).ended;
  assert.equal(code, 0, output);
  return output;
}

async function refused(message: RegExp, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { code, output } = await skepCommand(args, env).ended;
  assert.equal(code, 1, output);
  assert.match(output, message);
  assert.equal(output.trim().split('\n').length, 1, `one sentence, no stack: ${output}`);
}

const dataDirOf = (skep: { readonly dataDir: string }): string[] => ['--data-dir', skep.dataDir];
const fresh = (name: string): { readonly dataDir: string } => ({ dataDir: join(folder, name) });
const env = (skep: Skep): Record<string, string> => ({ SKEP_ADMIN_TOKEN: skep.token });

function putKey(target: { readonly dataDir: string }): void {
  mkdirSync(target.dataDir, { recursive: true });
  copyFileSync(join(original.dataDir, 'master.key'), join(target.dataDir, 'master.key'));
}

test('a backup of a Skep that runs, restored into a fresh directory, is the same in every row, and its worker has its secret', async () => {
  // The seventh value is large.
  for (const store of DATA)
    for (const [index, key] of store.keys.entries()) assert.ok(await store.write(original, key, 7 + index));
  const file = join(folder, 'whole.tgz');
  assert.match(await succeeds('backup', file, '--with-key', ...dataDirOf(original)), /The master key is in it/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!gunzipSync(readFileSync(file)).includes(SECRET), 'secrets are sealed in it');

  const target = fresh('whole');
  assert.match(await succeeds('restore', file, ...dataDirOf(target)), /: 2 workers, [1-9]\d* object files?/);
  assert.deepEqual(readdirSync(target.dataDir).toSorted(), ['layout', 'master.key', 'objects', 'postgres']);
  const restored = await startSkep({ dataDir: target.dataDir, env: env(original) });
  // Each sweeps when it thinks fit what nothing points to any more.
  await until(
    async () => (await tablesAsText(restored.dataDir)) === (await tablesAsText(original.dataDir)),
    'the same in every row',
    60_000,
  );
  const answer = await restored.request('kept');
  assert.deepEqual(answer.json(), { key: SECRET, list: [1, { two: '2' }] });
  for (const store of DATA)
    for (const [index, key] of store.keys.entries()) assert.equal(await store.read(restored, key), 7 + index);
  await restored.deploy('next', CODE);
  await restored.stop();

  const again = join(folder, 'stopped.tgz');
  assert.match(await succeeds('backup', again, ...dataDirOf(target)), /The master key is NOT in it: keep a copy of/);
  assert.ok(!existsSync(join(target.dataDir, 'lock')), 'the directory is free again');
  const key = readFileSync(join(target.dataDir, 'master.key'), 'utf8').trim();
  assert.deepEqual(
    [file, again].map((archive) => gunzipSync(readFileSync(archive)).includes(key)),
    [true, false],
    'the key is where it was asked for only',
  );
  await refused(/is not empty \(cache, modules, objects …/, ['restore', again, ...dataDirOf(target)]);
});

/** Writes one number after the other; gives back the last one that was acknowledged. */
async function writeOn(
  store: CrashStore,
  key: string,
  latest: Map<string, number>,
  stopped: AbortSignal,
): Promise<void> {
  for (let number = 20; !stopped.aborted; number++) {
    assert.ok(await store.write(original, key, number), `${store.name} ${number}`);
    latest.set(key, number);
  }
}

/** Begins a backup and kills it in the middle. */
async function killBackup(file: string): Promise<void> {
  const unfinished = (): string[] => readdirSync(folder).filter((name) => name.includes('.unfinished-'));
  const backup = skepCommand(['backup', file, ...dataDirOf(original)]);
  await until(() => unfinished().length > 0, 'the unfinished backup');
  backup.child.kill('SIGKILL');
  await backup.ended;
  assert.ok(!existsSync(file), 'half a backup has no name');
}

/** Begins a restore and kills it in the middle: Skep does not start on what is left. */
async function killRestore(file: string, target: { readonly dataDir: string }): Promise<void> {
  const restore = skepCommand(['restore', file, ...dataDirOf(target)]);
  const unpacked = join(target.dataDir, 'restore.unfinished', 'postgres', 'data', 'global');
  await until(() => existsSync(unpacked), 'unpacked files');
  restore.child.kill('SIGKILL');
  await restore.ended;
  const start = spawnSkep({ dataDir: target.dataDir });
  assert.equal((await start.exited).code, 1);
  assert.match(start.stderr(), /a restore into it was interrupted\. Run that `skep restore` again/);
}

test('a backup while writes go on has all that was acknowledged before it began, whole, also after kill -9 of one and of its restore', async (t) => {
  const stopped = new AbortController();
  t.after(() => stopped.abort());
  const stores = [deploys, ...DATA];
  const latest = new Map<string, number>();
  const writing = stores.flatMap((store) => store.keys.map((key) => writeOn(store, key, latest, stopped.signal)));
  const names = stores.flatMap(({ keys }) => keys);
  await until(() => latest.size === names.length, 'a write of each', 30_000);
  const file = join(folder, 'busy.tgz');
  await killBackup(file);
  const due = new Map(latest);
  await succeeds('backup', file, ...dataDirOf(original));
  const meanwhile = new Map(latest);
  stopped.abort();
  await Promise.all(writing);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.unfinished-')),
    [],
    'what the killed one left is gone',
  );
  const during = names.map((name) => (meanwhile.get(name) ?? 0) - (due.get(name) ?? 0));
  t.diagnostic(`writes while the backup was made: ${during.join(', ')}`);
  assert.ok(
    during.some((count) => count > 0),
    'nothing was written meanwhile: the test tests nothing',
  );

  const target = fresh('busy');
  const restoring = ['restore', file, ...dataDirOf(target)];
  await refused(/does not hold the master key.*busy\/master\.key" \(mode 600\) or set SKEP_MASTER_KEY/, restoring);
  const otherKey = { SKEP_MASTER_KEY: randomBytes(32).toString('base64') };
  await refused(/is not the one its secrets were sealed with/, restoring, otherKey);
  putKey(target);
  await killRestore(file, target);
  await succeeds('restore', file, ...dataDirOf(target));

  const restored = await startSkep({ dataDir: target.dataDir, env: env(original) });
  for (const store of stores) {
    for (const key of store.keys) {
      const found = await store.read(restored, key);
      const [least, most] = [due.get(key) ?? 0, (latest.get(key) ?? 0) + 1];
      assert.ok(found >= least && found <= most, `${store.name} ${key}: ${found}, not ${least} to ${most}`);
    }
  }
  assert.equal((await restored.request('kept')).json().key, SECRET);
  await restored.stop();
});

test('what cannot be backed up or restored is refused with one sentence, and nothing is written', async () => {
  const file = join(folder, 'refused.tgz');
  writeFileSync(file, "somebody's file");
  const whole = readFileSync(join(folder, 'whole.tgz'));
  writeFileSync(join(folder, 'cut.tgz'), whole.subarray(0, whole.byteLength - 1_000));
  const from = dataDirOf(original);
  const target = fresh('refused');
  putKey(target);
  const other = fresh('refused-too');
  putKey(other);
  await Promise.all([
    refused(/refused\.tgz": it is there already/, ['backup', file, ...from]),
    refused(/no embedded database is in it/, ['backup', join(folder, 'x'), ...dataDirOf(fresh('nothing'))]),
    refused(/its folder is not there/, ['backup', join(folder, 'no/x'), ...from]),
    refused(/a PostgreSQL of yours \(DATABASE_URL\)/, ['backup', join(folder, 'x'), ...from], {
      DATABASE_URL: 'postgres://skep:sesame@127.0.0.1:1/skep',
    }),
    refused(/the file is missing/, ['backup']),
    refused(/it is no backup of Skep/, ['restore', file, ...dataDirOf(target)]),
    refused(/it is damaged/, ['restore', join(folder, 'cut.tgz'), ...dataDirOf(other)]),
    refused(/is not empty/, ['restore', join(folder, 'whole.tgz'), ...from]),
  ]);
  assert.equal(readFileSync(file, 'utf8'), "somebody's file");
  for (const { dataDir } of [target, other]) {
    assert.deepEqual(readdirSync(dataDir).toSorted(), ['layout', 'master.key'], dataDir);
  }
  await refused(/Name a file that is there/, ['restore', join(folder, 'absent'), ...dataDirOf(target)]);
});

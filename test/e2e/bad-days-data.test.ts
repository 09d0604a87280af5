/** A database that stands still, dies or has no room, seen by workers that keep data: clear errors soon, and everything as before by itself. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DataStore, deployWriter, kv, r2, sql, valueOf } from '../support/crash-stores.ts';
import { descendantsOf } from '../support/processes.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';

const DATA: readonly DataStore[] = [kv, r2, sql];
/** The platform gives up after 2 s; the rest is for a machine that is busy with other tests. */
const ERROR_WITHIN_MS = 3_500;
const STANDSTILL_MS = 2_500;

/** What one request heard, and after how long. */
interface Heard {
  readonly what: string;
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

async function hear(skep: Skep, what: string, path: string, body?: string): Promise<Heard> {
  const started = performance.now();
  const method = body === undefined ? 'GET' : 'PUT';
  const answer = await skep.request('crash-writer', path, { method, ...(body === undefined ? {} : { body }) });
  return { what, status: answer.status, text: answer.text, ms: performance.now() - started };
}

const postgresOf = (skep: Skep): number[] =>
  descendantsOf(skep.pid)
    .filter(({ command }) => command.includes('postgres'))
    .map(({ pid }) => pid);

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

async function assertAllWork(skep: Skep, number: number): Promise<void> {
  for (const store of DATA) {
    for (const key of store.keys) {
      await until(() => store.write(skep, key, number).catch(() => false), `${store.name} takes writes`, 15_000);
      assert.equal(await store.read(skep, key), number);
    }
  }
}

let skep: Skep;
before(async () => {
  skep = await startSkep();
  await deployWriter(skep, DATA);
});
after(() => skep?.stop());

test('PostgreSQL stands still for seconds under load: what is cached is still read, all else fails clearly within 2 s, and recovers', async (t) => {
  await assertAllWork(skep, 1);
  const frozen = postgresOf(skep);
  t.after(() => signalAll(frozen, 'SIGCONT'));
  signalAll(frozen, 'SIGSTOP');
  const stoppedAt = performance.now();
  const heard: Heard[] = [];
  const cached: Heard[] = [];
  while (performance.now() - stoppedAt < STANDSTILL_MS) {
    const large = 'x'.repeat(200_000);
    const round = DATA.flatMap(({ name }) => [
      hear(skep, `${name} read`, `/${name}/never-read-${heard.length}`),
      hear(skep, `${name} write`, `/${name}/never-written`, 'x'),
      hear(skep, `${name} write of a large value`, `/${name}/never-written`, large),
    ]);
    cached.push(await hear(skep, 'a cached key', '/kv/kv-a'));
    heard.push(...(await Promise.all(round)));
    await sleep(50);
  }
  signalAll(frozen, 'SIGCONT');
  for (const { status, text, ms } of cached) {
    assert.ok(status === 200 && text === valueOf('kv-a', 1) && ms < 1_000, `cached: ${status} after ${ms} ms: ${text}`);
  }
  for (const { what, status, text, ms } of heard) {
    assert.ok(status === 503 && ms < ERROR_WITHIN_MS, `${what}: ${status} after ${Math.round(ms)} ms: ${text}`);
    assert.match(text, /database|unavailable|not answer|Please try again/i, what);
  }
  t.diagnostic(`${heard.length} errors, the slowest after ${Math.round(Math.max(...heard.map(({ ms }) => ms)))} ms`);
  await assertAllWork(skep, 2);
});

test('PostgreSQL is killed under load: writers hear errors, lose nothing that was acknowledged, and go on by themselves', async (t) => {
  const stopped = new AbortController();
  t.after(() => stopped.abort());
  const acknowledged = new Map<string, number>();
  const errors: string[] = [];
  const writeOn = async (store: DataStore, key: string): Promise<void> => {
    for (let number = 10; !stopped.signal.aborted; number++) {
      if (await store.write(skep, key, number)) acknowledged.set(key, number);
      else errors.push(key);
    }
  };
  const all = DATA.flatMap((store) => store.keys.map((key) => ({ store, key })));
  const writing = all.map(({ store, key }) => writeOn(store, key));
  const allHave = (least: number): boolean => all.every(({ key }) => (acknowledged.get(key) ?? 0) >= least);
  await until(() => allHave(10), 'each has written', 20_000);
  const killedAt = performance.now();
  signalAll(postgresOf(skep), 'SIGKILL');
  await until(() => errors.length > 0, 'somebody heard of it');
  const atTheKill = new Map(acknowledged);
  await until(
    () => all.every(({ key }) => (acknowledged.get(key) ?? 0) > (atTheKill.get(key) ?? 0)),
    'all write again',
    20_000,
  );
  t.diagnostic(`all wrote again ${Math.round(performance.now() - killedAt)} ms after the kill`);
  stopped.abort();
  await Promise.all(writing);
  for (const { store, key } of all) {
    const found = await store.read(skep, key);
    assert.ok(
      found >= (acknowledged.get(key) ?? 0),
      `${key}: ${acknowledged.get(key)} was acknowledged, ${found} is there`,
    );
  }
});

/**
 * No acknowledged write is ever lost: writers write all the time, server and PostgreSQL are killed with -9 in the middle, and after the next start every
 * write that was acknowledged is there, whole. `npm run crash -- --kills 30` is the long form.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CrashStore, type DataStore, deploys, deployWriter, kv, r2, sql } from '../support/crash-stores.ts';
import { descendantsOf } from '../support/processes.ts';
import { type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { until } from '../support/until.ts';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 4);
/** From the first writes of all stores to the kill: never at the same point of one. */
const LOAD_MS = { least: 100, more: 900 };
const FIRST_WRITES_MS = 30_000;
const DATA: readonly DataStore[] = [kv, r2, sql];
const STORES: readonly CrashStore[] = [deploys, ...DATA];

interface Written {
  readonly store: CrashStore;
  readonly key: string;
  tried: number;
  acknowledged: number;
}

/** Writes one number after the other until the server is gone. */
async function writeOn(skep: Skep, written: Written, killed: AbortSignal, counts: Map<string, number>): Promise<void> {
  const { store, key } = written;
  while (!killed.aborted) {
    const number = (written.tried += 1);
    const isAcknowledged = await store.write(skep, key, number).catch(() => false);
    if (!isAcknowledged) continue;
    written.acknowledged = number;
    counts.set(store.name, (counts.get(store.name) ?? 0) + 1);
  }
}

async function assertNothingLost(skep: Skep, all: readonly Written[]): Promise<void> {
  await Promise.all(
    all.map(async ({ store, key, tried, acknowledged }) => {
      const found = await store.read(skep, key);
      assert.ok(found >= acknowledged, `${store.name} ${key}: ${acknowledged} was acknowledged, ${found} is there`);
      assert.ok(found <= tried, `${store.name} ${key}: ${found} is there, ${tried} was the last that was tried`);
    }),
  );
}

/** As when the machine's memory ran out: server, PostgreSQL and its processes at once, in an order that differs. */
async function killAll(skep: Skep, round: number): Promise<void> {
  const databases = descendantsOf(skep.pid).filter(({ command }) => command.includes('postgres'));
  assert.ok(databases.length > 0, 'PostgreSQL runs');
  const killDatabases = (): void => {
    for (const { pid } of databases) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended with the one before.
      }
    }
  };
  if (round % 2 === 0) killDatabases();
  const killing = skep.kill9();
  if (round % 2 === 1) killDatabases();
  await killing;
}

test(`${KILLS} times kill -9 in the middle of writes: every write that was acknowledged is there and whole`, async (t) => {
  const dataDir = join(temporaryDirectory(), 'data');
  const all: Written[] = STORES.flatMap((store) =>
    store.keys.map((key) => ({ store, key, tried: 0, acknowledged: 0 })),
  );
  const totals = new Map<string, number>();
  const starts: number[] = [];
  for (let round = 1; round <= KILLS; round++) {
    const skep = await startSkep({ dataDir });
    starts.push(Math.round(skep.startMs));
    if (round === 1) await deployWriter(skep, DATA);
    await assertNothingLost(skep, all);
    const killed = new AbortController();
    t.after(() => killed.abort());
    const counts = new Map<string, number>();
    const writing = all.map((written) => writeOn(skep, written, killed.signal, counts));
    await until(() => counts.size === STORES.length, 'a write of each store', FIRST_WRITES_MS);
    await sleep(LOAD_MS.least + Math.random() * LOAD_MS.more);
    const killing = killAll(skep, round);
    killed.abort();
    await killing;
    await Promise.all(writing);
    for (const [name, count] of counts) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  const last = await startSkep({ dataDir });
  await assertNothingLost(last, all);
  await last.stop();
  t.diagnostic(`acknowledged: ${[...totals].map(([name, count]) => `${count} ${name}`).join(', ')}`);
  t.diagnostic(`starts after a kill took ${starts.slice(1).join(', ')} ms`);
});

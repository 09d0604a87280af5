/**
 * Which worker calls which: calls, errors and latency by minute, in both directions. Counted in memory from the callees' events; what has
 * changed is written to the database every few seconds, never while a request waits. There it survives this process, and the numbers of all
 * nodes add up.
 */
import { randomBytes } from 'node:crypto';
import { SERVICE_CALL_LIMITS } from '../../shared/limits.ts';
import type { ServiceCallMinute } from '../../shared/service-calls.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import type { WorkerEvent } from '../supervisor/types.ts';

export interface Links {
  onWorkerEvent(event: WorkerEvent): void;
  /** Links of the account in which the worker calls or is called, all nodes together. Rejects when the database does not answer. */
  of(accountId: string, workerName: string, minutes: number): Promise<Link[]>;
  /** Writes what is not written yet, then nothing more. */
  close(): Promise<void>;
}

export interface Link {
  readonly caller: string;
  readonly callee: string;
  /** Oldest first; minutes without calls are left out. */
  readonly minutes: readonly ServiceCallMinute[];
}

/** Where the numbers are kept. */
export interface LinkStore {
  writeServiceCalls(writer: string, minutes: readonly ServiceCallMinute[]): Promise<void>;
  readServiceCalls(accountId: string, workerName: string, sinceMs: number): Promise<ServiceCallMinute[]>;
  /** How many rows were too old, or too many. */
  sweepServiceCalls(nowMs: number): Promise<number>;
}

export interface LinksOptions {
  readonly store: LinkStore;
  readonly onError: (error: Error) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const MINUTE_MS = 60_000;
const WRITE_INTERVAL_MS = 10_000;
const SWEEP_INTERVAL_MS = 10 * MINUTE_MS;
/** Rows of one statement. */
const BATCH = 1_000;

/** A minute of one pair of workers, as it grows. */
interface Bucket extends ServiceCallMinute {
  calls: number;
  errors: number;
  totalMs: number;
  longestMs: number;
  /** Has grown since it was last written. */
  isDirty: boolean;
  /** No longer kept: whoever holds it has to look for another one. */
  isGone: boolean;
}

export function createLinks({ store, onError, now = Date.now }: LinksOptions): Links {
  /** Rows of a process are its own: to write one again changes nothing, so a failed write is simply repeated. */
  const writer = randomBytes(8).toString('hex');
  const buckets = new Buckets();
  let sweptAtMs = 0;
  let writing: Promise<void> = Promise.resolve();

  const writeAll = async (): Promise<void> => {
    for (;;) {
      const batch = buckets.dirty(BATCH);
      if (batch.length === 0) break;
      // What is counted meanwhile makes a bucket dirty again.
      for (const bucket of batch) bucket.isDirty = false;
      try {
        await store.writeServiceCalls(writer, batch);
      } catch (error) {
        for (const bucket of batch) bucket.isDirty = true;
        throw error;
      }
    }
    buckets.forgetBefore(Math.floor(now() / MINUTE_MS) * MINUTE_MS);
  };
  /** One after the other: two writes of a row could come in the wrong order. */
  const write = (): Promise<void> => {
    const next = writing.then(writeAll);
    writing = next.catch(() => undefined);
    return next;
  };
  const sweep = async (): Promise<void> => {
    if (now() - sweptAtMs < SWEEP_INTERVAL_MS) return;
    sweptAtMs = now();
    await store.sweepServiceCalls(now());
  };
  const timer = setInterval(() => void write().then(sweep).catch(onError), WRITE_INTERVAL_MS);
  timer.unref();

  return {
    onWorkerEvent(event) {
      if (event.type !== 'invocation' || event.caller === null) return;
      const bucket = buckets.at(event.version, event.caller.workerName, Math.floor(now() / MINUTE_MS) * MINUTE_MS);
      bucket.calls++;
      if (event.outcome !== 'ok' && event.outcome !== 'canceled') bucket.errors++;
      bucket.totalMs += event.answerMs;
      if (event.answerMs > bucket.longestMs) bucket.longestMs = event.answerMs;
      bucket.isDirty = true;
    },
    async of(accountId, workerName, minutes) {
      await write();
      const sinceMs = now() - (minutes - 1) * MINUTE_MS;
      return grouped(await store.readServiceCalls(accountId, workerName, sinceMs));
    },
    async close() {
      clearInterval(timer);
      await write().catch(onError);
    },
  };
}

/** Adjacent rows of one pair become one link. */
function grouped(rows: readonly ServiceCallMinute[]): Link[] {
  const links: { caller: string; callee: string; minutes: ServiceCallMinute[] }[] = [];
  for (const row of rows) {
    const last = links.at(-1);
    if (last !== undefined && last.caller === row.caller && last.callee === row.callee) last.minutes.push(row);
    else links.push({ caller: row.caller, callee: row.callee, minutes: [row] });
  }
  return links;
}

/** The minutes of which something may still be counted or written. */
class Buckets {
  /** Oldest first. */
  readonly #all = new Map<string, Bucket>();
  /** Those of the minute that runs, by callee and name of the caller: an event costs no text. */
  readonly #current = new WeakMap<WorkerVersion, Map<string, Bucket>>();

  at(version: WorkerVersion, caller: string, atMs: number): Bucket {
    const callers = this.#current.get(version);
    const known = callers?.get(caller);
    if (known !== undefined && known.atMs === atMs && !known.isGone) return known;
    const bucket = this.#find(version, caller, atMs);
    const kept = callers ?? new Map<string, Bucket>();
    if (kept.size >= SERVICE_CALL_LIMITS.maxBuckets) kept.clear();
    this.#current.set(version, kept.set(caller, bucket));
    return bucket;
  }

  #find({ accountId, workerName: callee }: WorkerVersion, caller: string, atMs: number): Bucket {
    const key = `${accountId}/${caller}/${callee}/${atMs}`;
    const known = this.#all.get(key);
    if (known !== undefined) return known;
    const zero = { calls: 0, errors: 0, totalMs: 0, longestMs: 0 };
    const bucket = { accountId, caller, callee, atMs, ...zero, isDirty: false, isGone: false };
    this.#all.set(key, bucket);
    // The database does not take them as fast as they come, or not at all: the oldest are lost.
    if (this.#all.size > SERVICE_CALL_LIMITS.maxBuckets) this.#forget(this.#all.keys().next().value as string);
    return bucket;
  }

  #forget(key: string): void {
    const bucket = this.#all.get(key);
    if (bucket !== undefined) bucket.isGone = true;
    this.#all.delete(key);
  }

  dirty(limit: number): Bucket[] {
    const found: Bucket[] = [];
    for (const bucket of this.#all.values()) if (bucket.isDirty && found.push(bucket) >= limit) break;
    return found;
  }

  /** Minutes that are over and written. */
  forgetBefore(atMs: number): void {
    for (const [key, bucket] of this.#all) if (bucket.atMs < atMs && !bucket.isDirty) this.#forget(key);
  }
}

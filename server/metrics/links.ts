/**
 * Which worker calls which: calls, errors and latency of the last hour, by minute, as this node saw them. The callee's events say it; the
 * dashboard draws it.
 */
import type { WorkerEvent } from '../supervisor/types.ts';

export interface CallMinute {
  /** Begin of the minute, milliseconds since the epoch. */
  readonly atMs: number;
  readonly calls: number;
  /** Of those, the ones that ended otherwise than by an answer or by the caller's wish. */
  readonly errors: number;
  /** Until the answer was out. */
  readonly averageMs: number;
  readonly longestMs: number;
}

export interface Link {
  readonly caller: string;
  readonly callee: string;
  /** Oldest first; minutes without calls are left out. */
  readonly minutes: readonly CallMinute[];
}

export interface Links {
  onWorkerEvent(event: WorkerEvent): void;
  /** Links of the account in which the worker calls or is called. */
  of(accountId: string, workerName: string): Link[];
}

/** Pairs of workers that are remembered; the one that was quiet for longest is forgotten. Stops floods of worker names. */
const MAX_LINKS = 5_000;
const MINUTES_KEPT = 60;
const MINUTE_MS = 60_000;

interface Bucket {
  calls: number;
  errors: number;
  totalMs: number;
  longestMs: number;
}

interface Kept {
  readonly accountId: string;
  readonly caller: string;
  readonly callee: string;
  readonly minutes: Map<number, Bucket>;
}

/** `now`: milliseconds since the epoch. */
export function createLinks(now: () => number = Date.now): Links {
  const links = new Map<string, Kept>();
  return {
    onWorkerEvent(event) {
      if (event.type !== 'invocation' || event.caller === null) return;
      const { accountId, workerName: callee } = event.version;
      const caller = event.caller.workerName;
      const key = `${accountId}/${caller}/${callee}`;
      const link = links.get(key) ?? { accountId, caller, callee, minutes: new Map() };
      // To the end: the quietest stand in front.
      links.delete(key);
      links.set(key, link);
      if (links.size > MAX_LINKS) links.delete(links.keys().next().value as string);
      const bucket = bucketOf(link.minutes, Math.floor(now() / MINUTE_MS));
      bucket.calls++;
      if (event.outcome !== 'ok' && event.outcome !== 'canceled') bucket.errors++;
      bucket.totalMs += event.answerMs;
      bucket.longestMs = Math.max(bucket.longestMs, event.answerMs);
    },
    of(accountId, workerName) {
      const found: Link[] = [];
      const oldest = Math.floor(now() / MINUTE_MS) - MINUTES_KEPT;
      for (const { accountId: owner, caller, callee, minutes } of links.values()) {
        if (owner !== accountId || (caller !== workerName && callee !== workerName)) continue;
        const recent = [...minutes].filter(([minute]) => minute > oldest);
        found.push({ caller, callee, minutes: recent.map(([minute, bucket]) => present(minute, bucket)) });
      }
      return found;
    },
  };
}

function bucketOf(minutes: Map<number, Bucket>, minute: number): Bucket {
  const there = minutes.get(minute);
  if (there !== undefined) return there;
  const bucket = { calls: 0, errors: 0, totalMs: 0, longestMs: 0 };
  minutes.set(minute, bucket);
  if (minutes.size > MINUTES_KEPT) minutes.delete(minutes.keys().next().value as number);
  return bucket;
}

const present = (minute: number, { calls, errors, totalMs, longestMs }: Bucket): CallMinute => ({
  atMs: minute * MINUTE_MS,
  calls,
  errors,
  averageMs: totalMs / calls,
  longestMs,
});

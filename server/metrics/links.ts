/**
 * Which worker calls which: calls, errors and latency of the last hour, by minute, as this node saw them. The callee's events say it; the
 * dashboard draws it.
 */
import type { WorkerVersion } from '../../shared/worker.ts';
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
  /** The minute that runs, and what is counted in it. */
  minute: number;
  bucket: Bucket;
  /** Forgotten: of too many it was quiet for longest. */
  isForgotten: boolean;
}

/** `now`: milliseconds since the epoch. */
export function createLinks(now: () => number = Date.now): Links {
  const links = new Map<string, Kept>();
  /** The same by callee and name of the caller: an event costs no text. */
  const byVersion = new WeakMap<WorkerVersion, Map<string, Kept>>();

  const linkOf = (version: WorkerVersion, caller: string, minute: number): Kept => {
    const known = byVersion.get(version)?.get(caller);
    if (known !== undefined && !known.isForgotten && known.minute === minute) return known;
    const link = startMinute(links, version, caller, minute);
    const callers = byVersion.get(version) ?? new Map<string, Kept>();
    byVersion.set(version, callers.set(caller, link));
    if (callers.size > MAX_LINKS) callers.delete(callers.keys().next().value as string);
    return link;
  };

  return {
    onWorkerEvent(event) {
      if (event.type !== 'invocation' || event.caller === null) return;
      const { bucket } = linkOf(event.version, event.caller.workerName, Math.floor(now() / MINUTE_MS));
      bucket.calls++;
      if (event.outcome !== 'ok' && event.outcome !== 'canceled') bucket.errors++;
      bucket.totalMs += event.answerMs;
      if (event.answerMs > bucket.longestMs) bucket.longestMs = event.answerMs;
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

/** The link with a bucket for this minute, at the end of the list: those that were quiet for longest stand in front. */
function startMinute(links: Map<string, Kept>, version: WorkerVersion, caller: string, minute: number): Kept {
  const { accountId, workerName: callee } = version;
  const key = `${accountId}/${caller}/${callee}`;
  const known = links.get(key);
  const minutes = known?.minutes ?? new Map<number, Bucket>();
  const bucket = bucketOf(minutes, minute);
  const link = known ?? { accountId, caller, callee, minutes, minute, bucket, isForgotten: false };
  link.minute = minute;
  link.bucket = bucket;
  links.delete(key);
  links.set(key, link);
  if (links.size > MAX_LINKS) forgetFirst(links);
  return link;
}

function forgetFirst(links: Map<string, Kept>): void {
  const [key, link] = links.entries().next().value as [string, Kept];
  link.isForgotten = true;
  links.delete(key);
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

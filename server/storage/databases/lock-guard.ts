/**
 * Locks are kept in one table of the server, for all databases, and PostgreSQL knows no share of it: one statement of a tenant's can fill it
 * (`SELECT pg_advisory_lock(n) FROM generate_series(…)`, or DDL on thousands of tables), and then whatever needs a lock fails for everybody,
 * deploys among it. So it is looked at from outside: whoever holds too many loses his sessions, and stays out for a while that grows.
 */
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { Logger } from '../../log/types.ts';
import { WireError } from '../wire/frames.ts';
import { NoConnection } from '../wire/pool.ts';

export interface LockGuardOptions {
  /** Asks the server as the platform. */
  readonly query: <Row extends object>(sql: string, values?: unknown[]) => Promise<{ readonly rows: Row[] }>;
  /** Databases that have connections now; each has a role of the same name. */
  readonly inUse: () => readonly string[];
  /** Ends all that this node has open to the database. */
  readonly end: (name: string, because: Error) => void;
  readonly log: Logger;
}

export interface LockGuard {
  /** Throws NoConnection while the database is kept out. */
  check(name: string): void;
  close(): void;
}

interface Offence {
  readonly untilMs: number;
  readonly pauseMs: number;
}

const HOLDERS = `SELECT a.usename AS name, sum(l.locks)::int AS locks
  FROM (SELECT pid, count(*) AS locks FROM pg_locks WHERE NOT fastpath GROUP BY pid) AS l JOIN pg_stat_activity AS a USING (pid)
  WHERE a.usename = ANY($1) GROUP BY a.usename HAVING sum(l.locks) > $2`;
const SLOTS = `SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int AS slots`;
const TERMINATE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`;

/** Begins to look; an idle node asks nothing. */
export function guardLocks({ query, inUse, end, log }: LockGuardOptions): LockGuard {
  const offences = new Map<string, Offence>();
  let maxLocks: number | undefined;
  const readMaxLocks = async (): Promise<number> => {
    const { rows } = await query<{ slots: number }>(SLOTS);
    return Math.min(DATABASE_LIMITS.locksPerDatabase, Math.floor((rows[0]?.slots ?? 0) / 4));
  };
  const punish = async (name: string, locks: number, allowed: number): Promise<void> => {
    const now = performance.now();
    const last = offences.get(name);
    const isRepeated = last !== undefined && now - last.untilMs < DATABASE_LIMITS.lockPauseMaxMs;
    const pauseMs = isRepeated
      ? Math.min(last.pauseMs * 2, DATABASE_LIMITS.lockPauseMaxMs)
      : DATABASE_LIMITS.lockPauseFirstMs;
    if (offences.size >= MAX_REMEMBERED) offences.clear();
    offences.set(name, { untilMs: now + pauseMs, pauseMs });
    log.warn('A database held so many locks that its sessions were ended', { database: name, locks, allowed, pauseMs });
    end(name, new WireError(`${locks} locks were held in the database at once, allowed are ${allowed}`));
    await query(TERMINATE, [name]);
  };
  const look = async (): Promise<void> => {
    const names = inUse();
    if (names.length === 0) return;
    maxLocks ??= await readMaxLocks();
    const { rows } = await query<{ name: string; locks: number }>(HOLDERS, [names, maxLocks]);
    for (const { name, locks } of rows) await punish(name, locks, maxLocks);
  };
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch((error: unknown) => log.debug('The locks of databases could not be looked at', { error }))
      .finally(() => (isLooking = false));
  }, DATABASE_LIMITS.lockCheckMs).unref();
  return {
    check(name) {
      const leftMs = (offences.get(name)?.untilMs ?? 0) - performance.now();
      if (leftMs <= 0) return;
      throw new NoConnection(
        `The database is closed for ${Math.ceil(leftMs / 1000)} s more: too many locks were held in it at once. Lock fewer tables, rows of large objects or advisory keys in one transaction.`,
        { isUnreachable: false },
      );
    },
    close: () => clearInterval(timer),
  };
}

const MAX_REMEMBERED = 10_000;

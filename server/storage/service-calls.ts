/** Calls between workers by minute: written by every process, read as one. */
import { SERVICE_CALL_LIMITS } from '../../shared/limits.ts';
import type { ServiceCallMinute } from '../../shared/service-calls.ts';
import type { Database } from './database.ts';

const MINUTE_MS = 60_000;

/** See Store.writeServiceCalls. */
export async function writeServiceCalls(
  db: Database,
  writer: string,
  minutes: readonly ServiceCallMinute[],
): Promise<void> {
  const column = <T>(read: (minute: ServiceCallMinute) => T): T[] => minutes.map(read);
  await db.query(
    `INSERT INTO skep.service_calls (writer, account_id, caller, callee, minute, calls, errors, total_ms, longest_ms)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[],
       $8::double precision[], $9::double precision[])
     ON CONFLICT (account_id, caller, callee, minute, writer) DO UPDATE SET calls = EXCLUDED.calls,
       errors = EXCLUDED.errors, total_ms = EXCLUDED.total_ms, longest_ms = EXCLUDED.longest_ms`,
    [
      writer,
      column(({ accountId }) => accountId),
      column(({ caller }) => caller),
      column(({ callee }) => callee),
      column(({ atMs }) => atMs / MINUTE_MS),
      column(({ calls }) => calls),
      column(({ errors }) => errors),
      column(({ totalMs }) => totalMs),
      column(({ longestMs }) => longestMs),
    ],
  );
}

interface Row {
  readonly caller: string;
  readonly callee: string;
  readonly minute: number;
  readonly calls: number;
  readonly errors: number;
  readonly total_ms: number;
  readonly longest_ms: number;
}

/** See Store.readServiceCalls. */
export async function readServiceCalls(
  db: Database,
  accountId: string,
  workerName: string,
  sinceMs: number,
): Promise<ServiceCallMinute[]> {
  const { rows } = await db.query<Row>(
    `SELECT caller, callee, minute, sum(calls)::double precision AS calls, sum(errors)::double precision AS errors,
       sum(total_ms) AS total_ms, max(longest_ms) AS longest_ms
     FROM skep.service_calls WHERE account_id = $1 AND (caller = $2 OR callee = $2) AND minute >= $3
     GROUP BY caller, callee, minute ORDER BY caller, callee, minute`,
    [accountId, workerName, Math.floor(sinceMs / MINUTE_MS)],
  );
  return rows.map((row) => ({
    accountId,
    caller: row.caller,
    callee: row.callee,
    atMs: row.minute * MINUTE_MS,
    calls: row.calls,
    errors: row.errors,
    totalMs: row.total_ms,
    longestMs: row.longest_ms,
  }));
}

/** See Store.sweepServiceCalls. */
export async function sweepServiceCalls(db: Database, nowMs: number, maxRows: number): Promise<number> {
  const oldest = Math.floor(nowMs / MINUTE_MS) - SERVICE_CALL_LIMITS.keptMinutes;
  const { rowCount } = await db.query(
    `DELETE FROM skep.service_calls WHERE minute < greatest($1::integer, (
       SELECT minute + 1 FROM skep.service_calls ORDER BY minute DESC OFFSET $2 LIMIT 1))`,
    [oldest, maxRows],
  );
  return rowCount ?? 0;
}

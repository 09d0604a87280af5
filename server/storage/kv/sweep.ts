/**
 * Removes what nobody can see any more: expired entries, entries of deleted namespaces, large values that no entry points to. In small
 * transactions, so that ten thousand keys that expire together hold up nobody; each takes a lock that one node at a time can have.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KV_LIMITS } from '../../../shared/limits.ts';
import type { Logger } from '../../log/types.ts';
import type { Database, Queryable } from '../database.ts';
import { KV_SWEEP_LOCK } from '../locks.ts';

const BATCH_ROWS = 1_000;
/** Between two batches: others get the database for at least as long as a batch takes. */
const PAUSE_MS = 20;
/** Adds up what writes have noted of each namespace, and forgets namespaces that are no more. */
const ADD_UP = `
  WITH noted AS (
    DELETE FROM skep.kv_usage WHERE namespace IN (SELECT namespace FROM skep.kv_usage GROUP BY namespace HAVING count(*) > 1)
       OR NOT EXISTS (SELECT FROM skep.kv_namespaces n WHERE n.number = kv_usage.namespace)
    RETURNING namespace, entries, bytes
  )
  INSERT INTO skep.kv_usage SELECT namespace, sum(entries), sum(bytes) FROM noted
  WHERE EXISTS (SELECT FROM skep.kv_namespaces n WHERE n.number = noted.namespace) GROUP BY namespace`;

/** Each removes up to BATCH_ROWS rows, fewer when there are no more. */
const SWEEPS: readonly ((tx: Queryable) => Promise<number>)[] = [
  async (tx) =>
    removed(
      await tx.query(
        `DELETE FROM skep.kv_entries WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM skep.kv_entries WHERE expires_at <= extract(epoch FROM clock_timestamp())::bigint
           ORDER BY expires_at LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED))`,
      ),
    ),
  async (tx) =>
    removed(
      await tx.query(
        `DELETE FROM skep.kv_entries WHERE ctid = ANY (ARRAY(
           SELECT e.ctid FROM skep.kv_namespaces n JOIN skep.kv_entries e ON e.namespace = n.number
           WHERE n.deleted_at IS NOT NULL LIMIT ${BATCH_ROWS} FOR UPDATE OF e SKIP LOCKED))`,
      ),
    ),
  async (tx) =>
    // Long enough after its deletion that no write can be under way that began before it.
    removed(
      await tx.query(
        `DELETE FROM skep.kv_namespaces n WHERE deleted_at < clock_timestamp() - interval '1 minute'
           AND NOT EXISTS (SELECT FROM skep.kv_entries e WHERE e.namespace = n.number)`,
      ),
    ),
  async (tx) =>
    // Few: one may be a hundred pieces.
    removed(
      await tx.query(
        `DELETE FROM skep.kv_large_values WHERE id = ANY (ARRAY(
           SELECT id FROM skep.kv_large_values
           WHERE unlinked_since < clock_timestamp() - make_interval(secs => ${KV_LIMITS.unlinkedSeconds})
           ORDER BY unlinked_since LIMIT 20 FOR UPDATE SKIP LOCKED))`,
      ),
    ) *
    (BATCH_ROWS / 20),
  async (tx) => {
    await tx.query(ADD_UP);
    return 0;
  },
];

const removed = ({ rowCount }: { readonly rowCount: number | null }): number => rowCount ?? 0;

export interface Sweeper {
  /** Resolves when no sweep runs any more. */
  close(): Promise<void>;
}

/** Sweeps every `intervalMs`. */
export function startSweeper(db: Database, log: Logger, intervalMs: number): Sweeper {
  const closing = new AbortController();
  const running = (async () => {
    for (;;) {
      await sleep(intervalMs * (0.5 + Math.random()), undefined, { signal: closing.signal }).catch(() => {});
      if (closing.signal.aborted) return;
      await sweepOnce(db, closing.signal).catch((error: Error) =>
        log.debug('Expired KV entries could not be removed now', { error }),
      );
    }
  })();
  return {
    close: () => {
      closing.abort();
      return running;
    },
  };
}

/** Removes everything there is to remove, unless another node is at it. */
export async function sweepOnce(db: Database, signal?: AbortSignal): Promise<void> {
  for (const sweep of SWEEPS) {
    for (;;) {
      const rows = await db.transaction(async (tx) => {
        const { rows: locks } = await tx.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [
          KV_SWEEP_LOCK,
        ]);
        return locks[0]?.mine === true ? await sweep(tx) : null;
      });
      if (rows === null || signal?.aborted === true) return;
      if (rows < BATCH_ROWS) break;
      await sleep(PAUSE_MS);
    }
  }
}

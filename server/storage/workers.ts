/** The unversioned part of workers. */
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { recordChange } from './changes.ts';
import type { Database, Queryable } from './database.ts';
import { deleteUnusedModules } from './modules.ts';
import { AccountFull, StoreConflict } from './store.ts';
import type { Store, WorkerRecord } from './store.ts';

interface WorkerRow {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly created_at: Date;
  readonly modified_at: Date;
  readonly workers_dev: boolean;
  readonly previews_enabled: boolean;
  readonly settings: Record<string, unknown>;
  readonly latest_version_id: string | null;
  readonly latest_deployment_id: string | null;
}

const WORKER_SELECT = `SELECT w.id, w.account_id, w.name, w.created_at, w.modified_at, w.workers_dev, w.previews_enabled, w.settings,
    (SELECT v.id FROM skep.versions v WHERE v.worker_id = w.id ORDER BY v.number DESC LIMIT 1) AS latest_version_id,
    (SELECT d.id FROM skep.deployments d WHERE d.worker_id = w.id ORDER BY d.number DESC LIMIT 1) AS latest_deployment_id
  FROM skep.workers w`;

/** By name. */
export async function listWorkers(db: Queryable, accountId: string): Promise<WorkerRecord[]> {
  const { rows } = await db.query<WorkerRow>(`${WORKER_SELECT} WHERE w.account_id = $1 ORDER BY w.name`, [accountId]);
  return rows.map(toWorker);
}

/** Every worker of every account. */
export async function listAllWorkers(db: Queryable): Promise<WorkerRecord[]> {
  const { rows } = await db.query<WorkerRow>(`${WORKER_SELECT} ORDER BY w.account_id, w.name`);
  return rows.map(toWorker);
}

/** A text with NUL cannot be stored, so nothing has it for a name; asked for it, PostgreSQL would answer with an error. */
export function mayExist(name: string): boolean {
  return !name.includes('\0');
}

/** Null: the account has none of this name. */
export async function findWorker(db: Queryable, accountId: string, name: string): Promise<WorkerRecord | null> {
  if (!mayExist(name)) return null;
  const { rows } = await db.query<WorkerRow>(`${WORKER_SELECT} WHERE w.account_id = $1 AND w.name = $2`, [
    accountId,
    name,
  ]);
  return rows[0] === undefined ? null : toWorker(rows[0]);
}

/** Holds the worker's row to the end of the transaction: changes of one worker happen one after the other. */
export async function lockWorker(tx: Queryable, accountId: string, name: string): Promise<string | null> {
  if (!mayExist(name)) return null;
  const { rows } = await tx.query<{ id: string }>(
    'SELECT id FROM skep.workers WHERE account_id = $1 AND name = $2 FOR UPDATE',
    [accountId, name],
  );
  return rows[0]?.id ?? null;
}

/** @throws AccountFull */
async function checkWorkerCount(tx: Queryable, accountId: string): Promise<void> {
  const { rows } = await tx.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM skep.workers WHERE account_id = $1',
    [accountId],
  );
  const { maxWorkersPerAccount } = UPLOAD_LIMITS;
  if ((rows[0]?.count ?? 0) <= maxWorkersPerAccount) return;
  throw new AccountFull(`This account has ${maxWorkersPerAccount} Workers, as many as it may have`);
}

/** As lockWorker; creates the worker when it is missing. */
export async function lockOrCreateWorker(tx: Queryable, accountId: string, name: string): Promise<string> {
  const account = await tx.query('SELECT FROM skep.accounts WHERE id = $1 FOR KEY SHARE', [accountId]);
  if (account.rowCount !== 1) throw new StoreConflict(`The account ${accountId} does not exist.`);
  const { rowCount: made } = await tx.query(
    'INSERT INTO skep.workers (account_id, name) VALUES ($1, $2) ON CONFLICT (account_id, name) DO NOTHING',
    [accountId, name],
  );
  if (made === 1) await checkWorkerCount(tx, accountId);
  const id = await lockWorker(tx, accountId, name);
  if (id === null) throw new StoreConflict(`The worker "${name}" was deleted at this moment. Try again.`);
  return id;
}

/** Marks a locked worker as changed and merges settings: null removes a key. */
export async function touchWorker(
  tx: Queryable,
  workerId: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { rows } = await tx.query<{ settings: Record<string, unknown> }>(
    'SELECT settings FROM skep.workers WHERE id = $1',
    [workerId],
  );
  const kept = Object.entries({ ...rows[0]?.settings, ...settings }).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  await tx.query('UPDATE skep.workers SET modified_at = clock_timestamp(), settings = $2 WHERE id = $1', [
    workerId,
    JSON.stringify(Object.fromEntries(kept)),
  ]);
}

/** See Store.updateWorker. Throws StoreConflict when there is no such worker. */
export function updateWorker(
  db: Database,
  accountId: string,
  name: string,
  change: Parameters<Store['updateWorker']>[2],
): ReturnType<Store['updateWorker']> {
  return db.transaction(async (tx) => {
    const workerId = await lockWorker(tx, accountId, name);
    if (workerId === null) throw new StoreConflict(`The worker "${name}" does not exist.`);
    await touchWorker(tx, workerId, change.settings);
    await tx.query(
      `UPDATE skep.workers SET workers_dev = coalesce($2, workers_dev), previews_enabled = coalesce($3, previews_enabled)
        WHERE id = $1`,
      [workerId, change.workersDev ?? null, change.previewsEnabled ?? null],
    );
    const worker = (await findWorker(tx, accountId, name)) as WorkerRecord;
    return { worker, changeSeq: await recordChange(tx, accountId, name) };
  });
}

/** Names of workers whose deployed versions are bound to this one, itself left out. */
export async function listCallers(db: Queryable, accountId: string, name: string): Promise<string[]> {
  if (!mayExist(name)) return [];
  const { rows } = await db.query<{ name: string }>(
    `SELECT DISTINCT w.name
       FROM skep.workers w
       JOIN LATERAL (SELECT d.id FROM skep.deployments d WHERE d.worker_id = w.id ORDER BY d.number DESC LIMIT 1) latest ON true
       JOIN skep.deployment_versions dv ON dv.deployment_id = latest.id
       JOIN skep.version_bindings b ON b.version_id = dv.version_id
      WHERE w.account_id = $1 AND w.name <> $2 AND b.type = 'service' AND b.data ->> 'service' = $2
      ORDER BY w.name`,
    [accountId, name],
  );
  return rows.map((row) => row.name);
}

/** Deletes the worker, its versions and deployments, and modules that no other version uses. */
export function deleteWorker(db: Database, accountId: string, name: string): ReturnType<Store['deleteWorker']> {
  return db.transaction(async (tx) => {
    const workerId = await lockWorker(tx, accountId, name);
    if (workerId === null) {
      const { rows } = await tx.query<{ seq: string }>('SELECT coalesce(max(seq), 0)::text AS seq FROM skep.changes');
      return { deleted: false, changeSeq: BigInt(rows[0]?.seq as string) };
    }
    const modules = await tx.query<{ hash: Buffer }>(
      `SELECT DISTINCT m.hash FROM skep.version_modules m JOIN skep.versions v ON v.id = m.version_id WHERE v.worker_id = $1`,
      [workerId],
    );
    // Deployments first: they refer to versions.
    await tx.query('DELETE FROM skep.deployments WHERE worker_id = $1', [workerId]);
    await tx.query('DELETE FROM skep.versions WHERE worker_id = $1', [workerId]);
    await tx.query('DELETE FROM skep.workers WHERE id = $1', [workerId]);
    await deleteUnusedModules(
      tx,
      modules.rows.map((row) => row.hash),
    );
    return { deleted: true, changeSeq: await recordChange(tx, accountId, name) };
  });
}

function toWorker(row: WorkerRow): WorkerRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    createdAt: row.created_at,
    modifiedAt: row.modified_at,
    workersDev: row.workers_dev,
    previewsEnabled: row.previews_enabled,
    settings: row.settings,
    latestVersionId: row.latest_version_id,
    latestDeploymentId: row.latest_deployment_id,
  };
}

/** Deployments: which versions of a worker get which share of traffic, from when. */
import { randomUUID } from 'node:crypto';
import type { DeploymentShare } from '../../shared/worker.ts';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { recordChange } from './changes.ts';
import type { Database, Queryable } from './database.ts';
import { groupBy } from './rows.ts';
import { AccountFull, StoreConflict } from './store.ts';
import type { DeploymentRecord, Store } from './store.ts';
import { lockWorker, mayExist, touchWorker } from './workers.ts';

interface DeploymentRow {
  readonly id: string;
  readonly worker_id: string;
  readonly created_at: Date;
  readonly source: string;
  readonly annotations: Readonly<Record<string, string>>;
}

interface ShareRow {
  readonly deployment_id: string;
  readonly version_id: string;
  readonly percentage: string;
}

export interface NewDeployment {
  readonly versions: readonly DeploymentShare[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly source: string;
}

/** Of a module besides its name: hash, type, size. */
const MODULE_BYTES = 200;

/** See Store.createDeployment. */
export function createDeployment(
  db: Database,
  accountId: string,
  workerName: string,
  input: NewDeployment,
): ReturnType<Store['createDeployment']> {
  return db.transaction(async (tx) => {
    const workerId = await lockWorker(tx, accountId, workerName);
    if (workerId === null) throw new StoreConflict(`The worker "${workerName}" does not exist.`);
    await checkVersions(tx, workerId, workerName, input.versions);
    const deployment = await insertDeployment(tx, workerId, input);
    await touchWorker(tx, workerId);
    return { deployment, changeSeq: await recordChange(tx, accountId, workerName) };
  });
}

async function checkVersions(
  tx: Queryable,
  workerId: string,
  workerName: string,
  shares: readonly DeploymentShare[],
): Promise<void> {
  const ids = shares.map((share) => share.versionId);
  const { rows } = await tx.query<{ id: string }>(
    'SELECT id::text AS id FROM skep.versions WHERE worker_id = $1 AND id::text = ANY($2)',
    [workerId, ids],
  );
  const known = new Set(rows.map((row) => row.id));
  const missing = ids.find((id) => !known.has(id));
  if (missing !== undefined) throw new StoreConflict(`The worker "${workerName}" has no version ${missing}.`);
  if (known.size !== ids.length) throw new StoreConflict('A deployment names each version at most once.');
  // In hundredths, because 33.33 + 33.33 + 33.34 is not 100 in floating point.
  const sum = shares.reduce((total, share) => total + Math.round(share.percentage * 100), 0);
  if (sum !== 10_000) throw new StoreConflict(`The percentages of a deployment add up to 100, not to ${sum / 100}.`);
}

/** Inserts a deployment of a locked worker. */
export async function insertDeployment(
  tx: Queryable,
  workerId: string,
  input: NewDeployment,
): Promise<DeploymentRecord> {
  const id = randomUUID();
  await tx.query(
    `INSERT INTO skep.deployments (id, worker_id, number, source, annotations)
     SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4 FROM skep.deployments WHERE worker_id = $2`,
    [id, workerId, input.source, JSON.stringify(input.annotations)],
  );
  await tx.query(
    `INSERT INTO skep.deployment_versions (deployment_id, position, version_id, percentage)
     SELECT $1, u.position, u.version_id, u.percentage
       FROM unnest($2::uuid[], $3::numeric[]) WITH ORDINALITY AS u (version_id, percentage, position)`,
    [id, input.versions.map((share) => share.versionId), input.versions.map((share) => share.percentage)],
  );
  await checkDeployedBytes(tx, workerId);
  const [deployment] = await readDeployments(tx, 'd.id = $1', [id]);
  return deployment as DeploymentRecord;
}

/** What nodes keep in memory of all that the account of a worker has deployed. */
const DEPLOYED_BYTES = `
  WITH deployed AS (
    SELECT s.version_id FROM skep.workers w
      JOIN skep.deployments d ON d.worker_id = w.id
       AND d.number = (SELECT max(n.number) FROM skep.deployments n WHERE n.worker_id = w.id)
      JOIN skep.deployment_versions s ON s.deployment_id = d.id
     WHERE w.account_id = (SELECT account_id FROM skep.workers WHERE id = $1))
  SELECT (SELECT coalesce(sum(octet_length(b.name) + octet_length(b.data::text) + coalesce(octet_length(b.secret), 0)), 0)
            FROM skep.version_bindings b JOIN deployed USING (version_id))
       + (SELECT coalesce(sum(octet_length(m.name) + ${MODULE_BYTES}), 0)
            FROM skep.version_modules m JOIN deployed USING (version_id)) AS bytes`;

/** @throws AccountFull */
async function checkDeployedBytes(tx: Queryable, workerId: string): Promise<void> {
  const { rows } = await tx.query<{ bytes: string }>(DEPLOYED_BYTES, [workerId]);
  const bytes = Number(rows[0]?.bytes);
  const { maxDeployedBytesPerAccount } = UPLOAD_LIMITS;
  if (bytes <= maxDeployedBytesPerAccount) return;
  throw new AccountFull(
    `The variables, secrets, bindings and module names of all deployed Workers of this account would take ${bytes} bytes together, ` +
      `${maxDeployedBytesPerAccount} are allowed`,
  );
}

/** Newest first. */
export async function listDeployments(
  db: Database,
  accountId: string,
  workerName: string,
  limit: number,
): Promise<DeploymentRecord[]> {
  if (!mayExist(workerName)) return [];
  const latest = `d.id IN (SELECT n.id FROM skep.deployments n JOIN skep.workers o ON o.id = n.worker_id
    WHERE o.account_id = $1 AND o.name = $2 ORDER BY n.number DESC LIMIT $3)`;
  return db.transaction((tx) => readDeployments(tx, latest, [accountId, workerName, limit]), 'snapshot');
}

/** Deployments with their shares, newest first. `where` speaks of `d` (deployments). Run it in one snapshot. */
export async function readDeployments(
  tx: Queryable,
  where: string,
  values: readonly unknown[],
): Promise<DeploymentRecord[]> {
  const { rows } = await tx.query<DeploymentRow>(
    `SELECT d.id, d.worker_id, d.created_at, d.source, d.annotations FROM skep.deployments d WHERE ${where} ORDER BY d.number DESC, d.id`,
    values,
  );
  const shares = await tx.query<ShareRow>(
    `SELECT deployment_id, version_id, percentage FROM skep.deployment_versions
      WHERE deployment_id = ANY($1) ORDER BY deployment_id, position`,
    [rows.map((row) => row.id)],
  );
  const sharesOf = groupBy(shares.rows, (share) => share.deployment_id);
  return rows.map((row) => ({
    id: row.id,
    workerId: row.worker_id,
    createdAt: row.created_at,
    source: row.source,
    strategy: 'percentage',
    annotations: row.annotations,
    versions: (sharesOf.get(row.id) ?? []).map((share) => ({
      versionId: share.version_id,
      percentage: Number(share.percentage),
    })),
  }));
}

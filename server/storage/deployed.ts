/** What is deployed: the state that catalogs load. */
import type { Logger } from '../log/types.ts';
import type { Database, Queryable } from './database.ts';
import { readDeployments } from './deployments.ts';
import { EnvelopeError } from './envelope.ts';
import { groupBy } from './rows.ts';
import type { DeployedWorkerRecord, DeploymentRecord, VersionRecord, WorkerRecord } from './store.ts';
import { readVersions } from './versions.ts';
import { findWorker, listAllWorkers } from './workers.ts';

const LATEST_DEPLOYMENTS = `d.worker_id = ANY($1) AND d.number = (
  SELECT max(n.number) FROM skep.deployments n WHERE n.worker_id = d.worker_id)`;

/** See Store.readDeployed. */
export function readDeployed(
  db: Database,
  masterKey: Uint8Array,
  log: Logger,
  only?: { readonly accountId: string; readonly workerName: string },
): Promise<DeployedWorkerRecord[]> {
  return db.transaction(async (tx) => {
    const workers =
      only === undefined ? await listAllWorkers(tx) : [await findWorker(tx, only.accountId, only.workerName)];
    const present = workers.filter((worker) => worker !== null);
    const ids = present.map((worker) => worker.id);
    const deployments = new Map(
      (await readDeployments(tx, LATEST_DEPLOYMENTS, [ids])).map((row) => [row.workerId, row]),
    );
    const versions = await versionsOf(tx, masterKey, log, present, [...deployments.values()]);
    return present.map((worker) => {
      const deployment = deployments.get(worker.id) ?? null;
      return { worker, deployment, versions: versions.get(worker.id) ?? [] };
    });
  }, 'snapshot');
}

async function versionsOf(
  tx: Queryable,
  masterKey: Uint8Array,
  log: Logger,
  workers: readonly WorkerRecord[],
  deployments: readonly DeploymentRecord[],
): Promise<Map<string, VersionRecord[]>> {
  const ids = deployments.flatMap((deployment) => deployment.versions.map((share) => share.versionId));
  try {
    return groupBy(await readVersions(tx, masterKey, 'v.id = ANY($1)', [ids]), (version) => version.workerId);
  } catch (error) {
    if (!(error instanceof EnvelopeError) || workers.length < 2) throw error;
  }
  // One secret that cannot be opened takes its worker out, not all the others.
  const readable = new Map<string, VersionRecord[]>();
  for (const deployment of deployments) {
    const own = deployment.versions.map((share) => share.versionId);
    try {
      readable.set(deployment.workerId, await readVersions(tx, masterKey, 'v.id = ANY($1)', [own]));
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      const worker = workers.find(({ id }) => id === deployment.workerId)?.name;
      log.error('A worker is not served: a secret of its deployed version cannot be opened', { worker, error });
    }
  }
  return readable;
}

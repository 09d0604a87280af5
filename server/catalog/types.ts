/** What a node knows in memory about what is deployed. The data path reads only this, never the database. */
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';

export interface DeployedWorker {
  readonly workerId: string;
  readonly accountId: string;
  readonly name: string;
  readonly workersDev: boolean;
  readonly deploymentId: string;
  /** In descending share; percentages add up to 100. */
  readonly versions: readonly { readonly version: WorkerVersion; readonly percentage: number }[];
}

export interface Catalog {
  /** What a Host header (any case, with or without port) names; undefined: nobody answers there. Does not look at `workersDev`. */
  findByHost(host: string): DeployedWorker | undefined;
  findByName(accountId: string, name: string): DeployedWorker | undefined;
  /** The bytes of a version's modules: from this node's disk by content hash, else from the database (then kept on disk). */
  loadModules(version: WorkerVersion): Promise<ModuleContent[]>;
  /** Resolves when this node serves what change `seq` says (its new version warm), or rejects after `timeoutMs`. */
  waitForChange(seq: bigint, timeoutMs: number): Promise<void>;
}

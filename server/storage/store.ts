/**
 * What the rest of the server may ask of storage, as use cases. Only `server/storage` holds SQL; everything else sees
 * these types. Every method that changes a worker is one transaction and returns the sequence number of
 * the change, which the catalog of every node follows.
 */
import type { ServiceCallMinute } from '../../shared/service-calls.ts';
import type {
  Binding,
  DeploymentShare,
  ModuleContent,
  VersionLimits,
  WorkerFormat,
  WorkerVersion,
} from '../../shared/worker.ts';

export interface Account {
  readonly id: string;
  readonly name: string;
  /** The label under the base domain: `<worker>.<subdomain>.<base domain>`. */
  readonly subdomain: string;
  readonly createdAt: Date;
}

/** Who a token speaks for. `accountId` null: the platform's administrator, all accounts. */
export interface TokenIdentity {
  readonly tokenId: string;
  readonly name: string;
  readonly accountId: string | null;
}

/** The parts of a worker that are not versioned. */
export interface WorkerRecord {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
  /** Reachable at `<name>.<subdomain>.<base domain>`. */
  readonly workersDev: boolean;
  readonly previewsEnabled: boolean;
  /** Accepted and kept as given: observability, placement, logpush, tail_consumers, tags … */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly latestVersionId: string | null;
  readonly latestDeploymentId: string | null;
}

export interface DeploymentRecord {
  readonly id: string;
  readonly workerId: string;
  readonly createdAt: Date;
  readonly source: string;
  readonly strategy: 'percentage';
  readonly annotations: Readonly<Record<string, string>>;
  readonly versions: readonly DeploymentShare[];
}

/** A version with the metadata that only the API shows. */
export interface VersionRecord extends WorkerVersion {
  /** `wrangler`, `api`, `dash` … */
  readonly source: string;
  readonly startupMs: number;
  /** Names of the handlers found at start-up: `fetch`, `scheduled` … */
  readonly handlers: readonly string[];
  /** Upload metadata accepted and kept but not acted on yet (placement, tail_consumers …). */
  readonly kept: Readonly<Record<string, unknown>>;
  readonly etag: string;
}

/** A version in a list: without what its secrets hold. */
export interface ListedVersion extends Omit<VersionRecord, 'bindings'> {
  readonly bindings: readonly (Exclude<Binding, { type: 'secret_text' }> | SecretName)[];
}

export interface SecretName {
  readonly type: 'secret_text';
  readonly name: string;
}

export interface NewVersion {
  readonly accountId: string;
  readonly workerName: string;
  /** Fails with StoreConflict when the worker's newest version is another one by now (null: has none). */
  readonly expectedLatestVersionId: string | null;
  readonly format: WorkerFormat;
  readonly mainModule: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly bindings: readonly Binding[];
  readonly limits: VersionLimits;
  /** New bytes, or the id of the version whose modules are taken over unchanged. */
  readonly modules: readonly ModuleContent[] | { readonly copyFromVersionId: string };
  readonly annotations: Readonly<Record<string, string>>;
  readonly source: string;
  readonly startupMs: number;
  readonly handlers: readonly string[];
  readonly kept: Readonly<Record<string, unknown>>;
  /** Worker-level settings to merge in; undefined leaves them. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Deploy at 100 % in the same transaction. */
  readonly deploy: boolean;
}

export interface PublishedVersion {
  readonly worker: WorkerRecord;
  readonly version: VersionRecord;
  readonly deployment: DeploymentRecord | null;
  readonly changeSeq: bigint;
}

export { StoreUnavailable } from './errors.ts';

/** Somebody else changed the same thing in between: read again and retry. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict';
}

/** The account has as much as it may have. `message` may be shown to whoever asked. */
export class AccountFull extends Error {
  override readonly name = 'AccountFull';
}

/** Every method may reject with StoreUnavailable. */
export interface Store {
  /** Creates the first account and its token when the database is empty; idempotent. */
  bootstrap(first: { accountId: string | null; subdomain: string; tokenHash: Uint8Array | null }): Promise<{
    readonly account: Account;
    /** True when this call created the account (a fresh platform). */
    readonly created: boolean;
    /** True when an administrator token exists after the call. */
    readonly hasAdminToken: boolean;
  }>;
  listAccounts(): Promise<Account[]>;
  findAccount(accountId: string): Promise<Account | null>;
  /** Changes the account's subdomain label. Throws StoreConflict when another account has it. */
  setSubdomain(accountId: string, subdomain: string): Promise<{ readonly changeSeq: bigint }>;
  /** `hash`: SHA-256 of the token's UTF-8 bytes. */
  findToken(hash: Uint8Array): Promise<TokenIdentity | null>;

  listWorkers(accountId: string): Promise<WorkerRecord[]>;
  findWorker(accountId: string, name: string): Promise<WorkerRecord | null>;
  publishVersion(version: NewVersion): Promise<PublishedVersion>;
  /** Every share must name a version of this worker: otherwise throws StoreConflict. AccountFull: too much would be deployed. */
  createDeployment(
    accountId: string,
    workerName: string,
    deployment: {
      readonly versions: readonly DeploymentShare[];
      readonly annotations: Readonly<Record<string, string>>;
      readonly source: string;
    },
  ): Promise<{ readonly deployment: DeploymentRecord; readonly changeSeq: bigint }>;
  /** Newest first. */
  listDeployments(accountId: string, workerName: string, limit: number): Promise<DeploymentRecord[]>;
  /** Newest first. */
  listVersions(accountId: string, workerName: string, limit: number): Promise<ListedVersion[]>;
  findVersion(accountId: string, workerName: string, versionId: string): Promise<VersionRecord | null>;
  readModules(versionId: string): Promise<ModuleContent[]>;
  updateWorker(
    accountId: string,
    workerName: string,
    change: {
      readonly workersDev?: boolean;
      readonly previewsEnabled?: boolean;
      /** Merged key by key; null removes a key. */
      readonly settings?: Readonly<Record<string, unknown>>;
    },
  ): Promise<{ readonly worker: WorkerRecord; readonly changeSeq: bigint }>;
  /** Names of the workers whose deployed versions have a service binding to this one. */
  listCallers(accountId: string, workerName: string): Promise<string[]>;
  /** False when there is no such worker. */
  deleteWorker(
    accountId: string,
    workerName: string,
  ): Promise<{ readonly deleted: boolean; readonly changeSeq: bigint }>;

  // --- calls between workers ---
  /** Keeps what one process (`writer`) has counted so far in these minutes, in place of what it said of them before. */
  writeServiceCalls(writer: string, minutes: readonly ServiceCallMinute[]): Promise<void>;
  /** Of all processes together, from that minute on, by caller, callee and time. */
  readServiceCalls(accountId: string, workerName: string, sinceMs: number): Promise<ServiceCallMinute[]>;
  /** Removes minutes that are too old, and the oldest of too many (`maxRows`). How many rows. */
  sweepServiceCalls(nowMs: number, maxRows?: number): Promise<number>;

  // --- what a node's catalog reads ---
  /** The newest change's sequence number. */
  currentChangeSeq(): Promise<bigint>;
  /** Ids of accounts and workers changed after `seq`, oldest first, at most `limit`. */
  listChanges(
    after: bigint,
    limit: number,
  ): Promise<{ readonly seq: bigint; readonly accountId: string; readonly workerName: string | null }[]>;
  /** What is deployed: every worker of every account, or just one. Secrets in clear. */
  readDeployed(only?: { readonly accountId: string; readonly workerName: string }): Promise<DeployedWorkerRecord[]>;
  /** Answers when the database does; rejects otherwise. */
  ping(): Promise<void>;
}

export interface DeployedWorkerRecord {
  readonly worker: WorkerRecord;
  /** Null: the worker exists (a draft, say) but nothing is deployed. */
  readonly deployment: DeploymentRecord | null;
  /** The versions that the deployment names. */
  readonly versions: readonly WorkerVersion[];
}

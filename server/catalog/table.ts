/** The routing table in memory: workers by host and by name. Every method is synchronous, so readers never see half a change. */
import type { Account, DeployedWorkerRecord } from '../storage/store.ts';
import type { DeployedWorker } from './types.ts';

/** Workers of all accounts, by the host they answer at and by account and name. */
export class WorkerTable {
  readonly #baseDomain: string;
  readonly #subdomains = new Map<string, string>();
  readonly #byName = new Map<string, DeployedWorker>();
  readonly #byHost = new Map<string, DeployedWorker>();

  /** `baseDomain` in lower case, without port. */
  constructor(baseDomain: string) {
    this.#baseDomain = baseDomain;
  }

  findByName(accountId: string, name: string): DeployedWorker | undefined {
    return this.#byName.get(keyOf(accountId, name));
  }

  /** A Host header as it comes. On the data path, so the usual spelling costs one look-up more than none. */
  findByHost(host: string): DeployedWorker | undefined {
    const colon = host.indexOf(':');
    const name = colon === -1 ? host : host.slice(0, colon);
    return this.#byHost.get(name) ?? this.#byHost.get(canonical(name));
  }

  all(): Iterable<DeployedWorker> {
    return this.#byName.values();
  }

  hasAccount(accountId: string): boolean {
    return this.#subdomains.has(accountId);
  }

  /** Takes over the subdomains of all accounts; workers of a renamed account move to their new hosts. */
  setAccounts(accounts: readonly Account[]): void {
    const renamed = new Set<string>();
    for (const { id, subdomain } of accounts) if (this.#subdomains.get(id) !== subdomain) renamed.add(id);
    const moving = [...this.#byName.values()].filter((worker) => renamed.has(worker.accountId));
    // All old hosts go first: two accounts may have swapped their labels.
    for (const worker of moving) this.#byHost.delete(this.#hostOf(worker));
    for (const { id, subdomain } of accounts) this.#subdomains.set(id, subdomain);
    for (const worker of moving) this.#byHost.set(this.#hostOf(worker), worker);
  }

  set(worker: DeployedWorker): void {
    this.#byName.set(keyOf(worker.accountId, worker.name), worker);
    this.#byHost.set(this.#hostOf(worker), worker);
  }

  delete(worker: DeployedWorker): void {
    this.#byName.delete(keyOf(worker.accountId, worker.name));
    this.#byHost.delete(this.#hostOf(worker));
  }

  #hostOf(worker: DeployedWorker): string {
    return `${worker.name}.${this.#subdomains.get(worker.accountId)}.${this.#baseDomain}`.toLowerCase();
  }
}

/** Host names compare without regard to case, and a trailing dot only says that the name is complete (RFC 9110 §4.2.3, RFC 1034 §3.1). */
function canonical(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

/** What the catalog shows of a record; undefined when nothing is deployed. */
export function toDeployedWorker({ worker, deployment, versions }: DeployedWorkerRecord): DeployedWorker | undefined {
  if (deployment === null) return undefined;
  const byId = new Map(versions.map((version) => [version.id, version]));
  const shares = deployment.versions.flatMap(({ versionId, percentage }) => {
    const version = byId.get(versionId);
    return version === undefined ? [] : [{ version, percentage }];
  });
  // Versions are left out only when their secrets cannot be opened; a part of the traffic is no deployment.
  if (shares.length !== deployment.versions.length) return undefined;
  return {
    workerId: worker.id,
    accountId: worker.accountId,
    name: worker.name,
    workersDev: worker.workersDev,
    deploymentId: deployment.id,
    versions: shares.toSorted((a, b) => b.percentage - a.percentage),
  };
}

/** Account ids have no slash, so the two cannot run together. */
export function keyOf(accountId: string, name: string): string {
  return `${accountId}/${name}`;
}

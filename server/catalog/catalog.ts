/**
 * Keeps this node's routing table equal to the database: all of it at start, then change by change. The data path only reads
 * the table. While the database is away the table stays as it is; afterwards the changes missed are read by their numbers.
 *
 * A change of a worker: read it ─► its modules to disk ─► `beforeSwitch` (a warm cell) ─► visible ─► `afterSwitch`.
 * Changes of one worker happen one after the other, those of different workers side by side, so a worker that starts slowly
 * delays no other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';
import type { Bus } from '../bus/types.ts';
import type { Logger } from '../log/types.ts';
import { StoreUnavailable } from '../storage/store.ts';
import type { Store } from '../storage/store.ts';
import { ModuleCache } from './module-cache.ts';
import { WorkerTable, keyOf, toDeployedWorker } from './table.ts';
import type { Catalog, DeployedWorker } from './types.ts';

export interface CatalogOptions {
  readonly store: Pick<Store, 'currentChangeSeq' | 'listAccounts' | 'listChanges' | 'readDeployed' | 'readModules'>;
  readonly bus: Bus;
  readonly log: Logger;
  readonly baseDomain: string;
  /** Of this node alone; made when missing. */
  readonly cacheDir: string;
  /**
   * Awaited before another deployment of a worker becomes visible (for 20 s at most). A failure is logged and does
   * not hold the change back: what the database says is deployed must be served.
   */
  readonly beforeSwitch?: (worker: DeployedWorker) => Promise<void>;
  /** Called after a worker was changed, added (`previous` undefined) or taken away (`next` undefined). */
  readonly afterSwitch?: (previous: DeployedWorker | undefined, next: DeployedWorker | undefined) => void;
}

export interface RunningCatalog extends Catalog {
  /** Every worker that is deployed. */
  list(): DeployedWorker[];
  /** Stops following changes. */
  close(): Promise<void>;
}

const CHANGES_AT_ONCE = 500;
const BEFORE_SWITCH_TIMEOUT_MS = 20_000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;

/** Loads everything and starts following. Throws StoreUnavailable when the database does not answer. */
export async function createCatalog(options: CatalogOptions): Promise<RunningCatalog> {
  const catalog = new FollowingCatalog(options);
  await catalog.start();
  return catalog;
}

/** The work on one worker: what runs now, and what runs after it because something changed meanwhile. */
interface WorkerTask {
  current: Promise<void>;
  next: Promise<void> | null;
}

class FollowingCatalog implements RunningCatalog {
  readonly #options: CatalogOptions;
  readonly #log: Logger;
  readonly #table: WorkerTable;
  readonly #modules: ModuleCache;
  readonly #closing = new AbortController();
  readonly #tasks = new Map<string, WorkerTask>();
  /** Changes that are known but not served yet. */
  readonly #pending = new Map<bigint, Promise<void>>();
  /** Every change up to this one is served or in `#pending`. */
  #readSeq = 0n;
  #reading: Promise<void> | null = null;
  #readAgain = false;
  /** Called whenever `#readSeq` has moved on. */
  readonly #onRead = new Set<() => void>();
  #unsubscribe: () => void = () => {};
  /** Running or done; null when it failed for want of the database and is to be tried again. */
  #filling: Promise<void> | null = null;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#log = options.log.child({ component: 'catalog' });
    this.#table = new WorkerTable(options.baseDomain.toLowerCase());
    this.#modules = new ModuleCache({ directory: options.cacheDir, store: options.store, log: this.#log });
  }

  async start(): Promise<void> {
    const { store, bus } = this.#options;
    // The number first: a change that comes in between is then read twice, not missed.
    this.#readSeq = await store.currentChangeSeq();
    this.#table.setAccounts(await store.listAccounts());
    for (const record of await store.readDeployed()) {
      const worker = toDeployedWorker(record);
      if (worker !== undefined) this.#table.set(worker);
    }
    this.#unsubscribe = bus.onChange((seq) => {
      if (seq === null || seq > this.#readSeq) this.#read();
    });
    this.#read();
  }

  findByHost(host: string): DeployedWorker | undefined {
    return this.#table.findByHost(host);
  }

  findByName(accountId: string, name: string): DeployedWorker | undefined {
    return this.#table.findByName(accountId, name);
  }

  list(): DeployedWorker[] {
    return [...this.#table.all()];
  }

  loadModules(version: WorkerVersion): Promise<ModuleContent[]> {
    return this.#modules.load(version);
  }

  async waitForChange(seq: bigint, timeoutMs: number): Promise<void> {
    const deadline = new AbortController();
    const timedOut = sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
      throw new Error(`Change ${seq} is not served after ${timeoutMs} ms: this node has read up to ${this.#readSeq}`);
    });
    try {
      await Promise.race([timedOut, this.#served(seq, deadline.signal)]);
    } finally {
      deadline.abort();
      // The loser of the race: aborted, and nobody else looks at it.
      timedOut.catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closing.abort();
    await this.#reading;
    await this.#filling;
    await Promise.allSettled(this.#pending.values());
  }

  /** Resolves when change `seq` is served; rejects when serving it failed. */
  async #served(seq: bigint, giveUp: AbortSignal): Promise<void> {
    if (seq > this.#readSeq) {
      this.#read();
      await new Promise<void>((resolve) => {
        const check = (): void => {
          if (seq > this.#readSeq && !giveUp.aborted) return;
          this.#onRead.delete(check);
          resolve();
        };
        this.#onRead.add(check);
        giveUp.addEventListener('abort', check, { once: true });
      });
    }
    await this.#pending.get(seq);
  }

  /** Reads new changes: now, or once more when it is being done already. */
  #read(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#reading !== null) {
      this.#readAgain = true;
      return;
    }
    this.#reading = this.#readChanges().finally(() => {
      this.#reading = null;
      if (!this.#readAgain) return;
      this.#readAgain = false;
      this.#read();
    });
  }

  async #readChanges(): Promise<void> {
    try {
      for (let full = true; full && !this.#closing.signal.aborted; ) {
        const changes = await this.#options.store.listChanges(this.#readSeq, CHANGES_AT_ONCE);
        full = changes.length === CHANGES_AT_ONCE;
        // The database answers: a good moment for what could not be done before.
        this.#filling ??= this.#fillCache();
        const last = changes.at(-1);
        if (last === undefined) return;
        const accountsChanged = changes.some(
          ({ accountId, workerName }) => workerName === null || !this.#table.hasAccount(accountId),
        );
        if (accountsChanged) this.#table.setAccounts(await this.#options.store.listAccounts());
        for (const { seq, accountId, workerName } of changes) {
          if (workerName !== null) this.#track(seq, this.#schedule(accountId, workerName));
        }
        this.#readSeq = last.seq;
        for (const listener of [...this.#onRead]) listener();
      }
    } catch (error) {
      // The bus calls again when the database is back, and every few seconds.
      this.#log.warn('Changes cannot be read now; serving what is known', { error });
    }
  }

  #track(seq: bigint, served: Promise<void>): void {
    this.#pending.set(seq, served);
    const forget = (): void => void this.#pending.delete(seq);
    served.then(forget, forget);
  }

  /** Brings one worker up to date after this moment; calls that come while it waits share one run. */
  #schedule(accountId: string, name: string): Promise<void> {
    const key = keyOf(accountId, name);
    const task = this.#tasks.get(key);
    if (task === undefined) {
      const current = this.#update(accountId, name);
      const created: WorkerTask = { current, next: null };
      this.#tasks.set(key, created);
      this.#whenIdle(key, created);
      return current;
    }
    // What runs now may have read the database before this change.
    task.next ??= task.current.catch(() => {}).then(() => this.#update(accountId, name));
    return task.next;
  }

  #whenIdle(key: string, task: WorkerTask): void {
    const settled = (): void => {
      if (task.next === null) {
        this.#tasks.delete(key);
        return;
      }
      task.current = task.next;
      task.next = null;
      this.#whenIdle(key, task);
    };
    task.current.then(settled, settled);
  }

  async #update(accountId: string, name: string): Promise<void> {
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
      try {
        return await this.#updateOnce(accountId, name);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) {
          this.#log.error('A changed worker cannot be served', { worker: name, error });
          throw error;
        }
        if (this.#closing.signal.aborted) return;
        await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  async #updateOnce(accountId: string, name: string): Promise<void> {
    const [record] = await this.#options.store.readDeployed({ accountId, workerName: name });
    const next = record === undefined ? undefined : toDeployedWorker(record);
    const previous = this.#table.findByName(accountId, name);
    if (next !== undefined && next.deploymentId !== previous?.deploymentId) await this.#prepare(next);
    if (this.#closing.signal.aborted) return;
    if (next !== undefined) this.#table.set(next);
    else if (previous !== undefined) this.#table.delete(previous);
    else return;
    try {
      this.#options.afterSwitch?.(previous, next);
    } catch (error) {
      this.#log.error('What follows a change of a worker failed', { worker: name, error });
    }
  }

  async #prepare(worker: DeployedWorker): Promise<void> {
    for (const { version } of worker.versions) await this.#modules.load(version);
    const { beforeSwitch } = this.#options;
    if (beforeSwitch === undefined) return;
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.#closing.signal]);
    const late = sleep(BEFORE_SWITCH_TIMEOUT_MS, undefined, { signal }).then(
      () => this.#log.warn('A new version is not warm yet and is served all the same', { worker: worker.name }),
      () => {},
    );
    try {
      await Promise.race([beforeSwitch(worker), late]);
    } catch (error) {
      this.#log.warn('A new version could not be made warm and is served all the same', { worker: worker.name, error });
    } finally {
      done.abort();
    }
  }

  /** After a start: the modules of everything deployed to disk, so that the database may go away later. */
  async #fillCache(): Promise<void> {
    const versions = this.list().flatMap((worker) => worker.versions.map(({ version }) => version));
    for (const version of versions) {
      if (this.#closing.signal.aborted) return;
      try {
        if (!(await this.#modules.has(version))) await this.#modules.load(version);
      } catch (error) {
        this.#log.warn('The modules of a worker could not be fetched yet', { worker: version.workerName, error });
        if (!(error instanceof StoreUnavailable)) continue;
        this.#filling = null;
        return;
      }
    }
    const deployed = this.list().flatMap((worker) => worker.versions.map(({ version }) => version));
    await this.#modules
      .sweep(deployed)
      .catch((error: unknown) => this.#log.warn('Old module files could not be removed', { error }));
  }
}

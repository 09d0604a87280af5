/**
 * A real supervisor with real cells and the real broker, over workers that a test hands in as source text. Only the catalog is the
 * test's: a map from names to versions.
 *
 *   const cells = await createTestSupervisor();
 *   t.after(() => cells.close());
 *   cells.deploy({ name: 'hello', modules: { 'index.js': `export default { fetch: () => new Response('hi') }` } });
 *   const { status, body } = await cells.fetch('hello', { url: '/' });
 *
 * It is a `StartupChecker` and a `Dispatcher`, for tests of the API and the gateway.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';
import { createAddressPolicy } from '../../server/bindings/egress/address-policy.ts';
import { createCache } from '../../server/bindings/cache/cache.ts';
import { CacheStore, type CacheStoreOptions } from '../../server/bindings/cache/store.ts';
import { createEgress } from '../../server/bindings/egress/egress.ts';
import { createNameResolver } from '../../server/bindings/egress/names.ts';
import { createPublicFetch } from '../../server/bindings/service/public.ts';
import { createServiceBinding } from '../../server/bindings/service/service.ts';
import { createBroker } from '../../server/broker/broker.ts';
import type { DeployedWorker } from '../../server/catalog/types.ts';
import { ConnectionCounts } from '../../server/supervisor/connection-counts.ts';
import { findEngine } from '../../server/supervisor/engine.ts';
import { openRunDir } from '../../server/supervisor/run-dir.ts';
import { Supervisor, type SupervisorOptions } from '../../server/supervisor/supervisor.ts';
import type {
  Broker,
  FetchCall,
  FetchControl,
  FetchSink,
  StartupChecker,
  WorkerEvent,
} from '../../server/supervisor/types.ts';
import { CACHE_LIMITS, CELL_LIMITS } from '../../shared/limits.ts';
import {
  buildVersion,
  type OpenCall,
  openCall,
  type OpenOptions,
  TEST_ACCOUNT,
  type TestAnswer,
  type TestRequest,
  type WorkerSpec,
} from './cells.ts';
import { recordingLog, testLog } from './log.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const DENO_PATH = findEngine();
export const HARNESS_PATH = join(ROOT, 'dist/cell/harness.js');
export const WATCHDOG_PATH = join(ROOT, 'dist/server/watchdog-thread.js');
export const SPAWNER_PATH = join(ROOT, 'dist/server/spawner.js');

export interface TestSupervisorOptions
  extends Partial<Omit<SupervisorOptions, 'broker' | 'loadModules' | 'log' | 'onEvent' | 'runDir'>> {
  /** Entries as in `SKEP_EGRESS_ALLOW`. */
  readonly egressAllow?: readonly string[];
  /** Calls to the internet per pipeline. */
  readonly externalSubrequests?: number;
  /** Other than the defaults. */
  readonly cacheOptions?: Partial<CacheStoreOptions>;
  /** Stands where the broker stands: for tests of the wire itself. */
  readonly broker?: Broker;
}

let isBuilt = false;

/** Brings dist/ up to date, once per process. */
export function buildOnce(): void {
  if (isBuilt) return;
  execFileSync(process.execPath, [join(ROOT, 'tools/build.mjs')], { stdio: 'pipe' });
  isBuilt = true;
}

export async function createTestSupervisor(options: TestSupervisorOptions = {}): Promise<TestSupervisor> {
  buildOnce();
  const test = new TestSupervisor();
  await test.start(options);
  return test;
}

export class TestSupervisor implements StartupChecker {
  supervisor!: Supervisor;
  runDir!: string;
  /** Everything workers logged and every invocation's end, in order. */
  readonly events: WorkerEvent[] = [];
  /** What the supervisor and egress wrote to their log. */
  readonly logLines: string[];
  readonly #log;
  readonly #workers = new Map<string, DeployedWorker>();
  readonly #modules = new Map<string, readonly ModuleContent[]>();
  #closers: (() => unknown)[] = [];

  constructor() {
    const { log, lines } = recordingLog();
    this.logLines = lines;
    this.#log = process.env['TEST_LOG'] === undefined ? log : testLog;
  }

  /** Like a gradual deployment: both versions, by their shares. */
  deployShares(specs: readonly (readonly [WorkerSpec, number])[]): DeployedWorker {
    const workers = specs.map(([spec, percentage]) => ({ worker: this.deploy(spec), percentage }));
    const last = workers.at(-1)?.worker as DeployedWorker;
    const versions = workers.map(({ worker, percentage }) => ({ version: this.versionOf(worker), percentage }));
    const shared = { ...last, versions };
    this.#workers.set(last.name, shared);
    return shared;
  }

  /** Called by `createTestSupervisor`. */
  async start(options: TestSupervisorOptions): Promise<void> {
    const { egressAllow = [], externalSubrequests = CELL_LIMITS.subrequests, broker, cacheOptions, ...rest } = options;
    const dataDir = mkdtempSync(join(tmpdir(), 'skep-s-'));
    this.#closers.push(() => rmSync(dataDir, { recursive: true, force: true }));
    const egress = createEgress({
      policy: createAddressPolicy(egressAllow),
      resolveName: createNameResolver(),
      log: this.#log,
    });
    this.#closers.push(() => egress.close());
    const services = createServiceBinding({
      catalog: { findByName: (accountId, name) => (accountId === TEST_ACCOUNT ? this.#workers.get(name) : undefined) },
      dispatcher: () => this.supervisor,
    });
    const store = await CacheStore.open({
      dir: join(dataDir, 'cache'),
      maxBytes: CACHE_LIMITS.totalMiB * 1024 * 1024,
      maxObjectBytes: CACHE_LIMITS.objectMiB * 1024 * 1024,
      log: this.#log,
      ...cacheOptions,
    });
    this.#closers.push(() => store.close());
    const cache = createCache({ store, log: this.#log });
    const connections = options.connections ?? new ConnectionCounts();
    const runDir = openRunDir(dataDir);
    this.runDir = runDir.path;
    this.#closers.push(() => runDir.remove());
    this.supervisor = await Supervisor.start({
      denoPath: DENO_PATH,
      harnessPath: HARNESS_PATH,
      watchdogPath: WATCHDOG_PATH,
      spawnerPath: SPAWNER_PATH,
      sandbox: 'auto',
      cpuMs: CELL_LIMITS.cpuMs,
      maxCpuMs: 30_000,
      memoryMiB: CELL_LIMITS.memoryMiB,
      maxCells: 64,
      prestarted: 1,
      idleCellMs: 60_000,
      connections,
      ...rest,
      runDir: this.runDir,
      broker:
        broker ??
        createBroker({
          connections,
          bindings: { service: services.call },
          loopback: services.loopback,
          cache,
          session: services.session,
          egress: createPublicFetch({
            catalog: { findByHost: (host) => this.#workers.get(host.replace(/\.dev\.localhost$/, '')) },
            dispatcher: () => this.supervisor,
            isPublicPort: (port) => port === 80 || port === 8787,
            egress: (call) => egress.call(call),
          }),
          externalSubrequests,
          maxExternalSubrequests: CELL_LIMITS.maxSubrequests,
        }),
      log: this.#log,
      loadModules: (version) => Promise.resolve(this.modulesOf(version)),
      onEvent: (event) => this.events.push(event),
    });
    this.#closers.push(() => this.supervisor.close(0));
  }

  modulesOf(version: WorkerVersion): readonly ModuleContent[] {
    const modules = this.#modules.get(version.id);
    if (modules === undefined) throw new Error(`The test has no modules of version ${version.id}`);
    return modules;
  }

  /** Gives a worker its (next) version. The version before gets no new calls and is retired. */
  deploy(spec: WorkerSpec): DeployedWorker {
    const { version, modules } = buildVersion(spec);
    this.#modules.set(version.id, modules);
    const previous = this.#workers.get(spec.name);
    const worker: DeployedWorker = {
      workerId: version.workerId,
      accountId: version.accountId,
      name: spec.name,
      workersDev: true,
      deploymentId: `deployment-${version.id}`,
      versions: [{ version, percentage: 100 }],
    };
    this.#workers.set(spec.name, worker);
    for (const { version: old } of previous?.versions ?? []) this.supervisor.retire(old.id);
    return worker;
  }

  versionOf(worker: string | DeployedWorker): WorkerVersion {
    const found = typeof worker === 'string' ? this.#workers.get(worker) : worker;
    const version = found?.versions[0]?.version;
    if (version === undefined)
      throw new Error(`The test has deployed no worker ${typeof worker === 'string' ? worker : worker.name}`);
    return version;
  }

  /** The door that the gateway uses. */
  fetchInto(call: FetchCall, sink: FetchSink): FetchControl {
    return this.supervisor.fetch(call, sink);
  }

  /** Begins a call and gives the control over it. */
  open(worker: string | DeployedWorker, request: TestRequest = {}, options?: OpenOptions): OpenCall {
    return openCall(this.supervisor, this.versionOf(worker), request, options);
  }

  /** One whole call. */
  fetch(worker: string | DeployedWorker, request: TestRequest | string = {}): Promise<TestAnswer> {
    return this.open(worker, typeof request === 'string' ? { url: request } : request).done;
  }

  /** The body of a call as JSON; throws with the reason when the call failed. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  async json(worker: string | DeployedWorker, request: TestRequest | string = {}): Promise<any> {
    const { body, failure } = await this.fetch(worker, request);
    if (failure !== undefined) throw new Error(`${failure.kind}/${failure.outcome}: ${failure.reason}`);
    return JSON.parse(body);
  }

  checkStartup(...asked: Parameters<StartupChecker['checkStartup']>): ReturnType<StartupChecker['checkStartup']> {
    return this.supervisor.checkStartup(...asked);
  }

  /** Runs the top level of what `deploy` would deploy. */
  check(spec: WorkerSpec): ReturnType<StartupChecker['checkStartup']> {
    const { version, modules } = buildVersion(spec);
    return this.supervisor.checkStartup(version, modules);
  }

  /** Events of one kind. */
  eventsOf<T extends WorkerEvent['type']>(type: T): Extract<WorkerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<WorkerEvent, { type: T }> => event.type === type);
  }

  /** Directories of cells that are there now. */
  cellDirectories(): string[] {
    return existsSync(this.runDir) ? readdirSync(this.runDir) : [];
  }

  /** Process ids of the Deno processes (not their bubblewraps) that run for this supervisor. */
  cellPids(): number[] {
    const parents = new Map<number, number>();
    const denos: number[] = [];
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      const stat = readProc(pid, 'stat');
      if (stat === undefined) continue;
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      if (stat.includes('(deno)') && !/\) Z /.test(stat)) denos.push(pid);
    }
    return denos.filter((pid) => {
      for (let at = parents.get(pid) ?? 0; at > 1; at = parents.get(at) ?? 0) if (at === process.pid) return true;
      return false;
    });
  }

  /** Ends every cell and removes every file. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}

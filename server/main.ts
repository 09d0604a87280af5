/**
 * The composition root: the one file that knows all parts. Opens them in order, joins them by role, closes them in reverse. No logic
 * of its own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Resources } from '../shared/resources.ts';
import type { ModuleContent, WorkerVersion } from '../shared/worker.ts';
import { createApi } from './api/api.ts';
import { renderBanner } from './banner.ts';
import { createAddressPolicy } from './bindings/egress/address-policy.ts';
import { createCache } from './bindings/cache/cache.ts';
import { CacheStore } from './bindings/cache/store.ts';
import { createEgress } from './bindings/egress/egress.ts';
import { createNameResolver, type ResolveName } from './bindings/egress/names.ts';
import { createDatabaseBinding } from './bindings/database/database.ts';
import { createR2Binding } from './bindings/r2/r2.ts';
import { createHyperdriveBinding } from './bindings/hyperdrive/hyperdrive.ts';
import { createOriginResolver } from './bindings/hyperdrive/origin-address.ts';
import { createPublicFetch } from './bindings/service/public.ts';
import { createServiceBinding } from './bindings/service/service.ts';
import { createBroker } from './broker/broker.ts';
import { KvCache } from './bindings/kv/cache.ts';
import { createKvBinding } from './bindings/kv/kv.ts';
import { createKvReader, type KvReader } from './bindings/kv/reader.ts';
import { createBus, subscribe } from './bus/postgres-bus.ts';
import { createCatalog, type RunningCatalog } from './catalog/catalog.ts';
import { commandOf, type Config, loadConfig } from './config/config.ts';
import { helpText } from './config/docs.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { createLogger, type RootLogger } from './log/log.ts';
import { createLinks, type Links } from './metrics/links.ts';
import { createMetrics, type Metrics, type MetricsSources } from './metrics/metrics.ts';
import { workerHost } from './routing/host.ts';
import { createWorkerDatabases, type WorkerDatabases } from './storage/databases/databases.ts';
import { createS3Backend } from './s3/backend.ts';
import { createS3, listenS3, looksSigned } from './s3/s3.ts';
import { openDataDir } from './storage/data-dir.ts';
import type { DatabaseConnection } from './storage/database.ts';
import { startEmbeddedPostgres } from './storage/embedded/embedded.ts';
import { createKvStore } from './storage/kv/kv-store.ts';
import type { KvStore } from './storage/kv/types.ts';
import { KV_CHANNEL } from './storage/kv/writing.ts';
import { createHyperdrive, type Hyperdrive } from './storage/hyperdrive/hyperdrive.ts';
import { loadMasterKey } from './storage/master-key.ts';
import { parseBackendUrl } from './storage/objects/backends.ts';
import { openObjectStorage, type ObjectStorage } from './storage/objects/open.ts';
import { type OpenedStore, openStore } from './storage/open-store.ts';
import type { Account, Store } from './storage/store.ts';
import { ConnectionCounts } from './supervisor/connection-counts.ts';
import { openRunDir } from './supervisor/run-dir.ts';
import { Supervisor } from './supervisor/supervisor.ts';
import type { Broker, WorkerEvent } from './supervisor/types.ts';
import { explainMissingBindings } from './missing-bindings.ts';
import { mapStackTraces } from './stack-traces.ts';
import { logWorkerEvent } from './worker-log.ts';

/** From the first SIGTERM to the end, whatever still runs. */
const STOP_TIMEOUT_MS = 30_000;
/** Of which requests under way have this much. */
const DRAIN_MS = 25_000;

const require = createRequire(import.meta.url);
const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

interface Running {
  /** When the first signal came; what still runs then shares one deadline. */
  stopSignalMs?: number;
  gateway?: Gateway;
  gatewayPort?: number;
  readonly config: Config;
  readonly log: RootLogger;
  readonly resources: Resources;
  /** Names that workers and their databases' origins ask for. */
  readonly resolveName: ResolveName;
}

/** What lies in databases. */
interface Stores extends OpenedStore {
  readonly databases: WorkerDatabases;
  readonly hyperdrive: Hyperdrive;
  readonly kv: Kv;
  readonly objects: ObjectStorage;
}

interface Cells {
  readonly supervisor: Supervisor;
  readonly catalog: RunningCatalog;
  readonly metrics: Metrics;
  readonly links: Links;
}

async function main(): Promise<void> {
  const startedAt = performance.now();
  const argv = process.argv.slice(2);
  const command = commandOf(argv);
  if (command !== 'start') {
    process.stdout.write(command === 'help' ? helpText() : `${packageJson.version}\n`);
    return;
  }
  const config = loadConfig({ argv, env: process.env, cwd: process.cwd() });
  const log = createLogger({ format: config.logFormat, verbose: config.verbose });
  const running: Running = { config, log, resources: new Resources(), resolveName: createNameResolver() };
  stopOnSignals(running);
  try {
    await start(running, startedAt);
  } catch (error) {
    await running.resources.close().catch(() => undefined);
    throw error;
  }
}

async function start(running: Running, startedAt: number): Promise<void> {
  const { config, log, resources } = running;
  const dataDir = resources.use('the data directory', await openDataDir(config.dataDir), (dir) => dir.close());
  const masterKey = await loadMasterKey(config.masterKey, config.dataDir);
  const connection =
    config.databaseUrl === null ? await embeddedDatabase(running, dataDir) : { url: config.databaseUrl };
  const opened = resources.use(
    'the store',
    await openStore({ connection, masterKey, log, isAlone: config.databaseUrl === null }),
    (store) => store.close(),
  );
  const { account, hasAdminToken } = await bootstrap(config, opened, config.adminToken);
  const databases = openDatabases(running, opened, masterKey, connection);
  const objects = await openObjects(running, opened, masterKey);
  const stores = { ...opened, ...databases, kv: openKv(running, opened, masterKey), objects };
  const cells = await startCells(running, stores);
  const { supervisor, catalog } = cells;
  const gateway = config.roles.includes('gateway') ? await startGateway(running, supervisor, catalog) : null;
  const api = config.roles.includes('api') ? await startApi(running, stores, cells, gateway) : null;
  // Last: a token that a failed start had stored would never be shown to anybody.
  const newToken = hasAdminToken ? null : await createFirstToken(config, opened);
  announce(running, { startedAt, account, newToken, gatewayPort: gateway, apiPort: api, supervisor });
}

/** What workers keep in PostgreSQL: databases that Skep makes, and those of the users' own. */
function openDatabases(
  { config, log, resources, resolveName }: Running,
  { database }: OpenedStore,
  masterKey: Uint8Array,
  connection: Parameters<typeof openStore>[0]['connection'],
): Pick<Stores, 'databases' | 'hyperdrive'> {
  const databases = createWorkerDatabases({
    database,
    masterKey,
    server: config.workerDatabaseUrl === null ? connection : { url: config.workerDatabaseUrl },
    maxDatabaseMiB: config.limitDatabaseMiB,
    times: { statementMs: config.limitStatementMs, transactionMs: config.limitTransactionMs },
    log: log.child({ component: 'databases' }),
  });
  resources.use('the databases of workers', databases, (open) => open.close());
  const resolve = createOriginResolver({
    resolveName,
    policy: createAddressPolicy(config.egressAllow),
    platformUrls: [config.databaseUrl, config.workerDatabaseUrl].filter((url) => url !== null),
  });
  const hyperdrive = createHyperdrive({ database, masterKey, resolve });
  resources.use('the databases behind Hyperdrive', hyperdrive, (open) => open.close());
  return { databases, hyperdrive };
}

async function embeddedDatabase(
  { log, resources }: Running,
  dataDir: Awaited<ReturnType<typeof openDataDir>>,
): Promise<DatabaseConnection> {
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  resources.use('PostgreSQL', postgres, (server) => server.stop());
  return postgres.connection;
}

/** The first account, and the administrator's token when the operator gave one. */
function bootstrap(
  { accountId, subdomain }: Config,
  { store }: OpenedStore,
  token: string | null,
): ReturnType<Store['bootstrap']> {
  return store.bootstrap({ accountId, subdomain, tokenHash: token === null ? null : sha256(token) });
}

/** The token exists in clear only here and in the banner. */
async function createFirstToken(config: Config, opened: OpenedStore): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await bootstrap(config, opened, token);
  return token;
}

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text, 'utf8').digest();

interface Kv {
  readonly store: KvStore;
  readonly reader: KvReader;
  readonly counts: NonNullable<MetricsSources['kv']>;
}

/** Buckets, and where their objects lie. */
async function openObjects(
  { config, log, resources }: Running,
  { database }: OpenedStore,
  masterKey: Uint8Array,
): Promise<ObjectStorage> {
  const objects = await openObjectStorage({
    database,
    masterKey,
    dataDir: config.dataDir,
    defaultQuotaBytes: config.limitBucketGiB === 0 ? Number.POSITIVE_INFINITY : config.limitBucketGiB * 1024 ** 3,
    platformBackend: config.s3Backend === null ? null : parseBackendUrl(config.s3Backend),
    createBackend: createS3Backend,
    log: log.child({ component: 'objects' }),
  });
  resources.use('the object storage', objects, (open) => open.close());
  return objects;
}

/** KV's storage, what this node has cached of it, and the messages that keep it fresh. */
function openKv({ config, log, resources }: Running, opened: OpenedStore, masterKey: Uint8Array): Kv {
  const { database } = opened;
  const store = createKvStore({
    database,
    masterKey,
    accountQuotaBytes: config.limitKvGiB === 0 ? Number.POSITIVE_INFINITY : config.limitKvGiB * 1024 ** 3,
    log: log.child({ component: 'kv' }),
  });
  resources.use('KV', store, (open) => open.close());
  const cache = new KvCache(config.kvCacheMiB * 1024 * 1024);
  store.onInvalidation((invalidation) => cache.invalidate(invalidation));
  const messages = subscribe({ database, log }, KV_CHANNEL, (message) => store.receive(message));
  resources.use('the messages of KV', messages, (open) => open.close());
  const reader = createKvReader({ store, cache, hearsOthers: () => messages.isConnected });
  return { store, reader, counts: () => ({ ...reader.counts, bytes: cache.bytes }) };
}

/** What is asked for when all of it runs: the parts know one another in a ring. */
interface Late {
  readonly supervisor: () => Supervisor;
  readonly catalog: () => RunningCatalog;
}

interface Observers {
  readonly metrics: Metrics;
  readonly links: Links;
  readonly onEvent: (event: WorkerEvent) => void;
}

/** Whoever counts and logs what workers do. */
function openObservers(running: Running, opened: Stores, { supervisor }: Late): Observers {
  const { log, resources } = running;
  const metrics = createMetrics({
    version: packageJson.version,
    cells: () => supervisor().counts(),
    gateway: () => running.gateway?.counters ?? null,
    kv: opened.kv.counts,
  });
  resources.use('the metrics', metrics, (open) => open.close());
  const links = createLinks({
    store: opened.store,
    onError: (error) =>
      log.warn('What workers call one another could not be written down; it is tried again', { error: error.message }),
  });
  resources.use('the counts of calls between workers', links, (open) => open.close());
  const logEvent = logWorkerEvent(log);
  const onEvent = (event: WorkerEvent): void => {
    links.onWorkerEvent(event);
    metrics.onWorkerEvent(event);
    logEvent(event);
  };
  return { metrics, links, onEvent };
}

/** Everything that cells can reach. */
async function openBroker(
  running: Running,
  opened: Stores,
  { metrics, onEvent }: Observers,
  { supervisor, catalog }: Late,
  connections: ConnectionCounts,
): Promise<Broker> {
  const { config, log, resources } = running;
  const egress = createEgress({
    resolveName: running.resolveName,
    policy: createAddressPolicy(config.egressAllow),
    log: log.child({ component: 'egress' }),
  });
  resources.use('egress', egress, (open) => open.close());
  const cacheLog = log.child({ component: 'cache' });
  const cacheStore = await CacheStore.open({
    dir: join(config.dataDir, 'cache'),
    maxBytes: config.cacheMiB * 1024 * 1024,
    maxObjectBytes: config.limitCacheObjectMiB * 1024 * 1024,
    log: cacheLog,
  });
  resources.use('the cache', cacheStore, (open) => open.close());
  const services = createServiceBinding({
    catalog: { findByName: (accountId, name) => catalog().findByName(accountId, name) },
    dispatcher: supervisor,
  });
  return createBroker({
    connections,
    bindings: {
      service: services.call,
      d1: createDatabaseBinding({
        databases: opened.databases,
        onEvent,
        log: log.child({ component: 'databases' }),
      }),
      hyperdrive: createHyperdriveBinding({
        databases: opened.databases,
        hyperdrive: opened.hyperdrive,
        onEvent,
        log: log.child({ component: 'hyperdrive' }),
      }),
      kv_namespace: createKvBinding({ ...opened.kv, onEvent, log: log.child({ component: 'kv' }) }),
      r2_bucket: createR2Binding({ storage: opened.objects, onEvent, log: log.child({ component: 'objects' }) }),
    },
    loopback: services.loopback,
    cache: createCache({ store: cacheStore, log: cacheLog }),
    session: services.session,
    egress: createPublicFetch({
      catalog: { findByHost: (host) => catalog().findByHost(host) },
      dispatcher: supervisor,
      isPublicPort: (port) => port === 80 || port === 443 || port === running.gatewayPort,
      egress: (call) => egress.call(call),
    }),
    externalSubrequests: config.limitSubrequests,
    maxExternalSubrequests: config.limitSubrequestsMax,
    onSubrequest: (caller, kind, isRefused) => metrics.onSubrequest(caller, kind, isRefused),
  });
}

/** Everything that runs workers: supervisor, broker, and the catalog that tells them what is deployed. */
async function startCells(running: Running, opened: Stores): Promise<Cells> {
  const { config, log, resources } = running;
  const late: Late = { supervisor: () => supervisor, catalog: () => catalog };
  const observers = openObservers(running, opened, late);
  const { metrics, links, onEvent } = observers;
  const connections = new ConnectionCounts();
  const broker = await openBroker(running, opened, observers, late, connections);
  const loadModules = (version: WorkerVersion): Promise<ModuleContent[]> => catalog.loadModules(version);
  const supervisor = await Supervisor.start({
    runDir: resources.use('the run directory', openRunDir(config.dataDir), (dir) => dir.remove()).path,
    denoPath: join(require.resolve('@deno/linux-x64-glibc/package.json'), '..', 'deno'),
    harnessPath: fileURLToPath(new URL('../cell/harness.js', import.meta.url)),
    watchdogPath: new URL('./watchdog-thread.js', import.meta.url),
    sandbox: config.sandbox,
    cpuMs: config.limitCpuMs,
    maxCpuMs: config.limitCpuMaxMs,
    memoryMiB: config.limitMemoryMiB,
    connections,
    maxCells: config.limitCells,
    maxCellsPerAccount: config.limitCellsPerAccount,
    prestarted: config.prestartedCells,
    idleCellMs: config.idleCellSeconds * 1000,
    broker,
    log: log.child({ component: 'supervisor' }),
    loadModules,
    onEvent: explainMissingBindings({
      loadModules,
      onEvent: mapStackTraces({ loadModules, onEvent }),
    }),
    onCellEvent: (event) => metrics.onCellEvent(event),
  });
  resources.use('the supervisor', supervisor, (open) => open.close(drainLeftMs(running)));
  const bus = createBus({ database: opened.database, log });
  resources.use('the bus', bus, (open) => open.close());
  const catalog = await createCatalog({
    store: opened.store,
    bus,
    log: log.child({ component: 'catalog' }),
    baseDomain: config.baseDomain,
    cacheDir: join(config.dataDir, 'modules'),
    beforeSwitch: async (worker) => {
      await Promise.all(worker.versions.map(({ version }) => supervisor.warm(version)));
    },
    afterSwitch: (previous, next) => {
      const kept = new Set(next?.versions.map(({ version }) => version.id));
      for (const { version } of previous?.versions ?? []) if (!kept.has(version.id)) supervisor.retire(version.id);
    },
  });
  resources.use('the catalog', catalog, (open) => open.close());
  return { supervisor, catalog, metrics, links };
}

async function startGateway(running: Running, supervisor: Supervisor, catalog: RunningCatalog): Promise<number> {
  const { config, log, resources } = running;
  const gateway: Gateway = createGateway({
    catalog,
    dispatcher: supervisor,
    log,
    host: config.host,
    port: config.gatewayPort,
    nodeName: config.nodeName,
    trustedProxies: config.trustedProxies,
    readyz: () => ({ ready: true, detail: cellReport(supervisor) }),
    limits: { maxBodyBytes: config.limitBodyBytes === 0 ? Number.POSITIVE_INFINITY : config.limitBodyBytes },
  });
  running.gateway = gateway;
  resources.use('the gateway', gateway, (open) => {
    supervisor.goAway();
    return open.close({ graceMs: drainLeftMs(running) });
  });
  running.gatewayPort = (await gateway.listen()).port;
  return running.gatewayPort;
}

async function startApi(
  { config, log, resources }: Running,
  opened: Stores,
  { supervisor, catalog, metrics, links }: Cells,
  gatewayPort: number | null,
): Promise<number> {
  const s3 = createS3({ storage: opened.objects, log: log.child({ component: 's3' }) });
  const api = createApi({
    store: opened.store,
    databases: opened.databases,
    hyperdrive: opened.hyperdrive,
    kv: opened.kv.store,
    catalog,
    objects: opened.objects,
    s3: { isFor: looksSigned, handle: s3 },
    startup: supervisor,
    health: supervisor,
    log: log.child({ component: 'api' }),
    maxLimits: { cpuMs: config.limitCpuMaxMs, subrequests: config.limitSubrequestsMax },
    publicUrl: (worker, subdomain) =>
      `http://${workerHost(worker, subdomain, config.baseDomain)}:${gatewayPort ?? config.gatewayPort}`,
    metrics: () => metrics.render(),
    links: (accountId, workerName, minutes) => links.of(accountId, workerName, minutes),
    readiness: async () => {
      const database = await opened.store.ping().then(
        () => ({ ok: true }),
        (error: Error) => ({ ok: false, message: error.message }),
      );
      const { cells, sandbox } = cellReport(supervisor);
      return { ready: database.ok, parts: { database, cells: { ok: true, ...cells } }, sandbox };
    },
  });
  const server = await api.listen(config.host, config.apiPort);
  resources.use('the API', server, (open) => open.close());
  if (config.s3Port !== null) {
    const own = await listenS3(s3, { host: config.host, port: config.s3Port, log });
    resources.use('the S3 interface', own, (open) => open.close());
    log.info('S3 listens', { url: `http://${shownHost(config.host)}:${own.port}` });
  }
  return server.port;
}

const cellReport = (supervisor: Supervisor) => ({
  cells: supervisor.counts(),
  sandbox: { strong: supervisor.sandbox.strong, layers: supervisor.sandbox.layers },
});

function announce(
  { config, log }: Running,
  facts: {
    startedAt: number;
    account: Account;
    newToken: string | null;
    gatewayPort: number | null;
    apiPort: number | null;
    supervisor: Supervisor;
  },
): void {
  const { account, newToken } = facts;
  const urlOf = (port: number | null) => (port === null ? null : `http://${shownHost(config.host)}:${port}`);
  const startMs = performance.now() - facts.startedAt;
  const text = renderBanner({
    version: packageJson.version,
    startMs,
    gatewayUrl: urlOf(facts.gatewayPort),
    workerUrl: `http://<worker>.${account.subdomain}.${config.baseDomain}:${facts.gatewayPort}/`,
    apiUrl: urlOf(facts.apiPort),
    accountId: account.id,
    newToken,
    tokenGiven: config.adminToken !== null,
    sandboxLines: sandboxLines(facts.supervisor),
  });
  if (process.stdout.isTTY) process.stdout.write(text);
  else {
    // Standard output is JSON lines for machines then; the person who starts it by hand reads the other one.
    process.stderr.write(text);
    log.info('Ready', {
      version: packageJson.version,
      startMs: Math.round(startMs),
      gateway: urlOf(facts.gatewayPort),
      api: urlOf(facts.apiPort),
      accountId: account.id,
      sandbox: facts.supervisor.sandbox.layers.filter(({ active }) => active).map(({ name }) => name),
    });
  }
}

const shownHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function sandboxLines({ sandbox }: Supervisor): string[] {
  const missing = sandbox.layers.filter(({ active }) => !active);
  const has = sandbox.layers.filter(({ active }) => active).map(({ name }) => name);
  const lines = [`Sandbox  ${sandbox.strong ? 'strong' : 'NOT STRONG on this machine'}: ${has.join(', ')}`];
  for (const { name, detail } of missing) lines.push(`         without ${name}: ${detail}`);
  return lines;
}

/** The first signal drains and ends with 0; a second one, or the deadline, ends at once. */
function stopOnSignals(running: Running): void {
  const { log, resources } = running;
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) {
      log.warn('Second signal: ending at once', { signal });
      log.flush();
      process.exit(1);
    }
    stopping = true;
    running.stopSignalMs = performance.now();
    log.info('Stopping', { signal });
    setTimeout(() => {
      log.error('Stopping took too long: ending at once', { seconds: STOP_TIMEOUT_MS / 1000 });
      log.flush();
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    resources.close().then(
      () => finish(log, 0),
      (error: Error) => {
        log.error('Stopping failed', { error: error.message, cause: String(error.cause) });
        finish(log, 1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** What requests and `waitUntil` work under way have left; all of it when no signal asked to stop. */
function drainLeftMs({ stopSignalMs }: Running): number {
  return stopSignalMs === undefined ? DRAIN_MS : Math.max(0, DRAIN_MS - (performance.now() - stopSignalMs));
}

function finish(log: RootLogger, code: number): void {
  log.flush();
  process.exit(code);
}

main().catch((error: Error) => {
  // Errors for the operator are written as sentences; anything else is a defect and shows where it is.
  const known = ['ConfigError', 'DatabaseError', 'SandboxError', 'EgressAllowError', 'ListenError'].includes(
    error.name,
  );
  process.stderr.write(`${known ? `Skep cannot start. ${error.message}` : (error.stack ?? error.message)}\n`);
  process.exit(1);
});

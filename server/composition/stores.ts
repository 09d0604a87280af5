/** Opens what lies on disk and in databases: the catalog's tables, and what workers keep. */
import { createAddressPolicy } from '../bindings/egress/address-policy.ts';
import { createOriginResolver } from '../bindings/hyperdrive/origin-address.ts';
import { KvCache } from '../bindings/kv/cache.ts';
import { createKvReader, type KvReader } from '../bindings/kv/reader.ts';
import { subscribe } from '../bus/postgres-bus.ts';
import type { MetricsSources } from '../metrics/metrics.ts';
import { createS3Backend } from '../s3/backend.ts';
import { openDataDir } from '../storage/data-dir.ts';
import type { DatabaseConnection } from '../storage/database.ts';
import { createWorkerDatabases, type WorkerDatabases } from '../storage/databases/databases.ts';
import { type DiskRoom, ENOUGH_ROOM, watchDisk } from '../storage/disk-room.ts';
import { startEmbeddedPostgres } from '../storage/embedded/embedded.ts';
import { createHyperdrive, type Hyperdrive } from '../storage/hyperdrive/hyperdrive.ts';
import { createKvStore } from '../storage/kv/kv-store.ts';
import type { KvStore } from '../storage/kv/types.ts';
import { KV_CHANNEL } from '../storage/kv/writing.ts';
import { loadMasterKey } from '../storage/master-key.ts';
import { parseBackendUrl } from '../storage/objects/backends.ts';
import { openObjectStorage, type ObjectStorage } from '../storage/objects/open.ts';
import { type OpenedStore, openStore } from '../storage/open-store.ts';
import type { Running } from './running.ts';

/** What lies in databases. */
export interface Stores extends OpenedStore {
  readonly databases: WorkerDatabases;
  readonly hyperdrive: Hyperdrive;
  readonly kv: Kv;
  readonly objects: ObjectStorage;
}

interface Kv {
  readonly store: KvStore;
  readonly reader: KvReader;
  readonly counts: NonNullable<MetricsSources['kv']>;
}

/** Opens all of them, PostgreSQL first where it is the embedded one. */
export async function openStores(running: Running): Promise<Stores> {
  const { config, log, resources } = running;
  const dataDir = resources.use('the data directory', await openDataDir(config.dataDir), (dir) => dir.close());
  const masterKey = await loadMasterKey(config.masterKey, config.dataDir);
  const room = resources.use(
    'the look at the disk',
    watchDisk({ folder: config.dataDir, reserveBytes: config.diskReserveMiB * 1024 ** 2, log }),
    (open) => open.close(),
  );
  const embeddedRoom = config.databaseUrl === null ? room : ENOUGH_ROOM;
  const connection =
    config.databaseUrl === null ? await embeddedDatabase(running, dataDir) : { url: config.databaseUrl };
  const opened = resources.use(
    'the store',
    await openStore({ connection, masterKey, log, isAlone: config.databaseUrl === null }),
    (store) => store.close(),
  );
  return {
    ...opened,
    ...openDatabases(running, opened, masterKey, {
      connection,
      room: config.workerDatabaseUrl === null ? embeddedRoom : ENOUGH_ROOM,
    }),
    objects: await openObjects(running, opened, masterKey, room),
    kv: openKv(running, opened, masterKey, embeddedRoom),
  };
}

async function embeddedDatabase(
  { log, resources }: Running,
  dataDir: Awaited<ReturnType<typeof openDataDir>>,
): Promise<DatabaseConnection> {
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  resources.use('PostgreSQL', postgres, (server) => server.stop());
  return postgres.connection;
}

/** What workers keep in PostgreSQL: databases that Skep makes, and those of the users' own. */
function openDatabases(
  { config, log, resources, resolveName }: Running,
  { database }: OpenedStore,
  masterKey: Uint8Array,
  { connection, room }: { readonly connection: Parameters<typeof openStore>[0]['connection']; readonly room: DiskRoom },
): Pick<Stores, 'databases' | 'hyperdrive'> {
  const databases = createWorkerDatabases({
    database,
    masterKey,
    server: config.workerDatabaseUrl === null ? connection : { url: config.workerDatabaseUrl },
    maxDatabaseMiB: config.limitDatabaseMiB,
    room,
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

/** Buckets, and where their objects lie. */
async function openObjects(
  { config, log, resources }: Running,
  { database }: OpenedStore,
  masterKey: Uint8Array,
  room: DiskRoom,
): Promise<ObjectStorage> {
  const objects = await openObjectStorage({
    database,
    masterKey,
    dataDir: config.dataDir,
    defaultQuotaBytes: config.limitBucketGiB === 0 ? Number.POSITIVE_INFINITY : config.limitBucketGiB * 1024 ** 3,
    room,
    platformBackend: config.s3Backend === null ? null : parseBackendUrl(config.s3Backend),
    createBackend: createS3Backend,
    log: log.child({ component: 'objects' }),
  });
  resources.use('the object storage', objects, (open) => open.close());
  return objects;
}

/** KV's storage, what this node has cached of it, and the messages that keep it fresh. */
function openKv({ config, log, resources }: Running, opened: OpenedStore, masterKey: Uint8Array, room: DiskRoom): Kv {
  const { database } = opened;
  const store = createKvStore({
    database,
    masterKey,
    room,
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

/** Opens the storage: database, schema, master key check, and the use cases on top. */
import { SERVICE_CALL_LIMITS } from '../../shared/limits.ts';
import type { Logger } from '../log/types.ts';
import { bootstrap, findAccount, findToken, listAccounts, setSubdomain } from './accounts.ts';
import { currentChangeSeq, listChanges } from './changes.ts';
import { openDatabase } from './database.ts';
import type { Database, DatabaseOptions } from './database.ts';
import { createDeployment, listDeployments } from './deployments.ts';
import { readDeployed } from './deployed.ts';
import { watchedDatabase } from './liveness.ts';
import { checkMasterKey } from './master-key.ts';
import { readModules } from './modules.ts';
import { readServiceCalls, sweepServiceCalls, writeServiceCalls } from './service-calls.ts';
import type { Store } from './store.ts';
import { findVersion, isUuid, listVersions, publishVersion } from './versions.ts';
import { deleteWorker, findWorker, listCallers, listWorkers, updateWorker } from './workers.ts';

export interface StoreOptions extends DatabaseOptions {
  /** 32 bytes; seals the secrets of workers. */
  readonly masterKey: Uint8Array;
}

export interface OpenedStore {
  readonly store: Store;
  /** For the bus, which needs a connection of its own. */
  readonly database: Database;
  close(): Promise<void>;
}

/** A deploy waits for a database that is slow to answer; a visitor does not. */
const CONTROL_PATIENCE_MS = 5_000;

/**
 * Opens the store. An unreachable database is tried for `connectTimeoutMs` (10 s).
 * @throws DatabaseError with one printable sentence: unreachable, too old, too new, another master key.
 */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const opened = await openDatabase(options);
  const database = watchedDatabase(opened);
  try {
    await checkMasterKey(database, options.masterKey);
  } catch (error) {
    await database.close();
    throw error;
  }
  const patient = watchedDatabase(opened, CONTROL_PATIENCE_MS);
  return {
    store: createStore(patient, options.masterKey, options.log),
    database,
    close: async () => {
      await patient.close();
      await database.close();
    },
  };
}

/** The use cases on an open database. */
function createStore(db: Database, masterKey: Uint8Array, log: Logger): Store {
  return {
    bootstrap: (first) => bootstrap(db, first),
    listAccounts: () => listAccounts(db),
    findAccount: (accountId) => findAccount(db, accountId),
    setSubdomain: (accountId, subdomain) => setSubdomain(db, accountId, subdomain),
    findToken: (hash) => findToken(db, hash),
    listWorkers: (accountId) => listWorkers(db, accountId),
    findWorker: (accountId, name) => findWorker(db, accountId, name),
    publishVersion: (version) => publishVersion(db, masterKey, version),
    createDeployment: (accountId, workerName, deployment) => createDeployment(db, accountId, workerName, deployment),
    listDeployments: (accountId, workerName, limit) => listDeployments(db, accountId, workerName, limit),
    listVersions: (accountId, workerName, limit) => listVersions(db, accountId, workerName, limit),
    findVersion: (accountId, workerName, versionId) => findVersion(db, masterKey, accountId, workerName, versionId),
    readModules: async (versionId) => (isUuid(versionId) ? readModules(db, versionId) : []),
    updateWorker: (accountId, workerName, change) => updateWorker(db, accountId, workerName, change),
    listCallers: (accountId, workerName) => listCallers(db, accountId, workerName),
    deleteWorker: (accountId, workerName) => deleteWorker(db, accountId, workerName),
    writeServiceCalls: (writer, minutes) => writeServiceCalls(db, writer, minutes),
    readServiceCalls: (accountId, workerName, sinceMs) => readServiceCalls(db, accountId, workerName, sinceMs),
    sweepServiceCalls: (nowMs, maxRows = SERVICE_CALL_LIMITS.maxRows) => sweepServiceCalls(db, nowMs, maxRows),
    currentChangeSeq: () => currentChangeSeq(db),
    listChanges: (after, limit) => listChanges(db, after, limit),
    readDeployed: (only) => readDeployed(db, masterKey, log, only),
    ping: async () => {
      await db.query('SELECT 1');
    },
  };
}

/**
 * Restores a backup into an empty data directory. Everything is unpacked into a folder of its own in there, PostgreSQL is started on
 * it and compared with the master key; only then it is moved to its place. While that folder is there, Skep does not start, and the next restore
 * begins anew: nothing half-made is ever taken for whole.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import type { Logger } from '../../log/types.ts';
import { LAYOUT, RESTORING, directoryError, openDataDir } from '../data-dir.ts';
import type { DatabaseConnection } from '../database.ts';
import { findBinaries, linkLibraries } from '../embedded/binaries.ts';
import { clusterDir } from '../embedded/cluster.ts';
import { startEmbeddedPostgres } from '../embedded/embedded.ts';
import { chooseIdentity } from '../embedded/identity.ts';
import { codeOf } from '../errors.ts';
import { masterKeyFile, readMasterKeyFile } from '../master-key.ts';
import { syncFolder, syncFolders } from '../sync-folder.ts';
import { type ArchiveFacts, BackupError, FILE_FOLDERS, readArchive } from './archive.ts';
import { isKeyOf } from './key.ts';
import type { TarEntry } from './tar.ts';

export interface RestoreOptions {
  /** Absolute; empty or not there. It may hold the master key. */
  readonly dataDir: string;
  /** From the configuration; null: `master.key` in the data directory, or in the backup. */
  readonly masterKey: Uint8Array | null;
  /** Absolute. */
  readonly file: string;
  readonly log: Logger;
}

export interface RestoreReport {
  readonly facts: ArchiveFacts;
  /** Workers in the restored database. */
  readonly workers: number;
  /** Files of the object store. */
  readonly files: number;
}

const KEY_NAME = 'master.key';
/** What may lie in a directory that counts as empty: what opening one leaves, and the key that somebody has put there for this. */
const HARMLESS = /^(?:layout(?:\.new)?|lock(?:\..*)?|master\.key|lost\+found)$/;
/** What a backup may hold. Anything else is refused: a name decides where a file is written. */
const ALLOWED = new RegExp(
  `^(?:master\\.key|postgres/password|postgres/data(?:/.+)?|(?:${FILE_FOLDERS.join('|')})(?:/.+)?)$`,
);
const EXECUTE_BITS = 0o700;

/** @throws DatabaseError with one printable sentence. */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { dataDir } = options;
  await requireEmpty(dataDir);
  const opened = await openDataDir(dataDir, { restoring: true });
  try {
    await removeUnfinished(dataDir);
    const unpacked = join(dataDir, RESTORING);
    await mkdir(unpacked, { mode: 0o711 });
    try {
      const { facts, files } = await unpack(options, unpacked);
      const workers = await tryDatabase(options, unpacked);
      await moveIntoPlace(options, unpacked);
      return { facts, workers, files };
    } catch (error) {
      await removeUnfinished(dataDir).catch(() => undefined);
      throw codeOf(error) === 'ENOSPC' ? directoryError(dataDir, error) : error;
    }
  } finally {
    await opened.close();
  }
}

async function requireEmpty(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error: unknown): string[] => {
    if (codeOf(error) === 'ENOENT') return [];
    throw directoryError(dataDir, error);
  });
  // What an unfinished restore has made is no data: it began in an empty directory.
  const inTheWay = names.includes(RESTORING) ? [] : names.filter((name) => !HARMLESS.test(name));
  if (inTheWay.length === 0) return;
  throw new BackupError(
    `Cannot restore into "${dataDir}": it is not empty (${inTheWay.slice(0, 3).join(', ')}${inTheWay.length > 3 ? ' …' : ''}). ` +
      'Name a directory that is empty or not there (--data-dir), or move the old one away.',
  );
}

/** The folder itself last: as long as it is there, the rest is known to be of no worth. */
async function removeUnfinished(dataDir: string): Promise<void> {
  if (!existsSync(join(dataDir, RESTORING))) return;
  for (const name of ['postgres', ...FILE_FOLDERS, RESTORING]) {
    await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

async function unpack(
  options: RestoreOptions,
  unpacked: string,
): Promise<{ readonly facts: ArchiveFacts; readonly files: number }> {
  let found: ArchiveFacts | undefined;
  let files = 0;
  await readArchive(options.file, {
    onFacts: async (facts) => {
      await checkUsable(options, facts);
      found = facts;
    },
    onEntry: async (entry) => {
      if (
        !ALLOWED.test(entry.name) ||
        entry.name.split('/').some((part) => part === '' || part === '.' || part === '..')
      ) {
        throw new BackupError(
          `Cannot restore "${options.file}": it holds "${entry.name}", which no backup of Skep does. Use another backup.`,
        );
      }
      if (entry.type === 'file' && FILE_FOLDERS.some((folder) => entry.name.startsWith(`${folder}/`))) files += 1;
      await writeOut(entry, join(unpacked, entry.name));
    },
  });
  if (found === undefined) throw new Error('An archive without facts passed the checks');
  if (found.hasMasterKey) await requireRightKey(options, await readMasterKeyFile(unpacked), found);
  return { facts: found, files };
}

async function writeOut(entry: TarEntry, path: string): Promise<void> {
  if (entry.type === 'directory') {
    await mkdir(path, { recursive: true, mode: entry.mode | EXECUTE_BITS });
    return;
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const isDatabase = path.includes('/postgres/data/');
  // PostgreSQL syncs its own files when it starts on them.
  await pipeline(entry.body, createWriteStream(path, { flags: 'wx', mode: entry.mode, flush: !isDatabase }));
}

async function checkUsable({ file, dataDir, masterKey }: RestoreOptions, facts: ArchiveFacts): Promise<void> {
  const { major } = findBinaries();
  if (facts.layout > LAYOUT || facts.postgres !== major) {
    throw new BackupError(
      `Cannot restore "${file}": Skep ${facts.skep} made it with PostgreSQL ${facts.postgres} and layout ${facts.layout}; ` +
        `this Skep has PostgreSQL ${major} and layout ${LAYOUT}. Restore it with Skep ${facts.skep}.`,
    );
  }
  const given = masterKey ?? (await readMasterKeyFile(dataDir));
  if (given !== null) await requireRightKey({ file, dataDir }, given, facts);
  else if (!facts.hasMasterKey) {
    throw new BackupError(
      `Cannot restore "${file}": it does not hold the master key, and without it no secret can be opened. ` +
        `Put the key into "${masterKeyFile(dataDir)}" (mode 600) or set SKEP_MASTER_KEY, then run the restore again.`,
    );
  }
}

async function requireRightKey(
  { file, dataDir }: Pick<RestoreOptions, 'file' | 'dataDir'>,
  key: Uint8Array | null,
  facts: ArchiveFacts,
): Promise<void> {
  if (key !== null && isKeyOf(key, facts.masterKeyCheck)) return;
  throw new BackupError(
    `Cannot restore "${file}": the master key given (SKEP_MASTER_KEY, or "${masterKeyFile(dataDir)}") is not the one its secrets were sealed with. Give that one.`,
  );
}

/** Lets PostgreSQL replay its log and asks it something. Throws when it cannot. */
async function tryDatabase({ log }: RestoreOptions, unpacked: string): Promise<number> {
  await giveToDatabaseUser(unpacked);
  const postgres = await startEmbeddedPostgres({ dataDir: { path: unpacked, close: async () => {} }, log });
  try {
    return await countWorkers(postgres.connection);
  } finally {
    await postgres.stop();
  }
}

async function countWorkers(connection: DatabaseConnection): Promise<number> {
  const client = new pg.Client({ ...connection, application_name: 'skep restore' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM skep.workers');
    return Number(rows[0]?.count ?? 0);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Started as root, PostgreSQL is another user: the one that a fresh directory would get on this machine. */
async function giveToDatabaseUser(unpacked: string): Promise<void> {
  const binaries = findBinaries();
  const libraries = linkLibraries(binaries, join(unpacked, 'postgres-lib'));
  const { uid, gid } = chooseIdentity(binaries, libraries, unpacked, join(unpacked, 'nothing'));
  await mkdir(join(clusterDir(unpacked), 'socket'), { recursive: true, mode: 0o700 });
  if (uid === undefined || gid === undefined) return;
  const root = clusterDir(unpacked);
  await chown(root, uid, gid);
  for (const item of await readdir(root, { withFileTypes: true, recursive: true })) {
    await chown(join(item.parentPath, item.name), uid, gid);
  }
}

async function moveIntoPlace({ dataDir, masterKey }: RestoreOptions, unpacked: string): Promise<void> {
  for (const name of [...FILE_FOLDERS, 'postgres']) {
    if (!existsSync(join(unpacked, name))) continue;
    if (name !== 'postgres') await syncFolders(join(unpacked, name));
    await rename(join(unpacked, name), join(dataDir, name));
  }
  const key = await readMasterKeyFile(unpacked);
  // One that is there, or configured, is the same: that has been checked.
  if (key !== null && masterKey === null && !existsSync(masterKeyFile(dataDir))) {
    await rename(join(unpacked, KEY_NAME), masterKeyFile(dataDir));
  }
  await writeFile(join(dataDir, 'layout'), `${LAYOUT}\n`, { flush: true });
  await syncFolder(dataDir);
  await rm(unpacked, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * Makes a backup of an embedded node: a base backup of PostgreSQL, and the object store's files. It works beside a Skep that serves, through its
 * PostgreSQL, and alone, with a PostgreSQL of its own.
 *
 * The database in it is as it was when its copy ended; files are copied after that, and none is removed from the start on (see
 * `BACKUP_LOCK`): so every file that the database speaks of is there.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { link, open, opendir, readdir, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import pg from 'pg';
import type { Logger } from '../../log/types.ts';
import { DataDirInUse, LAYOUT, openDataDir } from '../data-dir.ts';
import type { DatabaseConnection } from '../database.ts';
import { findBinaries } from '../embedded/binaries.ts';
import { clusterDir } from '../embedded/cluster.ts';
import { connectionOf, startEmbeddedPostgres } from '../embedded/embedded.ts';
import { codeOf } from '../errors.ts';
import { BackupError, FILE_FOLDERS, writeArchive } from './archive.ts';
import { baseBackup } from './base-backup.ts';
import { BACKUP_LOCK } from '../locks.ts';
import { syncFolder } from '../sync-folder.ts';
import { checkOfKey, requireMasterKey } from './key.ts';
import { bytesEntry, readTar, type TarEntry } from './tar.ts';

export interface BackupOptions {
  /** Absolute. */
  readonly dataDir: string;
  /** From the configuration; null: the file in the data directory. */
  readonly masterKey: Uint8Array | null;
  /** Where the backup goes; absolute, must not exist. */
  readonly file: string;
  /** Put the master key into the backup. */
  readonly withKey: boolean;
  /** This program's version. */
  readonly version: string;
  readonly log: Logger;
  /** Ends it early; what was written is removed. */
  readonly signal?: AbortSignal;
}

export interface BackupReport {
  readonly bytes: number;
  /** Files of the object store. */
  readonly files: number;
}

/** Level 1: PostgreSQL's files are mostly air, objects mostly are not; what more takes processors from the workers. */
const GZIP_LEVEL = 1;
const FILE_MODE = 0o600;

/**
 * Writes the backup under another name and gives it its own when it is complete and on the disk.
 * @throws DatabaseError with one printable sentence.
 */
export async function createBackup(options: BackupOptions): Promise<BackupReport> {
  const { dataDir, file } = options;
  if (!existsSync(clusterDir(dataDir))) {
    throw new BackupError(
      `Cannot back up "${dataDir}": no embedded database is in it. Name the data directory of a Skep (--data-dir).`,
    );
  }
  if (existsSync(file)) throw alreadyThere(file);
  const masterKey = await requireMasterKey(options.masterKey, dataDir);
  const unfinished = await chooseUnfinished(file);
  const counted = { files: 0 };
  try {
    await withDatabase(options, async (connection) => {
      const bytes = writeArchive(
        {
          skep: options.version,
          createdAt: new Date().toISOString(),
          postgres: findBinaries().major,
          layout: LAYOUT,
          hasMasterKey: options.withKey,
          masterKeyCheck: checkOfKey(masterKey),
        },
        entriesOf(options, masterKey, connection, counted),
      );
      const output = createWriteStream(unfinished, { flags: 'wx', mode: FILE_MODE, flush: true });
      const { signal } = options;
      await pipeline(Readable.from(bytes, { objectMode: false }), createGzip({ level: GZIP_LEVEL }), output, {
        ...(signal === undefined ? {} : { signal }),
      });
    });
    await publish(unfinished, file);
    return { bytes: (await stat(file)).size, files: counted.files };
  } catch (error) {
    throw cannotWrite(file, error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

/** The PostgreSQL of the Skep that runs on this directory, or one started for this. */
async function withDatabase(
  { dataDir, log }: BackupOptions,
  use: (connection: DatabaseConnection) => Promise<void>,
): Promise<void> {
  const opened = await openDataDir(dataDir).catch((error: unknown) => {
    if (error instanceof DataDirInUse) return null;
    throw error;
  });
  if (opened === null) return await use(connectionOf(dataDir));
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: opened, log });
    try {
      await use(postgres.connection);
    } finally {
      await postgres.stop();
    }
  } finally {
    await opened.close();
  }
}

async function* entriesOf(
  { dataDir, withKey }: BackupOptions,
  masterKey: Uint8Array,
  connection: DatabaseConnection,
  counted: { files: number },
): AsyncGenerator<TarEntry> {
  if (withKey) yield bytesEntry('master.key', `${Buffer.from(masterKey).toString('base64')}\n`);
  yield bytesEntry('postgres/password', connection.password);
  const holder = await holdFiles(connection);
  try {
    for await (const entry of readTar(baseBackup(connection))) {
      yield { ...entry, name: `postgres/data/${entry.name.replace(/^\.\//, '')}` };
    }
    for (const folder of FILE_FOLDERS) {
      for await (const entry of filesBelow(dataDir, folder)) {
        if (entry.type === 'file') counted.files += 1;
        yield entry;
      }
    }
  } finally {
    await holder.end().catch(() => undefined);
  }
}

/** While this connection is open, nobody removes files that the copied database may speak of. */
async function holdFiles(connection: DatabaseConnection): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, application_name: 'skep backup' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock_shared($1, $2)', [...BACKUP_LOCK]);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw new BackupError(
      `Cannot reach the database of the running Skep: ${(error as Error).message}. Run this as the user that runs Skep, or stop Skep first.`,
      { cause: error },
    );
  }
}

/** What is being written and has no name yet: thrown away at every start. */
const UNFINISHED_FILES: ReadonlySet<string> = new Set(['objects/incoming']);

/** Directories before what is in them. A file that goes while it is looked for was never one that the database speaks of. */
async function* filesBelow(dataDir: string, folder: string): AsyncGenerator<TarEntry> {
  const directory = await opendir(join(dataDir, folder)).catch(orAbsent);
  if (directory === null) return;
  yield { name: folder, type: 'directory', mode: 0o700, size: 0, body: nothing() };
  for await (const item of directory) {
    const name = `${folder}/${item.name}`;
    if (UNFINISHED_FILES.has(name)) continue;
    if (item.isDirectory()) yield* filesBelow(dataDir, name);
    else if (item.isFile()) yield* fileEntry(dataDir, name);
  }
}

async function* fileEntry(dataDir: string, name: string): AsyncGenerator<TarEntry> {
  const handle = await open(join(dataDir, name), 'r').catch(orAbsent);
  if (handle === null) return;
  try {
    const { size } = await handle.stat();
    // Not beyond its size at this moment: a temporary file still grows.
    const body = size === 0 ? nothing() : handle.createReadStream({ start: 0, end: size - 1, autoClose: false });
    yield { name, type: 'file', mode: FILE_MODE, size, body };
  } finally {
    await handle.close();
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function orAbsent(error: unknown): null {
  if (codeOf(error) === 'ENOENT') return null;
  throw error;
}

const UNFINISHED = '.unfinished-';

/** A name beside the file's own. Those that killed backups left are removed. */
async function chooseUnfinished(file: string): Promise<string> {
  const directory = dirname(file);
  const prefix = `${basename(file)}${UNFINISHED}`;
  for (const name of await readdir(directory).catch((error: unknown) => {
    throw cannotWrite(file, error);
  })) {
    if (name.startsWith(prefix) && !isRunning(Number(name.slice(prefix.length)))) {
      await rm(join(directory, name), { force: true });
    }
  }
  return join(directory, `${prefix}${process.pid}`);
}

const isRunning = (pid: number): boolean => pid > 0 && existsSync(`/proc/${pid}`);

/** By a link, which fails where a rename would overwrite what came there meanwhile. */
async function publish(unfinished: string, file: string): Promise<void> {
  await link(unfinished, file);
  await unlink(unfinished);
  await syncFolder(dirname(file));
}

function alreadyThere(file: string): BackupError {
  return new BackupError(`Cannot write the backup "${file}": it is there already. Name a file that does not exist.`);
}

function cannotWrite(file: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'EEXIST') return alreadyThere(file);
  if (code === 'ABORT_ERR') return new BackupError(`The backup "${file}" was interrupted; nothing of it is left.`);
  const reasons: Record<string, string> = {
    ENOSPC: 'the disk is full. Free some space, or name a file on another disk',
    EDQUOT: 'the disk quota is used up. Free some space, or name a file on another disk',
    EACCES: 'this user may not write there. Name a file in another folder',
    EROFS: 'the file system is read-only. Name a file in another folder',
    ENOENT: 'its folder is not there. Make it, or name another',
    ENOTDIR: 'a part of its path is no folder. Correct the path',
  };
  const reason = reasons[code];
  return reason === undefined
    ? error
    : new BackupError(`Cannot write the backup "${file}": ${reason}.`, { cause: error });
}

/**
 * PostgreSQL's own directory, `<data dir>/postgres`: made by initdb beside its place and moved there whole, so it is
 * either complete or not there, wherever a power cut or kill hits.
 *
 *   data/      PGDATA
 *   socket/    the unix socket, reachable by the owner (and root) only
 *   password   of the superuser
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../log/types.ts';
import { directoryError } from '../data-dir.ts';
import { DatabaseError, codeOf } from '../errors.ts';
import type { Binaries } from './binaries.ts';
import type { Identity } from './identity.ts';
import { startProgram, whenDone } from './process.ts';

export const SUPERUSER = 'postgres';
const NEW_PREFIX = 'postgres.new-';
const OUTPUT_LIMIT = 16_384;
const REMOVE_ATTEMPTS = 40;
const REMOVE_RETRY_MS = 25;

export interface ClusterOptions {
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly libraryPath: string;
  readonly identity: Identity;
  readonly log: Logger;
}

/** PostgreSQL's own data directory. */
export function clusterDir(dataDir: string): string {
  return join(dataDir, 'postgres');
}

/**
 * Makes the cluster when it is missing, checks it otherwise, and gives back the superuser's password.
 * @throws DatabaseError when the disk is full, the directory is of another major version, or the password is lost.
 */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  await removeUnfinished(options.dataDir, options.log);
  const directory = clusterDir(options.dataDir);
  const found = readIfPresent(join(directory, 'data', 'PG_VERSION'))?.trim();
  if (found === undefined) await createCluster(options, directory);
  else if (found !== options.binaries.major) {
    throw new DatabaseError(
      `Cannot start the embedded PostgreSQL ${options.binaries.major}: "${directory}" was made by PostgreSQL ${found}. ` +
        'Start the Skep that made it, or set SKEP_DATA_DIR to another directory.',
    );
  }
  return readPassword(options.dataDir);
}

/** The superuser's password. Throws DatabaseError when it is lost. */
export function readPassword(dataDir: string): string {
  const directory = clusterDir(dataDir);
  const password = readIfPresent(join(directory, 'password'))?.trim();
  if (password !== undefined && password !== '') return password;
  throw new DatabaseError(
    `Cannot log in to the embedded PostgreSQL: "${join(directory, 'password')}" is missing or empty. Restore it from a backup.`,
  );
}

/** What an initdb left that was killed. What cannot be removed now is removed by the next start; nothing depends on it. */
async function removeUnfinished(dataDir: string, log: Logger): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(NEW_PREFIX)) continue;
    try {
      await removeTree(join(dataDir, name));
    } catch (error) {
      log.debug('What an interrupted start left could not be removed yet', { name, error });
    }
  }
}

/** A program that initdb had started may outlive it for a moment and put files into what is being removed. */
async function removeTree(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rm(directory, { recursive: true, force: true });
    } catch (error) {
      if (codeOf(error) !== 'ENOTEMPTY' || attempt === REMOVE_ATTEMPTS) throw error;
      await sleep(REMOVE_RETRY_MS);
    }
  }
}

async function createCluster(options: ClusterOptions, directory: string): Promise<void> {
  const started = performance.now();
  const unfinished = join(options.dataDir, `${NEW_PREFIX}${randomBytes(4).toString('hex')}`);
  try {
    makeOwn(unfinished, options.identity);
    makeOwn(join(unfinished, 'socket'), options.identity);
    writeFileSync(join(unfinished, 'password'), randomBytes(24).toString('base64url'), { mode: 0o600, flush: true });
    giveAway(join(unfinished, 'password'), options.identity);
    await runInitdb(options, unfinished);
    renameSync(unfinished, directory);
    syncDirectory(options.dataDir);
  } catch (error) {
    await removeTree(unfinished).catch(() => {});
    throw error instanceof DatabaseError ? error : directoryError(options.dataDir, error);
  }
  options.log.debug('Made the embedded database', { ms: Math.round(performance.now() - started) });
}

/** Makes the rename durable: after a power cut the cluster must not be back under its unfinished name. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function makeOwn(directory: string, identity: Identity): void {
  mkdirSync(directory);
  chmodSync(directory, 0o700);
  giveAway(directory, identity);
}

function giveAway(path: string, identity: Identity): void {
  if (identity.uid !== undefined && identity.gid !== undefined) chownSync(path, identity.uid, identity.gid);
}

async function runInitdb(options: ClusterOptions, unfinished: string): Promise<void> {
  const child = startProgram(
    options.binaries.initdb,
    [
      ...['-D', join(unfinished, 'data'), '-U', SUPERUSER, `--pwfile=${join(unfinished, 'password')}`],
      ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions'],
    ],
    // Half a cluster is worth nothing, so there is nothing to end cleanly.
    { identity: options.identity, libraryPath: options.libraryPath, deathSignal: 'KILL' },
  );
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_LIMIT);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const end = await whenDone(child);
  if (end !== 'exit code 0') throw startupError(options.dataDir, 'initdb', end, output);
}

/** One sentence for what a program of PostgreSQL said when it failed. */
export function startupError(dataDir: string, program: string, end: string, output: string): DatabaseError {
  if (/No space left on device|Disk quota exceeded/i.test(output)) return directoryError(dataDir, { code: 'ENOSPC' });
  const lines = output.split('\n').map((line) => line.trim());
  const all =
    lines
      .filter((line) => line !== '')
      .join(' ')
      .slice(0, 400) || 'no message';
  const reason = lines.find((line) => /FATAL|PANIC|error:/.test(line)) ?? all;
  return new DatabaseError(
    `Cannot start the embedded PostgreSQL in "${dataDir}": ${program} ended with ${end} (${reason}). ` +
      'Mend that, or set DATABASE_URL to a PostgreSQL of your own.',
  );
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw directoryError(file, error);
  }
}

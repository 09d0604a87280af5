/**
 * The data directory: made, checked and locked for this process. The lock is a listening unix socket, so the kernel
 * lets go of it whenever the process ends, however it ends.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { DatabaseError, codeOf } from './errors.ts';

/** Raise it when the layout of the directory changes so that older programs cannot use it. */
export const LAYOUT = 1;
/** While a folder of this name is in a data directory, a restore has not come to its end. */
export const RESTORING = 'restore.unfinished';
const LOCK_NAME = 'lock';
const LOCK_ATTEMPTS = 5;
const ASK_TIMEOUT_MS = 1_000;

/** Holding one of these means: no other Skep uses the directory. */
export interface DataDir {
  readonly path: string;
  /** Lets go of the lock. */
  close(): Promise<void>;
}

/**
 * Makes the directory when it is missing and locks it.
 * @param path absolute.
 * @param how `restoring`: for a restore, which alone may use a directory that an interrupted one has left.
 * @throws DatabaseError with one printable sentence: not writable, full, of a newer Skep, in use by another process.
 */
export async function openDataDir(path: string, how: { readonly restoring?: boolean } = {}): Promise<DataDir> {
  prepareDirectory(path);
  if (how.restoring !== true && existsSync(join(path, RESTORING))) {
    throw new DatabaseError(
      `Cannot use the data directory "${path}": a restore into it was interrupted. Run that \`skep restore\` again, ` +
        'or set SKEP_DATA_DIR to another directory.',
    );
  }
  // A path of /proc/self/fd is short whatever the directory is called; socket paths end at 107 bytes.
  const fd = openSync(path, 'r');
  try {
    const server = await lock(path, `/proc/self/fd/${fd}`);
    return { path, close: () => unlock(server, path, fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function prepareDirectory(path: string): void {
  const marker = join(path, 'layout');
  try {
    // 0711: when Skep runs as root its PostgreSQL is another user and must get through; it cannot list.
    makeDirectory(path, 0o711);
    writeFileSync(`${marker}.new`, `${LAYOUT}\n`);
    const found = readLayout(marker);
    if (found > LAYOUT) {
      throw new DatabaseError(
        `Cannot use the data directory "${path}": its layout is ${found}, this Skep knows ${LAYOUT}. ` +
          'A newer Skep has used it: start that version, or set SKEP_DATA_DIR to another directory.',
      );
    }
    renameSync(`${marker}.new`, marker);
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    throw directoryError(path, error);
  }
}

/** With its parents. Node's own `recursive` says ENOENT where the truth is a read-only file system. */
function makeDirectory(path: string, mode: number): void {
  const missing = [path];
  for (let parent = dirname(path); !existsSync(parent); parent = dirname(parent)) missing.unshift(parent);
  for (const directory of missing) {
    try {
      mkdirSync(directory, { mode });
    } catch (error) {
      // There already, or made by another process at the same moment.
      if (codeOf(error) !== 'EEXIST' || !statSync(directory).isDirectory()) throw error;
    }
  }
}

function readLayout(marker: string): number {
  try {
    return Number.parseInt(readFileSync(marker, 'utf8'), 10) || 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** One sentence for what the file system refused. */
export function directoryError(path: string, error: unknown): DatabaseError {
  const reasons: Record<string, string> = {
    EACCES: 'this user may not write there. Change its owner or mode',
    EPERM: 'this user may not write there. Change its owner or mode',
    EROFS: 'the file system is read-only. Mount it writable',
    ENOSPC: 'the disk is full. Free some space',
    EDQUOT: 'the disk quota is used up. Free some space',
    ENOTDIR: 'a part of the path is no directory. Correct the path',
    EEXIST: 'it is a file, no directory. Move it away',
  };
  const reason = reasons[codeOf(error)] ?? `${error instanceof Error ? error.message : String(error)}. Mend that`;
  return new DatabaseError(
    `Cannot use the data directory "${path}": ${reason}, or set SKEP_DATA_DIR to another directory.`,
    {
      cause: error,
    },
  );
}

async function lock(path: string, directory: string): Promise<Server> {
  const socket = `${directory}/${LOCK_NAME}`;
  const own = `${LOCK_NAME}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const server = await listenOn(`${directory}/${own}`);
  try {
    for (let attempt = 1; attempt <= LOCK_ATTEMPTS; attempt++) {
      if (tryLink(join(path, own), join(path, LOCK_NAME))) return server;
      const stale = inodeOf(join(path, LOCK_NAME));
      const holder = await askHolder(socket);
      if (holder !== null) throw inUse(path, holder);
      // Synchronous on purpose: nothing of this process may come between the look and the removal.
      if (stale !== undefined && inodeOf(join(path, LOCK_NAME)) === stale)
        rmSync(join(path, LOCK_NAME), { force: true });
    }
    throw inUse(path, 'unknown');
  } catch (error) {
    server.close();
    throw error;
  } finally {
    // The lock is the second name of the same socket; the first one has done its work.
    rmSync(join(path, own), { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

/** The lock's socket tells who holds it. It must not keep the process alive. */
function listenOn(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(String(process.pid));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server.unref()));
  });
}

/** The process that answers behind the lock, or null when nobody does. */
function askHolder(socketPath: string): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(socketPath);
    socket.setEncoding('utf8').setTimeout(ASK_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.on('end', () => resolve(answer === '' ? 'unknown' : answer));
    // Refused: the socket's process is gone. Missing: it has just let go. Anything else: somebody is there.
    socket.on('error', (error) => resolve(['ECONNREFUSED', 'ENOENT'].includes(codeOf(error)) ? null : 'unknown'));
  });
}

/** Another process holds the lock. */
export class DataDirInUse extends DatabaseError {}

function inUse(path: string, holder: string): DataDirInUse {
  return new DataDirInUse(
    `Cannot use the data directory "${path}": another Skep (process ${holder}) uses it. Stop that one, ` +
      'or set SKEP_DATA_DIR to another directory.',
  );
}

async function unlock(server: Server, path: string, fd: number): Promise<void> {
  if (!server.listening) return;
  try {
    unlinkSync(join(path, LOCK_NAME));
  } catch (error) {
    // Somebody removed the whole directory while we ran: then there is nothing to let go of.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  await new Promise<void>((resolve) => server.close(() => resolve()));
  closeSync(fd);
}

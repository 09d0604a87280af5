/**
 * Where PostgreSQL's unix socket lies. The kernel takes paths of at most 107 bytes; a data directory with a longer name gets
 * a short directory under the system's temporary one. Its name is noted, so that the next start removes what a kill left.
 */
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterDir } from './cluster.ts';
import type { Identity } from './identity.ts';

const MAX_SOCKET_PATH_BYTES = 107;
const SOCKET_NAME = '.s.PGSQL.5432.lock';
const PREFIX = 'skep-pg-';
const NOTE_NAME = 'postgres.socket';

export interface SocketDir {
  readonly path: string;
  /** Removes it when it was made outside of the data directory. */
  remove(): void;
}

const usualSocketDir = (dataDir: string): string => join(clusterDir(dataDir), 'socket');

/** Where the socket of the PostgreSQL lies that runs on this data directory. */
export function currentSocketDir(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, NOTE_NAME), 'utf8');
  } catch {
    return usualSocketDir(dataDir);
  }
}

/** Chooses the directory, making it when needed (mode 0700, of PostgreSQL's user). */
export function openSocketDir(dataDir: string, identity: Identity): SocketDir {
  removeLeftover(dataDir);
  const usual = usualSocketDir(dataDir);
  if (Buffer.byteLength(join(usual, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES) return { path: usual, remove: () => {} };
  const path = mkdtempSync(join(tmpdir(), PREFIX));
  writeFileSync(join(dataDir, NOTE_NAME), path);
  if (identity.uid !== undefined && identity.gid !== undefined) chownSync(path, identity.uid, identity.gid);
  return { path, remove: () => removeLeftover(dataDir) };
}

function removeLeftover(dataDir: string): void {
  const note = join(dataDir, NOTE_NAME);
  let path: string;
  try {
    path = readFileSync(note, 'utf8');
  } catch {
    return;
  }
  // The note is ours, but a directory is removed only when it looks like one we made.
  if (path.includes(`/${PREFIX}`) && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    rmSync(path, { recursive: true, force: true });
  }
  rmSync(note, { force: true });
}

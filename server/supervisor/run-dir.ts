/**
 * Where the cells' sockets live: under the data directory, or, when that path would not leave room for a socket's name (107 bytes), in a
 * private folder of the system's temporary directory. Its name is noted, so that the next start removes what a kill left.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const MAX_SOCKET_PATH_BYTES = 107;
/** `/<cell id>/broker.sock` */
const ROOM_FOR_SOCKET_BYTES = 24;

const PREFIX = 'skep-run-';
const NOTE_NAME = 'run.path';

export interface RunDir {
  readonly path: string;
  remove(): void;
}

/** `dataDir` exists and is locked by us. */
export function openRunDir(dataDir: string): RunDir {
  removeLeftover(dataDir);
  const usual = join(dataDir, 'run');
  if (Buffer.byteLength(usual) + ROOM_FOR_SOCKET_BYTES <= MAX_SOCKET_PATH_BYTES) {
    mkdirSync(usual, { recursive: true, mode: 0o700 });
    return { path: usual, remove: () => rmSync(usual, { recursive: true, force: true }) };
  }
  const path = mkdtempSync(join(tmpdir(), PREFIX));
  writeFileSync(join(dataDir, NOTE_NAME), path);
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
  if (basename(path).startsWith(PREFIX)) rmSync(path, { recursive: true, force: true });
  rmSync(note, { force: true });
}

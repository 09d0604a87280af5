/**
 * Where the cells' sockets live: under the data directory, or, when that path would not leave room for a socket's name (107 bytes), in a
 * private folder of the system's temporary directory.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAX_SOCKET_PATH_BYTES = 107;
/** `/<cell id>/broker.sock` */
const ROOM_FOR_SOCKET_BYTES = 24;

export interface RunDir {
  readonly path: string;
  remove(): void;
}

export function openRunDir(dataDir: string): RunDir {
  const preferred = join(dataDir, 'run');
  const fits = Buffer.byteLength(preferred) + ROOM_FOR_SOCKET_BYTES <= MAX_SOCKET_PATH_BYTES;
  const path = fits ? preferred : mkdtempSync(join(tmpdir(), 'skep-'));
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

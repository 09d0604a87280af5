/**
 * Files by the SHA-256 of their content, in a folder of the data directory. What is received is written beside, synced to the disk and
 * renamed; only then is it named in the database: whatever ends the process, nothing is ever half there.
 */
import { addTo } from '../../../shared/counts.ts';
import { createHash, type Hash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Checksums, HashName } from '../../../shared/r2.ts';
import { syncFolder } from '../sync-folder.ts';
import { type Content, R2Error } from './types.ts';

/** Read and written at a time: large enough that a system call costs little beside it. */
const CHUNK_BYTES = 256 * 1024;
/** Up to this much is read in one piece. */
const WHOLE_BYTES = 64 * 1024;

/** Received, synced, and not yet visible. */
export interface Draft {
  readonly path: string;
  readonly hash: Buffer;
  readonly size: number;
  readonly digests: Checksums;
}

/** A piece of one file. */
export interface FileSlice {
  readonly hash: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** Where the folder of the files is, and which it is. */
export class ObjectFiles {
  /** Says of an object's metadata that its bytes are here, and not with another node. */
  readonly id: string;
  readonly #dir: string;
  /** Files being read, by how many readers: they are not removed. */
  readonly #pins = new Map<string, number>();
  /** Who reads a file, to be ended when nothing but he keeps it. */
  readonly #readers = new Map<string, Set<Readable>>();
  /** Of files that are read and that nothing refers to: since when that is known. */
  readonly #unwantedSince = new Map<string, number>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly #folders = new Map<string, Folder>();

  private constructor(dir: string, id: string) {
    this.#dir = dir;
    this.id = id;
  }

  /** Opens the folder, makes it when it is missing, and removes what a process that was killed had begun to write. */
  static async open(dir: string): Promise<ObjectFiles> {
    await rm(join(dir, 'incoming'), { recursive: true, force: true });
    await mkdir(join(dir, 'incoming'), { recursive: true, mode: 0o700 });
    await mkdir(join(dir, 'content'), { recursive: true, mode: 0o700 });
    for (let index = 0; index < 256; index++) {
      await mkdir(join(dir, 'content', index.toString(16).padStart(2, '0')), { recursive: true, mode: 0o700 });
    }
    const id = await readId(dir);
    for (const folder of [dirname(dir), dir, join(dir, 'content')]) await syncFolder(folder);
    return new ObjectFiles(dir, id);
  }

  /**
   * Writes the content down. @throws R2Error internal when it has another size than announced; quotaExceeded when the disk is full
   */
  async receive(content: Content, size: number, hashes: readonly HashName[]): Promise<Draft> {
    const path = join(this.#dir, 'incoming', randomBytes(16).toString('hex'));
    try {
      const handle = await open(path, 'wx', 0o600);
      try {
        const digests = new Digests(hashes);
        await writeAll(handle, content, size, digests);
        await handle.datasync();
        return { path, size, ...digests.finish() };
      } finally {
        await handle.close();
      }
    } catch (error) {
      await rm(path, { force: true });
      throw diskError(error);
    }
  }

  /** Gives the draft its name: from here on a loss of power does not lose it. Its hash is pinned by then. */
  async place(draft: Draft): Promise<void> {
    const name = nameOf(draft.hash);
    await this.#removing.get(name);
    await rename(draft.path, this.#pathOf(draft.hash)).catch((error: unknown) => {
      throw diskError(error);
    });
    await this.#folderOf(name).sync();
  }

  discard(draft: Draft): Promise<void> {
    return rm(draft.path, { force: true });
  }

  /** Keeps files from being removed until the function that it returns is called. */
  pin(hashes: readonly Uint8Array[]): () => void {
    const names = hashes.map(nameOf);
    for (const name of names) addTo(this.#pins, name, 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      for (const name of names) addTo(this.#pins, name, -1);
    };
  }

  /** The hashes of the files that may not be removed now. */
  pinned(): Buffer[] {
    return [...this.#pins.keys()].map((name) => Buffer.from(name, 'hex'));
  }

  /**
   * Told of all pinned files that nothing refers to any longer: ends those who still read one of them after `graceMs`. A deleted file takes its
   * space until it is closed, and nobody's quota counts it.
   */
  endLateReaders(unwanted: readonly Uint8Array[], graceMs: number): void {
    const now = performance.now();
    const names = new Set(unwanted.map(nameOf));
    for (const name of this.#unwantedSince.keys()) if (!names.has(name)) this.#unwantedSince.delete(name);
    for (const name of names) {
      const since = this.#unwantedSince.get(name) ?? now;
      this.#unwantedSince.set(name, since);
      if (now - since < graceMs) continue;
      for (const reader of this.#readers.get(name) ?? []) {
        reader.destroy(new Error('The object was deleted, and reading it took too long after that'));
      }
    }
  }

  /**
   * The bytes of the slices, one after the other. The first file is open when it resolves.
   * @throws an error with code ENOENT when it is gone
   */
  async read(slices: readonly FileSlice[], onEnd: () => void): Promise<Uint8Array | Readable> {
    const [first] = slices;
    if (first === undefined) {
      onEnd();
      return new Uint8Array(0);
    }
    const handle = await open(this.#pathOf(first.hash), 'r');
    if (slices.length > 1 || first.length > WHOLE_BYTES) return this.#stream(handle, slices, onEnd);
    try {
      const piece = await readPiece(handle, first.offset, first.length);
      if (piece.length < first.length) throw tooShort();
      return piece;
    } finally {
      await handle.close();
      onEnd();
    }
  }

  #stream(first: FileHandle, slices: readonly FileSlice[], onEnd: () => void): Readable {
    let handle: FileHandle | undefined = first;
    const nextHandle = async (slice: FileSlice): Promise<FileHandle> => {
      handle ??= await open(this.#pathOf(slice.hash), 'r');
      return handle;
    };
    const close = async (): Promise<void> => {
      const open = handle;
      handle = undefined;
      await open?.close();
    };
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (const slice of slices) {
        const file = await nextHandle(slice);
        const end = slice.offset + slice.length;
        for (let at = slice.offset; at < end; ) {
          const piece = await readPiece(file, at, Math.min(CHUNK_BYTES, end - at));
          at += piece.length;
          yield piece;
        }
        await close();
      }
    }
    const stream = Readable.from(pieces(), { objectMode: false, highWaterMark: CHUNK_BYTES });
    // A stream that is given up before its first read never enters the generator: nobody else closes the file then.
    const names = slices.map(({ hash }) => nameOf(hash));
    for (const name of names) this.#readers.set(name, (this.#readers.get(name) ?? new Set()).add(stream));
    stream.once('close', () => {
      for (const name of names) {
        const readers = this.#readers.get(name);
        if (readers?.delete(stream) === true && readers.size === 0) this.#readers.delete(name);
      }
      onEnd();
      close().catch(() => undefined);
    });
    return stream;
  }

  /** False: it is being read or was just brought again. One that is not there is removed. */
  async remove(hash: Uint8Array): Promise<boolean> {
    const name = nameOf(hash);
    // Look and entry are one turn: whoever pins it from now on waits for the end of the removal before he brings it again.
    if (this.#pins.has(name)) return false;
    const removal = unlink(this.#pathOf(hash)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    this.#removing.set(
      name,
      removal.catch(() => undefined),
    );
    try {
      await removal;
      return true;
    } finally {
      this.#removing.delete(name);
    }
  }

  /** The hashes of all files, folder by folder. */
  async *all(): AsyncGenerator<Buffer[]> {
    for (const folder of await readdir(join(this.#dir, 'content'))) {
      const names = await readdir(join(this.#dir, 'content', folder));
      yield names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => Buffer.from(name, 'hex'));
    }
  }

  /** Whether a file of this content and size is there: for tests and checks. */
  async has(hash: Uint8Array, size: number): Promise<boolean> {
    return stat(this.#pathOf(hash)).then(
      (found) => found.size === size,
      () => false,
    );
  }

  /** Closes what is kept open. */
  async close(): Promise<void> {
    for (const folder of this.#folders.values()) await folder.close();
  }

  #folderOf(name: string): Folder {
    const prefix = name.slice(0, 2);
    let folder = this.#folders.get(prefix);
    if (folder === undefined) {
      folder = new Folder(join(this.#dir, 'content', prefix));
      this.#folders.set(prefix, folder);
    }
    return folder;
  }

  #pathOf(hash: Uint8Array): string {
    const name = nameOf(hash);
    return join(this.#dir, 'content', name.slice(0, 2), name);
  }
}

const nameOf = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');

async function readId(dir: string): Promise<string> {
  const path = join(dir, 'store-id');
  const found = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f-]{36}\n$/.test(found)) return found.trim();
  const id = randomUUID();
  await writeFile(`${path}.new`, `${id}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return id;
}

/** A folder that stays open, since it is synced for each file that comes into it. */
class Folder {
  readonly #path: string;
  #handle: Promise<FileHandle> | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was renamed into it by now survives a loss of power. Those who come while a sync runs share the next one. */
  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    this.#running = this.#sync().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #sync(): Promise<void> {
    this.#handle ??= open(this.#path, 'r');
    await (await this.#handle).sync();
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await (await this.#handle)?.close();
  }
}

class Digests {
  readonly #content: Hash = createHash('sha256');
  readonly #asked: [HashName, Hash][];

  constructor(names: readonly HashName[]) {
    this.#asked = names.map((name) => [name, name === 'sha256' ? this.#content : createHash(name)]);
  }

  update(bytes: Uint8Array): void {
    this.#content.update(bytes);
    for (const [, hash] of this.#asked) if (hash !== this.#content) hash.update(bytes);
  }

  finish(): { readonly hash: Buffer; readonly digests: Checksums } {
    const content = this.#content.digest();
    const entries = this.#asked.map(([name, hash]) => [
      name,
      (hash === this.#content ? content : hash.digest()).toString('hex'),
    ]);
    return { hash: content, digests: Object.fromEntries(entries) as Checksums };
  }
}

async function writeAll(handle: FileHandle, content: Content, size: number, digests: Digests): Promise<void> {
  let written = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    written += bytes.length;
    if (written > size) throw wrongSize(written, size);
    digests.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
  };
  if (content instanceof Uint8Array) await write(content);
  else for await (const chunk of content) await write(chunk);
  if (written !== size) throw wrongSize(written, size);
}

const wrongSize = (came: number, announced: number): R2Error =>
  new R2Error('internal', `The content has another length than announced: ${came} bytes came, ${announced} were to.`);

async function readPiece(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(bytes, 0, length, offset);
  if (bytesRead === 0 && length > 0) throw tooShort();
  return bytesRead === length ? bytes : bytes.subarray(0, bytesRead);
}

const tooShort = (): Error => new Error('A file of the object store is shorter than its object');

/** A full disk is told as such. */
function diskError(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new R2Error('unavailable', 'The disk of the object store is full.', { cause: error });
  }
  return error;
}

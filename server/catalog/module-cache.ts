/**
 * Bytes of modules on this node's disk, by content hash, so that a deployed worker can be started while the database is away.
 * `<directory>/ab/abcdef…`: written beside its name and renamed, checked against its hash on every read. When the disk refuses
 * (full, read-only), the bytes are kept in memory instead, up to a bound.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';
import type { Logger } from '../log/types.ts';
import type { Store } from '../storage/store.ts';

export interface ModuleCacheOptions {
  readonly directory: string;
  readonly store: Pick<Store, 'readModules'>;
  readonly log: Logger;
}

/** What may stay in memory for want of a disk. */
const MEMORY_BYTES = 256 * 1024 * 1024;
/** Hashed at once without letting other work in between; about a millisecond. */
const HASH_SLICE_BYTES = 1024 * 1024;
/** Unused files younger than this may belong to a version that is just being deployed, or rolled back to soon. */
const KEEP_UNUSED_MS = 7 * 24 * 3_600_000;

export class ModuleCache {
  readonly #options: ModuleCacheOptions;
  readonly #memory = new Map<string, Uint8Array>();
  #memoryBytes = 0;
  readonly #loading = new Map<string, Promise<ModuleContent[]>>();

  constructor(options: ModuleCacheOptions) {
    this.#options = options;
  }

  /**
   * All modules of a version with their bytes, in upload order. Concurrent calls for one version share the work.
   * @throws StoreUnavailable when they are not here and the database does not answer.
   */
  load(version: WorkerVersion): Promise<ModuleContent[]> {
    let loading = this.#loading.get(version.id);
    if (loading === undefined) {
      loading = this.#load(version).finally(() => this.#loading.delete(version.id));
      this.#loading.set(version.id, loading);
    }
    return loading;
  }

  /** True when all modules of the version lie here and need no database. */
  async has(version: WorkerVersion): Promise<boolean> {
    for (const { hash } of version.modules) {
      if (this.#memory.has(hash)) continue;
      const found = await stat(this.#fileOf(hash)).catch(() => null);
      if (found === null) return false;
    }
    return true;
  }

  /** Deletes files that none of the given versions has, and what killed writers left. */
  async sweep(used: Iterable<WorkerVersion>): Promise<void> {
    const hashes = new Set<string>();
    for (const version of used) for (const { hash } of version.modules) hashes.add(hash);
    for (const folder of await readdir(this.#options.directory).catch(() => [])) {
      for (const name of await readdir(join(this.#options.directory, folder)).catch(() => [])) {
        const file = join(this.#options.directory, folder, name);
        const age = Date.now() - ((await stat(file).catch(() => null))?.mtimeMs ?? Date.now());
        if (!hashes.has(name) && age > KEEP_UNUSED_MS) await rm(file, { force: true });
      }
    }
  }

  async #load(version: WorkerVersion): Promise<ModuleContent[]> {
    const found = new Map<string, Uint8Array>();
    for (const { hash } of version.modules) {
      const bytes = found.get(hash) ?? (await this.#read(hash));
      if (bytes === null) return await this.#fetch(version);
      found.set(hash, bytes);
    }
    return version.modules.map((module) => ({ ...module, content: found.get(module.hash) as Uint8Array }));
  }

  async #fetch(version: WorkerVersion): Promise<ModuleContent[]> {
    const modules = await this.#options.store.readModules(version.id);
    if (modules.length !== version.modules.length) {
      throw new Error(
        `Version ${version.id} of "${version.workerName}" has no modules in the database: it was deleted`,
      );
    }
    for (const module of modules) await this.#write(module.hash, module.content);
    return modules;
  }

  async #read(hash: string): Promise<Uint8Array | null> {
    const inMemory = this.#memory.get(hash);
    if (inMemory !== undefined) return inMemory;
    let bytes: Buffer;
    try {
      bytes = await readFile(this.#fileOf(hash));
    } catch {
      // Not there, or not readable: the database has it.
      return null;
    }
    if ((await sha256Hex(bytes)) === hash) return bytes;
    this.#options.log.warn('A module file was damaged and is read again from the database', { hash });
    await rm(this.#fileOf(hash), { force: true }).catch(() => {});
    return null;
  }

  async #write(hash: string, bytes: Uint8Array): Promise<void> {
    const file = this.#fileOf(hash);
    const temporary = `${file}.${randomBytes(4).toString('hex')}`;
    try {
      if ((await stat(file).catch(() => null))?.size === bytes.byteLength) return;
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeDurably(temporary, bytes);
      await rename(temporary, file);
    } catch (error) {
      this.#options.log.warn('A module cannot be kept on disk and stays in memory', { hash, error });
      await rm(temporary, { force: true }).catch(() => {});
      this.#remember(hash, bytes);
    }
  }

  #remember(hash: string, bytes: Uint8Array): void {
    if (this.#memory.has(hash) || bytes.byteLength > MEMORY_BYTES) return;
    // Oldest first: Map keeps the order of insertion.
    for (const [oldest, { byteLength }] of this.#memory) {
      if (this.#memoryBytes + bytes.byteLength <= MEMORY_BYTES) break;
      this.#memory.delete(oldest);
      this.#memoryBytes -= byteLength;
    }
    this.#memory.set(hash, bytes);
    this.#memoryBytes += bytes.byteLength;
  }

  #fileOf(hash: string): string {
    // The name comes from the database; a hash is the only thing that may become a path.
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new Error(`Not a SHA-256: "${hash}"`);
    return join(this.#options.directory, hash.slice(0, 2), hash);
  }
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += HASH_SLICE_BYTES) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + HASH_SLICE_BYTES));
  }
  return hash.digest('hex');
}

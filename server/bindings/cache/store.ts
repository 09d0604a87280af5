/**
 * Responses on this node's disk: one file each, whole or not there. Together they never take more than `maxBytes`; what was not used for
 * longest goes first. Bodies pass through, they are never held.
 *
 * A file: "SKC1" | u32 length of the head | u64 length of the body (0xff…: not complete) | head as JSON | body. It is written beside its
 * place and renamed, so who reads sees the old response or the new one, and who has begun to read one goes on reading it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Logger } from '../../log/types.ts';
import { CACHE_LIMITS } from '../../../shared/limits.ts';

/** Whose cache, which of them (null: the default one), and what in it. */
export interface CacheKey {
  readonly accountId: string;
  readonly cache: string | null;
  readonly url: string;
}

export interface StoredHead {
  readonly status: number;
  readonly statusText: string;
  /** Flat, names in lower case. */
  readonly headers: readonly string[];
  readonly storedAtMs: number;
  readonly freshUntilMs: number;
}

export interface StoredResponse extends StoredHead {
  readonly bodyBytes: number;
  /** The body, or the bytes from `start` to `end` (included). Closes the file when it is over. */
  read(start?: number, end?: number): Readable;
  /** For a response whose body is not read. */
  close(): Promise<void>;
}

export interface CacheStoreOptions {
  /** A folder of its own; what lies in it is the cache of an earlier run. */
  readonly dir: string;
  /** Of all responses together; 0: nothing is kept. */
  readonly maxBytes: number;
  readonly maxObjectBytes: number;
  /** Default: the node's limit. */
  readonly maxEntries?: number;
  readonly log: Logger;
}

const MAGIC = Buffer.from('SKC1');
const PREFIX_BYTES = 16;
const INCOMPLETE = 0xffff_ffff_ffff_ffffn;
const MAX_HEAD_BYTES = 1024 * 1024;

/** The response is larger than the cache may take. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

export class CacheStore {
  readonly #options: CacheStoreOptions;
  readonly #entries: string;
  readonly #incoming: string;
  /** Bytes by file name, the one used last at the end. */
  #index = new Map<string, number>();
  #bytes = 0;
  /** Of files that are being written: they take room as well. */
  #incomingBytes = 0;
  #closed = false;
  readonly #scan: Promise<void>;

  private constructor(options: CacheStoreOptions) {
    this.#options = options;
    this.#entries = join(options.dir, 'entries');
    this.#incoming = join(options.dir, 'incoming');
    this.#scan = this.#readFolder().catch((error: Error) => {
      options.log.warn('The cache of the last run cannot be read', { error: error.message });
    });
  }

  static async open(options: CacheStoreOptions): Promise<CacheStore> {
    // What a crash left unfinished.
    await rm(join(options.dir, 'incoming'), { recursive: true, force: true });
    await mkdir(join(options.dir, 'incoming'), { recursive: true, mode: 0o700 });
    await mkdir(join(options.dir, 'entries'), { recursive: true, mode: 0o700 });
    return new CacheStore(options);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#scan;
  }

  /** Bytes on disk, for tests and reports. */
  get usedBytes(): number {
    return this.#bytes + this.#incomingBytes;
  }

  /** The response when it is there and fresh. Read it or close it. */
  async get(key: CacheKey): Promise<StoredResponse | undefined> {
    const name = nameOf(key);
    const file = await open(this.#pathOf(name), 'r').catch(() => undefined);
    if (file === undefined) {
      this.#forget(name);
      return undefined;
    }
    const stored = await readStored(file).catch(() => undefined);
    if (stored !== undefined && stored.freshUntilMs > Date.now()) {
      this.#touch(name);
      return stored;
    }
    await file.close();
    await this.#drop(name);
    return undefined;
  }

  /** @throws {TooLarge} and what the body fails with; nothing of it is kept then */
  async put(key: CacheKey, head: StoredHead, body: Readable | null): Promise<void> {
    const temporary = join(this.#incoming, randomUUID());
    const encoded = Buffer.from(JSON.stringify(head));
    let bytes = 0;
    const take = (count: number): void => {
      bytes += count;
      this.#incomingBytes += count;
      if (bytes > this.#options.maxObjectBytes || !this.#makeRoom()) throw new TooLarge('The response is too large');
    };
    const file = await open(temporary, 'wx', 0o600);
    try {
      try {
        take(PREFIX_BYTES + encoded.length);
        await file.write(Buffer.concat([prefixOf(encoded.length, INCOMPLETE), encoded]));
        let bodyBytes = 0;
        for await (const chunk of body ?? []) {
          take((chunk as Buffer).length);
          await writeAll(file, chunk as Buffer, PREFIX_BYTES + encoded.length + bodyBytes);
          bodyBytes += (chunk as Buffer).length;
        }
        await file.write(prefixOf(encoded.length, BigInt(bodyBytes)), 0, PREFIX_BYTES, 0);
      } finally {
        await file.close();
      }
      await this.#adopt(temporary, nameOf(key));
      this.#incomingBytes -= bytes;
      this.#count(nameOf(key), bytes);
      bytes = 0;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      this.#incomingBytes -= bytes;
    }
  }

  /** Whether there was one. */
  async delete(key: CacheKey): Promise<boolean> {
    const stored = await this.get(key);
    if (stored === undefined) return false;
    await stored.close();
    await this.#drop(nameOf(key));
    return true;
  }

  async #adopt(temporary: string, name: string): Promise<void> {
    const path = this.#pathOf(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rename(temporary, path);
  }

  #count(name: string, bytes: number): void {
    this.#forget(name);
    this.#index.set(name, bytes);
    this.#bytes += bytes;
    this.#makeRoom();
  }

  #touch(name: string): void {
    const bytes = this.#index.get(name);
    if (bytes === undefined) return;
    this.#index.delete(name);
    this.#index.set(name, bytes);
  }

  #forget(name: string): void {
    this.#bytes -= this.#index.get(name) ?? 0;
    this.#index.delete(name);
  }

  async #drop(name: string): Promise<void> {
    this.#forget(name);
    await rm(this.#pathOf(name), { force: true });
  }

  /** Throws out what was not used for longest, until everything fits. False: what is being written alone is too much. */
  #makeRoom(): boolean {
    const { maxBytes, maxEntries = CACHE_LIMITS.maxEntries, log } = this.#options;
    while (this.usedBytes > maxBytes || this.#index.size > maxEntries) {
      const [oldest] = this.#index.keys();
      if (oldest === undefined) return this.#incomingBytes <= maxBytes;
      this.#drop(oldest).catch((error: Error) => log.warn('A cached response stays on disk', { error: error.message }));
    }
    return true;
  }

  /** What the last run kept, as if it had been used in the order written, before anything of this one. */
  async #readFolder(): Promise<void> {
    const found: { name: string; bytes: number; at: number }[] = [];
    for (const shard of await readdir(this.#entries)) {
      for (const file of await readdir(join(this.#entries, shard))) {
        if (this.#closed) return;
        const info = await stat(join(this.#entries, shard, file)).catch(() => undefined);
        if (info !== undefined) found.push({ name: shard + file, bytes: info.size, at: info.mtimeMs });
      }
    }
    found.sort((one, other) => one.at - other.at);
    const index = new Map<string, number>();
    for (const { name, bytes } of found) {
      if (this.#index.has(name)) continue;
      index.set(name, bytes);
      this.#bytes += bytes;
    }
    for (const [name, bytes] of this.#index) index.set(name, bytes);
    this.#index = index;
    this.#makeRoom();
  }

  #pathOf(name: string): string {
    return join(this.#entries, name.slice(0, 2), name.slice(2));
  }
}

/** One account's key can never be another's: the parts are told apart before they are hashed. */
const nameOf = ({ accountId, cache, url }: CacheKey): string =>
  createHash('sha256')
    .update(JSON.stringify([accountId, cache, url]))
    .digest('hex');

function prefixOf(headBytes: number, bodyBytes: bigint): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(headBytes, 4);
  prefix.writeBigUInt64LE(bodyBytes, 8);
  return prefix;
}

async function writeAll(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    at += (await file.write(chunk, at, chunk.length - at, position + at)).bytesWritten;
  }
}

/** @throws when the file is not a whole response: the disk may have lost a part of it */
async function readStored(file: FileHandle): Promise<StoredResponse> {
  const prefix = await readExactly(file, 0, PREFIX_BYTES);
  const headBytes = prefix.readUInt32LE(4);
  const bodyBytes = Number(prefix.readBigUInt64LE(8));
  const { size } = await file.stat();
  const offset = PREFIX_BYTES + headBytes;
  if (!prefix.subarray(0, 4).equals(MAGIC) || headBytes > MAX_HEAD_BYTES || size !== offset + bodyBytes) {
    throw new Error('Not a whole response');
  }
  const head = JSON.parse((await readExactly(file, PREFIX_BYTES, headBytes)).toString('utf8')) as StoredHead;
  return {
    ...head,
    bodyBytes,
    read: (start = 0, end = bodyBytes - 1) =>
      createReadStream('', { fd: file, start: offset + start, end: offset + end, autoClose: true }),
    close: () => file.close(),
  };
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(buffer, at, length - at, position + at);
    if (bytesRead === 0) throw new Error('Not a whole response');
    at += bytesRead;
  }
  return buffer;
}

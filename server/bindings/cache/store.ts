/**
 * Responses on this node's disk: one file each, whole or not there. Together they never take more than `maxBytes`; of the account that has
 * most, what was not used for longest goes first. Bodies pass through, they are never held.
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
import { withIdleLimit } from '../../storage/idle-limit.ts';
import { ACCOUNT_CHARACTERS, CacheIndex } from './disk-index.ts';

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

const NAME_CHARACTERS = ACCOUNT_CHARACTERS + 64;
/** One account's part of the room, for what is being written. */
const INCOMING_SHARE = 4;
const MAGIC = Buffer.from('SKC1');
const PREFIX_BYTES = 16;
const INCOMPLETE = 0xffff_ffff_ffff_ffffn;
const MAX_HEAD_BYTES = 1024 * 1024;

/** The response is larger than the cache may take. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

/** The responses that one node keeps, one file each, found through an index in memory; bounded in bytes and in entries. */
export class CacheStore {
  readonly #options: CacheStoreOptions;
  readonly #entries: string;
  readonly #incoming: string;
  #index = new CacheIndex();
  /** Of files that are being written: they take room as well. */
  #incomingBytes = 0;
  readonly #incomingByAccount = new Map<string, { bytes: number; puts: number }>();
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
    return this.#index.bytes + this.#incomingBytes;
  }

  /** The response when it is there and fresh. Read it or close it. */
  async get(key: CacheKey): Promise<StoredResponse | undefined> {
    const name = nameOf(key);
    const file = await open(this.#pathOf(name), 'r').catch(() => undefined);
    if (file === undefined) {
      this.#index.delete(name);
      return undefined;
    }
    const stored = await readStored(file).catch(() => undefined);
    if (stored !== undefined && stored.freshUntilMs > Date.now()) {
      this.#index.touch(name);
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
    const incoming = this.#incomingOf(key.accountId);
    if (incoming.puts >= CACHE_LIMITS.maxOpenPutsPerAccount) throw new TooLarge('Too many responses are being stored');
    let bytes = 0;
    const take = (count: number): void => {
      bytes += count;
      incoming.bytes += count;
      this.#incomingBytes += count;
      const isTooLarge = bytes > this.#options.maxObjectBytes || incoming.bytes > this.#maxIncomingBytes;
      if (isTooLarge || !this.#makeRoom()) throw new TooLarge('The response is too large');
    };
    const release = (): void => {
      incoming.bytes -= bytes;
      this.#incomingBytes -= bytes;
      bytes = 0;
    };
    incoming.puts++;
    try {
      await this.#receive(temporary, encoded, body, take);
      await this.#adopt(temporary, nameOf(key));
      const size = bytes;
      release();
      this.#count(nameOf(key), size);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      release();
      if (--incoming.puts === 0) this.#incomingByAccount.delete(key.accountId);
    }
  }

  #incomingOf(accountId: string): { bytes: number; puts: number } {
    const known = this.#incomingByAccount.get(accountId);
    if (known !== undefined) return known;
    const incoming = { bytes: 0, puts: 0 };
    this.#incomingByAccount.set(accountId, incoming);
    return incoming;
  }

  /** Of one account: what is being written counts before anything else, and would leave no room for others. */
  get #maxIncomingBytes(): number {
    const { maxBytes, maxObjectBytes } = this.#options;
    return Math.max(maxBytes / INCOMING_SHARE, maxObjectBytes);
  }

  async #receive(
    temporary: string,
    encoded: Buffer,
    body: Readable | null,
    take: (count: number) => void,
  ): Promise<void> {
    const file = await open(temporary, 'wx', 0o600);
    try {
      take(PREFIX_BYTES + encoded.length);
      await file.write(Buffer.concat([prefixOf(encoded.length, INCOMPLETE), encoded]));
      let bodyBytes = 0;
      for await (const chunk of body === null ? [] : withIdleLimit(body, CACHE_LIMITS.bodyIdleMs, broughtNothing)) {
        take(chunk.length);
        await writeAll(file, chunk, PREFIX_BYTES + encoded.length + bodyBytes);
        bodyBytes += chunk.length;
      }
      await file.write(prefixOf(encoded.length, BigInt(bodyBytes)), 0, PREFIX_BYTES, 0);
    } finally {
      await file.close();
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
    this.#index.set(name, bytes);
    this.#makeRoom();
  }

  async #drop(name: string): Promise<void> {
    this.#index.delete(name);
    await rm(this.#pathOf(name), { force: true });
  }

  /** Throws out what was not used for longest, of the account that has most, until everything fits. False: what is being written alone is too much. */
  #makeRoom(): boolean {
    const { maxBytes, maxEntries = CACHE_LIMITS.maxEntries, log } = this.#options;
    while (this.usedBytes > maxBytes || this.#index.size > maxEntries) {
      const oldest = this.#index.victim(this.usedBytes > maxBytes ? 'bytes' : 'files');
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
        const path = join(this.#entries, shard, file);
        // As an earlier release called them: nobody finds them again.
        if (file.length !== NAME_CHARACTERS) await rm(path, { force: true });
        const info = await stat(path).catch(() => undefined);
        if (info !== undefined) found.push({ name: file, bytes: info.size, at: info.mtimeMs });
      }
    }
    found.sort((one, other) => one.at - other.at);
    const index = new CacheIndex();
    for (const { name, bytes } of found) if (!this.#index.has(name)) index.set(name, bytes);
    for (const [name, bytes] of this.#index.entries()) index.set(name, bytes);
    this.#index = index;
    this.#makeRoom();
  }

  #pathOf(name: string): string {
    return join(this.#entries, name.slice(-2), name);
  }
}

/** One account's key can never be another's: the parts are told apart before they are hashed. */
const nameOf = ({ accountId, cache, url }: CacheKey): string =>
  sha256(accountId).slice(0, ACCOUNT_CHARACTERS) + sha256(JSON.stringify([accountId, cache, url]));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const broughtNothing = (): Error =>
  new Error(`The body of a response brought no byte for ${CACHE_LIMITS.bodyIdleMs / 1000} s: it is not kept`);

function prefixOf(headBytes: number, bodyBytes: bigint): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(headBytes, 4);
  prefix.writeBigUInt64LE(bodyBytes, 8);
  return prefix;
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
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

/** KV on PostgreSQL, over connections of its own: a flood of reads or writes does not keep the control API waiting. */
import { randomBytes } from 'node:crypto';
import { KV_LIMITS } from '../../../shared/limits.ts';
import type { Logger } from '../../log/types.ts';
import { AccountSlots } from '../account-slots.ts';
import type { Connection, Database } from '../database.ts';
import { createCursors } from './cursor.ts';
import { kvHash } from './hash.ts';
import { isUnavailable } from '../errors.ts';
import { Lane } from './lane.ts';
import { readLargeValue, writeLargeValue } from './large-values.ts';
import { Liveness, StandingProbe } from '../liveness.ts';
import {
  createNamespace,
  DELETED,
  deleteNamespace,
  findNamespace,
  findOwner,
  measureAccount,
  listNamespaces,
  measureNamespaces,
  renameNamespace,
} from './namespaces.ts';
import { type KvRead, listEntries, readEntries } from './reading.ts';
import { startSweeper } from './sweep.ts';
import { DISK_SHORT, type DiskRoom, ENOUGH_ROOM } from '../disk-room.ts';
import { KvQuota } from './quota.ts';
import {
  type KvAccountUsage,
  type KvEntry,
  type KvInvalidation,
  type KvNamespace,
  type KvPut,
  KvRefused,
  type KvStore,
} from './types.ts';
import { costOf, type KvWrite, type KvWritten, writeEntries, writeStatements } from './writing.ts';

export interface KvStoreOptions {
  readonly database: Database;
  readonly masterKey: Uint8Array;
  readonly log: Logger;
  /** What the entries of an account may take; default: anything. */
  readonly accountQuotaBytes?: number;
  /** On the disk of the embedded PostgreSQL. Default: of another one nobody knows. */
  readonly room?: DiskRoom;
  /** Milliseconds between sweeps, on the average; default 5,000. */
  readonly sweepMs?: number;
}

interface KnownNamespace {
  readonly namespace: KvNamespace;
  /** `#deletions` when it was looked up. */
  readonly asOf: number;
}

/** For everything but single reads and writes: lists, pieces of large values; and what nobody's flood may hold up, looking up names and the sweeper. */
const POOL_SIZE = KV_LIMITS.maxPoolOperations + 2;
const READ_LANES = 2;
/** As many reads wait for one batch rather than begin another beside it. */
const WORTH_WAITING_FOR = 32;
/** Entries of one namespace have one lane: their writes happen in order. */
const WRITE_LANES = 2;
const MAX_BATCH = 256;
const MAX_BATCH_BYTES = 1024 * 1024;
const SWEEP_MS = 5_000;

/**
 * Statements here touch single rows by primary key. A plan made while a table was small would read all of it for ever after, and one
 * made anew for each statement costs as much as running it.
 */
const PRELUDE = `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
  SET plan_cache_mode = force_generic_plan; SET jit = off`;
const CONNECTION = { connectTimeoutMs: 1_500, statementTimeoutMs: 15_000, prelude: PRELUDE };

/** A write of which nothing was heard happens by then or never. */
const LONGEST_DOUBT_MS = CONNECTION.statementTimeoutMs + 1_000;

/** Opens no connection before it is needed, but for the sweeper's. */
export function createKvStore(options: KvStoreOptions): KvStore {
  return new PostgresKvStore(options);
}

class PostgresKvStore implements KvStore {
  readonly #db: Database;
  readonly #cursors: ReturnType<typeof createCursors>;
  readonly #quota: KvQuota;
  readonly #quotaBytes: number;
  readonly #room: DiskRoom;
  /** Whose a namespace is. Never another one's. */
  readonly #owners = new Map<number, string>();
  readonly #probe: StandingProbe;
  readonly #liveness: Liveness;
  /** The pool, of which nobody waits for a database that is gone. */
  readonly #watched: Pick<Database, 'query' | 'transaction'>;
  readonly #places = new AccountSlots(KV_LIMITS.maxPoolOperations, KV_LIMITS.maxPoolOperationsPerAccount);
  readonly #readers: Lane<KvRead, KvEntry | null>[];
  readonly #writers: Lane<KvWrite, null>[];
  readonly #sweeper: ReturnType<typeof startSweeper>;
  readonly #listeners: ((invalidation: KvInvalidation) => void)[] = [];
  readonly #namespaces = new Map<string, KnownNamespace>();
  /** Names of own batches of which nobody knows whether they were written, or still will be. */
  readonly #doubtful = new Set<string>();
  readonly #node = randomBytes(6).toString('base64url');
  #batches = 0;
  readonly #writeStatements: ReturnType<typeof writeStatements>;
  /** Set while a write may still happen of which nobody would hear. */
  #doubt: NodeJS.Timeout | undefined;
  #doubts = 0;
  /** Goes up when a namespace is deleted, or may have been: a look-up that began before may bring one that is gone. */
  #deletions = 0;
  /** `#deletions` when messages were missed last: what was known before is asked for again. */
  #unsureUntil = 0;

  constructor({ database, masterKey, log, accountQuotaBytes, room, sweepMs }: KvStoreOptions) {
    this.#db = database.withOwnPool(POOL_SIZE);
    this.#writeStatements = writeStatements(database.isAlone);
    this.#cursors = createCursors(masterKey);
    this.#quotaBytes = accountQuotaBytes ?? Number.POSITIVE_INFINITY;
    this.#room = room ?? ENOUGH_ROOM;
    this.#quota = new KvQuota(this.#quotaBytes, async (accountId) => (await this.#usageOf(accountId)).bytes);
    this.#probe = new StandingProbe(this.#db);
    this.#liveness = new Liveness(() => this.#probe.ask());
    this.#watched = {
      query: (sql, values) => this.#liveness.watch(this.#db.query(sql, values)),
      transaction: (work, mode) => this.#liveness.watch(this.#db.transaction(work, mode)),
    };
    this.#readers = Array.from({ length: READ_LANES }, () =>
      this.#lane<KvRead, KvEntry | null>(({ key }) => key.length, readEntries),
    );
    this.#writers = Array.from({ length: WRITE_LANES }, () =>
      this.#lane<KvWrite, null>(
        ({ value, largeValueId }) => (largeValueId === null ? (value?.length ?? 0) + 512 : MAX_BATCH_BYTES),
        (connection, writes) => this.#write(connection, writes),
      ),
    );
    this.#sweeper = startSweeper(this.#db, log, sweepMs ?? SWEEP_MS);
  }

  #lane<Operation extends { readonly namespace: number }, Answer>(
    bytesOf: (operation: Operation) => number,
    run: (connection: Connection, operations: readonly Operation[]) => Promise<readonly (Answer | Error)[]>,
  ): Lane<Operation, Answer> {
    return new Lane({
      connect: () => this.#db.connect(CONNECTION),
      liveness: this.#liveness,
      maxBatch: MAX_BATCH,
      maxBatchBytes: MAX_BATCH_BYTES,
      bytesOf,
      namespaceOf: ({ namespace }) => namespace,
      accountOf: (namespace) => this.#owners.get(namespace) ?? '',
      run,
    });
  }

  get isDown(): boolean {
    return this.#liveness.isDown;
  }

  findNamespace(accountId: string, id: string): KvNamespace | Promise<KvNamespace | null> {
    const known = this.#namespaces.get(id);
    const isSure = known?.namespace.accountId === accountId && known.asOf >= this.#unsureUntil;
    return isSure ? known.namespace : this.#lookUp(accountId, id);
  }

  async #lookUp(accountId: string, id: string): Promise<KvNamespace | null> {
    const asOf = this.#deletions;
    try {
      const namespace = await this.#liveness.watch(findNamespace(this.#db, accountId, id));
      // It may have been deleted between the look-up and now.
      if (asOf === this.#deletions) this.#remember(id, namespace, asOf);
      return namespace;
    } catch (error) {
      const known = this.#namespaces.get(id)?.namespace;
      if (!isUnavailable(error) || known?.accountId !== accountId) throw error;
      return known;
    }
  }

  #remember(id: string, namespace: KvNamespace | null, asOf: number): void {
    this.#namespaces.delete(id);
    if (namespace === null) return;
    // Together: whoever finds a namespace here finds its owner, too.
    if (Math.max(this.#namespaces.size, this.#owners.size) >= KV_LIMITS.maxCachedNamespaces) {
      this.#namespaces.clear();
      this.#owners.clear();
    }
    this.#namespaces.set(id, { namespace, asOf });
    this.#owners.set(namespace.number, namespace.accountId);
  }

  listNamespaces(accountId: string): Promise<KvNamespace[]> {
    return this.#liveness.watch(listNamespaces(this.#db, accountId));
  }

  measureNamespaces(accountId: string): ReturnType<KvStore['measureNamespaces']> {
    return this.#liveness.watch(measureNamespaces(this.#db, accountId));
  }

  createNamespace(accountId: string, title: string): Promise<KvNamespace> {
    return this.#liveness.watch(createNamespace(this.#db, accountId, title));
  }

  renameNamespace(accountId: string, id: string, title: string): Promise<KvNamespace | null> {
    return this.#liveness.watch(renameNamespace(this.#db, accountId, id, title));
  }

  async deleteNamespace(accountId: string, id: string): Promise<boolean> {
    const isDeleted = await this.#liveness.watch(deleteNamespace(this.#db, accountId, id));
    if (isDeleted) this.#forgetNamespace(id);
    return isDeleted;
  }

  read(namespace: number, keys: readonly string[]): Promise<(KvEntry | null)[]> {
    // All on one lane: they then travel together.
    const lane = this.#leastBusyReader();
    return Promise.all(keys.map((key) => lane.submit({ namespace, key: Buffer.from(key, 'utf8') })));
  }

  /** The first one that is not full up: reads that travel together are cheaper than reads that travel side by side. */
  #leastBusyReader(): Lane<KvRead, KvEntry | null> {
    const [first, ...others] = this.#readers as [Lane<KvRead, KvEntry | null>, ...Lane<KvRead, KvEntry | null>[]];
    if (first.waiting < WORTH_WAITING_FOR) return first;
    return others.reduce((least, lane) => (lane.waiting < least.waiting ? lane : least), first);
  }

  readLarge(accountId: string, entry: KvEntry): AsyncIterable<Buffer> {
    return readLargeValue(this.#fairFor(accountId), entry);
  }

  writeLarge(accountId: string, pieces: AsyncIterable<Uint8Array>): ReturnType<KvStore['writeLarge']> {
    return writeLargeValue(this.#fairFor(accountId), pieces);
  }

  /** The pool, of which an account has no more than its share. */
  #fairFor(accountId: string): Pick<Database, 'query' | 'transaction'> {
    const fairly = <T>(work: () => Promise<T>): Promise<T> => this.#liveness.watch(this.#places.run(accountId, work));
    return {
      query: (sql, values) => fairly(() => this.#db.query(sql, values)),
      transaction: (work, mode) => fairly(() => this.#db.transaction(work, mode)),
    };
  }

  async put({ namespace, key, value, metadata, expiresAt }: KvPut): Promise<void> {
    this.#requireDisk();
    const isLarge = 'largeValueId' in value;
    const write: KvWrite = {
      namespace,
      key,
      keyBytes: Buffer.from(key, 'utf8'),
      value: isLarge ? Buffer.alloc(0) : value,
      metadata: metadata === null ? null : Buffer.from(metadata, 'utf8'),
      expiresAt,
      largeValueId: isLarge ? value.largeValueId : null,
      size: isLarge ? value.size : value.length,
    };
    if (!Number.isFinite(this.#quotaBytes)) {
      await this.#submit(write);
      return;
    }
    const owner = await this.#ownerOf(namespace);
    await this.#quota.admit(owner, costOf(write), () => this.#submit(write));
  }

  #requireDisk(): void {
    if (this.#room.isShort) throw new KvRefused(507, DISK_SHORT);
  }

  async requireRoom(namespace: number, bytes: number): Promise<void> {
    this.#requireDisk();
    const owner = await this.#ownerOf(namespace);
    await this.#quota.requireRoom(owner, bytes);
  }

  /** '' when it is gone: what is written there is nobody's, and not kept. */
  async #ownerOf(namespace: number): Promise<string> {
    return this.#owners.get(namespace) ?? (await findOwner(this.#watched, namespace)) ?? '';
  }

  #usageOf(accountId: string): Promise<KvAccountUsage> {
    return measureAccount(this.#watched, accountId, this.#quotaBytes);
  }

  readUsage(accountId: string): Promise<KvAccountUsage> {
    return this.#usageOf(accountId);
  }

  async delete(namespace: number, key: string): Promise<void> {
    const keyBytes = Buffer.from(key, 'utf8');
    const nothing = { value: null, metadata: null, expiresAt: null, largeValueId: null, size: 0 };
    await this.#submit({ namespace, key, keyBytes, ...nothing });
  }

  #submit(write: KvWrite): Promise<null> {
    return (this.#writers[write.namespace % WRITE_LANES] as Lane<KvWrite, null>).submit(write);
  }

  async #write(connection: Connection, writes: readonly KvWrite[]): Promise<readonly KvWritten[]> {
    const batch = `${this.#node}.${this.#batches++}`;
    try {
      return await writeEntries(connection, this.#writeStatements, batch, writes);
    } catch (error) {
      // Nobody knows whether it happens yet. When it does, its message must be listened to; where there are none, it is waited for.
      if (this.#db.isAlone) this.#forgetWhenSure();
      else this.#listenFor(batch);
      throw error;
    } finally {
      this.#tell({ kind: 'entries', hashes: writes.map(({ namespace, key }) => kvHash(namespace, key)) });
    }
  }

  async list(
    namespace: number,
    { prefix, cursor, limit }: Parameters<KvStore['list']>[1],
  ): ReturnType<KvStore['list']> {
    const after = cursor === null ? null : this.#cursors.open(namespace, cursor);
    const range = { namespace, prefix: Buffer.from(prefix, 'utf8'), after, limit: limit + 1 };
    const accountId = await this.#ownerOf(namespace);
    const found = await listEntries(this.#fairFor(accountId), range);
    const keys = found.slice(0, limit);
    const last = found.length > limit ? keys.at(-1) : undefined;
    return { keys, cursor: last === undefined ? null : this.#cursors.seal(namespace, last.name) };
  }

  onInvalidation(listener: (invalidation: KvInvalidation) => void): void {
    this.#listeners.push(listener);
  }

  receive(message: string | null): void {
    if (message === null) {
      this.#unsureUntil = ++this.#deletions;
      this.#tell({ kind: 'any' });
      return;
    }
    if (message.startsWith(DELETED)) {
      this.#forgetNamespace(message.slice(DELETED.length));
      return;
    }
    const space = message.indexOf(' ');
    const batch = message.slice(0, space);
    // Told when it was acknowledged.
    if (batch.startsWith(`${this.#node}.`) && !this.#doubtful.delete(batch)) return;
    this.#tell({ kind: 'entries', hashes: message.slice(space + 1).split(',') });
  }

  #listenFor(batch: string): void {
    this.#doubtful.add(batch);
    setTimeout(() => this.#doubtful.delete(batch), LONGEST_DOUBT_MS).unref();
  }

  #forgetNamespace(id: string): void {
    this.#deletions++;
    this.#namespaces.delete(id);
  }

  /** Once for all that fail until then, and once more for those that failed meanwhile. */
  #forgetWhenSure(): void {
    this.#doubts++;
    if (this.#doubt !== undefined) return;
    const doubts = this.#doubts;
    this.#doubt = setTimeout(() => {
      this.#doubt = undefined;
      this.#tell({ kind: 'any' });
      if (this.#doubts > doubts) this.#forgetWhenSure();
    }, LONGEST_DOUBT_MS).unref();
  }

  #tell(invalidation: KvInvalidation): void {
    for (const listener of this.#listeners) listener(invalidation);
  }

  async close(): Promise<void> {
    clearTimeout(this.#doubt);
    await this.#sweeper.close();
    for (const lane of [...this.#readers, ...this.#writers]) lane.close();
    this.#probe.close();
    await this.#db.close();
  }
}

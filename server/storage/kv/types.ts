/** What the rest of the server may ask of the storage of KV. */

export interface KvNamespace {
  readonly id: string;
  readonly accountId: string;
  readonly title: string;
  readonly createdAt: Date;
  /** What its entries are kept under. */
  readonly number: number;
}

export interface KvNamespaceUsage extends KvNamespace {
  readonly keys: number;
  /** Of the values. */
  readonly bytes: number;
}

/** What all namespaces of an account take: keys, values, metadata, and 64 bytes for each entry. */
export interface KvAccountUsage {
  readonly entries: number;
  readonly bytes: number;
  /** Infinite: none. */
  readonly quotaBytes: number;
}

/** One value with what belongs to it. */
export interface KvEntry {
  /** Empty when it is a large one. */
  readonly value: Buffer;
  /** JSON as it was given. */
  readonly metadata: string | null;
  /** Seconds since 1970. */
  readonly expiresAt: number | null;
  /** Read it with `readLarge`. */
  readonly largeValueId: string | null;
  /** Bytes of the value. */
  readonly size: number;
}

export interface KvListedKey {
  readonly name: string;
  readonly expiresAt: number | null;
  readonly metadata: string | null;
}

export interface KvPage {
  readonly keys: readonly KvListedKey[];
  /** Null: that was all. */
  readonly cursor: string | null;
}

export interface KvPut {
  readonly namespace: number;
  readonly key: string;
  /** Bytes up to `KV_LIMITS.maxInlineBytes`, or what `writeLarge` gave. */
  readonly value: Uint8Array | KvLargeValue;
  readonly metadata: string | null;
  readonly expiresAt: number | null;
}

/** A large value that is stored, and kept for a while for the entry that is going to point to it. */
export interface KvLargeValue {
  readonly largeValueId: string;
  readonly size: number;
}

/** Which entries are not what they were: by `kvHash`; or any may be, since messages of other nodes were missed. */
export type KvInvalidation =
  | { readonly kind: 'entries'; readonly hashes: readonly string[] }
  | { readonly kind: 'any' };

/** Somebody's operation cannot be done, for a reason that is his own. `status` and text as Workers shows them. */
export class KvRefused extends Error {
  override readonly name = 'KvRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Every method may reject with StoreUnavailable, at the latest two seconds after the database is gone. */
export interface KvStore {
  /** At once when it is known. One that was known still is while the database does not answer. */
  findNamespace(accountId: string, id: string): KvNamespace | Promise<KvNamespace | null>;
  /** By title. */
  listNamespaces(accountId: string): Promise<KvNamespace[]>;
  /** With what is in them: counted now. */
  measureNamespaces(accountId: string): Promise<KvNamespaceUsage[]>;
  /** @throws {StoreConflict} when the account has one of that title */
  createNamespace(accountId: string, title: string): Promise<KvNamespace>;
  /** @throws {StoreConflict} when the account has another one of that title. Null: there is no such namespace. */
  renameNamespace(accountId: string, id: string, title: string): Promise<KvNamespace | null>;
  /** Gone for everybody at once; the space comes back soon after. False: there is no such namespace. */
  deleteNamespace(accountId: string, id: string): Promise<boolean>;

  /** In the order of the keys; null where there is none, or it has expired. */
  read(namespace: number, keys: readonly string[]): Promise<(KvEntry | null)[]>;
  /** The pieces of a large value of this account. */
  readLarge(accountId: string, entry: KvEntry): AsyncIterable<Buffer>;
  /** What all namespaces of an account take. */
  readUsage(accountId: string): Promise<KvAccountUsage>;

  /** Resolves when it is durable. @throws {KvRefused} 507 when the account's quota has no room for it */
  put(put: KvPut): Promise<void>;
  delete(namespace: number, key: string): Promise<void>;
  /** Before a large value is stored. @throws {KvRefused} 507 when the quota of the namespace's account has no room for so much */
  requireRoom(namespace: number, bytes: number): Promise<void>;
  /** Stores the pieces for this account; `put` makes them an entry. Nothing is left of it when that does not happen. */
  writeLarge(accountId: string, pieces: AsyncIterable<Uint8Array>): Promise<KvLargeValue>;
  /** @throws {KvRefused} when the cursor was not given by a list of this namespace */
  list(
    namespace: number,
    query: { readonly prefix: string; readonly cursor: string | null; readonly limit: number },
  ): Promise<KvPage>;

  /** Calls back for every write of this node, before it is acknowledged, and for those of others when they are heard of. */
  onInvalidation(listener: (invalidation: KvInvalidation) => void): void;
  /** A message of the bus; null: some may have been missed. */
  receive(message: string | null): void;
  /** True while the database does not answer. */
  readonly isDown: boolean;
  close(): Promise<void>;
}

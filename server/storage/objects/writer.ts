/**
 * How a content becomes an object of the embedded store: received into a file, checked, and named in the same transaction that lets go of
 * what it replaces. What nobody comes to name goes again, and no bucket grows beyond its quota.
 */
import { randomBytes } from 'node:crypto';
import type { Checksums, ObjectHead } from '../../../shared/r2.ts';
import type { Database, Queryable } from '../database.ts';
import { DISK_SHORT, type DiskRoom } from '../disk-room.ts';
import { ArrivingContents } from './arriving.ts';
import { readUsage } from './buckets.ts';
import type { Draft, ObjectFiles } from './files.ts';
import { adoptUnknown } from './references.ts';
import { checkQuota, type NewObject, QuotaReached, shownChecksums, type WriteConditions, writeObject } from './rows.ts';
import { checkDigests, neededHashes } from './rules.ts';
import { type BucketRecord, type Content, R2Error } from './types.ts';

export interface EmbeddedStoreOptions {
  readonly database: Database;
  readonly files: ObjectFiles;
  /** Of a bucket that has no quota of its own; infinite: no limit. */
  readonly defaultQuotaBytes: number;
  /** On the disk of the files. */
  readonly room: DiskRoom;
  /** Files may have become unused. */
  readonly onRelease: () => void;
}

/** A content larger than this is not written down when its bucket is full. A smaller one costs less than the question … */
const EARLY_LOOK_BYTES = 1024 * 1024;
/** … as long as there are few of them at a time. */
const EARLY_LOOK_TOGETHER_BYTES = 16 * EARLY_LOOK_BYTES;

/** Of a multipart upload that becomes an object. `releasedAfter`: bytes that its transaction takes off the bucket's use once the object is written. */
export interface Completion extends Partial<Pick<WriteConditions, 'released' | 'shard'>> {
  readonly releasedAfter?: number;
}

/** What an object is made of besides its content. */
export type NewHead = Pick<NewObject, 'etag' | 'checksums' | 'httpMetadata' | 'customMetadata' | 'storageClass'>;

export class ObjectWriter {
  readonly #db: Database;
  readonly #files: ObjectFiles;
  readonly #options: EmbeddedStoreOptions;
  readonly #arriving = new ArrivingContents();

  constructor(options: EmbeddedStoreOptions) {
    this.#db = options.database;
    this.#files = options.files;
    this.#options = options;
  }

  /** Writes a content down, and sees to it that it goes again when nobody comes to refer to it. */
  async withFile<T>(
    bucket: BucketRecord,
    content: Content,
    size: number,
    checksums: Checksums,
    use: (draft: Draft) => Promise<T>,
  ): Promise<T> {
    const end = this.#arriving.begin(bucket, content, size);
    try {
      await this.#checkRoom(bucket, size);
      return await this.#withDraft(
        await this.#files.receive(this.#whileRoom(content), size, neededHashes(checksums)),
        checksums,
        use,
      );
    } finally {
      end();
    }
  }

  async #withDraft<T>(draft: Draft, checksums: Checksums, use: (draft: Draft) => Promise<T>): Promise<T> {
    const unpin = this.#files.pin([draft.hash]);
    let isNamed = false;
    try {
      checkDigests(checksums, draft.digests);
      await this.#files.place(draft);
      const result = await use(draft);
      isNamed = result !== null;
      return result;
    } finally {
      unpin();
      if (!isNamed) await this.#abandon(draft);
    }
  }

  /** All that arrives counts: together it may be more than there is room for. @throws R2Error quotaExceeded */
  async #checkRoom(bucket: BucketRecord, size: number): Promise<void> {
    this.#requireRoom();
    const bytes = this.#arriving.bytesFor(bucket.id);
    if (size > EARLY_LOOK_BYTES || bytes > EARLY_LOOK_TOGETHER_BYTES) await this.#checkQuota(this.#db, bucket, bytes);
  }

  #requireRoom(): void {
    if (this.#options.room.isShort) throw new R2Error('quotaExceeded', DISK_SHORT);
  }

  /** What is long under way ends, too, when the disk has become full. */
  #whileRoom(content: Content): Content {
    if (content instanceof Uint8Array) return content;
    const requireRoom = (): void => this.#requireRoom();
    return (async function* () {
      for await (const chunk of content) {
        requireRoom();
        yield chunk;
      }
    })();
  }

  /** If the database cannot be told now, the next start finds the file. */
  async #abandon(draft: Draft): Promise<void> {
    await this.#files.discard(draft);
    await adoptUnknown(this.#db, this.#files.id, [draft.hash]).catch(() => 0);
    this.#options.onRelease();
  }

  /** Names the content and lets go of the old one. Null: the key has another version than expected. */
  async write(
    db: Queryable,
    bucket: BucketRecord,
    key: string,
    head: NewHead,
    parts: readonly { readonly hash: Uint8Array; readonly size: number }[],
    expected: string | null,
    { released = { hashes: [], bytes: 0 }, shard, releasedAfter = 0 }: Completion = {},
  ): Promise<ObjectHead | null> {
    const shown = {
      ...head,
      key,
      version: randomBytes(16).toString('hex'),
      size: parts.reduce((sum, part) => sum + part.size, 0),
      uploaded: Date.now(),
    };
    const object: NewObject = { ...shown, store: this.#files.id, parts };
    const quotaBytes = this.#quotaOf(bucket) + releasedAfter;
    const outcome = await writeObject(db, bucket.id, object, { expected, quotaBytes, released, shard }).catch(
      (error: unknown) => {
        throw error instanceof QuotaReached ? quotaExceeded(bucket, error.bytes, quotaBytes) : error;
      },
    );
    if (outcome === 'changed') return null;
    this.#options.onRelease();
    return { ...shown, checksums: shownChecksums(head.etag, head.checksums) };
  }

  readonly #quotaOf = (bucket: BucketRecord): number => bucket.quotaBytes ?? this.#options.defaultQuotaBytes;

  async #checkQuota(db: Queryable, bucket: BucketRecord, more: number): Promise<void> {
    const quota = this.#quotaOf(bucket);
    if (!Number.isFinite(quota)) return;
    const { bytes, uploadBytes, rowBytes } = await readUsage(db, bucket.id);
    const used = bytes + uploadBytes + rowBytes + more;
    if (used > quota) throw quotaExceeded(bucket, used, quota);
  }

  /** After rows that hold more bytes were written, within their transaction. @throws R2Error quotaExceeded */
  async checkAdded(tx: Queryable, bucket: BucketRecord, bytes: number): Promise<void> {
    const quota = this.#quotaOf(bucket);
    if (!Number.isFinite(quota)) return;
    await checkQuota(tx, bucket.id, bytes, quota).catch((error: unknown) => {
      throw error instanceof QuotaReached ? quotaExceeded(bucket, error.bytes, quota) : error;
    });
  }
}

const quotaExceeded = (bucket: BucketRecord, bytes: number, quota: number): R2Error =>
  new R2Error(
    'quotaExceeded',
    `The bucket ${bucket.name} is full: with this it would hold ${bytes} bytes (keys and metadata among them), its quota is ${quota}. Delete objects or ` +
      'unfinished uploads, or raise its quota.',
  );

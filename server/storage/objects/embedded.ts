/**
 * The embedded object store: contents are files on this node's disk (`files.ts`), everything else is in PostgreSQL. An object is visible
 * only whole: its file is on the disk before the one transaction that names it is committed.
 */
import { randomBytes } from 'node:crypto';
import type { ByteRange, Checksums, ObjectHead, UploadedPart } from '../../../shared/r2.ts';
import type { Database, Queryable } from '../database.ts';
import { ArrivingContents } from './arriving.ts';
import { changeUsage, readUsage } from './buckets.ts';
import type { Draft, FileSlice, ObjectFiles } from './files.ts';
import { listObjects } from './list.ts';
import { adoptUnknown, changeReferences, type ReferenceChange } from './references.ts';
import {
  checkQuota,
  lockKey,
  type NewObject,
  type ObjectRow,
  partsOf,
  QuotaReached,
  readHead,
  readObject,
  shownChecksums,
  toHead,
  type WriteConditions,
  writeObject,
} from './rows.ts';
import {
  checkDigests,
  checkKey,
  checkMetadata,
  checkSize,
  chooseParts,
  conditionsHold,
  keptChecksums,
  multipartEtag,
  neededHashes,
  partEtag,
  resolveRange,
} from './rules.ts';
import {
  type BucketRecord,
  type Content,
  type FoundObject,
  type GetOptions,
  type ObjectAttributes,
  type ObjectStore,
  type PutOptions,
  R2Error,
  type UploadKey,
} from './types.ts';
import {
  closeUpload,
  type FilePart,
  insertUpload,
  isOpen,
  lockUpload,
  readParts,
  readUploads,
  replacePart,
} from './uploads.ts';

export interface EmbeddedStoreOptions {
  readonly database: Database;
  readonly files: ObjectFiles;
  /** Of a bucket that has no quota of its own; infinite: no limit. */
  readonly defaultQuotaBytes: number;
  /** Files may have become unused. */
  readonly onRelease: () => void;
}

/** A file that is swept between the look at its row and its opening makes a second look necessary; a third would be a fault. */
const READ_ATTEMPTS = 3;

/** A content larger than this is not written down when its bucket is full. A smaller one costs less than the question … */
const EARLY_LOOK_BYTES = 1024 * 1024;
/** … as long as there are few of them at a time. */
const EARLY_LOOK_TOGETHER_BYTES = 16 * EARLY_LOOK_BYTES;

/** What an object is made of besides its content. */
type NewHead = Pick<NewObject, 'etag' | 'checksums' | 'httpMetadata' | 'customMetadata' | 'storageClass'>;

export class EmbeddedStore implements ObjectStore {
  readonly #db: Database;
  readonly #files: ObjectFiles;
  readonly #options: EmbeddedStoreOptions;
  readonly #arriving = new ArrivingContents();

  constructor(options: EmbeddedStoreOptions) {
    this.#db = options.database;
    this.#files = options.files;
    this.#options = options;
  }

  async head(bucket: BucketRecord, key: string): Promise<ObjectHead | null> {
    checkKey(key);
    const row = await readHead(this.#db, bucket.id, key);
    return row === undefined ? null : toHead(row);
  }

  async get(bucket: BucketRecord, key: string, options: GetOptions): Promise<FoundObject | null> {
    checkKey(key);
    for (let attempt = 1; ; attempt++) {
      const row = await readObject(this.#db, bucket.id, key);
      if (row === undefined) return null;
      const object = toHead(row);
      const whole = { ...object, range: { offset: 0, length: object.size } };
      if (!conditionsHold(options.onlyIf, object)) return { object: whole, body: null };
      const range = resolveRange(options, object.size);
      const body = await this.#open(bucket, row, range, attempt);
      if (body !== undefined) return { object: { ...object, range }, body };
    }
  }

  /** Undefined: the object was replaced meanwhile, look again. */
  async #open(
    bucket: BucketRecord,
    row: ObjectRow,
    range: ByteRange,
    attempt: number,
  ): Promise<FoundObject['body'] | undefined> {
    if (row.store !== this.#files.id) throw elsewhere();
    const slices = slicesOf(partsOf(row), range);
    const unpin = this.#files.pin(slices.map(({ hash }) => hash));
    try {
      // Files behind the first are opened later: from here on they are pinned, if they were not swept before.
      if (slices.length > 1 && (await readHead(this.#db, bucket.id, row.key.toString()))?.version !== row.version) {
        unpin();
        return undefined;
      }
      return await this.#files.read(slices, unpin);
    } catch (error) {
      unpin();
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && attempt < READ_ATTEMPTS) return undefined;
      throw error;
    }
  }

  async put(bucket: BucketRecord, key: string, content: Content, options: PutOptions): Promise<ObjectHead | null> {
    const { size, checksums, onlyIf, httpMetadata, customMetadata } = options;
    checkKey(key);
    checkSize(size);
    checkMetadata(customMetadata, httpMetadata);
    // Judged once more when it is written; here it saves writing down what would be thrown away.
    if (onlyIf !== undefined && !conditionsHold(onlyIf, await this.#current(bucket, key))) return null;
    return await this.#withFile(bucket, content, size, checksums, async (draft) => {
      const head: NewHead = {
        etag: draft.digests.md5 as string,
        checksums: keptChecksums(checksums),
        httpMetadata,
        customMetadata,
        storageClass: options.storageClass ?? bucket.storageClass,
      };
      for (;;) {
        const current = onlyIf === undefined ? undefined : await this.#current(bucket, key);
        if (!conditionsHold(onlyIf, current)) return null;
        const expected = onlyIf === undefined ? null : (current?.version ?? '');
        const written = await this.#write(this.#db, bucket, key, head, [draft], expected);
        if (written !== null) return written;
      }
    });
  }

  async #current(bucket: BucketRecord, key: string): Promise<ObjectHead | undefined> {
    const row = await readHead(this.#db, bucket.id, key);
    return row === undefined ? undefined : toHead(row);
  }

  /** Writes a content down, and sees to it that it goes again when nobody comes to refer to it. */
  async #withFile<T>(
    bucket: BucketRecord,
    content: Content,
    size: number,
    checksums: Checksums,
    use: (draft: Draft) => Promise<T>,
  ): Promise<T> {
    const end = this.#arriving.begin(bucket, content, size);
    try {
      await this.#checkRoom(bucket, size);
      return await this.#withDraft(await this.#files.receive(content, size, neededHashes(checksums)), checksums, use);
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
    const bytes = this.#arriving.bytesFor(bucket.id);
    if (size > EARLY_LOOK_BYTES || bytes > EARLY_LOOK_TOGETHER_BYTES) await this.#checkQuota(this.#db, bucket, bytes);
  }

  /** If the database cannot be told now, the next start finds the file. */
  async #abandon(draft: Draft): Promise<void> {
    await this.#files.discard(draft);
    await adoptUnknown(this.#db, this.#files.id, [draft.hash]).catch(() => 0);
    this.#options.onRelease();
  }

  /** Names the content and lets go of the old one. Null: the key has another version than expected. */
  async #write(
    db: Queryable,
    bucket: BucketRecord,
    key: string,
    head: NewHead,
    parts: readonly { readonly hash: Uint8Array; readonly size: number }[],
    expected: string | null,
    released: WriteConditions['released'] = { hashes: [], bytes: 0 },
  ): Promise<ObjectHead | null> {
    const shown = {
      ...head,
      key,
      version: randomBytes(16).toString('hex'),
      size: parts.reduce((sum, part) => sum + part.size, 0),
      uploaded: Date.now(),
    };
    const object: NewObject = { ...shown, store: this.#files.id, parts };
    const quotaBytes = this.#quotaOf(bucket);
    const outcome = await writeObject(db, bucket.id, object, { expected, quotaBytes, released }).catch(
      (error: unknown) => {
        throw error instanceof QuotaReached ? quotaExceeded(bucket, error.bytes, quotaBytes) : error;
      },
    );
    if (outcome === 'changed') return null;
    this.#options.onRelease();
    return { ...shown, checksums: shownChecksums(head.etag, head.checksums) };
  }

  async delete(bucket: BucketRecord, keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    await this.#db.transaction(async (tx) => {
      const { rows } = await tx.query<ObjectRow>(
        `WITH chosen AS MATERIALIZED (
           SELECT key FROM skep.r2_objects WHERE bucket_id = $1 AND key = ANY ($2::bytea[]) ORDER BY key FOR UPDATE)
         DELETE FROM skep.r2_objects o USING chosen WHERE o.bucket_id = $1 AND o.key = chosen.key
         RETURNING o.size_bytes, o.store, o.part_hashes, o.part_sizes`,
        [bucket.id, keys.map((key) => Buffer.from(key))],
      );
      const own = rows.filter(({ store }) => store === this.#files.id);
      await changeReferences(
        tx,
        this.#files.id,
        own.flatMap((row) => partsOf(row).map(({ hash, size }) => ({ hash, size, by: -1 }))),
      );
      const bytes = rows.reduce((sum, row) => sum + Number(row.size_bytes), 0);
      await changeUsage(tx, bucket.id, { objects: -rows.length, bytes: -bytes, uploadBytes: 0 });
    });
    this.#options.onRelease();
  }

  list: ObjectStore['list'] = (bucket, options) => listObjects(this.#db, bucket, options);

  copy: ObjectStore['copy'] = async (bucket, from, to, { attributes, onlyIf }) => {
    checkKey(to);
    if (attributes !== undefined) checkMetadata(attributes.customMetadata, attributes.httpMetadata);
    return await this.#db.transaction(async (tx) => {
      // In the order of their bytes, or two copies the other way round would wait for one another.
      for (const key of [...new Set([from, to])].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
        await lockKey(tx, bucket.id, key);
      }
      const source = await readObject(tx, bucket.id, from, true);
      if (source === undefined) throw new R2Error('noSuchKey');
      const object = toHead(source);
      if (source.store !== this.#files.id) throw elsewhere();
      if (!conditionsHold(onlyIf, object)) throw new R2Error('preconditionFailed');
      const head: NewHead = {
        etag: object.etag,
        checksums: source.checksums,
        httpMetadata: attributes?.httpMetadata ?? object.httpMetadata,
        customMetadata: attributes?.customMetadata ?? object.customMetadata,
        storageClass: attributes?.storageClass ?? object.storageClass,
      };
      const copied = await this.#write(tx, bucket, to, head, partsOf(source), null);
      return copied as ObjectHead;
    });
  };

  async createUpload(bucket: BucketRecord, key: string, attributes: ObjectAttributes): Promise<string> {
    checkKey(key);
    checkMetadata(attributes.customMetadata, attributes.httpMetadata);
    return await insertUpload(this.#db, bucket, key, {
      storage_class: attributes.storageClass ?? bucket.storageClass,
      http_metadata: attributes.httpMetadata,
      custom_metadata: attributes.customMetadata,
    });
  }

  async uploadPart(
    bucket: BucketRecord,
    upload: UploadKey,
    { number, size, checksums }: { readonly number: number; readonly size: number; readonly checksums: Checksums },
    content: Content,
  ): Promise<UploadedPart> {
    checkKey(upload.key);
    checkSize(size);
    if (!(await isOpen(this.#db, bucket, upload))) throw new R2Error('noSuchUpload');
    return await this.#withFile(bucket, content, size, checksums, async (draft) => {
      const md5 = Buffer.from(draft.digests.md5 as string, 'hex');
      const part = { number, md5, size, uploaded: new Date(), store: this.#files.id, hash: draft.hash };
      await this.#db.transaction((tx) => this.#writePart(tx, bucket, upload, part));
      return { partNumber: number, etag: partEtag(part) };
    });
  }

  async #writePart(tx: Queryable, bucket: BucketRecord, upload: UploadKey, part: FilePart): Promise<void> {
    const row = await lockUpload(tx, bucket, upload);
    if (row?.state !== 'open') throw new R2Error('noSuchUpload');
    const previous = await replacePart(tx, upload.uploadId, part);
    await changeReferences(tx, this.#files.id, [
      { hash: part.hash, size: part.size, by: 1 },
      ...(previous === undefined ? [] : [{ hash: previous.hash, size: previous.size, by: -1 }]),
    ]);
    const growth = part.size - (previous?.size ?? 0);
    await changeUsage(tx, bucket.id, { objects: 0, bytes: 0, uploadBytes: growth });
    const quota = this.#quotaOf(bucket);
    if (growth > 0 && Number.isFinite(quota)) {
      await checkQuota(tx, bucket.id, part.size, quota).catch((error: unknown) => {
        throw error instanceof QuotaReached ? quotaExceeded(bucket, error.bytes, quota) : error;
      });
    }
    if (previous !== undefined) this.#options.onRelease();
  }

  async completeUpload(bucket: BucketRecord, upload: UploadKey, parts: readonly UploadedPart[]): Promise<ObjectHead> {
    checkKey(upload.key);
    return await this.#db.transaction(async (tx) => {
      await lockKey(tx, bucket.id, upload.key);
      const row = await lockUpload(tx, bucket, upload);
      if (row === undefined) throw new R2Error('internal');
      if (row.state !== 'open') throw new R2Error('noSuchUpload');
      const stored = await readParts(tx, upload.uploadId);
      const chosen = chooseParts(parts, new Map(stored.map((part) => [part.number, part])));
      if (chosen.some(({ store }) => store !== this.#files.id)) throw elsewhere();
      const head: NewHead = {
        etag: multipartEtag(chosen),
        checksums: {},
        httpMetadata: row.http_metadata,
        customMetadata: row.custom_metadata,
        storageClass: row.storage_class,
      };
      await closeUpload(tx, upload.uploadId, 'completed');
      const own = stored.filter(({ store }) => store === this.#files.id);
      const released = { hashes: own.map(({ hash }) => hash), bytes: stored.reduce((sum, part) => sum + part.size, 0) };
      const completed = await this.#write(tx, bucket, upload.key, head, chosen, null, released);
      return completed as ObjectHead;
    });
  }

  /** What an upload holds, to be let go. */
  #releaseOf(parts: readonly FilePart[]): { references: ReferenceChange[]; bytes: number } {
    const own = parts.filter(({ store }) => store === this.#files.id);
    return {
      references: own.map(({ hash, size }) => ({ hash, size, by: -1 })),
      bytes: parts.reduce((sum, { size }) => sum + size, 0),
    };
  }

  async abortUpload(bucket: Pick<BucketRecord, 'id'>, upload: UploadKey): Promise<void> {
    await this.#db.transaction(async (tx) => {
      const row = await lockUpload(tx, bucket as BucketRecord, upload);
      if (row === undefined) throw new R2Error('internal');
      if (row.state !== 'open') return;
      const { references, bytes } = this.#releaseOf(await readParts(tx, upload.uploadId));
      await closeUpload(tx, upload.uploadId, 'aborted');
      await changeReferences(tx, this.#files.id, references);
      await changeUsage(tx, bucket.id, { objects: 0, bytes: 0, uploadBytes: -bytes });
    });
    this.#options.onRelease();
  }

  listParts: ObjectStore['listParts'] = async (bucket, upload, after, limit) => {
    if (!(await isOpen(this.#db, bucket, upload))) throw new R2Error('noSuchUpload');
    const parts = await readParts(this.#db, upload.uploadId, after, limit);
    return parts.map((part) => ({
      partNumber: part.number,
      etag: partEtag(part),
      size: part.size,
      uploaded: part.uploaded,
    }));
  };

  listUploads: ObjectStore['listUploads'] = (bucket, prefix, limit) => readUploads(this.#db, bucket.id, prefix, limit);

  readonly #quotaOf = (bucket: BucketRecord): number => bucket.quotaBytes ?? this.#options.defaultQuotaBytes;

  async #checkQuota(db: Queryable, bucket: BucketRecord, more: number): Promise<void> {
    const quota = this.#quotaOf(bucket);
    if (!Number.isFinite(quota)) return;
    const { bytes, uploadBytes } = await readUsage(db, bucket.id);
    if (bytes + uploadBytes + more > quota) throw quotaExceeded(bucket, bytes + uploadBytes + more, quota);
  }
}

const quotaExceeded = (bucket: BucketRecord, bytes: number, quota: number): R2Error =>
  new R2Error(
    'quotaExceeded',
    `The bucket ${bucket.name} is full: with this it would hold ${bytes} bytes, its quota is ${quota}. Delete objects or ` +
      'unfinished uploads, or raise its quota.',
  );

/** The pieces of the files that hold a range. */
function slicesOf(
  parts: readonly { readonly hash: Uint8Array; readonly size: number }[],
  { offset, length }: ByteRange,
): FileSlice[] {
  const slices: FileSlice[] = [];
  let start = 0;
  for (const { hash, size } of parts) {
    const from = Math.max(offset, start);
    const to = Math.min(offset + length, start + size);
    if (from < to) slices.push({ hash, offset: from - start, length: to - from });
    start += size;
  }
  return slices;
}

const elsewhere = (): R2Error =>
  new R2Error(
    'unavailable',
    'The object lies on the disk of another node. Several nodes need an S3 backend for their buckets.',
  );

/**
 * The embedded object store: contents are files on this node's disk (`files.ts`), everything else is in PostgreSQL. An object is visible
 * only whole: its file is on the disk before the one transaction that names it is committed.
 */
import type { ByteRange, Checksums, ObjectHead, UploadedPart } from '../../../shared/r2.ts';
import type { Database, Queryable } from '../database.ts';
import { changeUsage, usageShard } from './buckets.ts';
import type { FileSlice, ObjectFiles } from './files.ts';
import { listObjects } from './list.ts';
import { changeReferences, type ReferenceChange } from './references.ts';
import { lockKey, type ObjectRow, partsOf, readHead, readObject, toHead } from './rows.ts';
import {
  checkKey,
  checkMetadata,
  checkSize,
  chooseParts,
  conditionsHold,
  keptChecksums,
  multipartEtag,
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
  PART_ROW_BYTES,
  readParts,
  readUploads,
  replacePart,
} from './uploads.ts';
import { type EmbeddedStoreOptions, type NewHead, ObjectWriter } from './writer.ts';

/** A file that is swept between the look at its row and its opening makes a second look necessary; a third would be a fault. */
const READ_ATTEMPTS = 3;

export class EmbeddedStore implements ObjectStore {
  readonly #db: Database;
  readonly #files: ObjectFiles;
  readonly #options: EmbeddedStoreOptions;
  readonly #writer: ObjectWriter;

  constructor(options: EmbeddedStoreOptions) {
    this.#db = options.database;
    this.#files = options.files;
    this.#options = options;
    this.#writer = new ObjectWriter(options);
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
    // Judged once more when it is written; here it saves writing down what would be thrown away. A wrong checksum is an error whatever the
    // conditions say.
    const isChecked = Object.keys(checksums).length > 0;
    if (!isChecked && onlyIf !== undefined && !conditionsHold(onlyIf, await this.#current(bucket, key))) return null;
    return await this.#writer.withFile(bucket, content, size, checksums, async (draft) => {
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
        const written = await this.#writer.write(this.#db, bucket, key, head, [draft], expected);
        if (written !== null) return written;
      }
    });
  }

  async #current(bucket: BucketRecord, key: string): Promise<ObjectHead | undefined> {
    const row = await readHead(this.#db, bucket.id, key);
    return row === undefined ? undefined : toHead(row);
  }

  async delete(bucket: BucketRecord, keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    await this.#db.transaction(async (tx) => {
      const { rows } = await tx.query<ObjectRow & { readonly row_bytes: string }>(
        `WITH chosen AS MATERIALIZED (
           SELECT key FROM skep.r2_objects WHERE bucket_id = $1 AND key = ANY ($2::bytea[]) ORDER BY key FOR UPDATE)
         DELETE FROM skep.r2_objects o USING chosen WHERE o.bucket_id = $1 AND o.key = chosen.key
         RETURNING o.size_bytes, o.store, o.part_hashes, o.part_sizes,
           skep.r2_row_bytes(o.key, o.http_metadata, o.custom_metadata, cardinality(o.part_hashes)) AS row_bytes`,
        [bucket.id, keys.map((key) => Buffer.from(key))],
      );
      const own = rows.filter(({ store }) => store === this.#files.id);
      await changeReferences(
        tx,
        this.#files.id,
        own.flatMap((row) => partsOf(row).map(({ hash, size }) => ({ hash, size, by: -1 }))),
      );
      const bytes = rows.reduce((sum, row) => sum + Number(row.size_bytes), 0);
      const rowBytes = rows.reduce((sum, row) => sum + Number(row.row_bytes), 0);
      await changeUsage(tx, bucket.id, { objects: -rows.length, bytes: -bytes, rowBytes: -rowBytes });
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
      const copied = await this.#writer.write(tx, bucket, to, head, partsOf(source), null);
      return copied as ObjectHead;
    });
  };

  async createUpload(bucket: BucketRecord, key: string, attributes: ObjectAttributes): Promise<string> {
    checkKey(key);
    checkMetadata(attributes.customMetadata, attributes.httpMetadata);
    return await this.#db.transaction(async (tx) => {
      const { id, rowBytes } = await insertUpload(tx, bucket, key, {
        storage_class: attributes.storageClass ?? bucket.storageClass,
        http_metadata: attributes.httpMetadata,
        custom_metadata: attributes.customMetadata,
      });
      await changeUsage(tx, bucket.id, { rowBytes });
      await this.#writer.checkAdded(tx, bucket, rowBytes);
      return id;
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
    return await this.#writer.withFile(bucket, content, size, checksums, async (draft) => {
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
    const rowBytes = previous === undefined ? PART_ROW_BYTES : 0;
    await changeUsage(tx, bucket.id, { uploadBytes: growth, rowBytes });
    if (growth + rowBytes > 0) await this.#writer.checkAdded(tx, bucket, part.size);
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
      const own = stored.filter(({ store }) => store === this.#files.id);
      const released = { hashes: own.map(({ hash }) => hash), bytes: stored.reduce((sum, part) => sum + part.size, 0) };
      const shard = usageShard();
      const rowBytes = await closeUpload(tx, upload.uploadId, 'completed', Number(row.row_bytes));
      const completed = await this.#writer.write(tx, bucket, upload.key, head, chosen, null, {
        released,
        shard,
        releasedAfter: rowBytes,
      });
      // In the shard that is locked already, and behind everything else: or two writes could wait for one another.
      await changeUsage(tx, bucket.id, { rowBytes: -rowBytes }, shard);
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
      const rowBytes = await closeUpload(tx, upload.uploadId, 'aborted', Number(row.row_bytes));
      await changeReferences(tx, this.#files.id, references);
      await changeUsage(tx, bucket.id, { uploadBytes: -bytes, rowBytes: -rowBytes });
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
}

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

/**
 * What the rest of the server may ask of an object store, whatever is behind it: the embedded store (files on this node's disk, metadata in
 * PostgreSQL) or somebody else's S3.
 */
import type { Readable } from 'node:stream';
import type { SealedBackend } from './backends.ts';
import {
  type ByteRange,
  type Checksums,
  type Conditions,
  type HttpMetadata,
  type ObjectHead,
  R2_ERRORS,
  type R2ErrorName,
  type RangeRequest,
  type StorageClass,
  type UploadedPart,
} from '../../../shared/r2.ts';

/** Cloudflare's shape (https://developers.cloudflare.com/api/resources/r2/subresources/buckets/subresources/cors/). */
export interface CorsRule {
  readonly id?: string | undefined;
  readonly allowed: {
    /** One `*` in each stands for anything. */
    readonly origins: readonly string[];
    readonly methods: readonly string[];
    /** As `origins`, in any case. */
    readonly headers?: readonly string[] | undefined;
  };
  readonly exposeHeaders?: readonly string[] | undefined;
  readonly maxAgeSeconds?: number | undefined;
}

export interface BucketRecord {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly location: string;
  readonly storageClass: StorageClass;
  /** Null: the platform's default. */
  readonly quotaBytes: number | null;
  /** Null: the platform's store. */
  readonly backend: SealedBackend | null;
  /** Null: no page of another origin may use it. */
  readonly cors: readonly CorsRule[] | null;
}

/** What is not named stays as it is. */
export interface BucketChange {
  readonly storageClass?: StorageClass | undefined;
  readonly quotaBytes?: BucketRecord['quotaBytes'] | undefined;
  readonly cors?: BucketRecord['cors'] | undefined;
}

export interface BucketUsage {
  readonly objects: number;
  readonly bytes: number;
  /** Of multipart uploads that are not completed. */
  readonly uploadBytes: number;
  /** What the rows of objects, uploads and parts take in the database: keys, metadata, and some for themselves. */
  readonly rowBytes: number;
}

/** What may be said of an object when it is put. */
export interface ObjectAttributes {
  readonly httpMetadata: HttpMetadata;
  readonly customMetadata: Readonly<Record<string, string>>;
  /** Undefined: the bucket's. */
  readonly storageClass: StorageClass | undefined;
}

export interface PutOptions extends ObjectAttributes {
  /** The content has exactly this many bytes. */
  readonly size: number;
  /** What the content's checksums have to be. */
  readonly checksums: Checksums;
  readonly onlyIf: Conditions | undefined;
}

/** The content of a put: all of it, or a stream. */
export type Content = Uint8Array | AsyncIterable<Uint8Array>;

export interface GetOptions {
  readonly range?: RangeRequest | undefined;
  /** As in HTTP; ranges that make no sense are as none. */
  readonly rangeHeader?: string | undefined;
  readonly onlyIf?: Conditions | undefined;
}

export interface FoundObject {
  readonly object: ObjectHead;
  /** Null: a condition did not hold. A small one is there whole. */
  readonly body: Uint8Array | Readable | null;
}

export interface ListOptions {
  readonly limit: number;
  readonly prefix: string;
  readonly delimiter: string;
  /** Keys behind this one. */
  readonly startAfter: string | undefined;
  readonly cursor: string | undefined;
  readonly include: { readonly httpMetadata: boolean; readonly customMetadata: boolean };
}

export interface ObjectList {
  readonly objects: readonly ObjectHead[];
  readonly delimitedPrefixes: readonly string[];
  /** Where the next page begins; undefined: this was the last. */
  readonly cursor: string | undefined;
}

export interface PartRecord extends UploadedPart {
  readonly size: number;
  readonly uploaded: Date;
}

export interface UploadRecord {
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: Date;
}

/** Every method may reject with an R2Error, or with StoreUnavailable. */
export interface ObjectStore {
  head(bucket: BucketRecord, key: string): Promise<ObjectHead | null>;
  get(bucket: BucketRecord, key: string, options: GetOptions): Promise<FoundObject | null>;
  /** Null: a condition did not hold, and nothing changed. */
  put(bucket: BucketRecord, key: string, content: Content, options: PutOptions): Promise<ObjectHead | null>;
  /** Keys that are not there are no error. */
  delete(bucket: BucketRecord, keys: readonly string[]): Promise<void>;
  list(bucket: BucketRecord, options: ListOptions): Promise<ObjectList>;
  /** `onlyIf` judges the source. @throws R2Error noSuchKey, preconditionFailed */
  copy(
    bucket: BucketRecord,
    from: string,
    to: string,
    options: { readonly attributes: ObjectAttributes | undefined; readonly onlyIf: Conditions | undefined },
  ): Promise<ObjectHead>;
  createUpload(bucket: BucketRecord, key: string, attributes: ObjectAttributes): Promise<string>;
  uploadPart(
    bucket: BucketRecord,
    upload: UploadKey,
    part: { readonly number: number; readonly size: number; readonly checksums: Checksums },
    content: Content,
  ): Promise<UploadedPart>;
  completeUpload(bucket: BucketRecord, upload: UploadKey, parts: readonly UploadedPart[]): Promise<ObjectHead>;
  abortUpload(bucket: BucketRecord, upload: UploadKey): Promise<void>;
  listParts(bucket: BucketRecord, upload: UploadKey, after: number, limit: number): Promise<PartRecord[]>;
  listUploads(bucket: BucketRecord, prefix: string, limit: number): Promise<UploadRecord[]>;
}

export interface UploadKey {
  readonly key: string;
  readonly uploadId: string;
}

/** What R2 says when something cannot be. The message is for whoever asked. */
export class R2Error extends Error {
  override readonly name = 'R2Error';
  readonly kind: R2ErrorName;
  readonly code: number;

  /** @param message in place of R2's own sentence */
  constructor(kind: R2ErrorName, message?: string, options?: ErrorOptions) {
    const [code, sentence] = R2_ERRORS[kind];
    super(message ?? sentence, options);
    this.kind = kind;
    this.code = code;
  }
}

export type { ByteRange };

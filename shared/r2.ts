/**
 * R2 as both sides of a cell speak of it: what a worker asks of a bucket, and what it is told of an object. Errors have Cloudflare's codes
 * and sentences (https://developers.cloudflare.com/r2/api/error-codes/).
 */

export interface HttpMetadata {
  readonly contentType?: string;
  readonly contentLanguage?: string;
  readonly contentDisposition?: string;
  readonly contentEncoding?: string;
  readonly cacheControl?: string;
  /** Milliseconds since the epoch. */
  readonly cacheExpiry?: number;
}

export const HASH_NAMES = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const;
export type HashName = (typeof HASH_NAMES)[number];

/** As R2's own messages write them. */
export const HASH_TITLES: Readonly<Record<HashName, string>> = {
  md5: 'MD5',
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};
export const HASH_BYTES: Readonly<Record<HashName, number>> = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

/** Lower-case hex by algorithm. */
export type Checksums = { readonly [name in HashName]?: string };

export const STORAGE_CLASSES = ['Standard', 'InfrequentAccess'] as const;
export type StorageClass = (typeof STORAGE_CLASSES)[number];

/** What a worker is told of an object. */
export interface ObjectHead {
  readonly key: string;
  readonly version: string;
  readonly size: number;
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
  readonly storageClass: StorageClass;
  readonly checksums: Checksums;
  readonly httpMetadata: HttpMetadata;
  readonly customMetadata: Readonly<Record<string, string>>;
  /** What was read of it; absent where nothing was. */
  readonly range?: ByteRange;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A part of an object as it is asked for: `suffix` alone, or the others. */
export interface RangeRequest {
  readonly offset?: number;
  readonly length?: number;
  readonly suffix?: number;
}

export type EtagCondition =
  | { readonly type: 'strong' | 'weak'; readonly value: string }
  | { readonly type: 'wildcard' };

export interface Conditions {
  readonly etagMatches?: readonly EtagCondition[];
  readonly etagDoesNotMatch?: readonly EtagCondition[];
  /** Milliseconds since the epoch. */
  readonly uploadedBefore?: number;
  readonly uploadedAfter?: number;
  /** Compare whole seconds, as HTTP's dates do. */
  readonly secondsGranularity?: boolean;
}

export interface UploadedPart {
  readonly partNumber: number;
  readonly etag: string;
}

/** Arguments of the operations, by name. `delete` and `completeMultipartUpload` have a JSON body: their lists may be long. */
export interface R2Arguments {
  readonly head: { readonly key: string };
  readonly get: {
    readonly key: string;
    readonly range?: RangeRequest;
    /** The value of a `range` header, in place of `range`. */
    readonly rangeHeader?: string;
    readonly onlyIf?: Conditions;
  };
  /** The body is the content. */
  readonly put: {
    readonly key: string;
    readonly size: number;
    readonly httpMetadata?: HttpMetadata;
    readonly customMetadata?: Readonly<Record<string, string>>;
    readonly checksums?: Checksums;
    readonly onlyIf?: Conditions;
    readonly storageClass?: string;
  };
  readonly delete: null;
  readonly list: {
    readonly limit?: number;
    readonly prefix?: string;
    readonly cursor?: string;
    readonly delimiter?: string;
    readonly startAfter?: string;
    readonly include?: readonly string[];
  };
  readonly createMultipartUpload: Pick<R2Arguments['put'], 'key' | 'httpMetadata' | 'customMetadata' | 'storageClass'>;
  readonly uploadPart: {
    readonly key: string;
    readonly uploadId: string;
    readonly partNumber: number;
    readonly size: number;
  };
  readonly completeMultipartUpload: { readonly key: string; readonly uploadId: string };
  readonly abortMultipartUpload: { readonly key: string; readonly uploadId: string };
}

/** Code and sentence of what R2 says. */
export const R2_ERRORS = {
  internal: [10001, 'We encountered an internal error. Please try again.'],
  noSuchBucket: [10006, 'The specified bucket does not exist.'],
  noSuchKey: [10007, 'The specified key does not exist.'],
  entityTooLarge: [100100, 'Your proposed upload exceeds the maximum allowed object size.'],
  entityTooSmall: [10011, 'Your proposed upload is smaller than the minimum allowed object size.'],
  metadataTooLarge: [10012, 'Your metadata headers exceed the maximum allowed metadata size.'],
  invalidObjectName: [10020, 'The specified object name is not valid.'],
  invalidMaxKeys: [10022, 'MaxKeys params must be positive integer <= 1000.'],
  noSuchUpload: [10024, 'The specified multipart upload does not exist.'],
  invalidPart: [10025, 'One or more of the specified parts could not be found.'],
  invalidArgument: [10029, 'An argument is not valid.'],
  preconditionFailed: [10031, 'At least one of the pre-conditions you specified did not hold.'],
  badDigest: [10037, 'A checksum you specified did not match what we received.'],
  invalidRange: [10039, 'The requested range is not satisfiable'],
  badUpload: [10048, 'There was a problem with the multipart upload.'],
  tooManyUploads: [
    10058,
    'Too many uploads of this account are under way at once. Try again when some of them are over.',
  ],
  invalidStorageClass: [10062, 'The storage class specified is not valid.'],
  /** Not Cloudflare's: there a bucket has no end. */
  quotaExceeded: [10063, 'The bucket is full.'],
  /** Not Cloudflare's: the store behind the bucket cannot be used just now. */
  unavailable: [10043, 'The object store is not available. Please try again.'],
} as const satisfies Record<string, readonly [number, string]>;
export type R2ErrorName = keyof typeof R2_ERRORS;

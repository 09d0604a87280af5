/** Errors as S3 clients know them (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
import type { R2ErrorName } from '../../shared/r2.ts';
import type { R2Error } from '../storage/objects/types.ts';

const STATUS = {
  AccessDenied: 403,
  AccessForbidden: 403,
  AuthorizationHeaderMalformed: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidStorageClass: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedXML: 400,
  MaxMessageLengthExceeded: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  NotModified: 304,
  PreconditionFailed: 412,
  QuotaExceeded: 403,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  ServiceUnavailable: 503,
  XAmzContentSHA256Mismatch: 400,
} as const;
export type S3ErrorCode = keyof typeof STATUS;

/** Ends a request with S3's error document. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly code: S3ErrorCode;
  readonly status: number;

  constructor(code: S3ErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
  }
}

const CODE_OF: Readonly<Record<R2ErrorName, S3ErrorCode>> = {
  internal: 'InvalidRequest',
  noSuchBucket: 'NoSuchBucket',
  noSuchKey: 'NoSuchKey',
  entityTooLarge: 'EntityTooLarge',
  entityTooSmall: 'EntityTooSmall',
  metadataTooLarge: 'MetadataTooLarge',
  invalidObjectName: 'KeyTooLongError',
  invalidMaxKeys: 'InvalidArgument',
  noSuchUpload: 'NoSuchUpload',
  invalidPart: 'InvalidPart',
  invalidArgument: 'InvalidArgument',
  preconditionFailed: 'PreconditionFailed',
  badDigest: 'BadDigest',
  invalidRange: 'InvalidRange',
  badUpload: 'InvalidPart',
  tooManyUploads: 'SlowDown',
  invalidStorageClass: 'InvalidStorageClass',
  quotaExceeded: 'QuotaExceeded',
  unavailable: 'ServiceUnavailable',
};

export const fromR2 = (error: R2Error): S3Error => new S3Error(CODE_OF[error.kind], error.message);

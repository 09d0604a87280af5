/** What an operation of S3 gets. */
import type { ServerResponse } from 'node:http';
import type { BucketRecord, ObjectStore } from '../storage/objects/types.ts';
import type { S3Request } from './request.ts';
import type { Signed } from './signature.ts';

export interface Operand {
  readonly request: S3Request;
  readonly response: ServerResponse;
  /** The bucket that the key opens, and that the path names. */
  readonly bucket: BucketRecord;
  readonly store: ObjectStore;
  readonly signed: Signed;
}

/** Answers the request. May throw S3Error and R2Error as long as nothing is sent. */
export type Operation = (operand: Operand) => Promise<void>;

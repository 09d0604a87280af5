/**
 * The S3 interface of the object store: signature, bucket, operation, answer. It stands on the control API's port, where requests are told
 * apart by their signature, and, when asked for, on a port of its own.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GATEWAY_LIMITS, UPLOAD_LIMITS } from '../../shared/limits.ts';
import { ListenError } from '../../shared/listen-error.ts';
import type { Logger } from '../log/types.ts';
import { isUnavailable } from '../storage/errors.ts';
import type { ObjectStorage } from '../storage/objects/open.ts';
import { R2Error } from '../storage/objects/types.ts';
import { sendError } from './answers.ts';
import {
  createBucket,
  deleteBucket,
  deleteObjects,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
  listObjectsV1,
  listObjectsV2,
} from './buckets.ts';
import { allowOrigin, answerPreflight } from './cors.ts';
import { fromR2, S3Error } from './errors.ts';
import { copyObject, deleteObject, getObject, headObject, putObject } from './objects.ts';
import type { Operation } from './operations.ts';
import { parseRequest, type S3Request } from './request.ts';
import { requireImplemented } from './not-implemented.ts';
import { authenticate } from './signature.ts';
import {
  abortUpload,
  completeUpload,
  createUpload,
  listParts,
  listUploads,
  uploadPart,
  uploadPartCopy,
} from './uploads.ts';

export { looksSigned } from './signature.ts';

export interface S3Options {
  readonly storage: Pick<ObjectStorage, 'findKey' | 'requireBucket' | 'storeOf'>;
  readonly log: Logger;
}

export type S3Handler = (incoming: IncomingMessage, response: ServerResponse) => void;

/** Answers S3 requests. */
export function createS3(options: S3Options): S3Handler {
  return (incoming, response) => {
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    response.setHeader('x-amz-request-id', requestId);
    response.setHeader('server', 'Skep');
    answer(options, incoming, response).catch((error: unknown) => {
      const shown = shownError(options, error, requestId);
      const method = incoming.method ?? 'GET';
      // What is left of a body is not read: the client hears the answer, and the connection ends.
      if (!incoming.complete) response.setHeader('connection', 'close');
      sendError({ method, resource: (incoming.url ?? '/').split('?')[0] ?? '/' }, response, shown, requestId);
    });
  };
}

async function answer({ storage }: S3Options, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = parseRequest(incoming);
  if (request.method === 'OPTIONS') return await answerPreflight(storage, request, response);
  await allowOrigin(storage, request, response);
  const signed = await authenticate(request, (id) => storage.findKey(id), Date.now());
  const { accountId, bucketName, canWrite } = signed.key;
  const operation = operationOf(request);
  if (request.bucket !== '' && request.bucket !== bucketName) {
    throw new S3Error('AccessDenied', `Access Denied: the key of this request opens the bucket ${bucketName} only.`);
  }
  if (!canWrite && request.method !== 'GET' && request.method !== 'HEAD') {
    throw new S3Error('AccessDenied', 'Access Denied: the key of this request may only read.');
  }
  const bucket = await storage.requireBucket(accountId, bucketName);
  // A copy of the answer that a cache keeps must not be given to a page of another origin.
  if (bucket.cors !== null) response.setHeader('vary', 'Origin');
  await operation({ request, response, bucket, store: storage.storeOf(bucket), signed });
}

/** @throws S3Error NotImplemented, MethodNotAllowed */
function operationOf(request: S3Request): Operation {
  if (request.has('cors')) {
    throw new S3Error(
      'AccessDenied',
      'Access Denied: CORS rules are set over the control API (wrangler r2 bucket cors).',
    );
  }
  requireImplemented(request);
  const found =
    request.bucket === ''
      ? serviceOperation(request)
      : request.key === ''
        ? bucketOperation(request)
        : objectOperation(request);
  if (found === undefined) {
    throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.');
  }
  return found;
}

const serviceOperation = ({ method }: S3Request): Operation | undefined => (method === 'GET' ? listBuckets : undefined);

function bucketOperation(request: S3Request): Operation | undefined {
  switch (request.method) {
    case 'GET':
      if (request.has('location')) return getBucketLocation;
      if (request.has('versioning')) return getBucketVersioning;
      if (request.has('uploads')) return listUploads;
      return request.param('list-type') === '2' ? listObjectsV2 : listObjectsV1;
    case 'HEAD':
      return headBucket;
    case 'PUT':
      return createBucket;
    case 'DELETE':
      return deleteBucket;
    case 'POST':
      return request.has('delete') ? deleteObjects : undefined;
    default:
      return undefined;
  }
}

function objectOperation(request: S3Request): Operation | undefined {
  const isUpload = request.has('uploadId');
  const isCopy = request.header('x-amz-copy-source') !== undefined;
  switch (request.method) {
    case 'GET':
      return isUpload ? listParts : getObject;
    case 'HEAD':
      return headObject;
    case 'PUT':
      if (isUpload) return isCopy ? uploadPartCopy : uploadPart;
      return isCopy ? copyObject : putObject;
    case 'DELETE':
      return isUpload ? abortUpload : deleteObject;
    case 'POST':
      return isUpload ? completeUpload : request.has('uploads') ? createUpload : undefined;
    default:
      return undefined;
  }
}

function shownError({ log }: S3Options, error: unknown, requestId: string): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof R2Error) {
    if (error.kind === 'unavailable') log.warn('An object store is not available', { requestId, error });
    return fromR2(error);
  }
  if (isUnavailable(error)) {
    log.warn('S3 could not serve a request now', { requestId, error });
    return new S3Error(
      'ServiceUnavailable',
      'Please reduce your request rate or try again: the database cannot be reached.',
    );
  }
  log.error('An S3 request failed unexpectedly', { requestId, error });
  return new S3Error('InternalError', 'We encountered an internal error. Please try again.');
}

/** A port of its own. Uploads may take as long as bytes come. */
export async function listenS3(
  handler: S3Handler,
  { host, port, log }: { readonly host: string; readonly port: number; readonly log: Logger },
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { headersTimeoutMs: headersTimeout, keepAliveTimeoutMs: keepAliveTimeout } = GATEWAY_LIMITS;
  const server = createServer({ requestTimeout: 0, headersTimeout, keepAliveTimeout }, handler);
  server.maxConnections = UPLOAD_LIMITS.maxConnections;
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void =>
      reject(new ListenError({ what: 'The S3 interface', host, port, setting: 'SKEP_S3_PORT' }, error));
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
  server.on('error', (error) => log.error('The S3 server has an error', { error }));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), 5_000).unref();
      }),
  };
}

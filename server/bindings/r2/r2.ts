/**
 * The server's half of R2 bindings: a bucket of the worker's own account, by the name in the deployed version. Contents stream both ways
 * under the call's windows; nothing is held whole but what is small.
 */
import type { Readable } from 'node:stream';
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { ObjectHead } from '../../../shared/r2.ts';
import type { Binding } from '../../../shared/worker.ts';
import type { Logger } from '../../log/types.ts';
import { withIdleLimit } from '../../storage/idle-limit.ts';
import type { ObjectStorage } from '../../storage/objects/open.ts';
import { type BucketRecord, type Content, type ObjectStore, R2Error } from '../../storage/objects/types.ts';
import { readBounded } from '../../storage/read-bounded.ts';
import type { BindingCall, WorkerEvent } from '../../supervisor/types.ts';
import { createDataBinding, type Operation, OperationError } from '../data-binding.ts';
import { sendChunks } from '../send-chunks.ts';
import {
  attributes,
  count,
  fieldsOf,
  getOptions,
  keyList,
  listOptions,
  partList,
  partNumberOf,
  putOptions,
  text,
} from './arguments.ts';

export type R2Binding = Extract<Binding, { readonly type: 'r2_bucket' }>;

export interface R2BindingOptions {
  readonly storage: Pick<ObjectStorage, 'requireBucket' | 'storeOf'>;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly log: Logger;
}

interface Target {
  readonly call: BindingCall;
  readonly bucket: BucketRecord;
  readonly store: ObjectStore;
  readonly args: Readonly<Record<string, unknown>>;
}

type R2Operation = (target: Target) => Promise<void>;

/** The broker's handler of bindings of type `r2_bucket`. */
export function createR2Binding({
  storage,
  onEvent,
  log,
}: R2BindingOptions): (call: BindingCall, binding: R2Binding) => void {
  const toOperation = (name: string, work: R2Operation): Operation<R2Binding> => {
    return async (call, binding, args) => {
      try {
        const bucket = await storage.requireBucket(call.caller.version.accountId, binding.bucketName);
        await work({ call, bucket, store: storage.storeOf(bucket), args: fieldsOf(args ?? {}, 'arguments') });
      } catch (error) {
        throw error instanceof R2Error ? shownError(name, error, log) : error;
      }
    };
  };
  return createDataBinding<R2Binding>({
    operations: Object.fromEntries(Object.entries(OPERATIONS).map(([name, work]) => [name, toOperation(name, work)])),
    onEvent,
    log,
    unavailable: (_error, operation) => ({
      name: 'Error',
      message: shownText(operation, new R2Error('unavailable')),
    }),
  });
}

const shownText = (operation: string, { message, code }: R2Error): string => `${operation}: ${message} (${code})`;

/** What is the platform's own affair is the operator's to know as well. */
function shownError(operation: string, error: R2Error, log: Logger): OperationError {
  if (error.kind === 'unavailable') log.warn('An object store is not available', { operation, error });
  return new OperationError(shownText(operation, error));
}

const OPERATIONS: Readonly<Record<string, R2Operation>> = {
  async head({ call, bucket, store, args }) {
    const object = await store.head(bucket, text(args.key, 'key'));
    answer(call, object === null ? null : { ...object, range: { offset: 0, length: object.size } });
  },

  async get({ call, bucket, store, args }) {
    const found = await store.get(bucket, text(args.key, 'key'), getOptions(args));
    if (found === null) answer(call, null);
    else if (found.body === null) answer(call, { object: found.object, hasBody: false });
    else await sendObject(call, found.object, found.body);
  },

  async put({ call, bucket, store, args }) {
    const options = putOptions(args);
    const object = await store.put(bucket, text(args.key, 'key'), contentOf(call), options);
    answer(call, object);
  },

  async delete({ call, bucket, store }) {
    await store.delete(bucket, keyList(await readJson(call)));
    answer(call, null);
  },

  async list({ call, bucket, store, args }) {
    const { cursor, ...page } = await store.list(bucket, listOptions(args));
    // As the body: a page of long keys is more than fits into a head.
    call.respondWith(null);
    call.write(Buffer.from(JSON.stringify({ ...page, truncated: cursor !== undefined, cursor })));
    call.end();
  },

  async createMultipartUpload({ call, bucket, store, args }) {
    answer(call, await store.createUpload(bucket, text(args.key, 'key'), attributes(args)));
  },

  async uploadPart({ call, bucket, store, args }) {
    const part = { number: partNumberOf(args.partNumber), size: count(args.size, 'size'), checksums: {} };
    answer(call, await store.uploadPart(bucket, uploadOf(args), part, contentOf(call)));
  },

  async completeMultipartUpload({ call, bucket, store, args }) {
    answer(call, await store.completeUpload(bucket, uploadOf(args), partList(await readJson(call))));
  },

  async abortMultipartUpload({ call, bucket, store, args }) {
    await store.abortUpload(bucket, uploadOf(args));
    answer(call, null);
  },
};

const uploadOf = (args: Target['args']): { key: string; uploadId: string } => ({
  key: text(args.key, 'key'),
  uploadId: text(args.uploadId, 'uploadId'),
});

function answer(call: BindingCall, result: unknown): void {
  call.respondWith(result);
  call.end();
}

async function sendObject(call: BindingCall, object: ObjectHead, body: Uint8Array | Readable): Promise<void> {
  call.respondWith({ object, hasBody: true });
  if (body instanceof Uint8Array) {
    if (body.length > 0) call.write(body);
    call.end();
    return;
  }
  await sendChunks(call, body, () => body.destroy());
}

/** The body of a put. */
function contentOf(call: BindingCall): Content {
  if (call.wholeBody !== null) return call.wholeBody;
  return call.body === null ? new Uint8Array(0) : withIdleLimit(call.body, R2_LIMITS.bodyIdleMs, broughtNothing);
}

const broughtNothing = (): R2Error =>
  new R2Error('internal', `The content brought no byte for ${R2_LIMITS.bodyIdleMs / 1000} s.`);

/** A list that is too long for the call's head. */
async function readJson(call: BindingCall): Promise<unknown> {
  const content = contentOf(call);
  const limit = R2_LIMITS.maxListBodyBytes;
  const list = await readBounded(
    content instanceof Uint8Array ? [content] : content,
    limit,
    () => new R2Error('invalidArgument', `The list has more than ${limit} bytes.`),
  );
  try {
    return JSON.parse(list.toString('utf8')) as unknown;
  } catch {
    throw new R2Error('invalidArgument', 'The list is not JSON.');
  }
}

/** `R2MultipartUpload`. */
import type { ObjectHead, UploadedPart } from '../../../shared/r2.ts';
import { callData } from '../../calls.ts';
import { isArray, jsonStringify, NativeTypeError, utf8Encode } from '../../primordials.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import { type Args, contentParameter, optionsParameter, partNumber, refuseCustomerKey, toText } from './arguments.ts';
import { type HeadResult, makeHead, ownProperty } from './objects.ts';

const CREATE = {};
const OWNER = 'R2MultipartUpload';
/** workerd's own words, the name as its compiler writes it. */
const NO_PART =
  'Cannot initialize N7workerd3api11public_beta17R2MultipartUpload12UploadedPartE with required members from an undefined or null value.';

/** Whose upload it is. */
interface Upload {
  readonly binding: string;
  readonly key: string;
  readonly uploadId: string;
}

async function uploadPart({ binding, key, uploadId }: Upload, args: Args): Promise<UploadedPart> {
  if (args.length === 0) throw parameterError('uploadPart', OWNER, 1, 'integer');
  const { body, size } = contentParameter(OWNER, 'uploadPart', args, false);
  const number = partNumber(args[0]);
  refuseCustomerKey(optionsParameter(OWNER, 'uploadPart', args, 3, 'UploadPartOptions'));
  const part = { key, uploadId, partNumber: number, size };
  const { result } = await callData(binding, { name: 'uploadPart', args: part }, body);
  return result as UploadedPart;
}

async function abort({ binding, key, uploadId }: Upload): Promise<void> {
  await callData(binding, { name: 'abortMultipartUpload', args: { key, uploadId } });
}

async function complete({ binding, key, uploadId }: Upload, args: Args): Promise<HeadResult> {
  const parts = utf8Encode(jsonStringify(partsParameter(args[0])));
  const { result } = await callData(binding, { name: 'completeMultipartUpload', args: { key, uploadId } }, parts);
  return makeHead(result as ObjectHead);
}

export class R2MultipartUpload {
  readonly #upload!: Upload;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    const upload = args[1] as Upload;
    this.#upload = upload;
    ownProperty(this, 'uploadId', upload.uploadId);
    ownProperty(this, 'key', upload.key);
  }

  uploadPart(...args: unknown[]): Promise<UploadedPart> {
    if (!isObject(this) || !(#upload in this)) throw illegalInvocation();
    return uploadPart(this.#upload, args);
  }

  abort(): Promise<void> {
    if (!isObject(this) || !(#upload in this)) throw illegalInvocation();
    return abort(this.#upload);
  }

  complete(...args: unknown[]): Promise<HeadResult> {
    if (!isObject(this) || !(#upload in this)) throw illegalInvocation();
    return complete(this.#upload, args);
  }
}

function partsParameter(parts: unknown): UploadedPart[] {
  if (!isArray(parts)) throw parameterError('complete', OWNER, 1, 'Array');
  const read: UploadedPart[] = [];
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] as Record<string, unknown>;
    if (part === undefined || part === null) throw new NativeTypeError(NO_PART);
    if (!isObject(part)) {
      throw new NativeTypeError(
        `Incorrect type for array element ${index}: the provided value is not of type 'UploadedPart'.`,
      );
    }
    read[read.length] = { partNumber: partNumber(part.partNumber), etag: toText(part.etag) };
  }
  return read;
}

export const makeUpload = (binding: string, key: string, uploadId: string): R2MultipartUpload =>
  new R2MultipartUpload(CREATE, { binding, key, uploadId });

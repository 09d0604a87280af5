/**
 * R2 buckets in `env`, as in https://developers.cloudflare.com/r2/api/workers/workers-api-reference/. The objects lie with the server; a
 * cell only asks.
 */
import type { ObjectHead } from '../../../shared/r2.ts';
import { callData } from '../../calls.ts';
import { compatFlag } from '../../compat.ts';
import { type ByteStream, readAll } from '../../http/index.ts';
import {
  defineProperty,
  deleteProperty,
  getOwnPropertyDescriptor,
  isArray,
  jsonParse,
  jsonStringify,
  NativeUint8Array,
  ownKeys,
  symbolToStringTag,
  utf8Decode,
  utf8Encode,
} from '../../primordials.ts';
import { knowR2Objects } from '../../r2-objects.ts';
import { refuseClonesOf } from '../../scope-functions.ts';
import { declareLength } from '../../stream-facts.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import {
  type Args,
  contentParameter,
  optionsParameter,
  readAttributes,
  readGetOptions,
  readListOptions,
  readPutOptions,
  textParameter,
  toText,
} from './arguments.ts';
import {
  Checksums,
  GetResult,
  type HeadResult,
  HeadResult as HeadResultClass,
  makeBody,
  makeHead,
  partsOf,
} from './objects.ts';
import { makeUpload, R2MultipartUpload } from './upload.ts';

const CREATE = {};
const OWNER = 'R2Bucket';

interface ListAnswer {
  readonly objects: readonly ObjectHead[];
  readonly delimitedPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly cursor?: string;
}

interface GetAnswer {
  readonly object: ObjectHead;
  readonly hasBody: boolean;
}

async function head(binding: string, args: Args): Promise<HeadResult | null> {
  const key = textParameter(OWNER, 'head', args, 1);
  const { result } = await callData(binding, { name: 'head', args: { key } });
  return result === null ? null : makeHead(result as ObjectHead);
}

async function get(binding: string, args: Args): Promise<HeadResult | null> {
  const key = textParameter(OWNER, 'get', args, 1);
  const options = readGetOptions(optionsParameter(OWNER, 'get', args, 2, 'GetOptions'));
  const { result, body } = await callData(binding, { name: 'get', args: { key, ...options } });
  if (result === null) return null;
  const { object, hasBody } = result as GetAnswer;
  if (!hasBody) return makeHead(object);
  if (!(body instanceof NativeUint8Array)) declareLength(body, object.range?.length ?? object.size);
  return makeBody(object, body);
}

async function put(binding: string, args: Args): Promise<HeadResult | null> {
  const key = textParameter(OWNER, 'put', args, 1);
  const { body, size } = contentParameter(OWNER, 'put', args, true);
  const options = readPutOptions(optionsParameter(OWNER, 'put', args, 3, 'PutOptions'));
  const { result } = await callData(binding, { name: 'put', args: { key, size, ...options } }, body);
  return result === null ? null : makeHead(result as ObjectHead);
}

async function createMultipartUpload(binding: string, args: Args): Promise<R2MultipartUpload> {
  const key = textParameter(OWNER, 'createMultipartUpload', args, 1);
  const options = optionsParameter(OWNER, 'createMultipartUpload', args, 2, 'MultipartOptions');
  const attributes = readAttributes(options, 'MultipartOptions');
  const { result } = await callData(binding, { name: 'createMultipartUpload', args: { key, ...attributes } });
  return makeUpload(binding, key, result as string);
}

async function deleteKeys(binding: string, args: Args): Promise<void> {
  if (args.length === 0) throw parameterError('delete', OWNER, 1, 'string or Array');
  const keys = utf8Encode(jsonStringify(keyList(args[0])));
  await callData(binding, { name: 'delete', args: null }, keys);
}

async function list(binding: string, args: Args): Promise<object> {
  const options = optionsParameter(OWNER, 'list', args, 1, 'ListOptions');
  const read = readListOptions(options, compatFlag('r2_list_honor_include'));
  const { body } = await callData(binding, { name: 'list', args: read });
  return shownList(jsonParse(utf8Decode(await allOf(body))) as ListAnswer);
}

/** A wrong `this` is thrown at once, as on Workers; everything else is what the promise is rejected with. */
export class R2Bucket {
  readonly #binding!: string;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#binding = args[1] as string;
  }

  head(...args: unknown[]): Promise<HeadResult | null> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    return head(this.#binding, args);
  }

  get(...args: unknown[]): Promise<HeadResult | null> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    return get(this.#binding, args);
  }

  put(...args: unknown[]): Promise<HeadResult | null> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    return put(this.#binding, args);
  }

  createMultipartUpload(...args: unknown[]): Promise<R2MultipartUpload> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    return createMultipartUpload(this.#binding, args);
  }

  resumeMultipartUpload(...args: unknown[]): R2MultipartUpload {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const key = textParameter(OWNER, 'resumeMultipartUpload', args, 1);
    return makeUpload(this.#binding, key, textParameter(OWNER, 'resumeMultipartUpload', args, 2));
  }

  delete(...args: unknown[]): Promise<void> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    return deleteKeys(this.#binding, args);
  }

  list(...args: unknown[]): Promise<object> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    return list(this.#binding, args);
  }
}

function keyList(value: unknown): string[] {
  if (!isArray(value)) return [toText(value)];
  const keys: string[] = [];
  for (let index = 0; index < value.length; index++) keys[index] = toText(value[index]);
  return keys;
}

const allOf = (body: Uint8Array<ArrayBuffer> | ByteStream): Promise<Uint8Array> | Uint8Array =>
  body instanceof NativeUint8Array ? body : readAll(body as ByteStream);

function shownList({ objects, truncated, cursor, delimitedPrefixes }: ListAnswer): object {
  const shown: HeadResult[] = [];
  for (let index = 0; index < objects.length; index++) shown[index] = makeHead(objects[index] as ObjectHead);
  if (cursor === undefined && !compatFlag('enable_fast_jsg_struct'))
    return { objects: shown, truncated, delimitedPrefixes };
  return { objects: shown, truncated, cursor, delimitedPrefixes };
}

/** As on Workers: methods are enumerable, of length 0 and before the constructor, and the class has its name as a tag. */
function publish(type: { readonly prototype: object }, name: string): void {
  const { prototype } = type;
  const { constructor } = prototype;
  deleteProperty(prototype, 'constructor');
  const keys = ownKeys(prototype);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string | symbol;
    const descriptor = getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    if (typeof descriptor.value === 'function') {
      defineProperty(descriptor.value as object, 'length', { value: 0, configurable: true });
    }
    defineProperty(prototype, key, { ...descriptor, enumerable: true });
  }
  defineProperty(prototype, 'constructor', {
    value: constructor,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  defineProperty(type, 'name', { value: name, configurable: true });
  if (compatFlag('set_tostring_tag')) defineProperty(prototype, symbolToStringTag, { value: name, configurable: true });
}

publish(Checksums, 'Checksums');
publish(HeadResultClass, 'HeadResult');
publish(GetResult, 'GetResult');
publish(R2MultipartUpload, 'R2MultipartUpload');
publish(R2Bucket, 'R2Bucket');

knowR2Objects(partsOf);
refuseClonesOf(R2Bucket, 'An R2 bucket binding cannot be serialized.');
refuseClonesOf(HeadResultClass, 'R2 resources can only be serialized for RPC.');
refuseClonesOf(Checksums, 'R2 resources can only be serialized for RPC.');
refuseClonesOf(
  R2MultipartUpload,
  'Could not serialize object of type "R2MultipartUpload". This type does not support serialization.',
);

export { receiveChecksums, receiveObject } from './received.ts';

/** The object in `env`. */
export const createBinding = (name: string): R2Bucket => new R2Bucket(CREATE, name);

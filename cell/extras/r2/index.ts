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
import { declareLength } from '../../stream-facts.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import {
  contentParameter,
  optionsParameter,
  readAttributes,
  readGetOptions,
  readListOptions,
  readPutOptions,
  textParameter,
  toText,
} from './arguments.ts';
import { Checksums, GetResult, type HeadResult, HeadResult as HeadResultClass, makeBody, makeHead } from './objects.ts';
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

export class R2Bucket {
  readonly #binding!: string;

  constructor(...args: unknown[]) {
    if (args[0] !== CREATE) throw illegalConstructor();
    this.#binding = args[1] as string;
  }

  async head(...args: unknown[]): Promise<HeadResult | null> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const key = textParameter(OWNER, 'head', args, 1);
    const { result } = await callData(this.#binding, { name: 'head', args: { key } });
    return result === null ? null : makeHead(result as ObjectHead);
  }

  async get(...args: unknown[]): Promise<HeadResult | null> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const key = textParameter(OWNER, 'get', args, 1);
    const options = readGetOptions(optionsParameter(OWNER, 'get', args, 2, 'GetOptions'));
    const { result, body } = await callData(this.#binding, { name: 'get', args: { key, ...options } });
    if (result === null) return null;
    const { object, hasBody } = result as GetAnswer;
    if (!hasBody) return makeHead(object);
    if (!(body instanceof NativeUint8Array)) declareLength(body, object.range?.length ?? object.size);
    return makeBody(object, body);
  }

  async put(...args: unknown[]): Promise<HeadResult | null> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const key = textParameter(OWNER, 'put', args, 1);
    const { body, size } = contentParameter(OWNER, 'put', args, true);
    const options = readPutOptions(optionsParameter(OWNER, 'put', args, 3, 'PutOptions'));
    const { result } = await callData(this.#binding, { name: 'put', args: { key, size, ...options } }, body);
    return result === null ? null : makeHead(result as ObjectHead);
  }

  async createMultipartUpload(...args: unknown[]): Promise<R2MultipartUpload> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const binding = this.#binding;
    const key = textParameter(OWNER, 'createMultipartUpload', args, 1);
    const options = optionsParameter(OWNER, 'createMultipartUpload', args, 2, 'MultipartOptions');
    const attributes = readAttributes(options, 'MultipartOptions');
    const { result } = await callData(binding, { name: 'createMultipartUpload', args: { key, ...attributes } });
    return makeUpload(binding, key, result as string);
  }

  resumeMultipartUpload(...args: unknown[]): R2MultipartUpload {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const key = textParameter(OWNER, 'resumeMultipartUpload', args, 1);
    return makeUpload(this.#binding, key, textParameter(OWNER, 'resumeMultipartUpload', args, 2));
  }

  async delete(...args: unknown[]): Promise<void> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    if (args.length === 0) throw parameterError('delete', OWNER, 1, 'string or Array');
    const keys = utf8Encode(jsonStringify(keyList(args[0])));
    await callData(this.#binding, { name: 'delete', args: null }, keys);
  }

  async list(...args: unknown[]): Promise<object> {
    if (!isObject(this) || !(#binding in this)) throw illegalInvocation();
    const options = optionsParameter(OWNER, 'list', args, 1, 'ListOptions');
    const read = readListOptions(options, compatFlag('r2_list_honor_include'));
    const { body } = await callData(this.#binding, { name: 'list', args: read });
    return shownList(jsonParse(utf8Decode(await allOf(body))) as ListAnswer);
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
  return { objects: shown, truncated, cursor, delimitedPrefixes };
}

/** As on Workers: methods are enumerable and of length 0, and the class has its name as a tag. */
function publish(type: { readonly prototype: object }, name: string): void {
  const { prototype } = type;
  const keys = ownKeys(prototype);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string | symbol;
    if (key === 'constructor') continue;
    const descriptor = getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    if (typeof descriptor.value === 'function') {
      defineProperty(descriptor.value as object, 'length', { value: 0, configurable: true });
    }
    defineProperty(prototype, key, { ...descriptor, enumerable: true });
  }
  defineProperty(type, 'name', { value: name, configurable: true });
  if (compatFlag('set_tostring_tag')) defineProperty(prototype, symbolToStringTag, { value: name, configurable: true });
}

publish(Checksums, 'Checksums');
publish(HeadResultClass, 'HeadResult');
publish(GetResult, 'GetResult');
publish(R2MultipartUpload, 'R2MultipartUpload');
publish(R2Bucket, 'R2Bucket');

/** The object in `env`. */
export const createBinding = (name: string): R2Bucket => new R2Bucket(CREATE, name);

/**
 * An object store that lies with somebody else's S3 (AWS, R2, MinIO, Garage …). Contents stream through; nothing of them is kept here.
 * What S3 has no place for (custom metadata beyond lower-case ASCII, checksums it does not know) goes into metadata of our own.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { R2_LIMITS } from '../../shared/limits.ts';
import type { Checksums, HashName, ObjectHead, UploadedPart } from '../../shared/r2.ts';
import type { S3BackendSettings } from '../storage/objects/backends.ts';
import {
  checkDigests,
  checkKey,
  checkMetadata,
  checkSize,
  conditionsHold,
  keptChecksums,
  neededHashes,
  resolveRange,
} from '../storage/objects/rules.ts';
import {
  type Content,
  type FoundObject,
  type ObjectAttributes,
  type ObjectStore,
  type PutOptions,
  R2Error,
} from '../storage/objects/types.ts';
import { attributeHeaders, headOf } from './backend-metadata.ts';
import { type BackendAnswer, type BackendRequest, discard, garbage, readText, S3Client } from './client.ts';
import { childText, element, parseXml, root, type XmlElement } from './xml.ts';

/** HEADs at a time when a list is to show metadata, which S3's lists do not have. */
const HEADS_AT_ONCE = 10;
const MAX_HEADS = 100;
const ATTEMPTS = 3;

/** The store behind these settings, and how to close its connections. */
export function createS3Backend(settings: S3BackendSettings): ObjectStore & { close(): void } {
  return new S3Backend(settings);
}

class S3Backend implements ObjectStore {
  readonly #client: S3Client;
  readonly #prefix: string;

  constructor(settings: S3BackendSettings) {
    this.#client = new S3Client(settings);
    this.#prefix = settings.prefix;
  }

  close(): void {
    this.#client.close();
  }

  #send(request: BackendRequest): Promise<BackendAnswer> {
    return this.#client.send({ ...request, key: this.#prefix + request.key });
  }

  async head(_bucket: unknown, key: string): Promise<ObjectHead | null> {
    checkKey(key);
    const answer = await this.#send({ method: 'HEAD', key });
    if (answer.status !== 200 && answer.status !== 404) throw await failure(answer);
    discard(answer);
    return answer.status === 404 ? null : headOf(key, answer);
  }

  async get(bucket: unknown, key: string, options: Parameters<ObjectStore['get']>[2]): Promise<FoundObject | null> {
    for (let attempt = 1; ; attempt++) {
      const object = await this.head(bucket, key);
      if (object === null) return null;
      const whole = { ...object, range: { offset: 0, length: object.size } };
      if (!conditionsHold(options.onlyIf, object)) return { object: whole, body: null };
      const range = resolveRange(options, object.size);
      if (range.length === 0) return { object: { ...object, range }, body: new Uint8Array(0) };
      const headers: Record<string, string> = { 'if-match': `"${object.etag}"` };
      if (range.length < object.size) headers.range = `bytes=${range.offset}-${range.offset + range.length - 1}`;
      const answer = await this.#send({ method: 'GET', key, headers });
      // It was replaced in between: look again.
      if ((answer.status === 412 || answer.status === 404) && attempt < ATTEMPTS) {
        discard(answer);
        continue;
      }
      if (answer.status !== 200 && answer.status !== 206) throw await failure(answer);
      if (Number(answer.header('content-length')) !== range.length) throw discarded(answer);
      return { object: { ...object, range }, body: answer.body };
    }
  }

  async put(bucket: unknown, key: string, content: Content, options: PutOptions): Promise<ObjectHead | null> {
    const { size, checksums, onlyIf, httpMetadata, customMetadata } = options;
    checkKey(key);
    checkSize(size);
    checkMetadata(customMetadata, httpMetadata);
    const headers = attributeHeaders(options, keptChecksums(checksums));
    if (onlyIf !== undefined) {
      const current = await this.head(bucket, key);
      if (!conditionsHold(onlyIf, current ?? undefined)) return null;
      headers[current === null ? 'if-none-match' : 'if-match'] = current === null ? '*' : `"${current.etag}"`;
    }
    const body = { content: verified(content, size, checksums), size };
    const answer = await this.#send({ method: 'PUT', key, headers, body });
    if (answer.status === 412 && onlyIf !== undefined) {
      discard(answer);
      return null;
    }
    if (answer.status !== 200) throw await failure(answer);
    discard(answer);
    const head = await this.head(bucket, key);
    if (head === null) throw garbage();
    const { range: _range, ...put } = head;
    return put;
  }

  async delete(_bucket: unknown, keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key);
    if (keys.length === 0) return;
    const objects = keys.map((key) => element('Object', [element('Key', this.#prefix + key)]));
    const body = Buffer.from(root('Delete', [...objects, element('Quiet', true)]));
    // S3 wants this one checked.
    const headers = {
      'content-md5': createHash('md5').update(body).digest('base64'),
      'content-type': 'application/xml',
    };
    const answer = await this.#client.send({ method: 'POST', key: '', query: { delete: '' }, headers, body });
    const document = await readDocument(answer, 'DeleteResult');
    const failed = document.children.find(({ name }) => name === 'Error');
    if (failed !== undefined) {
      throw new R2Error(
        'unavailable',
        `The object store refused to delete: ${childText(failed, 'Code') ?? 'unknown'}.`,
      );
    }
  }

  list: ObjectStore['list'] = async (bucket, options) => {
    const { include, limit } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > R2_LIMITS.maxListKeys) throw new R2Error('invalidMaxKeys');
    const needsHeads = include.httpMetadata || include.customMetadata;
    const query: Record<string, string> = {
      'list-type': '2',
      'encoding-type': 'url',
      'max-keys': String(needsHeads ? Math.min(limit, MAX_HEADS) : limit),
      prefix: this.#prefix + options.prefix,
    };
    if (options.delimiter !== '') query.delimiter = options.delimiter;
    if (options.startAfter !== undefined) query['start-after'] = this.#prefix + options.startAfter;
    if (options.cursor !== undefined) query['continuation-token'] = options.cursor;
    const answer = await this.#client.send({ method: 'GET', key: '', query });
    const document = await readDocument(answer, 'ListBucketResult');
    const listed = document.children.filter(({ name }) => name === 'Contents').map((entry) => this.#listed(entry));
    const prefixes = document.children.filter(({ name }) => name === 'CommonPrefixes');
    return {
      objects: needsHeads ? await this.#withHeads(bucket, listed, include) : listed,
      delimitedPrefixes: prefixes.map((entry) => this.#withoutPrefix(childText(entry, 'Prefix') ?? '')),
      cursor: childText(document, 'IsTruncated') === 'true' ? childText(document, 'NextContinuationToken') : undefined,
    };
  };

  #withoutPrefix(encoded: string): string {
    try {
      return decodeURIComponent(encoded.replaceAll('+', '%20')).slice(this.#prefix.length);
    } catch {
      throw garbage();
    }
  }

  #listed(entry: XmlElement): ObjectHead {
    const etag = (childText(entry, 'ETag') ?? '').replace(/^"(.*)"$/, '$1');
    const uploaded = Date.parse(childText(entry, 'LastModified') ?? '');
    const size = Number(childText(entry, 'Size'));
    if (etag === '' || Number.isNaN(uploaded) || !Number.isSafeInteger(size)) throw garbage();
    return {
      key: this.#withoutPrefix(childText(entry, 'Key') ?? ''),
      version: etag,
      size,
      etag,
      uploaded,
      storageClass: childText(entry, 'StorageClass')?.endsWith('_IA') === true ? 'InfrequentAccess' : 'Standard',
      checksums: /^[0-9a-f]{32}$/.test(etag) ? { md5: etag } : {},
      httpMetadata: {},
      customMetadata: {},
    };
  }

  /** Objects that are gone by now are left out. */
  async #withHeads(
    bucket: unknown,
    listed: readonly ObjectHead[],
    include: { readonly httpMetadata: boolean; readonly customMetadata: boolean },
  ): Promise<ObjectHead[]> {
    const found: ObjectHead[] = [];
    for (let at = 0; at < listed.length; at += HEADS_AT_ONCE) {
      const heads = await Promise.all(listed.slice(at, at + HEADS_AT_ONCE).map(({ key }) => this.head(bucket, key)));
      for (const head of heads) {
        if (head === null) continue;
        found.push({
          ...head,
          httpMetadata: include.httpMetadata ? head.httpMetadata : {},
          customMetadata: include.customMetadata ? head.customMetadata : {},
        });
      }
    }
    return found;
  }

  copy: ObjectStore['copy'] = async (bucket, from, to, { attributes, onlyIf }) => {
    const found = await this.get(bucket, from, { onlyIf });
    if (found === null) throw new R2Error('noSuchKey');
    if (found.body === null) throw new R2Error('preconditionFailed');
    const { object, body } = found;
    const copied = await this.put(bucket, to, body as Content, {
      size: object.size,
      checksums: {},
      onlyIf: undefined,
      ...(attributes ?? { ...object, storageClass: object.storageClass }),
    });
    return copied as ObjectHead;
  };

  async createUpload(_bucket: unknown, key: string, attributes: ObjectAttributes): Promise<string> {
    checkKey(key);
    checkMetadata(attributes.customMetadata, attributes.httpMetadata);
    const headers = attributeHeaders(attributes, {});
    const answer = await this.#send({ method: 'POST', key, query: { uploads: '' }, headers });
    const document = await readDocument(answer, 'InitiateMultipartUploadResult');
    return childText(document, 'UploadId') ?? '';
  }

  uploadPart: ObjectStore['uploadPart'] = async (_bucket, { key, uploadId }, { number, size, checksums }, content) => {
    checkSize(size);
    const query = { partNumber: String(number), uploadId };
    const body = { content: verified(content, size, checksums), size };
    const answer = await this.#send({ method: 'PUT', key, query, body });
    if (answer.status !== 200) throw await failure(answer);
    discard(answer);
    return { partNumber: number, etag: (answer.header('etag') ?? '').replace(/^"(.*)"$/, '$1') };
  };

  completeUpload: ObjectStore['completeUpload'] = async (bucket, { key, uploadId }, parts) => {
    const children = parts
      .toSorted((a, b) => a.partNumber - b.partNumber)
      .map(({ partNumber, etag }: UploadedPart) =>
        element('Part', [element('PartNumber', partNumber), element('ETag', `"${etag}"`)]),
      );
    const body = Buffer.from(root('CompleteMultipartUpload', children));
    const answer = await this.#send({ method: 'POST', key, query: { uploadId }, body });
    // S3 may begin its answer with 200 and fail in the document.
    await readDocument(answer, 'CompleteMultipartUploadResult');
    const head = await this.head(bucket, key);
    if (head === null) throw garbage();
    const { range: _range, ...completed } = head;
    return completed;
  };

  abortUpload: ObjectStore['abortUpload'] = async (_bucket, { key, uploadId }) => {
    const answer = await this.#send({ method: 'DELETE', key, query: { uploadId } });
    if (answer.status !== 204 && answer.status !== 200) throw await failure(answer);
    discard(answer);
  };

  listParts: ObjectStore['listParts'] = async (_bucket, { key, uploadId }, after, limit) => {
    const query = { uploadId, 'part-number-marker': String(after), 'max-parts': String(limit) };
    const document = await readDocument(await this.#send({ method: 'GET', key, query }), 'ListPartsResult');
    return document.children
      .filter(({ name }) => name === 'Part')
      .map((part) => ({
        partNumber: Number(childText(part, 'PartNumber')),
        etag: (childText(part, 'ETag') ?? '').replace(/^"(.*)"$/, '$1'),
        size: Number(childText(part, 'Size')),
        uploaded: new Date(childText(part, 'LastModified') ?? 0),
      }));
  };

  listUploads: ObjectStore['listUploads'] = async (_bucket, prefix, limit) => {
    const query = { uploads: '', prefix: this.#prefix + prefix, 'max-uploads': String(limit) };
    const document = await readDocument(
      await this.#client.send({ method: 'GET', key: '', query }),
      'ListMultipartUploadsResult',
    );
    return document.children
      .filter(({ name }) => name === 'Upload')
      .map((upload) => ({
        key: (childText(upload, 'Key') ?? '').slice(this.#prefix.length),
        uploadId: childText(upload, 'UploadId') ?? '',
        initiated: new Date(childText(upload, 'Initiated') ?? 0),
      }));
  };
}

/**
 * Passes the content on and holds its last piece back until its length and checksums are known to be right: what is wrong then is a body that
 * ends too early, which S3 throws away.
 */
async function* verified(content: Content, size: number, promised: Checksums): AsyncGenerator<Uint8Array> {
  const names: readonly HashName[] = Object.keys(promised).length === 0 ? [] : neededHashes(promised);
  const hashes = names.map((name) => [name, createHash(name)] as const);
  let last: Uint8Array | undefined;
  let bytes = 0;
  for await (const chunk of content instanceof Uint8Array ? [content] : (content as Readable)) {
    const piece = chunk as Uint8Array;
    if (piece.length === 0) continue;
    bytes += piece.length;
    if (bytes > size) break;
    for (const [, hash] of hashes) hash.update(piece);
    if (last !== undefined) yield last;
    last = piece;
  }
  if (bytes !== size)
    throw new R2Error('internal', `The content has another length than announced: ${size} bytes were to come.`);
  checkDigests(promised, Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')])));
  if (last !== undefined) yield last;
}

const KINDS: Readonly<Record<string, R2Error['kind']>> = {
  NoSuchKey: 'noSuchKey',
  NoSuchUpload: 'noSuchUpload',
  InvalidPart: 'invalidPart',
  InvalidPartOrder: 'invalidPart',
  EntityTooSmall: 'entityTooSmall',
  EntityTooLarge: 'entityTooLarge',
  MetadataTooLarge: 'metadataTooLarge',
  InvalidRange: 'invalidRange',
  PreconditionFailed: 'preconditionFailed',
};

const kindOf = (code: string | undefined): R2Error['kind'] | undefined =>
  code !== undefined && Object.hasOwn(KINDS, code) ? KINDS[code] : undefined;

/** What an answer that is no success means: R2's own error where there is one; all else is the operator's affair. */
async function failure(answer: BackendAnswer): Promise<R2Error> {
  const text = await readText(answer).catch(() => '');
  const code = /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1];
  const kind = kindOf(code);
  if (kind !== undefined) return new R2Error(kind);
  return new R2Error(
    'unavailable',
    `The object store behind this bucket answered with status ${answer.status}${code === undefined ? '' : ` (${code})`}.`,
  );
}

function discarded(answer: BackendAnswer): R2Error {
  answer.body.destroy();
  return garbage();
}

/** @throws R2Error */
async function readDocument(answer: BackendAnswer, name: string): Promise<XmlElement> {
  if (answer.status !== 200) throw await failure(answer);
  const text = await readText(answer);
  let document: XmlElement;
  try {
    document = parseXml(text);
  } catch {
    throw garbage();
  }
  if (document.name === 'Error') {
    throw new R2Error(kindOf(childText(document, 'Code')) ?? 'unavailable');
  }
  if (document.name !== name) throw garbage();
  return document;
}

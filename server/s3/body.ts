/**
 * Bodies of S3 requests: plain, or in `aws-chunked` pieces with or without signatures and with checksums behind them. What comes out is the
 * content; whatever does not fit together fails before its end, so that nothing of it is ever visible.
 */
import { createHash } from 'node:crypto';
import { type CrcName, startCrc } from '../../shared/crc.ts';
import { R2_LIMITS } from '../../shared/limits.ts';
import type { Checksums } from '../../shared/r2.ts';
import { readBounded } from '../storage/read-bounded.ts';
import { withIdleLimit } from '../storage/idle-limit.ts';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { chunkSignature, noMatch, type Signed, trailerSignature } from './signature.ts';

const CHUNKED = /^STREAMING-(AWS4-HMAC-SHA256-PAYLOAD|UNSIGNED-PAYLOAD)(-TRAILER)?$/;
const CHECKSUM_HEADER = /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/;

export interface S3Content {
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
  /** What the store is to check. */
  readonly checksums: Checksums;
  /** Checked here, to be told in the answer; complete when the content has come to its end. */
  readonly checked: Map<string, string>;
}

/** The content of a PUT. @throws S3Error when it is announced wrongly */
export function readContent(request: S3Request, signed: Signed): S3Content {
  const { payload } = signed;
  const chunked = CHUNKED.exec(payload);
  const size = contentSize(request, chunked !== null);
  const wanted = new Map<string, string>();
  for (const name of Object.keys(request.headers)) {
    const checksum = CHECKSUM_HEADER.exec(name)?.[1];
    if (checksum !== undefined) wanted.set(checksum, request.header(name) ?? '');
  }
  const checked = new Map<string, string>();
  const raw = withIdleLimit(request.body, R2_LIMITS.bodyIdleMs, broughtNothing);
  const trailers = trailerNames(request);
  const plain =
    chunked === null
      ? raw
      : dechunk(raw, signed, chunked[1] === 'AWS4-HMAC-SHA256-PAYLOAD', (name, value) => wanted.set(name, value));
  const content = checkContent(plain, [...new Set([...wanted.keys(), ...trailers])], wanted, checked);
  const checksums = { ...md5Of(request), ...(/^[0-9a-f]{64}$/.test(payload) ? { sha256: payload } : {}) };
  return { size, content, checksums, checked };
}

function contentSize(request: S3Request, isChunked: boolean): number {
  const text = request.header(isChunked ? 'x-amz-decoded-content-length' : 'content-length');
  const size = Number(text ?? Number.NaN);
  if (text !== undefined && /^\d{1,15}$/.test(text)) return size;
  throw new S3Error(
    'MissingContentLength',
    `You must provide the ${isChunked ? 'x-amz-decoded-content-length' : 'Content-Length'} HTTP header.`,
  );
}

const trailerNames = (request: S3Request): string[] =>
  (request.header('x-amz-trailer') ?? '')
    .split(',')
    .map((name) => CHECKSUM_HEADER.exec(name.trim().toLowerCase())?.[1])
    .filter((name) => name !== undefined);

function md5Of(request: S3Request): Checksums {
  const text = request.header('content-md5');
  if (text === undefined) return {};
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 16) throw new S3Error('BadDigest', 'The Content-MD5 you specified is not valid.');
  return { md5: bytes.toString('hex') };
}

const broughtNothing = (): S3Error =>
  new S3Error('IncompleteBody', `The body brought no byte for ${R2_LIMITS.bodyIdleMs / 1000} s.`);

interface Running {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

const startChecksum = (name: string): Running =>
  name.startsWith('crc') ? startCrc(name as CrcName) : createHash(name);

/** Passes the content on and compares it with the checksums that were sent with it, in front of it or behind. */
async function* checkContent(
  content: AsyncIterable<Uint8Array>,
  names: readonly string[],
  wanted: ReadonlyMap<string, string>,
  checked: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  const running = names.map((name) => [name, startChecksum(name)] as const);
  for await (const chunk of content) {
    for (const [, checksum] of running) checksum.update(chunk);
    yield chunk;
  }
  for (const [name, checksum] of running) {
    const found = Buffer.from(checksum.digest()).toString('base64');
    const value = wanted.get(name);
    if (value !== found) {
      throw new S3Error('BadDigest', `The ${name.toUpperCase()} you specified did not match the calculated checksum.`);
    }
    checked.set(name, found);
  }
}

/** Bytes that are taken by lines and by counts. */
class ByteSource {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done === true) throw new S3Error('IncompleteBody', 'The request body ended in the middle of a chunk.');
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(value) : Buffer.concat([this.#buffer, value]);
  }

  /** Without its line break. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0 && end <= R2_LIMITS.maxChunkLineBytes) {
        const line = this.#buffer.toString('latin1', 0, end);
        this.#buffer = this.#buffer.subarray(end + 2);
        return line;
      }
      if (this.#buffer.length > R2_LIMITS.maxChunkLineBytes)
        throw new S3Error('InvalidRequest', 'A chunk has no valid header.');
      await this.#more();
    }
  }

  /** Up to so many bytes, at least one. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#buffer.length === 0) await this.#more();
    const piece = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(piece.length);
    return piece;
  }

  /** Reads to the end, where a line break or two may still come. Whoever leaves a source unread leaves its time limit running. */
  async end(): Promise<void> {
    for (let bytes = this.#buffer.length; bytes <= R2_LIMITS.maxChunkLineBytes; ) {
      const { done, value } = await this.#source.next();
      if (done === true) return;
      bytes += value.length;
    }
    throw new S3Error('InvalidRequest', 'The request body goes on behind its last chunk.');
  }

  /** Gives up what is not read yet. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

async function* dechunk(
  body: AsyncIterable<Uint8Array>,
  signed: Signed,
  hasSignatures: boolean,
  onTrailer: (name: string, value: string) => void,
): AsyncGenerator<Uint8Array> {
  const source = new ByteSource(body);
  try {
    const last = yield* chunksOf(source, signed, hasSignatures);
    await readTrailers(source, signed, hasSignatures ? last : null, onTrailer);
    await source.end();
  } finally {
    await source.close();
  }
}

/** The chunks up to the empty one; returns the signature of that. */
async function* chunksOf(
  source: ByteSource,
  signed: Signed,
  hasSignatures: boolean,
): AsyncGenerator<Uint8Array, string> {
  let previous = signed.signature;
  for (;;) {
    const line = await source.line();
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (match === null) throw new S3Error('InvalidRequest', 'A chunk has no valid header.');
    const size = Number.parseInt(match[1] as string, 16);
    const hash = createHash('sha256');
    for (let left = size; left > 0; ) {
      const piece = await source.take(left);
      left -= piece.length;
      if (hasSignatures) hash.update(piece);
      yield piece;
    }
    if (hasSignatures) {
      const expected = chunkSignature(signed, previous, hash.digest('hex'));
      if (match[2] !== expected) throw noMatch();
      previous = expected;
    }
    if (size === 0) return previous;
    if ((await source.line()) !== '') throw new S3Error('InvalidRequest', 'A chunk is longer than announced.');
  }
}

/** Lines behind the last chunk, to the empty one. */
async function readTrailers(
  source: ByteSource,
  signed: Signed,
  previous: string | null,
  onTrailer: (name: string, value: string) => void,
): Promise<void> {
  const lines: string[] = [];
  let signature: string | undefined;
  for (let line = await source.line(); line !== ''; line = await source.line()) {
    if (lines.length >= R2_LIMITS.maxTrailers) throw new S3Error('InvalidRequest', 'There are too many trailers.');
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'x-amz-trailer-signature') {
      signature = value;
      break;
    }
    lines.push(`${name}:${value}\n`);
    const checksum = CHECKSUM_HEADER.exec(name)?.[1];
    if (checksum !== undefined) onTrailer(checksum, value);
  }
  if (previous === null || !signed.payload.endsWith('-TRAILER')) return;
  if (signature !== trailerSignature(signed, previous, lines.join(''))) throw noMatch();
}

/** A document in the body, whole. @throws S3Error MaxMessageLengthExceeded, XAmzContentSHA256Mismatch */
export async function readDocument(request: S3Request, signed: Signed): Promise<string> {
  const declared = Number(request.header('content-length') ?? 0);
  if (declared > R2_LIMITS.maxXmlBytes) throw tooLong();
  const { content, checksums } = readContent(request, signed);
  const document = await readBounded(content, R2_LIMITS.maxXmlBytes, tooLong);
  for (const name of ['md5', 'sha256'] as const) {
    const wanted = checksums[name];
    if (wanted !== undefined && createHash(name).update(document).digest('hex') !== wanted) {
      throw name === 'md5'
        ? new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.')
        : new S3Error(
            'XAmzContentSHA256Mismatch',
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
          );
    }
  }
  return document.toString('utf8');
}

const tooLong = (): S3Error =>
  new S3Error('MaxMessageLengthExceeded', `Your request was too big: ${R2_LIMITS.maxXmlBytes} bytes of XML are taken.`);

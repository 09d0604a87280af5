/**
 * Reads the multipart body of an upload, counting while it arrives: nothing beyond the limits is ever kept in memory.
 * Format: RFC 7578, as undici and curl send it.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { ReadableStream } from 'node:stream/web';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { UPLOAD_LIMITS } from '../../../shared/limits.ts';
import { formatBytes, readChunks } from '../body.ts';
import { type ApiError, fail } from '../errors.ts';

export interface UploadPart {
  /** The part's name; `metadata` is the description of the upload. */
  readonly name: string;
  readonly filename: string | undefined;
  /** Lower case, without parameters; `text/plain` when absent (RFC 7578 §4.4). */
  readonly contentType: string;
  readonly content: Buffer;
  /** SHA-256, hex; computed chunk by chunk so that a large upload does not stall the event loop. */
  readonly hash: string;
}

export const METADATA_PART = 'metadata';
export const SOURCE_MAP_TYPE = 'application/source-map';

/** Bytes that a body may have at all: every part at its limit, and what multipart puts around them. */
const MAX_BODY_BYTES =
  UPLOAD_LIMITS.maxWorkerBytes +
  UPLOAD_LIMITS.maxSourceMapBytes +
  UPLOAD_LIMITS.maxMetadataBytes +
  UPLOAD_LIMITS.maxMultipartOverheadBytes;

/** Parts beside the modules: metadata, and a source map for each module. */
const MAX_PARTS = UPLOAD_LIMITS.maxModules * 2 + 1;

/**
 * All parts of the body, in order. Throws ApiError: 10026 for what is not multipart or ends too early, 10027 for what is too large,
 * 10021 for too many parts.
 */
export async function readMultipart(
  stream: ReadableStream<Uint8Array> | null,
  contentType: string,
): Promise<UploadPart[]> {
  const parser = openParser(contentType);
  const collector = new PartCollector(parser);
  let size = 0;
  await readChunks(stream, async (chunk) => {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge('the upload has more than that in all');
    await collector.write(chunk);
  });
  return await collector.end();
}

function openParser(contentType: string): BusboyInstance {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) {
    const seen = contentType === '' ? 'none' : `'${contentType.slice(0, 100)}'`;
    throw fail('bodyUnreadable', {
      reason: `an upload is multipart/form-data with a boundary, the content type was ${seen}`,
    });
  }
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      preservePath: true,
      // Everything as bytes: decoding text parts would change modules.
      isPartAFile: () => true,
      limits: { parts: MAX_PARTS, headerPairs: 32, headerSize: UPLOAD_LIMITS.maxPartHeaderBytes },
    });
  } catch (error) {
    throw fail('bodyUnreadable', { reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Feeds the parser and collects its parts. The first failure wins; what comes after it is ignored. */
class PartCollector {
  readonly #parser: BusboyInstance;
  readonly #parts: (() => UploadPart)[] = [];
  readonly #finished: Promise<unknown>;
  #failure: ApiError | undefined;
  #workerBytes = 0;
  #sourceMapBytes = 0;

  constructor(parser: BusboyInstance) {
    this.#parser = parser;
    parser.on('file', (name, file, filename, _encoding, contentType) =>
      this.#collect(name, file, filename, contentType),
    );
    parser.on('partsLimit', () =>
      this.#fail(fail('validation', { reason: `The upload has more than ${MAX_PARTS} parts.` })),
    );
    parser.on('error', (error) => this.#failBroken(error));
    this.#finished = once(parser, 'finish');
    // Awaited in end() only; a failure before that is reported through #failure.
    this.#finished.catch(() => {});
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#parser.write(chunk)) await Promise.race([once(this.#parser, 'drain'), this.#finished]).catch(() => {});
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<UploadPart[]> {
    this.#parser.end();
    await this.#finished.catch((error: unknown) => this.#failBroken(error));
    if (this.#failure !== undefined) throw this.#failure;
    return this.#parts.map((finish) => finish());
  }

  #collect(name: string | undefined, file: BusboyFileStream, filename: string | undefined, contentType: string): void {
    const chunks: Buffer[] = [];
    const hash = createHash('sha256');
    // Without a listener Node would end the process when the body stops in the middle of a part.
    file.on('error', (error) => this.#failBroken(error));
    file.on('data', (chunk: Buffer) => {
      if (this.#failure !== undefined) return;
      this.#count(name, contentType, chunk.byteLength);
      hash.update(chunk);
      chunks.push(chunk);
    });
    if (name === undefined || name === '') {
      this.#fail(fail('bodyUnreadable', { reason: 'a part of the upload has no name' }));
      return;
    }
    this.#parts.push(() => ({ name, filename, contentType, content: Buffer.concat(chunks), hash: hash.digest('hex') }));
  }

  #count(name: string | undefined, contentType: string, bytes: number): void {
    if (contentType === SOURCE_MAP_TYPE) {
      this.#sourceMapBytes += bytes;
      if (this.#sourceMapBytes > UPLOAD_LIMITS.maxSourceMapBytes) {
        const limit = formatBytes(UPLOAD_LIMITS.maxSourceMapBytes);
        this.#fail(
          fail('workerTooLarge', { limit, what: 'its source maps have more, set upload_source_maps to false' }),
        );
      }
      return;
    }
    this.#workerBytes += bytes;
    const limit = UPLOAD_LIMITS.maxWorkerBytes + (name === METADATA_PART ? UPLOAD_LIMITS.maxMetadataBytes : 0);
    if (this.#workerBytes > limit) this.#fail(tooLarge('its modules together have more'));
  }

  #failBroken(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#fail(fail('bodyUnreadable', { reason: `the multipart upload is broken or was cut off (${reason})` }));
  }

  #fail(error: ApiError): void {
    this.#failure ??= error;
  }
}

function tooLarge(what: string): ApiError {
  return fail('workerTooLarge', { limit: formatBytes(UPLOAD_LIMITS.maxWorkerBytes), what });
}

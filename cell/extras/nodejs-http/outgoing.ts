/** `http.OutgoingMessage`: headers that can be set until they are sent, then a body to write. */
import { invalidArgType, nodeError, nodeTypeError } from '../nodejs/errors.ts';
import { headerEntries, headersSent, validateHeaderName, validateHeaderValue } from './common.ts';
import { Buffer, type Done, Writable } from './streams.ts';

interface HeaderField {
  /** As the program spelled it. */
  readonly name: string;
  value: unknown;
}

const BODY_TYPES = 'of type string or an instance of Buffer or Uint8Array';

export class OutgoingMessage extends Writable {
  req: unknown;
  outputData: unknown[] = [];
  outputSize = 0;
  writtenHeaderBytes = 0;
  strictContentLength = false;
  chunkedEncoding = false;
  sendDate = false;
  shouldKeepAlive = true;
  finished = false;
  useChunkedEncodingByDefault = true;
  maxRequestsOnConnectionReached = false;
  _header: string | null = null;
  _hasBody = true;
  _contentLength: number | null = null;
  _removedConnection = false;
  _removedContLen = false;
  _removedTE = false;
  readonly #fields = new Map<string, HeaderField>();

  constructor(req?: unknown, options?: { highWaterMark?: number; autoDestroy?: boolean }) {
    super({
      highWaterMark: options?.highWaterMark ?? 65536,
      decodeStrings: true,
      autoDestroy: options?.autoDestroy ?? true,
    });
    this.req = req;
  }

  setHeader(name: string, value: unknown): this {
    if (this._header !== null) throw headersSent('set');
    validateHeaderName(name);
    validateHeaderValue(name, value);
    this.#fields.set(name.toLowerCase(), { name, value });
    return this;
  }

  setHeaders(headers: unknown): this {
    if (this._header !== null) throw headersSent('set');
    if (!(headers instanceof Headers) && !(headers instanceof Map)) {
      throw invalidArgType('headers', 'an instance of Headers or Map', headers);
    }
    const cookies: string[] = [];
    for (const [name, value] of headers as Map<string, string>) {
      if (name === 'set-cookie') cookies.push(...(Array.isArray(value) ? (value as string[]) : [value]));
      else this.setHeader(name, value);
    }
    if (cookies.length > 0) this.setHeader('set-cookie', cookies);
    return this;
  }

  appendHeader(name: string, value: unknown): this {
    if (this._header !== null) throw headersSent('append');
    validateHeaderName(name);
    validateHeaderValue(name, value);
    const field = this.#fields.get(name.toLowerCase());
    if (field === undefined) {
      this.#fields.set(name.toLowerCase(), { name, value });
      return this;
    }
    if (!Array.isArray(field.value)) field.value = [field.value];
    (field.value as unknown[]).push(...(Array.isArray(value) ? (value as unknown[]) : [value]));
    return this;
  }

  getHeader(name: unknown): unknown {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name);
    return this.#fields.get(name.toLowerCase())?.value;
  }

  hasHeader(name: unknown): boolean {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name);
    return this.#fields.has(name.toLowerCase());
  }

  removeHeader(name: unknown): void {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name);
    if (this._header !== null) throw headersSent('remove');
    const key = name.toLowerCase();
    if (key === 'connection') this._removedConnection = true;
    else if (key === 'content-length') this._removedContLen = true;
    else if (key === 'transfer-encoding') this._removedTE = true;
    this.#fields.delete(key);
  }

  getHeaderNames(): string[] {
    return [...this.#fields.keys()];
  }

  getRawHeaderNames(): string[] {
    return Array.from(this.#fields.values(), ({ name }) => name);
  }

  getHeaders(): Record<string, unknown> {
    const headers = Object.create(null) as Record<string, unknown>;
    for (const [key, { value }] of this.#fields) headers[key] = value;
    return headers;
  }

  get headersSent(): boolean {
    return this._header !== null;
  }

  /** As they go out; lists become several lines. */
  toHeaders(): Headers {
    const headers = new Headers();
    for (const { name, value } of this.#fields.values()) {
      for (const one of Array.isArray(value) ? (value as unknown[]) : [value])
        headers.append(name, String(one as string));
    }
    return headers;
  }

  _addHeaders(headers: unknown): void {
    const seen = new Set<string>();
    for (const [name, value] of headerEntries(headers)) {
      validateHeaderName(name);
      const key = name.toLowerCase();
      // A flat list may name a header twice: both lines go out.
      if (seen.has(key)) this.appendHeader(name, value);
      else this.setHeader(name, value);
      seen.add(key);
    }
  }

  flushHeaders(): void {
    if (this._header === null) this._implicitHeader();
  }

  _implicitHeader(): void {
    throw nodeError('ERR_METHOD_NOT_IMPLEMENTED', 'The _implicitHeader() method is not implemented');
  }

  override write(chunk: unknown, encoding?: unknown, callback?: Done): boolean {
    checkChunk(chunk);
    if (this._header === null) this._implicitHeader();
    if (!this._hasBody) {
      const done = typeof encoding === 'function' ? (encoding as Done) : callback;
      if (done !== undefined) queueMicrotask(() => done());
      return true;
    }
    return super.write(chunk, encoding, callback);
  }

  override end(chunk?: unknown, encoding?: unknown, callback?: Done): this {
    if (typeof chunk === 'function') [chunk, encoding, callback] = [undefined, undefined, chunk as Done];
    else if (typeof encoding === 'function') [encoding, callback] = [undefined, encoding as Done];
    const isEmpty = chunk === undefined || chunk === null;
    if (!isEmpty) checkChunk(chunk);
    if (this._header === null) {
      if (!this.finished) this._contentLength = isEmpty ? 0 : byteLength(chunk, encoding);
      this._implicitHeader();
    }
    this.finished = true;
    if (isEmpty || !this._hasBody) super.end(undefined, undefined, callback);
    else super.end(chunk, encoding, callback);
    return this;
  }

  pipe(): never {
    throw nodeError('ERR_STREAM_CANNOT_PIPE', 'Cannot pipe, not readable');
  }
}

function byteLength(chunk: unknown, encoding: unknown): number {
  return typeof chunk === 'string'
    ? Buffer.byteLength(chunk, encoding as string | undefined)
    : (chunk as Uint8Array).byteLength;
}

function checkChunk(chunk: unknown): void {
  if (chunk === null) throw nodeTypeError('ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return;
  throw invalidArgType('chunk', BODY_TYPES, chunk);
}

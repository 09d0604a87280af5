/**
 * Objects of the platform as bytes: what RPC adds to the structured clone algorithm (RpcTargets, services, streams, requests, responses), and
 * Blobs, Headers and objects of R2, which workerd sends too.
 */
import { isRpcTarget } from '../../entrypoints.ts';
import {
  blobBytes,
  blobTypeOf,
  bytesOf,
  type ByteStream,
  type HeaderList,
  isFile,
  isRequest,
  isResponse,
  isUsed,
  listOf,
  type Request,
  requestCf,
  requestList,
  requestMethod,
  requestRedirect,
  requestSignal,
  requestUrl,
  type Response,
  responseCf,
  responseEncodes,
  responseList,
  responseStatus,
  responseStatusText,
  responseWebSocket,
  streamBehind,
  take,
  type Whole,
} from '../../http/index.ts';
import { NativeReadableStream, NativeTypeError, NativeUint8Array, streamLocked } from '../../primordials.ts';
import { type R2ObjectParts, r2PartsOf } from '../../r2-objects.ts';
import { destinationOf } from '../../service.ts';
import { NativeWritableStream, writableLocked } from '../../value-primordials.ts';
import type { ByteWriter } from './bytes.ts';
import { refusal, unsupported } from './refusals.ts';
import * as tag from './tags.ts';

/** Gives numbers to what stays on this side. */
export interface Exporter {
  /** An RpcTarget, a function, or the like: calls on it run here. */
  exportTarget(target: object): number;
  /** A stub is passed on: calls on it go through here. Undefined: not a stub. */
  exportStub(value: object): number | undefined;
  /** A binding: calls on it go through here. */
  exportService(value: object): number;
  exportReadable(stream: ReadableStream): number;
  exportWritable(stream: WritableStream): number;
  /** The class of a promise or property of RPC, which cannot be sent. */
  unsendableName(value: object): string | undefined;
}

/** The encoder as this part sees it. */
export interface PlatformWriter {
  readonly writer: ByteWriter;
  /** Null: nothing can stay behind (errors, props), and what would have to is refused. */
  readonly exporter: Exporter | null;
  value(value: unknown): void;
}

const TAKEN = 'The ReadableStream has been locked to a reader.';

/** Writes the value if it is one of the platform's objects, and says whether it was. Throws the refusal of those that cannot be sent. */
export function writePlatformObject(to: PlatformWriter, value: object): boolean {
  if (isRpcTarget(value)) writeTarget(to, value);
  else if (isResponse(value)) writeResponse(to, value);
  else if (isRequest(value)) writeRequest(to, value);
  else if (value instanceof NativeReadableStream) writeReadable(to, value);
  else if (value instanceof NativeWritableStream) writeWritable(to, value);
  else if (destinationOf(value) !== undefined) writeService(to, value);
  else return writeData(to, value);
  return true;
}

/** Of those that are whole in themselves, the one it is. */
function writeData(to: PlatformWriter, value: object): boolean {
  const headers = listOf(value);
  const bytes = isFile(value) ? undefined : blobBytes(value);
  const object = r2PartsOf(value);
  if (headers !== undefined) writeHeaders(to, headers);
  else if (bytes !== undefined) writeBlob(to, value, bytes);
  else if (object !== undefined) writeR2Object(to, value, object);
  else return false;
  return true;
}

function requireExporter(to: PlatformWriter, value: object): Exporter {
  if (to.exporter === null) throw refusal(value);
  return to.exporter;
}

function writeTarget(to: PlatformWriter, value: object): void {
  const id = requireExporter(to, value).exportTarget(value);
  to.writer.byte(tag.STUB);
  to.writer.uint(id);
}

function writeService(to: PlatformWriter, value: object): void {
  const id = requireExporter(to, value).exportService(value);
  to.writer.byte(tag.SERVICE);
  to.writer.uint(id);
}

function writeReadable(to: PlatformWriter, value: ReadableStream): void {
  const exporter = requireExporter(to, value);
  if (streamLocked(value)) throw new NativeTypeError(TAKEN);
  to.writer.byte(tag.READABLE);
  to.writer.uint(exporter.exportReadable(value));
}

function writeWritable(to: PlatformWriter, value: WritableStream): void {
  const exporter = requireExporter(to, value);
  if (writableLocked(value)) {
    throw new NativeTypeError('This WritableStream is currently locked to a writer.');
  }
  to.writer.byte(tag.WRITABLE);
  to.writer.uint(exporter.exportWritable(value));
}

function writeBlob(to: PlatformWriter, value: object, bytes: Uint8Array): void {
  requireExporter(to, value);
  to.writer.byte(tag.BLOB);
  to.writer.text(blobTypeOf(value as Parameters<typeof blobTypeOf>[0]));
  to.writer.bytes(bytes);
}

function writeHeaders(to: PlatformWriter, list: HeaderList): void {
  to.writer.byte(tag.HEADERS);
  writeHeaderList(to, list);
}

function writeHeaderList(to: PlatformWriter, list: HeaderList): void {
  to.writer.uint(list.length);
  for (let index = 0; index < list.length; index++) to.writer.text(list[index] as string);
}

function writeRequest(to: PlatformWriter, value: Request): void {
  const { writer } = to;
  requireExporter(to, value);
  const signal = requestSignal(value);
  if (signal !== undefined) throw refusal(signal);
  const body = takeBody(value);
  writer.byte(tag.REQUEST);
  writer.text(requestMethod(value));
  writer.text(requestUrl(value));
  writer.text(requestRedirect(value));
  writeHeaderList(to, requestList(value));
  to.value(requestCf(value));
  writeBody(to, body);
}

function writeResponse(to: PlatformWriter, value: Response): void {
  const { writer } = to;
  requireExporter(to, value);
  if (responseWebSocket(value) !== null) throw unsupported('WebSocket');
  if (responseStatus(value) === 0) return writer.byte(tag.ERROR_RESPONSE);
  const body = takeBody(value);
  writer.byte(tag.RESPONSE);
  writer.uint(responseStatus(value));
  writer.text(responseStatusText(value));
  writeHeaderList(to, responseList(value));
  to.value(responseCf(value));
  writer.byte(responseEncodes(value) ? 1 : 0);
  writeBody(to, body);
}

function writeR2Object(to: PlatformWriter, value: object, parts: R2ObjectParts): void {
  requireExporter(to, value);
  if (parts.head === null) {
    to.writer.byte(tag.R2_CHECKSUMS);
    return to.value(parts.checksums);
  }
  const { head, response } = parts;
  const body = response === null ? null : takeUnlockedBody(response);
  to.writer.byte(tag.R2_OBJECT);
  to.value(head);
  to.writer.byte(response === null ? 0 : 1);
  writeBody(to, body);
}

function writeBody(to: PlatformWriter, body: Whole | ByteStream | null): void {
  const { writer } = to;
  if (body === null) writer.byte(tag.NO_BODY);
  else if (typeof body === 'string' || body instanceof NativeUint8Array) {
    writer.byte(tag.WHOLE_BODY);
    writer.bytes(bytesOf(body));
  } else {
    const id = (to.exporter as Exporter).exportReadable(body);
    writer.byte(tag.STREAM_BODY);
    writer.uint(id);
  }
}

function takeBody(value: Request | Response): Whole | ByteStream | null {
  if (isUsed(value)) throw new NativeTypeError(TAKEN);
  return take(value);
}

/** Of R2's objects workerd says the same in both cases. */
function takeUnlockedBody(response: Response): Whole | ByteStream | null {
  const stream = streamBehind(response);
  if (stream !== null && streamLocked(stream)) throw new NativeTypeError(TAKEN);
  return takeBody(response);
}

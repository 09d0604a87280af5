/** How S3 answers: headers of objects, documents, errors. */
import type { ServerResponse } from 'node:http';
import type { HttpMetadata, ObjectHead } from '../../shared/r2.ts';
import type { S3Error } from './errors.ts';
import { headerBytes, headerText, type S3Request } from './request.ts';
import { element, xml } from './xml.ts';

/** Answers with a document. */
export function sendXml(response: ServerResponse, status: number, document: string): void {
  const body = Buffer.from(document);
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': body.length });
  response.end(body);
}

/** Answers without a body. */
export function sendNothing(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, status === 204 || status === 304 ? headers : { ...headers, 'content-length': 0 });
  response.end();
}

/** An error, as a document; HEAD and 304 have no body. */
export function sendError(
  request: { readonly method: string; readonly resource: string },
  response: ServerResponse,
  { code, message, status }: S3Error,
  requestId: string,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (request.method === 'HEAD' || status === 304) {
    sendNothing(response, status);
    return;
  }
  const fields = { Code: code, Message: message, Resource: request.resource, RequestId: requestId };
  const children = Object.entries(fields).map(([name, text]) => element(name, text));
  sendXml(response, status, xml(element('Error', children)));
}

/** Field of `httpMetadata`, header, and the parameter by which a GET asks for another value of it. */
const METADATA: readonly (readonly [keyof HttpMetadata, string, string])[] = [
  ['contentType', 'content-type', 'response-content-type'],
  ['contentLanguage', 'content-language', 'response-content-language'],
  ['contentDisposition', 'content-disposition', 'response-content-disposition'],
  ['contentEncoding', 'content-encoding', 'response-content-encoding'],
  ['cacheControl', 'cache-control', 'response-cache-control'],
];

/** The headers that describe an object, with what `response-*` parameters of the request put in their place. */
export function objectHeaders(object: ObjectHead, request: S3Request): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/octet-stream',
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.uploaded).toUTCString(),
    'accept-ranges': 'bytes',
  };
  const set = (name: string, text: string | undefined): void => {
    const value = text === undefined ? undefined : headerBytes(text);
    if (value !== undefined) headers[name] = value;
  };
  for (const [field, header, parameter] of METADATA) {
    set(header, request.param(parameter) ?? (object.httpMetadata[field] as string | undefined));
  }
  const { cacheExpiry } = object.httpMetadata;
  set(
    'expires',
    request.param('response-expires') ?? (cacheExpiry === undefined ? undefined : new Date(cacheExpiry).toUTCString()),
  );
  for (const [name, value] of Object.entries(object.customMetadata)) {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) set(`x-amz-meta-${name.toLowerCase()}`, value);
  }
  return headers;
}

/** What the headers of a put say of the content; they are kept with the object. */
export function readHttpMetadata(request: S3Request): HttpMetadata {
  const found: Record<string, string | number> = {};
  for (const [field, header] of METADATA) {
    const value = request.header(header);
    if (value === undefined) continue;
    // What only says how the body travels is no property of the object.
    const text = header === 'content-encoding' ? value.replace(/(?:^|,)\s*aws-chunked\s*(?:,|$)/i, '') : value;
    if (text !== '') found[field] = headerText(text);
  }
  const expires = Date.parse(request.header('expires') ?? '');
  if (!Number.isNaN(expires)) found.cacheExpiry = expires;
  return found;
}

/** The `x-amz-meta-*` headers, by name without the prefix. */
export function readCustomMetadata(request: S3Request): Record<string, string> {
  const prefix = 'x-amz-meta-';
  const names = Object.keys(request.headers).filter((name) => name.startsWith(prefix));
  return Object.fromEntries(names.map((name) => [name.slice(prefix.length), headerText(request.header(name) ?? '')]));
}

/** Builds multipart bodies byte by byte, right or wrong ones, as wrangler's undici would send them. */

export interface TestPart {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly type?: string;
  /** Default: the name, when there is a type; wrangler sends none for metadata. */
  readonly filename?: string | null;
}

const BOUNDARY = '----formdata-undici-012345678901';

export const MULTIPART_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** The body of these parts. */
export function multipartBody(parts: readonly TestPart[]): Buffer {
  const chunks: (string | Uint8Array)[] = [];
  for (const part of parts) {
    const filename = part.filename === undefined ? (part.type === undefined ? null : part.name) : part.filename;
    chunks.push(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${part.name}"`);
    if (filename !== null) chunks.push(`; filename="${filename}"`);
    if (part.type !== undefined) chunks.push(`\r\nContent-Type: ${part.type}`);
    chunks.push('\r\n\r\n', part.content, '\r\n');
  }
  chunks.push(`--${BOUNDARY}--\r\n`);
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
}

export const ESM = 'application/javascript+module';

/** A good upload of one ES module, with these metadata fields beside `main_module`. */
export function simpleUpload(
  metadata: Record<string, unknown> = {},
  code = 'export default { fetch() { return new Response("ok"); } };',
): Buffer {
  const full = { main_module: 'index.js', compatibility_date: '2023-07-24', ...metadata };
  return multipartBody([
    { name: 'metadata', content: JSON.stringify(full) },
    { name: 'index.js', content: code, type: ESM },
  ]);
}

/** The bytes as a request body stream, in pieces of `chunkBytes`. */
export function bodyStream(bytes: Uint8Array, chunkBytes = 65_536): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (offset >= bytes.byteLength) {
        controller.close();
        return;
      }
      controller.enqueue(bytes.subarray(offset, offset + chunkBytes));
      offset += chunkBytes;
    },
  });
}

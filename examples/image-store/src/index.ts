interface StoredImage {
  readonly key: string;
  readonly size: number;
  readonly uploaded: Date;
  readonly httpEtag: string;
  /** Absent when a condition of the request did not hold. */
  readonly body?: ReadableStream;
  readonly range?: { readonly offset: number; readonly length: number };
  writeHttpMetadata(headers: Headers): void;
}

interface ImagePage {
  readonly objects: readonly StoredImage[];
  readonly truncated: boolean;
  readonly cursor?: string;
}

/** What this Worker uses of R2; `npx wrangler types` writes the whole. */
interface Env {
  readonly IMAGES: {
    head(key: string): Promise<StoredImage | null>;
    get(key: string, options?: { range?: Headers; onlyIf?: Headers }): Promise<StoredImage | null>;
    put(
      key: string,
      value: ReadableStream,
      options: { httpMetadata: { contentType: string; cacheControl: string } },
    ): Promise<StoredImage>;
    delete(key: string): Promise<void>;
    list(options: { prefix?: string; cursor?: string; limit: number }): Promise<ImagePage>;
  };
}

const NAME = /^[\w][\w./-]{0,199}$/;
const MAX_BYTES = 10_000_000;
const PAGE = 100;
const SIGNATURE_BYTES = 12;

const refuse = (status: number, error: string): Response => Response.json({ error }, { status });

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    const name = url.pathname.slice(1);
    if (name === '') return request.method === 'GET' ? list(url, env) : refuse(405, 'A name is missing.');
    if (!NAME.test(name))
      return refuse(400, 'A name has 1 to 200 letters, digits and . _ - / and begins with one of the first.');
    switch (request.method) {
      case 'PUT':
        return store(request, name, env);
      case 'GET':
        return show(request, name, env);
      case 'HEAD':
        return describe(name, env);
      case 'DELETE':
        await env.IMAGES.delete(name);
        return new Response(null, { status: 204 });
      default:
        return refuse(405, `${request.method} is not for this.`);
    }
  },
};

async function store(request: Request, name: string, env: Env): Promise<Response> {
  const length = Number(request.headers.get('content-length') ?? Number.NaN);
  if (request.body === null || !(length > 0))
    return refuse(411, 'Send an image and say how long it is (Content-Length).');
  if (length > MAX_BYTES) return refuse(413, `The image has ${length} bytes; ${MAX_BYTES} are allowed.`);
  const { start, rest } = await peek(request.body);
  const contentType = typeOf(start);
  if (contentType === null) {
    await rest.cancel();
    return refuse(415, 'These bytes are no PNG, JPEG, GIF or WebP.');
  }
  // R2 wants to know how many bytes come.
  const { readable, writable } = new FixedLengthStream(length);
  const [stored] = await Promise.all([
    env.IMAGES.put(name, readable, { httpMetadata: { contentType, cacheControl: 'public, max-age=3600' } }),
    rest.pipeTo(writable),
  ]);
  const { size, httpEtag } = stored;
  return Response.json({ name, size, contentType }, { status: 201, headers: { etag: httpEtag } });
}

async function show(request: Request, name: string, env: Env): Promise<Response> {
  const image = await env.IMAGES.get(name, { range: request.headers, onlyIf: request.headers });
  if (image === null) return refuse(404, 'No such image.');
  const headers = headersOf(image);
  // A condition did not hold: the client has this image already, or asked for another one than this.
  if (image.body === undefined)
    return new Response(null, { status: request.headers.has('if-match') ? 412 : 304, headers });
  if (image.range === undefined || !request.headers.has('range')) return new Response(image.body, { headers });
  const { offset, length } = image.range;
  headers.set('content-range', `bytes ${offset}-${offset + length - 1}/${image.size}`);
  return new Response(image.body, { status: 206, headers });
}

async function describe(name: string, env: Env): Promise<Response> {
  const image = await env.IMAGES.head(name);
  if (image === null) return new Response(null, { status: 404 });
  const headers = headersOf(image);
  headers.set('content-length', String(image.size));
  return new Response(null, { headers });
}

async function list(url: URL, env: Env): Promise<Response> {
  const prefix = url.searchParams.get('prefix');
  const cursor = url.searchParams.get('cursor');
  const page = await env.IMAGES.list({
    limit: PAGE,
    ...(prefix === null ? {} : { prefix }),
    ...(cursor === null ? {} : { cursor }),
  });
  const images = page.objects.map(({ key, size, uploaded }) => ({ name: key, size, uploaded }));
  return Response.json({ images, ...(page.truncated ? { cursor: page.cursor } : {}) });
}

function headersOf(image: StoredImage): Headers {
  const headers = new Headers({ etag: image.httpEtag, 'last-modified': image.uploaded.toUTCString() });
  image.writeHttpMetadata(headers);
  headers.set('accept-ranges', 'bytes');
  // What somebody uploaded must never run as a page of this site.
  headers.set('x-content-type-options', 'nosniff');
  return headers;
}

/** The first bytes, and a stream that begins with them. */
async function peek(
  body: ReadableStream<Uint8Array>,
): Promise<{ start: Uint8Array; rest: ReadableStream<Uint8Array> }> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < SIGNATURE_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    bytes += value.byteLength;
  }
  const start = Uint8Array.from(
    parts.flatMap((part) => [...part.subarray(0, SIGNATURE_BYTES)]).slice(0, SIGNATURE_BYTES),
  );
  const rest = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part = parts.shift();
      if (part !== undefined) return controller.enqueue(part);
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { start, rest };
}

function typeOf(start: Uint8Array): string | null {
  const text = String.fromCharCode(...start);
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'image/gif';
  return text.startsWith('RIFF') && text.slice(8) === 'WEBP' ? 'image/webp' : null;
}

declare class FixedLengthStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(length: number);
}

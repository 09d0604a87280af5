interface Link {
  readonly createdAt: string;
}

interface KvPage {
  readonly keys: readonly { readonly name: string; readonly expiration?: number; readonly metadata?: Link }[];
  readonly list_complete: boolean;
  readonly cursor?: string;
}

/** What this Worker uses of KV; `npx wrangler types` writes the whole. */
interface Env {
  readonly LINKS: {
    get(key: string): Promise<string | null>;
    put(key: string, value: string, options?: { expirationTtl?: number; metadata?: Link }): Promise<void>;
    delete(key: string): Promise<void>;
    list(options: { limit: number; cursor?: string }): Promise<KvPage>;
  };
  /** A secret: `npx wrangler secret put TOKEN`. */
  readonly TOKEN?: string;
}

const SLUG = /^[A-Za-z0-9_-]{1,64}$/;
const MIN_TTL_SECONDS = 60;
const MAX_URL_LENGTH = 2_048;
const PAGE = 100;

class BadInput extends Error {}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return await route(request, env);
    } catch (error) {
      if (error instanceof BadInput) return Response.json({ error: error.message }, { status: 400 });
      throw error;
    }
  },
};

async function route(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  const slug = url.pathname.slice(1);
  if (request.method === 'GET' && slug !== '') return follow(slug, env);
  if (!(await mayWrite(request, env))) return Response.json({ error: 'A valid token is needed.' }, { status: 401 });
  if (request.method === 'GET') return list(url, env);
  if (request.method === 'POST' && slug === '') return create(request, env);
  if (request.method === 'DELETE' && slug !== '') {
    await env.LINKS.delete(slug);
    return new Response(null, { status: 204 });
  }
  return Response.json({ error: `${request.method} is not for this.` }, { status: 405 });
}

async function follow(slug: string, env: Env): Promise<Response> {
  const target = SLUG.test(slug) ? await env.LINKS.get(slug) : null;
  return target === null ? Response.json({ error: 'No such link.' }, { status: 404 }) : Response.redirect(target, 302);
}

async function create(request: Request, env: Env): Promise<Response> {
  const { url, slug = newSlug(), ttlSeconds } = await readLink(request);
  if ((await env.LINKS.get(slug)) !== null) return Response.json({ error: `${slug} is taken.` }, { status: 409 });
  await env.LINKS.put(slug, url, {
    metadata: { createdAt: new Date().toISOString() },
    ...(ttlSeconds === undefined ? {} : { expirationTtl: ttlSeconds }),
  });
  const short = new URL(`/${slug}`, request.url).href;
  return Response.json({ slug, short, url }, { status: 201, headers: { location: short } });
}

async function list(url: URL, env: Env): Promise<Response> {
  const cursor = url.searchParams.get('cursor');
  const page = await env.LINKS.list({ limit: PAGE, ...(cursor === null ? {} : { cursor }) });
  const links = page.keys.map(({ name, expiration, metadata }) => ({ slug: name, expiration, ...metadata }));
  return Response.json({ links, ...(page.list_complete ? {} : { cursor: page.cursor }) });
}

async function readLink(request: Request): Promise<{ url: string; slug?: string; ttlSeconds?: number }> {
  const body = (await request.json().catch(() => null)) as Record<string, unknown> | null;
  if (body === null || typeof body !== 'object') throw new BadInput('Send JSON: {"url": "https://…"}.');
  const { url, slug, ttlSeconds } = body;
  if (typeof url !== 'string' || url.length > MAX_URL_LENGTH || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new BadInput(`url has to be an http or https address of at most ${MAX_URL_LENGTH} characters.`);
  }
  if (slug !== undefined && (typeof slug !== 'string' || !SLUG.test(slug))) {
    throw new BadInput('slug may have 1 to 64 letters, digits, _ and -.');
  }
  if (ttlSeconds !== undefined && (!Number.isInteger(ttlSeconds) || (ttlSeconds as number) < MIN_TTL_SECONDS)) {
    throw new BadInput(`ttlSeconds has to be a whole number from ${MIN_TTL_SECONDS} on.`);
  }
  return {
    url,
    ...(slug === undefined ? {} : { slug }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds: ttlSeconds as number }),
  };
}

/** 42 random bits. */
function newSlug(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-';
  return [...crypto.getRandomValues(new Uint8Array(7))].map((byte) => alphabet[byte & 63]).join('');
}

/** Compares hashes, so that the time it takes tells nothing of the token. */
async function mayWrite(request: Request, env: Env): Promise<boolean> {
  const given = request.headers.get('authorization') ?? '';
  if (env.TOKEN === undefined || env.TOKEN === '') return false;
  const [a, b] = await Promise.all([given, `Bearer ${env.TOKEN}`].map(sha256));
  return a === b;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].join();
}

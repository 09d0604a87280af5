/** KV namespaces and their entries, as wrangler and Cloudflare's SDK ask for them. */
import { z } from 'zod';
import { KV_LIMITS } from '../../../shared/limits.ts';
import { type KvNamespace, type KvPut, KvRefused } from '../../storage/kv/types.ts';
import { readBytes } from '../body.ts';
import { fail, isStoreConflict } from '../errors.ts';
import { checkEntry, checkKey, entryOptions, invalid, metadataText } from '../kv-entries.ts';
import { KV_NAMESPACE_ID } from '../kv-names.ts';
import { paginate } from '../pages.ts';
import { accountBodyRoute, accountBytesRoute, accountRoute, type AccountRequest, type Route } from '../router.ts';
import { readMultipart } from '../upload/multipart.ts';

const NAMESPACES = '/storage/kv/namespaces';

const titleBody = z.object({
  title: z
    .string()
    .min(1)
    .max(KV_LIMITS.maxTitleLength)
    // PostgreSQL's text holds any character but this one.
    .refine((title) => !title.includes('\0'), 'must not have NUL in it'),
});

const pair = z.object({
  key: z.string(),
  value: z.string(),
  base64: z.boolean().nullish(),
  metadata: z.unknown().optional(),
  expiration: z.number().int().nullish(),
  expiration_ttl: z.number().int().nullish(),
});
const pairs = z.array(pair).max(KV_LIMITS.maxBulkWritePairs);
const keys = z.array(z.string()).max(KV_LIMITS.maxBulkWritePairs);
const bulkGet = z.object({
  keys: z.array(z.string()).min(1).max(KV_LIMITS.maxBulkReadKeys),
  type: z.enum(['text', 'json']).optional(),
  withMetadata: z.boolean().optional(),
});

/** Writes under way for one bulk call: they become a few statements, and others have their turn in between. */
const BULK_AT_ONCE = 500;

const present = ({ id, title }: KvNamespace) => ({ id, title, supports_url_encoding: true });

export const kvRoutes: readonly Route[] = [
  accountRoute('GET', NAMESPACES, {
    summary: 'KV namespaces, by title',
    handle: async ({ options, account, query }) => {
      const list = (await options.kv.listNamespaces(account.id)).map(present);
      // The one other order that Cloudflare has.
      if (query.get('order') === 'id') list.sort((a, b) => (a.id < b.id ? -1 : 1));
      return paginate(query.get('direction') === 'desc' ? list.reverse() : list, query);
    },
  }),
  accountBodyRoute('POST', NAMESPACES, {
    summary: 'Make a KV namespace',
    body: titleBody,
    handle: async ({ options, account, body: { title } }) => {
      const count = (await options.kv.listNamespaces(account.id)).length;
      if (count >= KV_LIMITS.maxNamespaces) {
        throw invalid(`The account has ${count} KV namespaces; ${KV_LIMITS.maxNamespaces} are allowed.`);
      }
      return { result: present(await unlessTaken(title, () => options.kv.createNamespace(account.id, title))) };
    },
  }),
  accountRoute('GET', `${NAMESPACES}/:namespace`, {
    summary: 'One KV namespace',
    handle: async (request) => ({ result: present(await requireNamespace(request)) }),
  }),
  accountBodyRoute('PUT', `${NAMESPACES}/:namespace`, {
    summary: 'Give a KV namespace another title',
    body: titleBody,
    handle: async (request) => {
      const { id } = await requireNamespace(request);
      const { title } = request.body;
      const renamed = await unlessTaken(title, () => request.options.kv.renameNamespace(request.account.id, id, title));
      if (renamed === null) throw notFound(id);
      return { result: present(renamed) };
    },
  }),
  accountRoute('DELETE', `${NAMESPACES}/:namespace`, {
    summary: 'Delete a KV namespace with all that is in it',
    handle: async (request) => {
      const { id } = await requireNamespace(request);
      if (!(await request.options.kv.deleteNamespace(request.account.id, id))) throw notFound(id);
      return { result: null };
    },
  }),
  accountRoute('GET', `${NAMESPACES}/:namespace/keys`, {
    summary: 'Keys in the order of their bytes; `prefix`, `limit` (10 to 1,000), `cursor`',
    handle: listKeys,
  }),
  accountRoute('GET', `${NAMESPACES}/:namespace/values/:key`, {
    summary: 'A value, as it is',
    answers: 'bytes',
    handle: async (request) => {
      const { number } = await requireNamespace(request);
      const { options } = request;
      const [entry] = await options.kv.read(number, [checkKey(request.param('key'))]);
      if (entry === null || entry === undefined) throw fail('kvKeyNotFound');
      const body =
        entry.largeValueId === null
          ? entry.value
          : ReadableStream.from(options.kv.readLarge(request.account.id, entry) as AsyncIterable<Uint8Array>);
      const headers: Record<string, string> = {
        'content-type': 'application/octet-stream',
        'content-length': String(entry.size),
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        ...(entry.expiresAt === null ? {} : { expiration: String(entry.expiresAt) }),
      };
      return { result: null, raw: new Response(body as ConstructorParameters<typeof Response>[0], { headers }) };
    },
  }),
  accountRoute('GET', `${NAMESPACES}/:namespace/metadata/:key`, {
    summary: "A value's metadata",
    handle: async (request) => {
      const { number } = await requireNamespace(request);
      const [entry] = await request.options.kv.read(number, [checkKey(request.param('key'))]);
      if (entry === null || entry === undefined) throw fail('kvKeyNotFound');
      return { result: entry.metadata === null ? null : JSON.parse(entry.metadata) };
    },
  }),
  accountBytesRoute('PUT', `${NAMESPACES}/:namespace/values/:key`, {
    summary: 'Write a value: the body, or the parts `value` and `metadata`; `expiration`, `expiration_ttl`',
    maxBodyBytes: KV_LIMITS.maxValueBytes,
    handle: putValue,
  }),
  accountRoute('DELETE', `${NAMESPACES}/:namespace/values/:key`, {
    summary: 'Delete a value; no error when there is none',
    handle: async (request) => {
      const { number } = await requireNamespace(request);
      await request.options.kv.delete(number, checkKey(request.param('key')));
      return { result: null };
    },
  }),
  accountBodyRoute('PUT', `${NAMESPACES}/:namespace/bulk`, {
    summary: 'Write up to 10,000 values',
    body: pairs,
    maxBodyBytes: KV_LIMITS.maxBulkWriteBytes,
    handle: async (request) => {
      const { number } = await requireNamespace(request);
      const puts = request.body.map((one) => toPut(number, one));
      const { kv } = request.options;
      await inTurns(puts, (put) => writeValue({ kv, accountId: request.account.id }, put, put.value));
      return { result: bulkResult(puts.length) };
    },
  }),
  accountBodyRoute('DELETE', `${NAMESPACES}/:namespace/bulk`, {
    summary: 'Delete up to 10,000 values',
    body: keys,
    handle: deleteMany,
  }),
  accountBodyRoute('POST', `${NAMESPACES}/:namespace/bulk/delete`, {
    summary: 'Delete up to 10,000 values',
    body: keys,
    handle: deleteMany,
  }),
  accountBodyRoute('POST', `${NAMESPACES}/:namespace/bulk/get`, {
    summary: 'Up to 100 values as text or JSON; null for those that do not exist',
    body: bulkGet,
    handle: getMany,
  }),
  accountRoute('GET', '/skep/kv/usage', {
    summary: 'What all KV namespaces of the account take (keys, values, metadata, 64 bytes an entry), and its quota',
    handle: async ({ options, account }) => {
      const { entries, bytes, quotaBytes } = await options.kv.readUsage(account.id);
      return { result: { entries, bytes, quota_bytes: Number.isFinite(quotaBytes) ? quotaBytes : null } };
    },
  }),
  accountRoute('GET', '/skep/kv/namespaces', {
    summary: 'KV namespaces with the number of keys in each and the bytes of their values, counted now',
    handle: async ({ options, account }) => ({
      result: (await options.kv.measureNamespaces(account.id)).map(({ id, title, createdAt, keys: count, bytes }) => ({
        id,
        title,
        created_on: createdAt.toISOString(),
        keys: count,
        bytes,
      })),
    }),
  }),
];

const notFound = (id: string): Error => fail('kvNamespaceNotFound', { namespace: id.slice(0, 64) });

async function requireNamespace(request: AccountRequest<unknown>): Promise<KvNamespace> {
  const id = request.param('namespace');
  const found = KV_NAMESPACE_ID.test(id) ? await request.options.kv.findNamespace(request.account.id, id) : null;
  if (found === null) throw notFound(id);
  return found;
}

async function unlessTaken<T>(title: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw isStoreConflict(error) ? fail('kvTitleTaken', { title: title.slice(0, 100) }) : error;
  }
}

async function listKeys(request: AccountRequest) {
  const { number } = await requireNamespace(request);
  const { query, options } = request;
  const prefix = query.get('prefix') ?? '';
  if (Buffer.byteLength(prefix) > KV_LIMITS.maxKeyBytes) {
    throw invalid(`The prefix has ${Buffer.byteLength(prefix)} bytes; ${KV_LIMITS.maxKeyBytes} are allowed.`);
  }
  const text = query.get('limit') ?? String(KV_LIMITS.maxListKeys);
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > KV_LIMITS.maxListKeys) {
    throw invalid(`The limit is '${text.slice(0, 20)}'; it has to be a number from 1 to ${KV_LIMITS.maxListKeys}.`);
  }
  const page = await refusals(() => options.kv.list(number, { prefix, limit, cursor: query.get('cursor') || null }));
  return {
    result: page.keys.map(({ name, expiresAt, metadata }) => ({
      name,
      ...(expiresAt === null ? {} : { expiration: expiresAt }),
      ...(metadata === null ? {} : { metadata: JSON.parse(metadata) as unknown }),
    })),
    resultInfo: { count: page.keys.length, cursor: page.cursor ?? '' },
  };
}

async function refusals<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof KvRefused ? invalid(error.message) : error;
  }
}

async function putValue(request: AccountRequest) {
  const { number } = await requireNamespace(request);
  const { kv } = request.options;
  const key = checkKey(request.param('key'));
  const { expiresAt } = entryOptions(request.query.get('expiration'), request.query.get('expiration_ttl'));
  if (!/^multipart\/form-data\s*;/i.test(request.contentType)) {
    const put = { namespace: number, key, expiresAt, metadata: null };
    const value = await readBytes(request.stream, KV_LIMITS.maxValueBytes);
    await writeValue({ kv, accountId: request.account.id }, put, value);
    return { result: null };
  }
  const parts = await readMultipart(request.stream, request.contentType);
  const value = parts.find(({ name }) => name === 'value')?.content;
  if (value === undefined) throw invalid('The body has no part called `value`.');
  const metadata = metadataText(parts.find(({ name }) => name === 'metadata')?.content.toString('utf8') ?? null);
  checkEntry({ valueBytes: value.length, metadata });
  await writeValue({ kv, accountId: request.account.id }, { namespace: number, key, expiresAt, metadata }, value);
  return { result: null };
}

type Entry = Omit<KvPut, 'value'>;
type ValueStore = Pick<AccountRequest['options']['kv'], 'put' | 'requireRoom' | 'writeLarge'>;

async function writeValue(
  { kv, accountId }: { readonly kv: ValueStore; readonly accountId: string },
  { namespace, key, metadata, expiresAt }: Entry,
  value: Buffer,
): Promise<void> {
  if (value.length > KV_LIMITS.maxInlineBytes) await refusals(() => kv.requireRoom(namespace, value.length));
  const stored = value.length <= KV_LIMITS.maxInlineBytes ? value : await kv.writeLarge(accountId, oneChunk(value));
  await refusals(() => kv.put({ namespace, key, metadata, expiresAt, value: stored }));
}

async function* oneChunk(value: Buffer): AsyncGenerator<Uint8Array> {
  yield value;
}

function toPut(namespace: number, one: z.infer<typeof pair>): Entry & { readonly value: Buffer } {
  const key = checkKey(one.key);
  const { expiresAt } = entryOptions(one.expiration ?? null, one.expiration_ttl ?? null);
  const value = Buffer.from(one.value, one.base64 === true ? 'base64' : 'utf8');
  const metadata = one.metadata === undefined || one.metadata === null ? null : JSON.stringify(one.metadata);
  checkEntry({ key, valueBytes: value.length, metadata });
  return { namespace, key, value, metadata, expiresAt };
}

const bulkResult = (count: number) => ({ successful_key_count: count, unsuccessful_keys: [] });

async function deleteMany(request: AccountRequest<string[]>) {
  const { number } = await requireNamespace(request);
  const checked = request.body.map(checkKey);
  await inTurns(checked, (key) => request.options.kv.delete(number, key));
  return { result: bulkResult(checked.length) };
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += BULK_AT_ONCE) {
    await Promise.all(items.slice(at, at + BULK_AT_ONCE).map(work));
  }
}

async function getMany(request: AccountRequest<z.infer<typeof bulkGet>>) {
  const { number } = await requireNamespace(request);
  const { kv } = request.options;
  const wanted = [...new Set(request.body.keys.map(checkKey))];
  const entries = await kv.read(number, wanted);
  const bytes = entries.reduce((sum, entry) => sum + (entry?.size ?? 0), 0);
  if (bytes > KV_LIMITS.maxBulkReadBytes) {
    throw invalid(`The values have ${bytes} bytes together; ${KV_LIMITS.maxBulkReadBytes} are allowed. Ask for fewer.`);
  }
  const values: [string, unknown][] = [];
  for (const [index, entry] of entries.entries()) {
    const key = wanted[index] as string;
    let value: unknown = null;
    if (entry !== null) {
      const pieces: Buffer[] = [entry.value];
      if (entry.largeValueId !== null)
        for await (const piece of kv.readLarge(request.account.id, entry)) pieces.push(piece);
      value = asType(key, Buffer.concat(pieces).toString('utf8'), request.body.type);
    }
    const metadata = entry?.metadata ?? null;
    const shown =
      request.body.withMetadata === true && entry !== null
        ? {
            value,
            metadata: metadata === null ? null : (JSON.parse(metadata) as unknown),
            ...(entry.expiresAt === null ? {} : { expiration: entry.expiresAt }),
          }
        : value;
    values.push([key, shown]);
  }
  // Not Object.fromEntries: a key may be `__proto__`.
  const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of values) result[key] = value;
  return { result: { values: result } };
}

function asType(key: string, text: string, type: 'text' | 'json' | undefined): unknown {
  if (type !== 'json') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid(`The value of key '${key.slice(0, 100)}' is no JSON.`);
  }
}

/**
 * Where a test of crashes writes: each store takes number after number under a few names, tells which writes it has acknowledged, and can be asked
 * what it holds. A number that was acknowledged must be there afterwards, or a later one that was at least tried, and whole.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { HttpAnswer, Skep } from './server.ts';

export interface CrashStore {
  readonly name: string;
  /** Names written to, each by a writer of its own. */
  readonly keys: readonly string[];
  /** True: acknowledged. False or a rejection: nobody knows. */
  write(skep: Skep, key: string, number: number): Promise<boolean>;
  /** The number that is there; 0: none. Fails the test when what is there is not whole. */
  read(skep: Skep, key: string): Promise<number>;
}

/** How large the value of a number is: small ones, and some that take several writes to the disk. */
const sizeOf = (number: number): number => (number % 7 === 0 ? 200_000 : 100);

/** A value that shows by itself whether it is whole. */
export function valueOf(key: string, number: number): string {
  const line = `${createHash('sha256').update(`${key} ${number}`).digest('hex')}\n`;
  return `${key} ${number}\n${line.repeat(Math.ceil(sizeOf(number) / line.length))}`;
}

function numberIn(key: string, value: string): number {
  const number = Number(/^\S+ (\d+)\n/.exec(value)?.[1] ?? Number.NaN);
  assert.ok(value === valueOf(key, number), `${key}: ${value.length} bytes that nobody wrote: ${value.slice(0, 100)}`);
  return number;
}

const codeOf = (worker: string, number: number): string =>
  `export default { fetch: () => new Response(${JSON.stringify(`${worker} ${number}`)}) };`;

/** The control API: each write is a deploy. What is listed answers, with its own code. */
export const deploys: CrashStore = {
  name: 'deploys',
  keys: ['deploy-a', 'deploy-b'],
  write: async (skep, key, number) => (await skep.upload(key, codeOf(key, number))).status === 200,
  async read(skep, key) {
    const scripts = (await skep.api('GET', '/workers/scripts')).json().result as { id: string }[];
    if (!scripts.some(({ id }) => id === key)) return 0;
    const enabled = await skep.api('POST', `/workers/scripts/${key}/subdomain`, { enabled: true });
    assert.equal(enabled.status, 200, enabled.text);
    const answer = await skep.request(key);
    assert.equal(answer.status, 200, answer.text);
    return Number(answer.text.split(' ')[1]);
  },
};

const WRITER = 'crash-writer';
/** One worker in front of all three: what it answers with 200 is acknowledged. */
const CODE = `
const missing = () => new Response(null, { status: 404 });
const stores = {
  kv: {
    put: (env, key, value) => env.KV.put(key, value),
    get: (env, key) => env.KV.get(key),
  },
  r2: {
    put: (env, key, value) => env.R2.put(key, value),
    get: async (env, key) => (await env.R2.get(key))?.text() ?? null,
  },
  sql: {
    // Two rows in one transaction: both are there, or none.
    put: (env, key, value) => env.DB.transaction(async (tx) => {
      await tx.query('INSERT INTO writes (key, half, value) VALUES ($1, 1, $2) ON CONFLICT (key, half) DO UPDATE SET value = excluded.value', [key, value]);
      await tx.query('INSERT INTO writes (key, half, value) VALUES ($1, 2, $2) ON CONFLICT (key, half) DO UPDATE SET value = excluded.value', [key, value]);
    }),
    get: async (env, key) => {
      const rows = await env.DB.query('SELECT value FROM writes WHERE key = $1', [key]);
      if (rows.length !== 0 && (rows.length !== 2 || rows[0].value !== rows[1].value)) throw new Error('half a transaction');
      return rows[0]?.value ?? null;
    },
  },
};
export default {
  async fetch(request, env) {
    const [, store, key] = new URL(request.url).pathname.split('/');
    try {
      if (request.method === 'PUT') {
        await stores[store].put(env, key, await request.text());
        return new Response('stored');
      }
      const value = await stores[store].get(env, key);
      return value === null ? missing() : new Response(value);
    } catch (error) {
      return new Response(error.message, { status: 503 });
    }
  },
};`;

/** KV, R2 or SQL, by the path of the worker above. */
const throughWorker = (
  name: 'kv' | 'r2' | 'sql',
  bind: (skep: Skep) => Promise<Record<string, unknown>>,
): DataStore => ({
  name,
  keys: [`${name}-a`, `${name}-b`, `${name}-c`],
  bind,
  async write(skep, key, number) {
    const answer = await skep.request(WRITER, `/${name}/${key}`, { method: 'PUT', body: valueOf(key, number) });
    return answer.status === 200;
  },
  async read(skep, key) {
    const answer = await skep.request(WRITER, `/${name}/${key}`);
    if (answer.status === 404) return 0;
    assert.equal(answer.status, 200, `${name}: ${answer.text}`);
    return numberIn(key, answer.text);
  },
});

export interface DataStore extends CrashStore {
  /** Makes what the worker writes to, as wrangler would, and gives the binding. */
  bind(skep: Skep): Promise<Record<string, unknown>>;
}

export const kv = throughWorker('kv', async (skep) => {
  const { id } = resultOf(await skep.api('POST', '/storage/kv/namespaces', { title: 'crash' }));
  return { type: 'kv_namespace', name: 'KV', namespace_id: id };
});

export const r2 = throughWorker('r2', async (skep) => {
  resultOf(await skep.api('POST', '/r2/buckets', { name: 'crash' }));
  return { type: 'r2_bucket', name: 'R2', bucket_name: 'crash' };
});

export const sql = throughWorker('sql', async (skep) => {
  const { uuid } = resultOf(await skep.api('POST', '/d1/database', { name: 'crash' }));
  const table = 'CREATE TABLE writes (key text, half int, value text, PRIMARY KEY (key, half))';
  resultOf(await skep.api('POST', `/d1/database/${uuid}/query`, { sql: table }));
  return { type: 'd1', name: 'DB', id: uuid };
});

function resultOf(answer: HttpAnswer): { readonly id: string; readonly uuid: string } {
  assert.equal(answer.status, 200, answer.text);
  return answer.json().result;
}

/** The worker in front of these stores. */
export async function deployWriter(skep: Skep, stores: readonly DataStore[]): Promise<void> {
  const bindings: Record<string, unknown>[] = [];
  for (const store of stores) bindings.push(await store.bind(skep));
  await skep.deploy(WRITER, CODE, { bindings });
}

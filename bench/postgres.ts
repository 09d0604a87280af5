/** One-row selects through the whole front door: over env.DB, prepared in D1's way, in a transaction, and over Hyperdrive. */
import { request } from 'node:http';
import { measure } from './measure.ts';
import { type Skep, startSkep } from './platforms.ts';
import type { BenchWorker, Scenario } from './workers.ts';
import { load } from './wrk.ts';

export interface PostgresRow {
  readonly title: string;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly aimPerSecond: number | null;
  /** By part of the platform; `database` are PostgreSQL's processes. */
  readonly cpuUsPerRequest: Readonly<Record<string, number>>;
}

/** What the issue asks of a one-row select. */
const AIM_PER_SECOND = 3_000;

const SELECT = 'SELECT id, name FROM items WHERE id = ';
const QUERIES: readonly (readonly [name: string, title: string, code: string, aim: number | null])[] = [
  ['pg-query', 'env.DB.query', `await DB.query('${SELECT}$1', [7])`, AIM_PER_SECOND],
  ['pg-d1', 'env.DB.prepare', `(await DB.prepare('${SELECT}?').bind(7).all()).results`, AIM_PER_SECOND],
  ['pg-tx', 'env.DB.transaction', `await DB.transaction((tx) => tx.query('${SELECT}$1', [7]))`, null],
];

/** As little of a driver as there can be: start-up, one query, what comes back. */
const OVER_HYPERDRIVE = `const text = new TextEncoder(), from = new TextDecoder();
const message = (type, body) => {
  const bytes = text.encode(body);
  const head = new DataView(new ArrayBuffer(type.length + 4));
  if (type !== '') head.setUint8(0, type.charCodeAt(0));
  head.setUint32(type.length, bytes.length + 4);
  return [...new Uint8Array(head.buffer), ...bytes];
};
const bytes = new Uint8Array([
  ...message('', '\\0\\x03\\0\\0user\\0a\\0database\\0b\\0\\0'),
  ...message('Q', '${SELECT}7\\0'),
]);
export default {
  async fetch(request, { HYPERDRIVE }) {
    const socket = HYPERDRIVE.connect();
    const writer = socket.writable.getWriter();
    await writer.write(bytes);
    const reader = socket.readable.getReader();
    for (let seen = ''; ; ) {
      const { value, done } = await reader.read();
      if (value) seen += from.decode(value);
      if (!done && !seen.includes('item 7')) continue;
      await writer.close();
      return new Response(seen.match(/item \\d+/)?.[0] ?? 'nothing');
    }
  },
};`;

const source = (code: string): string =>
  `export default { async fetch(request, { DB }) { return Response.json(${code}); } };`;

const FILL = `export default {
  async fetch(request, { DB }) {
    await DB.exec("CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, name text); INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 1000) AS n ON CONFLICT DO NOTHING");
    return new Response('filled');
  },
};`;

const COMPATIBILITY = { compatibilityDate: '2026-01-01', services: [] } as const;

export async function runPostgres(
  plan: { readonly seconds: number; readonly warmUpSeconds: number },
  folder: string,
): Promise<PostgresRow[]> {
  const skep = await startSkep();
  try {
    const { uuid: id } = (await skep.api('POST', '/d1/database', { name: 'bench' })) as { uuid: string };
    const d1 = [{ type: 'd1', name: 'DB', id }];
    const deploy = (worker: Omit<BenchWorker, 'services'>): Promise<void> =>
      skep.deploy({ ...COMPATIBILITY, ...worker });
    await deploy({ name: 'pg-fill', source: FILL, bindings: d1 });
    await fetchOnce(skep, 'pg-fill');
    const rows: PostgresRow[] = [];
    for (const [name, title, code, aim] of QUERIES) {
      await deploy({ name, source: source(code), bindings: d1 });
      rows.push(await measureQuery(skep, name, title, aim, plan, folder));
    }
    await deploy({
      name: 'pg-hyperdrive',
      source: OVER_HYPERDRIVE,
      bindings: [{ type: 'hyperdrive', name: 'HYPERDRIVE', id }],
    });
    rows.push(await measureQuery(skep, 'pg-hyperdrive', 'Hyperdrive, a client per request', null, plan, folder));
    return rows;
  } finally {
    await skep.stop();
  }
}

function fetchOnce(skep: Skep, worker: string): Promise<string> {
  const { url, host } = skep.target(worker);
  return new Promise((done, reject) => {
    const call = request(url, { headers: { host }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) done(text);
        else reject(new Error(`${worker} answered ${response.statusCode ?? 0}: ${text.slice(0, 300)}`));
      });
    });
    call.on('error', reject);
    call.end();
  });
}

async function measureQuery(
  skep: Skep,
  worker: string,
  title: string,
  aimPerSecond: number | null,
  { seconds, warmUpSeconds }: { readonly seconds: number; readonly warmUpSeconds: number },
  folder: string,
): Promise<PostgresRow> {
  console.error(`bench: ${title} …`);
  const answer = await fetchOnce(skep, worker);
  if (!answer.includes('item 7')) throw new Error(`${worker} answered ${answer.slice(0, 300)}`);
  const scenario: Scenario = {
    name: worker,
    title,
    worker,
    method: 'GET',
    requestBody: null,
    check: () => undefined,
    aimRatio: 0,
  };
  await load(scenario, skep.target(worker), warmUpSeconds, folder);
  const { result, cpuUs } = await measure(skep, scenario, seconds, folder);
  const { requestsPerSecond, p50Ms, p99Ms, errors } = result;
  return { title, requestsPerSecond, p50Ms, p99Ms, errors, aimPerSecond, cpuUsPerRequest: Object.fromEntries(cpuUs) };
}

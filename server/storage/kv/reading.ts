/** Reading entries: many in one statement, and lists of keys. */
import type { Connection, Queryable } from '../database.ts';
import type { KvEntry, KvListedKey } from './types.ts';

export interface KvRead {
  readonly namespace: number;
  readonly key: Buffer;
}

/** Now, as entries count time. */
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** Keys travel as one block of bytes: an array of bytea would be sent as text, twice as long. */
const READ = {
  name: 'skep_kv_read',
  text: `SELECT w.position::int, e.value, e.metadata, e.expires_at::float8, e.large_value_id::text, e.size
         FROM unnest($1::int[], $2::int[], $3::int[]) WITH ORDINALITY AS w (namespace, start, length, position)
         JOIN skep.kv_entries e ON e.namespace = w.namespace AND e.key = substring($4::bytea FROM w.start FOR w.length)
         WHERE e.expires_at IS NULL OR e.expires_at > $5`,
};

type ReadRow = readonly [
  position: number,
  value: Buffer,
  metadata: Buffer | null,
  expiresAt: number | null,
  largeValueId: string | null,
  size: number,
];

/** In the order asked; null where there is none, or it has expired. */
export async function readEntries(connection: Connection, reads: readonly KvRead[]): Promise<(KvEntry | null)[]> {
  const starts: number[] = [];
  let at = 1;
  for (const { key } of reads) {
    starts.push(at);
    at += key.length;
  }
  const rows = await connection.query<ReadRow>(READ, [
    intArray(reads.map(({ namespace }) => namespace)),
    intArray(starts),
    intArray(reads.map(({ key }) => key.length)),
    Buffer.concat(reads.map(({ key }) => key)),
    nowSeconds(),
  ]);
  const entries: (KvEntry | null)[] = reads.map(() => null);
  for (const [position, value, metadata, expiresAt, largeValueId, size] of rows) {
    entries[position - 1] = { value, metadata: metadata?.toString('utf8') ?? null, expiresAt, largeValueId, size };
  }
  return entries;
}

/** PostgreSQL's text for an array of numbers: the driver would look at each one. */
export const intArray = (numbers: readonly (number | string | null)[]): string =>
  `{${numbers.map((one) => one ?? 'NULL').join(',')}}`;

export interface KvRange {
  readonly namespace: number;
  readonly prefix: Buffer;
  /** Only keys behind this one; null: from the beginning. */
  readonly after: Buffer | null;
  readonly limit: number;
}

/** Up to `limit` keys in the order of their bytes. */
export async function listEntries(db: Queryable, { namespace, prefix, after, limit }: KvRange): Promise<KvListedKey[]> {
  const from = after === null || Buffer.compare(after, prefix) < 0 ? prefix : after;
  const { rows } = await db.query<{ key: Buffer; expires_at: number | null; metadata: Buffer | null }>(
    `SELECT key, expires_at::float8 AS expires_at, metadata FROM skep.kv_entries
     WHERE namespace = $1 AND key >= $2 AND ($3::bytea IS NULL OR key > $3) AND ($4::bytea IS NULL OR key < $4)
       AND (expires_at IS NULL OR expires_at > $5)
     ORDER BY key LIMIT $6`,
    [namespace, from, after, successorOf(prefix), nowSeconds(), limit],
  );
  return rows.map(({ key, expires_at: expiresAt, metadata }) => ({
    name: key.toString('utf8'),
    expiresAt,
    metadata: metadata?.toString('utf8') ?? null,
  }));
}

/** The first bytes behind all that begin with the prefix; null: there are none. */
function successorOf(prefix: Buffer): Buffer | null {
  const bytes = Buffer.from(prefix);
  for (let length = bytes.length; length > 0; length--) {
    const last = bytes[length - 1] as number;
    if (last === 0xff) continue;
    bytes[length - 1] = last + 1;
    return bytes.subarray(0, length);
  }
  return null;
}

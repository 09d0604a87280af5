/**
 * Writing entries: many in one statement, that is, in one transaction and one commit, which also tells the other nodes. A message that
 * were sent after the commit would be lost with a node that dies in between, and others would keep their old values.
 */
import type { Connection, Statement } from '../database.ts';
import { intArray } from './reading.ts';
import { kvHash } from './hash.ts';
import { KvRefused } from './types.ts';

/** The channel of writes and of deleted namespaces. */
export const KV_CHANNEL = 'skep_kv';

export interface KvWrite {
  readonly namespace: number;
  readonly key: string;
  readonly keyBytes: Buffer;
  /** Null: the entry is deleted. */
  readonly value: Uint8Array | null;
  readonly metadata: Buffer | null;
  readonly expiresAt: number | null;
  readonly largeValueId: string | null;
  readonly size: number;
}

/** What an entry takes, as `skep.kv_cost` counts it. */
export const costOf = ({ keyBytes, metadata, size }: KvWrite): number =>
  64 + keyBytes.length + (metadata?.length ?? 0) + size;

const OPERATIONS = `
  SELECT u.namespace, substring($7::bytea FROM u.start FOR u.key_length) AS key,
         substring($7 FROM u.start + u.key_length FOR greatest(u.value_length, 0)) AS value,
         CASE WHEN u.metadata_length > 0
              THEN substring($7 FROM u.start + u.key_length + greatest(u.value_length, 0) FOR u.metadata_length) END AS metadata,
         u.expires_at, u.value_length
  FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::int[], $6::bigint[])
       AS u (namespace, start, key_length, value_length, metadata_length, expires_at)
  JOIN skep.kv_namespaces n ON n.number = u.namespace AND n.deleted_at IS NULL`;

const REPLACE = `
  ON CONFLICT (namespace, key) DO UPDATE SET value = excluded.value, metadata = excluded.metadata,
    expires_at = excluded.expires_at, large_value_id = excluded.large_value_id, size = excluded.size`;

/** SQL that tells all nodes, as part of the write itself; of a node that is alone the message goes no further. */
const tell = (isAlone: boolean, message: string): string =>
  isAlone ? `${message}::text` : `pg_notify('${KV_CHANNEL}', ${message})::text`;

/** Values in the entries. A value length of -1 deletes. */
const writeStatement = (isAlone: boolean): Statement => ({
  name: 'skep_kv_write',
  text: `WITH o AS MATERIALIZED (${OPERATIONS}),
    removed AS (
      DELETE FROM skep.kv_entries e USING o WHERE o.value_length < 0 AND e.namespace = o.namespace AND e.key = o.key
    ), written AS (
      INSERT INTO skep.kv_entries (namespace, key, value, metadata, expires_at, size)
      SELECT namespace, key, value, metadata, expires_at, value_length FROM o WHERE value_length >= 0 ${REPLACE}
    )
    SELECT ${tell(isAlone, '$8')}`,
});

/** One entry with a large value: gives no row when the value is no longer there. */
const largeWriteStatement = (isAlone: boolean): Statement => ({
  name: 'skep_kv_write_large',
  text: `WITH linked AS (
      UPDATE skep.kv_large_values SET unlinked_since = NULL WHERE id = $5 AND unlinked_since IS NOT NULL RETURNING id
    ), written AS (
      INSERT INTO skep.kv_entries (namespace, key, value, metadata, expires_at, large_value_id, size)
      SELECT n.number, $2, '', $3, $4, linked.id, $6 FROM linked, skep.kv_namespaces n
      WHERE n.number = $1 AND n.deleted_at IS NULL ${REPLACE} RETURNING 1
    )
    SELECT ${tell(isAlone, '$7')} FROM written`,
});

interface WriteStatements {
  readonly write: Statement;
  readonly writeLarge: Statement;
}

/** The statements of `writeEntries`. `isAlone`: there are no other nodes to tell. */
export const writeStatements = (isAlone: boolean): WriteStatements => ({
  write: writeStatement(isAlone),
  writeLarge: largeWriteStatement(isAlone),
});

/** What each write is told: nothing, or why it was not done. */
export type KvWritten = null | Error;

/**
 * Writes the batch durably. Of several writes of one entry the last one counts.
 * @param batch its name in the message to all nodes
 */
export async function writeEntries(
  connection: Connection,
  statements: WriteStatements,
  batch: string,
  writes: readonly KvWrite[],
): Promise<KvWritten[]> {
  const last = new Map<string, KvWrite>();
  for (const write of writes) last.set(kvHash(write.namespace, write.key), write);
  const inline = [...last].filter(([, { largeValueId }]) => largeValueId === null);
  if (inline.length > 0) {
    const message = messageOf(
      batch,
      inline.map(([hash]) => hash),
    );
    await connection.query(statements.write, [...columns(inline.map(([, write]) => write)), message]);
  }
  const refused = new Map<KvWrite, Error>();
  // One by one: their pieces took a hundred statements, one more for the entry is nothing.
  for (const [hash, write] of last) {
    if (write.largeValueId === null) continue;
    if (await linkLargeValue(connection, statements.writeLarge, write, messageOf(batch, [hash]))) continue;
    refused.set(write, new KvRefused(408, 'The value took too long to arrive.'));
  }
  return writes.map((write) => refused.get(write) ?? null);
}

/** False: the value is no longer there. */
async function linkLargeValue(
  connection: Connection,
  statement: Statement,
  write: KvWrite,
  message: string,
): Promise<boolean> {
  const { namespace, keyBytes, metadata, expiresAt, largeValueId, size } = write;
  const values = [namespace, keyBytes, metadata, expiresAt, largeValueId, size, message];
  return (await connection.query(statement, values)).length === 1;
}

/** The order of entries is the same in all batches: two that overlap wait for one another instead of deadlocking. */
function columns(writes: KvWrite[]): unknown[] {
  const sorted = writes.sort((a, b) => a.namespace - b.namespace || Buffer.compare(a.keyBytes, b.keyBytes));
  const starts: number[] = [];
  const blocks: Uint8Array[] = [];
  let at = 1;
  for (const { keyBytes, value, metadata } of sorted) {
    starts.push(at);
    for (const block of [keyBytes, value, metadata]) {
      if (block === null) continue;
      blocks.push(block);
      at += block.length;
    }
  }
  return [
    intArray(sorted.map(({ namespace }) => namespace)),
    intArray(starts),
    intArray(sorted.map(({ keyBytes }) => keyBytes.length)),
    intArray(sorted.map(({ value }) => value?.length ?? -1)),
    intArray(sorted.map(({ metadata }) => metadata?.length ?? 0)),
    intArray(sorted.map(({ expiresAt }) => expiresAt)),
    Buffer.concat(blocks),
  ];
}

/** `<batch> <hash>,<hash>…`: PostgreSQL takes 7,999 bytes, `KV_BATCH` hashes are half of that. */
const messageOf = (batch: string, hashes: readonly string[]): string => `${batch} ${hashes.join(',')}`;

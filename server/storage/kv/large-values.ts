/** Values beyond `KV_LIMITS.maxInlineBytes`: in pieces, one statement each, so that a slow stream holds no connection and no transaction. */
import { KV_LIMITS } from '../../../shared/limits.ts';
import type { Database, Queryable } from '../database.ts';
import { type KvEntry, type KvLargeValue, KvRefused } from './types.ts';

type Transactions = Pick<Database, 'query' | 'transaction'>;

const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Stores the pieces as they come. Until an entry points to it the value counts as unlinked, and each piece makes it young again.
 * @throws {KvRefused} when it was swept meanwhile: no piece came for too long
 */
export async function writeLargeValue(db: Transactions, bytes: AsyncIterable<Uint8Array>): Promise<KvLargeValue> {
  const { rows } = await db.query<{ id: string }>('INSERT INTO skep.kv_large_values DEFAULT VALUES RETURNING id');
  const largeValueId = rows[0]?.id as string;
  let size = 0;
  let position = 0;
  for await (const piece of inPieces(bytes)) {
    await writePiece(db, largeValueId, position, piece);
    position++;
    size += piece.length;
  }
  return { largeValueId, size };
}

/** Not synchronous: the entry's own commit, which comes later, makes everything before it durable. */
async function writePiece(db: Transactions, id: string, position: number, piece: Uint8Array): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      await tx.query('SET LOCAL synchronous_commit = off');
      await tx.query(
        `WITH kept AS (UPDATE skep.kv_large_values SET unlinked_since = clock_timestamp() WHERE id = $1)
         INSERT INTO skep.kv_pieces (value_id, position, bytes) VALUES ($1, $2, $3)`,
        [id, position, piece],
      );
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== FOREIGN_KEY_VIOLATION) throw error;
    throw new KvRefused(408, 'The value took too long to arrive.');
  }
}

/** Chunks of any size as pieces of one size. */
async function* inPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let pending: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    pending.push(chunk);
    bytes += chunk.length;
    while (bytes >= KV_LIMITS.pieceBytes) {
      const all = Buffer.concat(pending);
      yield all.subarray(0, KV_LIMITS.pieceBytes);
      pending = [all.subarray(KV_LIMITS.pieceBytes)];
      bytes = all.length - KV_LIMITS.pieceBytes;
    }
  }
  if (bytes > 0) yield Buffer.concat(pending);
}

/** @throws {KvRefused} when it was replaced, and swept, by somebody faster than the reader */
export async function* readLargeValue(db: Queryable, { largeValueId, size }: KvEntry): AsyncGenerator<Buffer> {
  for (let at = 0, position = 0; at < size; position++) {
    const { rows } = await db.query<{ bytes: Buffer }>(
      'SELECT bytes FROM skep.kv_pieces WHERE value_id = $1 AND position = $2',
      [largeValueId, position],
    );
    const piece = rows[0]?.bytes;
    if (piece === undefined) throw new KvRefused(410, 'The value was replaced while it was read.');
    at += piece.length;
    yield piece;
  }
}

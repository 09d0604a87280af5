/** Bytes of modules, stored once per content. */
import type { ModuleContent, ModuleType } from '../../shared/worker.ts';
import type { Queryable } from './database.ts';
import { MODULES_LOCK } from './locks.ts';

/**
 * Makes sure that the bytes are there when the transaction commits. Only bytes that are new are sent to the database, which
 * compares them with their hash (here it would keep the gateway's event loop from its work).
 */
export async function storeModules(tx: Queryable, modules: readonly ModuleContent[]): Promise<void> {
  const byHash = new Map(modules.map((module) => [module.hash, module.content]));
  await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [MODULES_LOCK]);
  const { rows } = await tx.query<{ hash: Buffer }>('SELECT hash FROM skep.modules WHERE hash = ANY($1)', [
    [...byHash.keys()].map((hash) => Buffer.from(hash, 'hex')),
  ]);
  for (const { hash } of rows) byHash.delete(hash.toString('hex'));
  // Always in the same order, so that two uploads of the same modules wait for each other instead of deadlocking.
  for (const hash of [...byHash.keys()].toSorted()) {
    await tx.query('INSERT INTO skep.modules (hash, content) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING', [
      Buffer.from(hash, 'hex'),
      asBuffer(byHash.get(hash) as Uint8Array),
    ]);
  }
}

/** Deletes those of the given contents that no version has. */
export async function deleteUnusedModules(tx: Queryable, hashes: readonly Buffer[]): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [MODULES_LOCK]);
  // A statement of its own: it must see what was committed while we waited for the lock.
  await tx.query(
    `DELETE FROM skep.modules m WHERE m.hash = ANY($1)
        AND NOT EXISTS (SELECT FROM skep.version_modules v WHERE v.hash = m.hash)`,
    [hashes],
  );
}

/** All modules of a version in upload order; empty when there is no such version. */
export async function readModules(db: Queryable, versionId: string): Promise<ModuleContent[]> {
  const { rows } = await db.query<{
    name: string;
    type: ModuleType;
    hash: Buffer;
    size_bytes: number;
    content: Buffer;
  }>(
    `SELECT v.name, v.type, v.hash, v.size_bytes, m.content
       FROM skep.version_modules v JOIN skep.modules m ON m.hash = v.hash
      WHERE v.version_id = $1 ORDER BY v.position`,
    [versionId],
  );
  return rows.map((row) => ({
    name: row.name,
    type: row.type,
    hash: row.hash.toString('hex'),
    sizeBytes: row.size_bytes,
    content: row.content,
  }));
}

/** pg sends a Buffer as binary and everything else as text; a plain Uint8Array must not be copied for that. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

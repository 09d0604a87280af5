/**
 * Where a list goes on: the last key it gave, sealed. A cursor of one namespace says nothing in another one, and nobody can make one up:
 * what keys there are is learnt from lists only.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { KV_LIMITS } from '../../../shared/limits.ts';
import { KvRefused } from './types.ts';

const SEAL_BYTES = 12;

export interface Cursors {
  /** Opaque for whoever gets it. */
  seal(namespace: number, lastKey: string): string;
  /** @throws {KvRefused} for a cursor that is none of this namespace */
  open(namespace: number, cursor: string): Buffer;
}

/** @param masterKey that of the platform: nodes understand one another's cursors */
export function createCursors(masterKey: Uint8Array): Cursors {
  const key = createHmac('sha256', masterKey).update('cursors of KV lists').digest();
  const sealOf = (namespace: number, lastKey: Buffer): Buffer =>
    createHmac('sha256', key).update(`${namespace}\0`).update(lastKey).digest().subarray(0, SEAL_BYTES);
  return {
    seal(namespace, lastKey) {
      const bytes = Buffer.from(lastKey, 'utf8');
      return Buffer.concat([sealOf(namespace, bytes), bytes]).toString('base64url');
    },
    open(namespace, cursor) {
      if (cursor.length <= 2 * (SEAL_BYTES + KV_LIMITS.maxKeyBytes)) {
        const bytes = Buffer.from(cursor, 'base64url');
        const lastKey = bytes.subarray(SEAL_BYTES);
        if (bytes.length > SEAL_BYTES && timingSafeEqual(bytes.subarray(0, SEAL_BYTES), sealOf(namespace, lastKey))) {
          return lastKey;
        }
      }
      throw new KvRefused(400, 'Invalid cursor. Please use the cursor of the previous list of this namespace.');
    },
  };
}

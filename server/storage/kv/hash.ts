/** How an entry is named in messages between nodes: eleven characters, whatever its key. */
import { createHash } from 'node:crypto';

const HASH_CHARACTERS = 11;

/** Two entries of the same hash would only be read anew together. */
export const kvHash = (namespace: number, key: string): string =>
  createHash('sha1').update(`${namespace}\0${key}`, 'utf8').digest('base64url').slice(0, HASH_CHARACTERS);

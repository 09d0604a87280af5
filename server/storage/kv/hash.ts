/** How an entry is named in messages between nodes: eleven characters, whatever its key. */
import { hash } from 'node:crypto';

const HASH_CHARACTERS = 11;

/** Two entries of the same hash would only be read anew together. */
export const kvHash = (namespace: number, key: string): string =>
  hash('sha1', `${namespace}\0${key}`, 'base64url').slice(0, HASH_CHARACTERS);

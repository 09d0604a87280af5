/** Web Crypto as Workers have it, on top of Deno's `node:crypto`. */
import { compatFlag } from '../../compat.ts';
import { deleteProperty } from '../../primordials.ts';
import { DigestStream } from './digest-stream.ts';
import { CryptoKey } from './key.ts';
import { subtle, SubtleCrypto } from './subtle.ts';

// Before the flag, platform objects were plain `[object Object]`s.
if (!compatFlag('set_tostring_tag')) {
  for (const { prototype } of [CryptoKey, SubtleCrypto, DigestStream]) {
    deleteProperty(prototype as object, Symbol.toStringTag);
  }
}

export { generateRsaPair } from './rsa-generate.ts';
export { importKeyObject, isExtractable, keyObjectOf, jwkForUser, sealedKeyError } from './bridge.ts';
export { CryptoKey, DigestStream, subtle, SubtleCrypto };

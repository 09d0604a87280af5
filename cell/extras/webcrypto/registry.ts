/** All algorithms, by name. */
import type { Algorithm } from './algorithm.ts';
import { HKDF, PBKDF2 } from './derivation.ts';
import { EC_ALGORITHMS } from './ec.ts';
import { OKP_ALGORITHMS } from './okp.ts';
import { RSA_ALGORITHMS } from './rsa.ts';
import { AES_ALGORITHMS, HMAC } from './symmetric.ts';
import { sameName } from './text.ts';

const ALGORITHMS: readonly Algorithm[] = [
  ...AES_ALGORITHMS,
  HMAC,
  HKDF,
  PBKDF2,
  ...RSA_ALGORITHMS,
  ...EC_ALGORITHMS,
  ...OKP_ALGORITHMS,
];

export function findAlgorithm(name: string): Algorithm | undefined {
  for (let index = 0; index < ALGORITHMS.length; index++) {
    const algorithm = ALGORITHMS[index] as Algorithm;
    if (sameName(algorithm.name, name)) return algorithm;
  }
  return undefined;
}

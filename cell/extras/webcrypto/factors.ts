/** The prime factors of an RSA modulus whose private exponent is known (NIST SP 800-56B, appendix C). */
import { toBase64Url, fromBigInt, toBigInt } from './bytes.ts';
import { invert, modPow } from './curves.ts';
import { operationError } from './errors.ts';

const MAX_BASES = 100;

/** @returns p, q, dp, dq, qi in base64url */
export function recoverFactors(n: Uint8Array, e: Uint8Array, d: Uint8Array): Record<string, string> {
  const [modulus, exponent] = [toBigInt(n), toBigInt(d)];
  const p = findFactor(modulus, toBigInt(e) * exponent - 1n);
  if (p === undefined) throw operationError('Invalid RSA key in JSON Web Key; "d" does not belong to "n" and "e".');
  const q = modulus / p;
  const text = (value: bigint): string => toBase64Url(fromBigInt(value, byteLength(value)));
  return {
    p: text(p),
    q: text(q),
    dp: text(exponent % (p - 1n)),
    dq: text(exponent % (q - 1n)),
    qi: text(invert(q, p)),
  };
}

const byteLength = (value: bigint): number => Math.max(1, Math.ceil(value.toString(16).length / 2));

/** @param multiple of the order of every number modulo n */
function findFactor(n: bigint, multiple: bigint): bigint | undefined {
  if (multiple <= 0n || n < 15n) return undefined;
  let odd = multiple;
  let twos = 0;
  for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
  for (let base = 2n; base < 2n + BigInt(MAX_BASES); base++) {
    let root = modPow(base, odd, n);
    for (let step = 0; step < twos && root !== 1n && root !== n - 1n; step++) {
      const square = (root * root) % n;
      if (square === 1n) {
        const factor = gcd(root - 1n, n);
        return factor > n / factor ? factor : n / factor;
      }
      root = square;
    }
  }
  return undefined;
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

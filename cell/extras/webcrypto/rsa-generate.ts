/**
 * RSA keys from primes found here. Deno's own search takes more than twice the CPU time, which for the usual 2048 bits is more than an
 * invocation has: it sieves hardly at all, and its test of a candidate that is not prime is no quicker than the engine's BigInt.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { NativeUint8Array } from '../../primordials.ts';
import { fillRandom } from '../../random.ts';
import { fromBigInt, toBase64Url, toBigInt } from './bytes.ts';
import { invert, modPow } from './curves.ts';

/** Candidates that one of these divides are never tested. More would cost more than the tests they save. */
const SIEVE_LIMIT = 1 << 14;
/** Odd numbers looked at from one random start; nearly always one of them is prime. */
const WINDOW = 4096;
/** Miller-Rabin rounds: FIPS 186-5, table B.1, asks for 4 at 1536 bits per prime and 5 at 1024 and below. */
const ROUNDS = 5;
const LIMB_BITS = 24n;
const LIMB = 1 << 24;

let smallPrimes: readonly number[] | undefined;

function oddPrimes(): readonly number[] {
  if (smallPrimes !== undefined) return smallPrimes;
  const composite = new NativeUint8Array(SIEVE_LIMIT);
  const primes: number[] = [];
  for (let number = 3; number < SIEVE_LIMIT; number += 2) {
    if (composite[number] === 1) continue;
    primes[primes.length] = number;
    for (let multiple = number * number; multiple < SIEVE_LIMIT; multiple += 2 * number) composite[multiple] = 1;
  }
  smallPrimes = primes;
  return primes;
}

/** Odd, of exactly this many bits, the two highest set: the product of two such has exactly twice as many. */
function randomStart(bits: number): bigint {
  const bytes = new NativeUint8Array(bits / 8);
  fillRandom(bytes);
  bytes[0] = (bytes[0] as number) | 0xc0;
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1;
  return toBigInt(bytes);
}

/** Marks the members of start, start + 2, start + 4 … that a small prime divides. */
function sieve(start: bigint): Uint8Array {
  const limbs: number[] = [];
  for (let rest = start; rest > 0n; rest >>= LIMB_BITS) limbs[limbs.length] = Number(rest & BigInt(LIMB - 1));
  const marked = new NativeUint8Array(WINDOW);
  const primes = oddPrimes();
  for (let index = 0; index < primes.length; index++) {
    const prime = primes[index] as number;
    let rest = 0;
    for (let limb = limbs.length - 1; limb >= 0; limb--) rest = (rest * LIMB + (limbs[limb] as number)) % prime;
    let first = (prime - rest) % prime;
    if (first % 2 === 1) first += prime;
    for (let at = first / 2; at < WINDOW; at += prime) marked[at] = 1;
  }
  return marked;
}

/** 2^(n-1) = 1 (mod n), which hardly any composite passes. Doubling is cheaper than multiplying. */
function passesFermat(n: bigint): boolean {
  const exponent = (n - 1n).toString(2);
  let result = 1n;
  for (let index = 0; index < exponent.length; index++) {
    result = (result * result) % n;
    if (exponent[index] === '1') {
      result <<= 1n;
      if (result >= n) result -= n;
    }
  }
  return result === 1n;
}

function passesMillerRabin(n: bigint, bytes: number): boolean {
  let odd = n - 1n;
  let twos = 0;
  for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
  for (let round = 0; round < ROUNDS; round++) {
    const random = new NativeUint8Array(bytes);
    fillRandom(random);
    let power = modPow((toBigInt(random) % (n - 3n)) + 2n, odd, n);
    let step = 1;
    for (; step < twos && power !== 1n && power !== n - 1n; step++) power = (power * power) % n;
    if (power !== n - 1n && !(power === 1n && step === 1)) return false;
  }
  return true;
}

/** A random prime p with p - 1 not divisible by the (prime) exponent. */
function findPrime(bits: number, exponent: bigint): bigint {
  for (;;) {
    const start = randomStart(bits);
    const marked = sieve(start);
    for (let index = 0; index < WINDOW; index++) {
      if (marked[index] === 1) continue;
      const candidate = start + BigInt(2 * index);
      if ((candidate - 1n) % exponent === 0n || candidate >> BigInt(bits) !== 0n) continue;
      if (passesFermat(candidate) && passesMillerRabin(candidate, bits / 8)) return candidate;
    }
  }
}

const text = (value: bigint): string => toBase64Url(fromBigInt(value, Math.ceil(value.toString(16).length / 2)));

/** FIPS 186-5, A.1.3: the primes must not lie too close to each other. */
const MIN_DISTANCE_BITS = 100n;

/**
 * @param bits a multiple of 128
 * @param exponent 3 or 65537
 */
export function generateRsaPair(bits: number, exponent: number): { publicKey: KeyObject; privateKey: KeyObject } {
  const e = BigInt(exponent);
  const half = bits / 2;
  const first = findPrime(half, e);
  let second = findPrime(half, e);
  const tooClose = (): boolean =>
    (first > second ? first - second : second - first) >> (BigInt(half) - MIN_DISTANCE_BITS) === 0n;
  while (tooClose()) second = findPrime(half, e);
  const [p, q] = first > second ? [first, second] : [second, first];
  // Any common multiple of p - 1 and q - 1 would do; half of the product is one, and smaller.
  const d = invert(e, ((p - 1n) * (q - 1n)) / 2n);
  const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: invert(q, p) };
  const key: Record<string, string> = { kty: 'RSA' };
  for (const [name, value] of Object.entries(numbers)) key[name] = text(value);
  const privateKey = createPrivateKey({ key, format: 'jwk' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

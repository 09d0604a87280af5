/**
 * AES on whole messages. Deno's `node:crypto` has no CBC and GCM with 192-bit keys: those are built on its single-block and counter
 * modes here.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { copyBytes, copyInto, NativeUint8Array, subarray } from '../../primordials.ts';
import { concatBytes, fromBigInt, toBigInt } from './bytes.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const BLOCK = 16;

const cipherName = (key: Uint8Array, mode: string): string => `aes-${key.length * 8}-${mode}`;

/** Undefined when the padding is not as it must be. */
type Decrypted = Bytes | undefined;

export function encryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Bytes {
  if (key.length === 24) return chainBlocks(key, iv, padBlocks(data));
  const cipher = createCipheriv(cipherName(key, 'cbc'), key, iv);
  return concatBytes(cipher.update(data), cipher.final());
}

export function decryptCbc(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Decrypted {
  if (data.length === 0 || data.length % BLOCK !== 0) return undefined;
  if (key.length === 24) return unpadBlocks(unchainBlocks(key, iv, data));
  try {
    const cipher = createDecipheriv(cipherName(key, 'cbc'), key, iv);
    return concatBytes(cipher.update(data), cipher.final());
  } catch {
    return undefined;
  }
}

export function padBlocks(data: Uint8Array): Bytes {
  const added = BLOCK - (data.length % BLOCK);
  const padded = new NativeUint8Array(data.length + added);
  copyInto(padded, data, 0);
  for (let index = data.length; index < padded.length; index++) padded[index] = added;
  return padded;
}

export function unpadBlocks(data: Bytes): Decrypted {
  const added = data[data.length - 1] as number;
  if (added === 0 || added > BLOCK) return undefined;
  for (let index = data.length - added; index < data.length; index++) if (data[index] !== added) return undefined;
  return copyBytes(subarray(data, 0, data.length - added));
}

export function chainBlocks(key: Uint8Array, iv: Uint8Array, data: Bytes): Bytes {
  const cipher = createCipheriv(cipherName(key, 'ecb'), key, null);
  let previous = iv;
  for (let at = 0; at < data.length; at += BLOCK) {
    const block = subarray(data, at, at + BLOCK);
    xorInto(block, previous);
    copyInto(data, cipher.update(block), at);
    previous = block;
  }
  return data;
}

export function unchainBlocks(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Bytes {
  const cipher = createDecipheriv(cipherName(key, 'ecb'), key, null);
  cipher.setAutoPadding(false);
  const plain = concatBytes(cipher.update(data), cipher.final());
  for (let at = 0; at < plain.length; at += BLOCK) {
    xorInto(subarray(plain, at, at + BLOCK), at === 0 ? iv : subarray(data, at - BLOCK, at));
  }
  return plain;
}

function xorInto(target: Uint8Array, source: Uint8Array): void {
  for (let index = 0; index < target.length; index++) {
    target[index] = (target[index] as number) ^ (source[index] as number);
  }
}

/** How often a counter of this many bits can be used with the message before it repeats. */
export const counterRepeats = (bytes: number, bits: number): boolean =>
  BigInt(Math.ceil(bytes / BLOCK)) > 1n << BigInt(bits);

/**
 * Counter mode with a counter of the given number of bits at the end of the block: it wraps without touching what is before it.
 * Encrypts and decrypts.
 */
export function applyCtr(key: Uint8Array, counter: Uint8Array, bits: number, data: Uint8Array): Bytes {
  const size = 1n << BigInt(bits);
  const block = toBigInt(counter);
  const untilWrap = (size - (block % size)) * BigInt(BLOCK);
  if (untilWrap >= BigInt(data.length)) return ctrRun(key, counter, data);
  const split = Number(untilWrap);
  const wrapped = fromBigInt(block - (block % size), BLOCK);
  return concatBytes(
    ctrRun(key, counter, subarray(data, 0, split)),
    ctrRun(key, wrapped, subarray(data, split, data.length)),
  );
}

function ctrRun(key: Uint8Array, counter: Uint8Array, data: Uint8Array): Bytes {
  const cipher = createCipheriv(cipherName(key, 'ctr'), key, counter);
  return concatBytes(cipher.update(data), cipher.final());
}

/** @returns the ciphertext with the tag of `tagBytes` behind it */
export function encryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  additional: Uint8Array,
  tagBytes: number,
  data: Uint8Array,
): Bytes {
  if (key.length === 24) {
    const first = gcmFirstCounter(key, iv);
    const encrypted = applyCtr(key, nextCounter(first), 32, data);
    return concatBytes(encrypted, subarray(gcmTag(key, first, additional, encrypted), 0, tagBytes));
  }
  const cipher = createCipheriv(cipherName(key, 'gcm'), key, iv, { authTagLength: tagBytes });
  if (additional.length > 0) cipher.setAAD(additional);
  const encrypted = concatBytes(cipher.update(data), cipher.final());
  return concatBytes(encrypted, subarray(cipher.getAuthTag(), 0, tagBytes));
}

/** @param data ciphertext and tag; undefined when the tag does not fit */
export function decryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  additional: Uint8Array,
  tagBytes: number,
  data: Uint8Array,
): Decrypted {
  const encrypted = subarray(data, 0, data.length - tagBytes);
  const tag = subarray(data, data.length - tagBytes, data.length);
  if (key.length === 24) {
    const first = gcmFirstCounter(key, iv);
    if (!sameBytes(subarray(gcmTag(key, first, additional, encrypted), 0, tagBytes), tag)) return undefined;
    return applyCtr(key, nextCounter(first), 32, encrypted);
  }
  try {
    const cipher = createDecipheriv(cipherName(key, 'gcm'), key, iv, { authTagLength: tagBytes });
    if (additional.length > 0) cipher.setAAD(additional);
    cipher.setAuthTag(tag);
    return concatBytes(cipher.update(encrypted), cipher.final());
  } catch {
    return undefined;
  }
}

/** Looks at every byte, so that the time says nothing about where the two differ. */
export function sameBytes(first: Uint8Array, second: Uint8Array): boolean {
  if (first.length !== second.length) return false;
  let difference = 0;
  for (let index = 0; index < first.length; index++) {
    difference |= (first[index] as number) ^ (second[index] as number);
  }
  return difference === 0;
}

/** NIST SP 800-38D: the counter block that encrypts the tag. */
function gcmFirstCounter(key: Uint8Array, iv: Uint8Array): Bytes {
  if (iv.length === 12) return concatBytes(iv, new NativeUint8Array([0, 0, 0, 1]));
  return ghash(hashKey(key), new NativeUint8Array(0), iv, 0);
}

function nextCounter(counter: Bytes): Bytes {
  const next = copyBytes(counter);
  for (let index = BLOCK - 1; index >= BLOCK - 4; index--) {
    next[index] = ((next[index] as number) + 1) & 255;
    if (next[index] !== 0) break;
  }
  return next;
}

function gcmTag(key: Uint8Array, first: Uint8Array, additional: Uint8Array, encrypted: Uint8Array): Bytes {
  return ctrRun(key, first, ghash(hashKey(key), additional, encrypted, additional.length));
}

const hashKey = (key: Uint8Array): Uint32Array =>
  words(ctrRun(key, new NativeUint8Array(BLOCK), new NativeUint8Array(BLOCK)), 0);

const NativeUint32Array = Uint32Array;

/** The block at `at`, zeros behind the end. */
function words(bytes: Uint8Array, at: number): Uint32Array {
  const result = new NativeUint32Array(4);
  for (let index = 0; index < BLOCK; index++) {
    const word = index >> 2;
    result[word] = ((result[word] as number) << 8) | (bytes[at + index] ?? 0);
  }
  return result;
}

function ghash(key: Uint32Array, additional: Uint8Array, data: Uint8Array, additionalLength: number): Bytes {
  const state = new NativeUint32Array(4);
  const absorb = (block: Uint32Array) => {
    for (let index = 0; index < 4; index++) state[index] = (state[index] as number) ^ (block[index] as number);
    multiply(state, key);
  };
  for (let at = 0; at < additional.length; at += BLOCK) absorb(words(additional, at));
  for (let at = 0; at < data.length; at += BLOCK) absorb(words(data, at));
  const lengths = (BigInt(additionalLength * 8) << 64n) | BigInt(data.length * 8);
  absorb(words(fromBigInt(lengths, BLOCK), 0));
  const bytes = new NativeUint8Array(BLOCK);
  for (let index = 0; index < BLOCK; index++) bytes[index] = (state[index >> 2] as number) >>> (24 - 8 * (index & 3));
  return bytes;
}

/** state := state · key in GF(2^128), bits in GCM's order. */
function multiply(state: Uint32Array, key: Uint32Array): void {
  let [a, b, c, d] = key as unknown as [number, number, number, number];
  let r0 = 0;
  let r1 = 0;
  let r2 = 0;
  let r3 = 0;
  for (let bit = 0; bit < 128; bit++) {
    const take = -(((state[bit >> 5] as number) >>> (31 - (bit & 31))) & 1);
    r0 ^= a & take;
    r1 ^= b & take;
    r2 ^= c & take;
    r3 ^= d & take;
    const carry = -(d & 1) & 0xe1000000;
    d = (d >>> 1) | (c << 31);
    c = (c >>> 1) | (b << 31);
    b = (b >>> 1) | (a << 31);
    a = (a >>> 1) ^ carry;
  }
  state[0] = r0;
  state[1] = r1;
  state[2] = r2;
  state[3] = r3;
}

const WRAP_IV = new NativeUint8Array([0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6]);

/** RFC 3394. */
export function wrapWithAes(key: Uint8Array, data: Uint8Array): Bytes {
  const cipher = createCipheriv(cipherName(key, 'ecb'), key, null);
  const blocks = data.length / 8;
  const out = concatBytes(WRAP_IV, data);
  const block = new NativeUint8Array(BLOCK);
  for (let step = 1; step <= 6 * blocks; step++) {
    const at = 8 * (((step - 1) % blocks) + 1);
    copyInto(block, subarray(out, 0, 8), 0);
    copyInto(block, subarray(out, at, at + 8), 8);
    const sealed = cipher.update(block);
    copyInto(out, subarray(sealed, 0, 8), 0);
    mixStep(out, step);
    copyInto(out, subarray(sealed, 8, BLOCK), at);
  }
  return out;
}

/** Undefined when the integrity check fails. */
export function unwrapWithAes(key: Uint8Array, data: Uint8Array): Bytes | undefined {
  const cipher = createDecipheriv(cipherName(key, 'ecb'), key, null);
  cipher.setAutoPadding(false);
  const blocks = data.length / 8 - 1;
  const out = copyBytes(data);
  const block = new NativeUint8Array(BLOCK);
  for (let step = 6 * blocks; step > 0; step--) {
    const at = 8 * (((step - 1) % blocks) + 1);
    mixStep(out, step);
    copyInto(block, subarray(out, 0, 8), 0);
    copyInto(block, subarray(out, at, at + 8), 8);
    const opened = cipher.update(block);
    copyInto(out, subarray(opened, 0, 8), 0);
    copyInto(out, subarray(opened, 8, BLOCK), at);
  }
  return sameBytes(subarray(out, 0, 8), WRAP_IV) ? copyBytes(subarray(out, 8, out.length)) : undefined;
}

/** The step counter, 64 bits; more than 32 cannot come up. */
function mixStep(out: Uint8Array, step: number): void {
  for (let index = 7; index >= 4; index--) {
    out[index] = (out[index] as number) ^ ((step >>> (8 * (7 - index))) & 255);
  }
}

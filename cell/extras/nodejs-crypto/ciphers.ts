/**
 * `createCipheriv` and `createDecipheriv`. The ciphers are Deno's; what it lacks of workerd's list (192-bit CBC and GCM, OFB, DES, RC4) is
 * built on those. A class of our own around them says what workerd says.
 */
import { decryptGcm, encryptGcm, chainBlocks, unchainBlocks, padBlocks, unpadBlocks } from '../webcrypto/aes.ts';
import { denoNode } from '../nodejs/deno-node.ts';
import { describe } from './describe.ts';
import { NativeError } from './errors.ts';
import { toKeyObject } from './key-objects.ts';
import { type CipherInfo, findCipher } from './lists.ts';
import { argumentTypeError, argumentValueError, nativeFunction } from './native.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface BufferLike extends Bytes {
  toString(encoding?: string): string;
}
interface BufferClass {
  from(data: unknown, encoding?: string): BufferLike;
  concat(parts: readonly Uint8Array[]): BufferLike;
  isBuffer(value: unknown): boolean;
}
interface TransformClass {
  new (options?: object): { push(chunk: unknown): boolean };
}

const { Buffer } = denoNode('buffer') as unknown as { Buffer: BufferClass };
const { Transform } = denoNode('stream') as unknown as { Transform: TransformClass };

/** A cipher at work on one message. */
interface Engine {
  update(data: Bytes): Uint8Array;
  final(): Uint8Array;
  setAutoPadding(on: boolean): void;
  setAAD(data: Bytes): void;
  getTag(): Uint8Array;
  setTag(tag: Bytes): void;
}

interface NativeCipher {
  update(data: Uint8Array): Uint8Array;
  final(): Uint8Array;
  setAutoPadding(on: boolean): void;
  setAAD(data: Uint8Array): void;
  getAuthTag(): Uint8Array;
  setAuthTag(tag: Uint8Array): void;
}

interface Message {
  readonly info: CipherInfo;
  readonly key: Bytes;
  readonly iv: Bytes;
  readonly opens: boolean;
}

function startNative(name: string, { key, iv, opens, info }: Message): NativeCipher {
  const create = nativeFunction(opens ? 'createDecipheriv' : 'createCipheriv');
  return create(name, key, info.ivLength === 0 ? null : iv) as NativeCipher;
}

function nativeEngine(name: string, message: Message): Engine {
  const cipher = startNative(name, message);
  return {
    update: (data) => cipher.update(data),
    final: () => cipher.final(),
    setAutoPadding: (on) => cipher.setAutoPadding(on),
    setAAD: (data) => cipher.setAAD(data),
    getTag: () => cipher.getAuthTag(),
    setTag: (tag) => cipher.setAuthTag(tag),
  };
}

const NOTHING = new Uint8Array(0);

const unsupported = {
  setAutoPadding: () => undefined,
  setAAD: () => undefined,
  getTag: () => NOTHING,
  setTag: () => undefined,
};

/** Works on the whole message at its end. */
function collect(finish: (data: Bytes) => Uint8Array): Pick<Engine, 'update' | 'final'> {
  const parts: Uint8Array[] = [];
  return {
    update(data) {
      parts.push(data.slice());
      return NOTHING;
    },
    final: () => finish(Buffer.concat(parts)),
  };
}

function blockEngine({ key, iv, opens }: Message): Engine {
  let padding = true;
  const finish = (data: Bytes): Uint8Array => {
    const whole = padding && !opens ? padBlocks(data) : data;
    if (whole.length % 16 !== 0 || (padding && whole.length === 0)) throw new NativeError('Authentication failed');
    if (!opens) return chainBlocks(key, iv, whole);
    const plain = unchainBlocks(key, iv, whole);
    const result = padding ? unpadBlocks(plain) : plain;
    if (result === undefined) throw new NativeError('Authentication failed');
    return result;
  };
  return {
    ...unsupported,
    ...collect(finish),
    setAutoPadding: (on) => {
      padding = on;
    },
  };
}

function gcmEngine({ key, iv, opens }: Message): Engine {
  let additional: Bytes = NOTHING;
  let tag: Bytes = NOTHING;
  const finish = (data: Bytes): Uint8Array => {
    if (!opens) {
      const sealed = encryptGcm(key, iv, additional, 16, data);
      tag = sealed.slice(data.length);
      return sealed.subarray(0, data.length);
    }
    const plain = decryptGcm(key, iv, additional, tag.length, Buffer.concat([data, tag]));
    if (plain === undefined) throw new NativeError('Authentication failed');
    return plain;
  };
  return {
    ...unsupported,
    ...collect(finish),
    setAAD: (data) => {
      additional = Buffer.concat([additional, data]);
    },
    getTag: () => tag,
    setTag: (given) => {
      tag = given.slice();
    },
  };
}

/** The cipher runs on its own output; text is only mixed in, the same way in both directions. */
function feedbackEngine({ key, iv }: Message): Engine {
  const cipher = nativeFunction('createCipheriv')(`aes-${key.length * 8}-ecb`, key, null) as NativeCipher;
  let block: Uint8Array = iv;
  let used = 16;
  const update = (data: Bytes): Uint8Array => {
    const result = new Uint8Array(data.length);
    for (let index = 0; index < data.length; index++) {
      if (used === 16) {
        block = cipher.update(block);
        used = 0;
      }
      result[index] = (data[index] as number) ^ (block[used++] as number);
    }
    return result;
  };
  return { ...unsupported, update, final: () => NOTHING };
}

function rc4Engine({ key }: Message): Engine {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index);
  const swap = (first: number, second: number): void => {
    [state[first], state[second]] = [state[second] as number, state[first] as number];
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + (state[i] as number) + (key[i % key.length] as number)) & 255;
    swap(i, j);
  }
  let i = 0;
  let j = 0;
  const next = (): number => {
    i = (i + 1) & 255;
    j = (j + (state[i] as number)) & 255;
    swap(i, j);
    return state[((state[i] as number) + (state[j] as number)) & 255] as number;
  };
  return { ...unsupported, update: (data) => data.map((byte) => byte ^ next()), final: () => NOTHING };
}

/** DES is triple DES with one key three times. */
function tripled(key: Bytes): Bytes {
  const second = key.length === 16 ? key.subarray(8) : key;
  const first = key.subarray(0, 8);
  return Buffer.concat([first, second, first]);
}

function startEngine(message: Message): Engine {
  const { info, key } = message;
  const name = info.mode === 'gcm' ? `aes-${key.length * 8}-gcm` : info.name.toLowerCase();
  if (info.mode === 'ofb') return feedbackEngine(message);
  if (name === 'rc4') return rc4Engine(message);
  if (name === 'aes-192-cbc') return blockEngine(message);
  if (name === 'aes-192-gcm') return gcmEngine(message);
  if (name === 'des-cbc' || name === 'des-ede-cbc') {
    return nativeEngine('des-ede3-cbc', { ...message, key: tripled(key) });
  }
  return nativeEngine(name, message);
}

const isAuthenticated = ({ mode, name }: CipherInfo): boolean => mode === 'gcm' || name === 'chacha20-poly1305';

function checkKey(info: CipherInfo, key: Bytes, iv: Bytes | undefined): Bytes {
  if (key.length !== info.keyLength) throw new NativeError('Invalid key length');
  const length = iv?.length ?? 0;
  const fits = info.mode === 'gcm' ? length > 0 : length === info.ivLength;
  if (!fits) throw new NativeError('Invalid initialization vector');
  return iv ?? NOTHING;
}

function bytesOfKey(key: unknown): Bytes {
  const keyObject = toKeyObject(key) as { export?(): Bytes };
  if (typeof keyObject?.export === 'function') return keyObject.export();
  return bytesOf(key, 'utf8', 'key');
}

function bytesOf(data: unknown, encoding: string | undefined, argument: string): Bytes {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  }
  throw argumentTypeError(
    `The "${argument}" argument must be of type string or an instance of ${argument === 'data' ? '' : 'ArrayBuffer, '}Buffer, TypedArray, or DataView. Received ${describe(data)}`,
  );
}

const FINALIZED = 'Cipher/decipher context has already been finalized';
const TAG_LENGTHS = [4, 8, 12, 13, 14, 15, 16];

/** What Cipheriv and Decipheriv share. */
class CipherTransform extends Transform {
  readonly #engine: Engine;
  readonly #info: CipherInfo;
  readonly #opens: boolean;
  #finished = false;
  #tag: Bytes | undefined;

  constructor(opens: boolean, algorithm: unknown, key: unknown, iv: unknown, options?: object) {
    if (typeof algorithm !== 'string') {
      throw argumentTypeError(`The "algorithm" argument must be of type string. Received ${describe(algorithm)}`);
    }
    const info = findCipher(algorithm);
    if (info === undefined) throw new NativeError(`Unknown or unsupported cipher: ${algorithm}`);
    const secret = bytesOfKey(key);
    const vector = iv === null || iv === undefined ? undefined : bytesOf(iv, 'utf8', 'iv');
    const checked = checkKey(info, secret, vector);
    super(options);
    this.#info = info;
    this.#opens = opens;
    this.#engine = startEngine({ info, key: secret, iv: checked, opens });
  }

  update(data: unknown, inputEncoding?: string, outputEncoding?: string): unknown {
    if (typeof data === 'string' && (inputEncoding === undefined || inputEncoding === null)) {
      throw argumentValueError(
        `The argument 'inputEncoding' If inputEncoding is not provided then the data must be a Buffer. Received ${describe(inputEncoding)}`,
      );
    }
    const bytes = bytesOf(data, inputEncoding, 'data');
    if (this.#finished) throw new NativeError(FINALIZED);
    return encoded(this.#engine.update(bytes), outputEncoding);
  }

  final(outputEncoding?: string): unknown {
    if (this.#finished) throw new NativeError(FINALIZED);
    if (this.#opens && isAuthenticated(this.#info) && this.#tag === undefined) {
      throw new NativeError('No auth tag provided');
    }
    this.#finished = true;
    let last: Uint8Array;
    try {
      last = this.#engine.final();
    } catch {
      throw new NativeError('Authentication failed');
    }
    return encoded(last, outputEncoding);
  }

  setAAD(data: unknown): this {
    if (!isAuthenticated(this.#info)) throw new NativeError('Cipher does not support authenticated mode');
    this.#engine.setAAD(bytesOf(data, 'utf8', 'buffer'));
    return this;
  }

  setAutoPadding(on = true): this {
    this.#engine.setAutoPadding(on);
    return this;
  }

  takeTag(): Uint8Array {
    if (!this.#finished) {
      throw new NativeError('Auth tag is only available once cipher context has been finalized');
    }
    if (!isAuthenticated(this.#info)) throw new NativeError('Cipher does not support authenticated mode');
    return Buffer.from(this.#engine.getTag());
  }

  giveTag(data: unknown, encoding?: string): this {
    const tag = bytesOf(data, encoding, 'buffer');
    if (!TAG_LENGTHS.includes(tag.length)) throw new NativeError('Invalid authentication tag length');
    this.#engine.setTag(tag);
    this.#tag = tag;
    return this;
  }

  _transform(chunk: unknown, encoding: string, done: (error?: unknown) => void): void {
    try {
      this.push(this.update(chunk, typeof chunk === 'string' ? encoding : undefined));
      done();
    } catch (error) {
      done(error);
    }
  }

  _flush(done: (error?: unknown) => void): void {
    try {
      this.push(this.final());
      done();
    } catch (error) {
      done(error);
    }
  }
}

const encoded = (bytes: Uint8Array, encoding: string | undefined): unknown => {
  const buffer = Buffer.from(bytes);
  return encoding === undefined || encoding === null || encoding === 'buffer' ? buffer : buffer.toString(encoding);
};

export class Cipheriv extends CipherTransform {
  constructor(algorithm: unknown, key: unknown, iv: unknown, ...options: [object?]) {
    super(false, algorithm, key, iv, options[0]);
  }

  getAuthTag(): Uint8Array {
    return this.takeTag();
  }
}

export class Decipheriv extends CipherTransform {
  constructor(algorithm: unknown, key: unknown, iv: unknown, ...options: [object?]) {
    super(true, algorithm, key, iv, options[0]);
  }

  setAuthTag(data: unknown, encoding?: string): this {
    return this.giveTag(data, encoding);
  }
}

export const createCipheriv = (algorithm: unknown, key: unknown, iv: unknown, ...options: [object?]): Cipheriv =>
  new Cipheriv(algorithm, key, iv, ...options);
export const createDecipheriv = (algorithm: unknown, key: unknown, iv: unknown, ...options: [object?]): Decipheriv =>
  new Decipheriv(algorithm, key, iv, ...options);

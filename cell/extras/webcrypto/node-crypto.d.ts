/** The part of Deno's own `node:crypto` that the extras build on. */
declare module 'node:crypto' {
  export interface KeyObject {
    readonly type: 'secret' | 'public' | 'private';
    readonly asymmetricKeyType?: string;
    readonly asymmetricKeyDetails?: { readonly namedCurve?: string };
    export(options: { format: 'jwk' }): Record<string, string>;
    export(options: { format: 'der'; type: 'pkcs8' | 'spki' }): Uint8Array<ArrayBuffer>;
  }
  export interface Hash {
    update(data: Uint8Array): Hash;
    digest(): Uint8Array<ArrayBuffer>;
  }
  export interface Cipher {
    update(data: Uint8Array): Uint8Array<ArrayBuffer>;
    final(): Uint8Array<ArrayBuffer>;
    setAutoPadding(on: boolean): void;
    setAAD(data: Uint8Array): void;
    getAuthTag(): Uint8Array<ArrayBuffer>;
    setAuthTag(tag: Uint8Array): void;
  }
  interface KeyInput {
    key: Uint8Array | object;
    format: 'der' | 'jwk';
    type?: 'pkcs8' | 'spki' | 'pkcs1' | 'sec1';
  }
  interface SignKey {
    key: KeyObject;
    dsaEncoding?: 'ieee-p1363';
    padding?: number;
    saltLength?: number;
  }
  interface CipherKey {
    key: KeyObject;
    padding: number;
    oaepHash?: string;
    oaepLabel?: Uint8Array;
  }
  export function createHash(algorithm: string): Hash;
  export function createHmac(algorithm: string, key: Uint8Array): Hash;
  export function createCipheriv(
    algorithm: string,
    key: Uint8Array,
    iv: Uint8Array | null,
    options?: { authTagLength: number },
  ): Cipher;
  export function createDecipheriv(
    algorithm: string,
    key: Uint8Array,
    iv: Uint8Array | null,
    options?: { authTagLength: number },
  ): Cipher;
  export function createPrivateKey(input: KeyInput): KeyObject;
  export function createPublicKey(input: KeyInput | KeyObject): KeyObject;
  export function createECDH(curve: string): {
    setPrivateKey(key: Uint8Array): void;
    getPublicKey(): Uint8Array<ArrayBuffer>;
  };
  export function generateKeyPairSync(type: string, options?: object): { publicKey: KeyObject; privateKey: KeyObject };
  export function sign(algorithm: string | null, data: Uint8Array, key: SignKey): Uint8Array<ArrayBuffer>;
  export function verify(algorithm: string | null, data: Uint8Array, key: SignKey, signature: Uint8Array): boolean;
  export function publicEncrypt(key: CipherKey, data: Uint8Array): Uint8Array<ArrayBuffer>;
  export function privateDecrypt(key: CipherKey, data: Uint8Array): Uint8Array<ArrayBuffer>;
  export function diffieHellman(options: { privateKey: KeyObject; publicKey: KeyObject }): Uint8Array<ArrayBuffer>;
  export function hkdfSync(
    digest: string,
    key: Uint8Array,
    salt: Uint8Array,
    info: Uint8Array,
    length: number,
  ): ArrayBuffer;
  export function pbkdf2Sync(
    password: Uint8Array,
    salt: Uint8Array,
    iterations: number,
    length: number,
    digest: string,
  ): Uint8Array<ArrayBuffer>;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}

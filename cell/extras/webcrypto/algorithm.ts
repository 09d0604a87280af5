/** What an algorithm of Web Crypto provides. The table of them is in `registry.ts`. */
import type {
  DeriveAlgorithm,
  EncryptAlgorithm,
  GenerateAlgorithm,
  ImportAlgorithm,
  JsonWebKey,
  SignAlgorithm,
} from './convert.ts';
import type { KeyState } from './key.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export interface KeyPairState {
  readonly publicKey: KeyState;
  readonly privateKey: KeyState;
}

export interface KeyImport {
  readonly format: string;
  /** The format decides which: `jwk` is a dictionary, all others are bytes. */
  readonly data: Bytes | JsonWebKey;
  readonly algorithm: ImportAlgorithm;
  readonly extractable: boolean;
  readonly usages: readonly string[];
}

export interface Algorithm {
  /** As Web Crypto spells it. */
  readonly name: string;
  generate?(algorithm: GenerateAlgorithm, extractable: boolean, usages: readonly string[]): KeyState | KeyPairState;
  importKey(input: KeyImport): KeyState;
  exportKey?(key: KeyState, format: string): Bytes | JsonWebKey;
  encrypt?(key: KeyState, algorithm: EncryptAlgorithm, data: Bytes): Bytes;
  decrypt?(key: KeyState, algorithm: EncryptAlgorithm, data: Bytes): Bytes;
  sign?(key: KeyState, algorithm: SignAlgorithm, data: Bytes): Bytes | Promise<Bytes>;
  verify?(key: KeyState, algorithm: SignAlgorithm, signature: Bytes, data: Bytes): boolean | Promise<boolean>;
  /** @param length bits; undefined: as many as there are */
  deriveBits?(key: KeyState, algorithm: DeriveAlgorithm, length: number | undefined): Bytes;
  /** Where wrapping is not encryption. */
  wrap?(key: KeyState, data: Bytes): Bytes;
  unwrap?(key: KeyState, data: Bytes): Bytes;
}

/** Keys of 16 bits in places where workerd keeps 16. */
export const uint16 = (value: number): number => value & 0xffff;

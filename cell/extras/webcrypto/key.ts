/** `CryptoKey`: what user code sees of a key, and what it does not. */
import type { KeyObject } from 'node:crypto';
import { defineProperty, NativeWritableStream, slotOf } from '../../primordials.ts';
import { illegalConstructor } from '../../webidl.ts';
import { usageNames } from './usages.ts';

/** The members of `CryptoKey.algorithm`; which of them there are depends on the algorithm. */
export interface KeyAlgorithm {
  readonly name: string;
  readonly length?: number;
  readonly hash?: { readonly name: string };
  readonly namedCurve?: string;
  readonly modulusLength?: number;
  readonly publicExponent?: Uint8Array<ArrayBuffer> | ArrayBuffer;
}

interface CommonState {
  readonly algorithm: KeyAlgorithm;
  readonly extractable: boolean;
  readonly usages: number;
}

export interface SecretKeyState extends CommonState {
  readonly type: 'secret';
  readonly secret: Uint8Array<ArrayBuffer>;
}

export interface AsymmetricKeyState extends CommonState {
  readonly type: 'public' | 'private';
  readonly keyObject: KeyObject;
}

export type KeyState = SecretKeyState | AsymmetricKeyState;

const CREATE = {};

export class CryptoKey {
  readonly #state: KeyState;

  constructor();
  constructor(token: unknown, state: KeyState);
  constructor(token?: unknown, state?: KeyState) {
    if (token !== CREATE || state === undefined) throw illegalConstructor();
    this.#state = state;
    readOnly(this, 'usages', usageNames(state.usages));
    readOnly(this, 'algorithm', algorithmForUser(state.algorithm));
    readOnly(this, 'extractable', state.extractable);
    readOnly(this, 'type', state.type);
  }

  static read(key: object): KeyState | undefined {
    return #state in key ? (key as CryptoKey).#state : undefined;
  }
}

/** Not part of the class that user code sees. */
const readState = CryptoKey.read;
Reflect.deleteProperty(CryptoKey, 'read');
defineProperty(CryptoKey, 'length', { value: 0, configurable: true });
// With a kind that nobody can serialize, the engine refuses to clone it.
defineProperty(CryptoKey.prototype, slotOf(new NativeWritableStream(), 'Deno.core.hostObject'), { value: 'CryptoKey' });
defineProperty(CryptoKey.prototype, Symbol.toStringTag, {
  value: 'CryptoKey',
  configurable: true,
  writable: true,
});

function readOnly(object: object, name: string, value: unknown): void {
  defineProperty(object, name, { value, writable: false, enumerable: true, configurable: true });
}

/** User code may change what it gets; the key itself goes by its own copy. */
function algorithmForUser(algorithm: KeyAlgorithm): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  if (algorithm.modulusLength !== undefined) {
    copy.name = algorithm.name;
    copy.modulusLength = algorithm.modulusLength;
    copy.publicExponent = algorithm.publicExponent;
    if (algorithm.hash !== undefined) copy.hash = { name: algorithm.hash.name };
    return copy;
  }
  copy.name = algorithm.name;
  if (algorithm.hash !== undefined) copy.hash = { name: algorithm.hash.name };
  if (algorithm.namedCurve !== undefined) copy.namedCurve = algorithm.namedCurve;
  if (algorithm.length !== undefined) copy.length = algorithm.length;
  return copy;
}

export const createKey = (state: KeyState): CryptoKey => new CryptoKey(CREATE, state);

/** The state of a CryptoKey, or undefined when the value is none. */
export function keyState(value: unknown): KeyState | undefined {
  return typeof value === 'object' && value !== null ? readState(value) : undefined;
}

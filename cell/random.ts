/** The cell's source of randomness, captured before user code. */
import { apply, getterOf } from './primordials.ts';
import { requireInvocation } from './timers.ts';

const nativeCrypto = crypto;
const nativeGetRandomValues = crypto.getRandomValues;
const nativeRandomUuid = crypto.randomUUID;
const nativeSubtleOf = getterOf<Crypto, SubtleCrypto>(Crypto.prototype, 'subtle');

/** Deno's own Web Crypto. */
export const nativeSubtle = (): SubtleCrypto => nativeSubtleOf(nativeCrypto);

/** Fills the bytes, wherever it is called. For the harness's own needs (nonces, key generation inside an operation). */
export function fillRandom(bytes: ArrayBufferView): void {
  apply(nativeGetRandomValues, nativeCrypto, [bytes as Uint8Array<ArrayBuffer>]);
}

/** As `fillRandom`, for what user code asked for: at the top level of a module Workers refuse it. */
export function fillRandomInInvocation(bytes: ArrayBufferView): void {
  requireInvocation();
  fillRandom(bytes);
}

export function randomUuidInInvocation(): string {
  requireInvocation();
  return apply(nativeRandomUuid, nativeCrypto, []) as string;
}

/** Throws at the top level of a module, where nothing random may be made. */
export function startupGuard(): void {
  requireInvocation();
}

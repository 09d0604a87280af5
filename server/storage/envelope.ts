/**
 * Secrets at rest. Each secret is sealed with its own random key (DEK), and that key with the master key (KEK), both
 * AES-256-GCM. The place of the secret (account, worker, version, binding) is authenticated with it, so a sealed
 * secret copied to another row does not open. Changing the master key means re-wrapping 60 bytes per secret, not the secrets.
 *
 * Layout: 1 byte format (1) | 12 nonce + 32 wrapped DEK + 16 tag | 12 nonce + n ciphertext + 16 tag
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const BOX_OVERHEAD = NONCE_BYTES + TAG_BYTES;
const WRAPPED_BYTES = KEY_BYTES + BOX_OVERHEAD;

/** The bytes cannot be opened: another master key, another place, or changed bytes. GCM does not tell which. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
}

/**
 * Seals a text for one place.
 * @param masterKey 32 bytes.
 * @param place names of where it is stored, outermost first; needed again to open it.
 */
export function seal(masterKey: Uint8Array, place: readonly string[], text: string): Buffer {
  const key = randomBytes(KEY_BYTES);
  const wrapped = encrypt(masterKey, associatedData('key', place), key);
  const sealed = encrypt(key, associatedData('text', place), Buffer.from(text, 'utf8'));
  return Buffer.concat([Buffer.of(FORMAT), wrapped, sealed]);
}

/** Opens what `seal` made. Throws EnvelopeError when it cannot be opened. */
export function open(masterKey: Uint8Array, place: readonly string[], sealed: Uint8Array): string {
  if (sealed[0] !== FORMAT || sealed.length < 1 + WRAPPED_BYTES + BOX_OVERHEAD) {
    throw new EnvelopeError(
      `Cannot open the secret ${place.join('/')}: its ${sealed.length} bytes are no sealed secret.`,
    );
  }
  try {
    const key = decrypt(masterKey, associatedData('key', place), sealed.subarray(1, 1 + WRAPPED_BYTES));
    return decrypt(key, associatedData('text', place), sealed.subarray(1 + WRAPPED_BYTES)).toString('utf8');
  } catch (cause) {
    throw new EnvelopeError(
      `Cannot open the secret ${place.join('/')}: it was sealed with another master key, or its bytes were changed. ` +
        'Start Skep with the master key it was sealed with.',
      { cause },
    );
  }
}

/** JSON, so that the parts ["a/b"] and ["a","b"] are different places. */
function associatedData(purpose: 'key' | 'text', place: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(['skep', FORMAT, purpose, ...place]), 'utf8');
}

function encrypt(key: Uint8Array, aad: Buffer, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, aad: Buffer, box: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(aad).setAuthTag(box.subarray(box.length - TAG_BYTES));
  return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, box.length - TAG_BYTES)), decipher.final()]);
}

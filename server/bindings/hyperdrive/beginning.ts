/** What a client of PostgreSQL says before it may ask anything: messages without a type, of a length that it names itself. */
import { WireError } from '../../storage/wire/frames.ts';
import { STARTUP } from './messages.ts';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';

const CANCEL_BYTES = 16;
/** Length and code. */
const HEAD_BYTES = 8;

export type FirstWord =
  /** TLS or GSSAPI. */
  | { readonly kind: 'encryption' }
  /** Whose statement is to be cancelled; absent: the message is no key. */
  | { readonly kind: 'cancel'; readonly key?: { readonly processId: number; readonly secret: number } }
  /** The session begins; `rest` are the bytes behind. */
  | { readonly kind: 'start'; readonly rest: Buffer };

export class Beginning {
  #bytes: Buffer = Buffer.alloc(0);
  /** Kinds of encryption. */
  readonly #askedFor = new Set<number>();

  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  /** The next whole message; undefined: more bytes have to come. Throws WireError. */
  next(): FirstWord | undefined {
    const bytes = this.#bytes;
    if (bytes.length < HEAD_BYTES) return undefined;
    const length = bytes.readUInt32BE(0);
    if (length < HEAD_BYTES || length > DATABASE_LIMITS.maxFirstMessageBytes)
      throw new WireError(`a first message of an impossible length came: ${length} bytes`);
    if (bytes.length < length) return undefined;
    this.#bytes = bytes.subarray(length);
    return this.#read(bytes.subarray(0, length));
  }

  #read(message: Buffer): FirstWord {
    const code = message.readUInt32BE(4);
    if (code === STARTUP.tls || code === STARTUP.gssEncryption) {
      // Each may be asked for once, as in PostgreSQL: millions of such questions would be answered one by one.
      if (this.#askedFor.has(code)) throw new WireError('encryption was asked for twice');
      this.#askedFor.add(code);
      return { kind: 'encryption' };
    }
    if (code === STARTUP.cancel) {
      if (message.length !== CANCEL_BYTES) return { kind: 'cancel' };
      return { kind: 'cancel', key: { processId: message.readUInt32BE(8), secret: message.readUInt32BE(12) } };
    }
    if (code >>> 16 === 3) return { kind: 'start', rest: this.#bytes };
    throw new WireError(`protocol ${code >>> 16}.${code & 0xffff} is not spoken here, only 3.0`);
  }
}

/** Exceptions on their way to the worker that called, and as it catches them there. */
import { NativeError, nativeString, stringSlice, stringStartsWith } from '../../primordials.ts';
import { ERROR_NAMES, ERRORS, isNativeError, isProxy } from '../../value-primordials.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { Decoder } from './decode.ts';
import { Encoder } from './encode.ts';
import { engineText, kindOf, markRemote } from './refusals.ts';

/** An exception as it travels. What cannot be sent with it is left behind, so that the error itself always arrives. */
export function encodeThrown(writer: ByteWriter, thrown: unknown): void {
  writer.bytes(thrownBytes(thrown));
}

/** The same without its length. */
export function thrownBytes(thrown: unknown): Uint8Array {
  if (typeof thrown !== 'object' || thrown === null || isProxy(thrown)) return encode(fromText(textOf(thrown)));
  try {
    return encode(thrown);
  } catch {
    return encode(stripped(thrown));
  }
}

/** Why a stream was cancelled. Undefined: it cannot be sent. */
export function reasonBytes(reason: unknown): Uint8Array | undefined {
  try {
    return encode(reason);
  } catch {
    return undefined;
  }
}

/** The reverse. Throws when it cannot be read. */
export const decodeReason = (bytes: Uint8Array): unknown => new Decoder(new ByteReader(bytes), null).value();

function encode(value: unknown): Uint8Array {
  const encoder = new Encoder(new ByteWriter(), null, true);
  encoder.value(value);
  return encoder.writer.finish();
}

function stripped(thrown: object): Error {
  try {
    if (!isNativeError(thrown)) return new NativeError(engineText(thrown));
    const { name, message } = thrown as Error;
    return new (ERRORS[kindOf(name) % AGGREGATE] as ErrorConstructor)(textOf(message));
  } catch {
    return new NativeError('An exception whose own properties throw');
  }
}

const AGGREGATE = 7;

/** What is known only as text may still say of which class it is. */
function fromText(text: string): Error {
  for (let index = 0; index < AGGREGATE; index++) {
    const prefix = `${ERROR_NAMES[index] as string}: `;
    if (stringStartsWith(text, prefix)) {
      return new (ERRORS[index] as ErrorConstructor)(stringSlice(text, prefix.length));
    }
  }
  return new NativeError(text);
}

function textOf(value: unknown): string {
  try {
    return nativeString(value);
  } catch {
    return 'An exception that cannot be shown';
  }
}

/** What stands in a message as a thrown value. Throws when it cannot be read. */
export const readThrown = (reader: ByteReader): unknown => decodeThrown(reader.bytes());

/** The reverse of `thrownBytes`, as the caller catches it. Throws when it cannot be read. */
export function decodeThrown(bytes: Uint8Array): unknown {
  const thrown = new Decoder(new ByteReader(bytes), null).value();
  return typeof thrown === 'object' && thrown !== null ? markRemote(thrown) : thrown;
}

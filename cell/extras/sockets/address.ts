/** What `connect()` is given, in workerd's reading and words. */
import { NativeTypeError, NativeURL, stringIndexOf, urlHost, urlHostname, urlPort } from '../../primordials.ts';
import { isObject } from '../../webidl.ts';

const MAX_ADDRESS_LENGTH = 255;
const ADDRESS_CHARACTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]';
const BAD_ADDRESS = 'Specified address is empty string, contains unsupported characters or is too long.';

export type SecureTransport = 'off' | 'on' | 'starttls';

export interface SocketOptions {
  readonly secureTransport: SecureTransport;
  readonly allowHalfOpen: boolean;
}

/** `host:port` to connect to. Throws TypeErrors. */
export function readAddress(address: unknown): string {
  if (address === undefined || address === null) {
    throw new NativeTypeError(
      'Cannot initialize N7workerd3api13SocketAddressE with required members from an undefined or null value.',
    );
  }
  const text = isObject(address) ? fromParts(address) : fromText(`${address as string}`);
  if (!isAddress(text)) throw new NativeTypeError(BAD_ADDRESS);
  return text;
}

function fromParts(address: object): string {
  const { hostname, port } = address as { hostname?: unknown; port?: unknown };
  const name = hostname === undefined ? '' : `${hostname as string}`;
  return `${name}:${toPort(port)}`;
}

function toPort(value: unknown): number {
  const port = +(value as number);
  if (port !== port || port === Infinity || port === -Infinity) {
    throw new NativeTypeError('The value cannot be converted because it is not an integer.');
  }
  if (port < 0) {
    throw new NativeTypeError(
      'The value cannot be converted because it is negative and this API expects a positive number.',
    );
  }
  if (port > 65_535) throw new NativeTypeError('Value out of range. Must be less than or equal to 65535.');
  return port | 0;
}

function fromText(text: string): string {
  let url: URL;
  try {
    url = new NativeURL(`socket://${text}`);
  } catch {
    throw new NativeTypeError('Specified address could not be parsed.');
  }
  if (urlHost(url) === '' || urlHostname(url) === '')
    throw new NativeTypeError('Specified address is missing hostname.');
  if (urlPort(url) === '') throw new NativeTypeError('Specified address is missing port.');
  return text;
}

function isAddress(text: string): boolean {
  if (text === '' || text.length > MAX_ADDRESS_LENGTH) return false;
  for (let index = 0; index < text.length; index++) {
    if (stringIndexOf(ADDRESS_CHARACTERS, text[index] as string) < 0) return false;
  }
  return true;
}

/** Reads each option once. Throws TypeErrors. */
export function readOptions(options: unknown): SocketOptions {
  if (options === undefined) return { secureTransport: 'off', allowHalfOpen: false };
  if (options === null) {
    throw new NativeTypeError(
      'Cannot initialize N7workerd3api13SocketOptionsE with required members from an undefined or null value.',
    );
  }
  if (!isObject(options)) {
    throw new NativeTypeError(
      "Failed to execute 'connect' on 'SocketsModule': parameter 2 is not of type 'SocketOptions'.",
    );
  }
  const { secureTransport, allowHalfOpen, highWaterMark } = options as Record<string, unknown>;
  if (highWaterMark !== undefined && +(highWaterMark as number) < 0) {
    throw new NativeTypeError(
      'The value cannot be converted because it is negative and this API expects a positive bigint.',
    );
  }
  const transport = secureTransport === undefined ? 'off' : `${secureTransport as string}`;
  if (transport !== 'off' && transport !== 'on' && transport !== 'starttls') {
    throw new NativeTypeError(`Unsupported value in secureTransport socket option: ${transport}`);
  }
  return { secureTransport: transport, allowHalfOpen: Boolean(allowHalfOpen) };
}

/** What the functions of `node:fs` take: paths, options, data; and their errors, in workerd's words. */
import { denoNode } from '../deno-node.ts';
import { invalidArgType, nodeError, nodeTypeError } from '../errors.ts';
import { absolute } from '../virtual-files.ts';

export type Callback = (...args: unknown[]) => unknown;

interface BufferLike extends Uint8Array {
  toString(encoding?: string): string;
}
export const { Buffer } = denoNode('buffer') as {
  Buffer: { from(data: unknown, ...rest: unknown[]): BufferLike; isEncoding(name: unknown): boolean };
};

const TEXTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EPERM: 'operation not permitted',
  EISDIR: 'illegal operation on a directory',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EEXIST: 'file already exists',
  EBADF: 'bad file descriptor',
  EINVAL: 'invalid argument',
};

export function fsError(
  code: string,
  syscall: string,
  path?: string,
  text = `${TEXTS[code]}, ${syscall} '${path}'`,
): Error {
  const message = path === undefined && text.endsWith("'undefined'") ? (TEXTS[code] as string) : text;
  return Object.assign(nodeError(code, message), { syscall }, path === undefined ? {} : { path });
}

/** Errors of `stat` and its kin have a number too. */
export const noEntry = (syscall: string, path: string): Error =>
  Object.assign(fsError('ENOENT', syscall, path), { errno: -2 });

export function toPath(value: unknown, name = 'path'): string {
  let path: string;
  if (typeof value === 'string') path = value;
  else if (value instanceof URL) {
    path = (denoNode('url') as { fileURLToPath(url: URL): string }).fileURLToPath(value);
  } else if (value instanceof Uint8Array) path = Buffer.from(value).toString();
  else throw invalidArgType(name, 'of type string or an instance of Buffer or URL', value);
  if (path.includes('\0')) {
    throw nodeTypeError(
      'ERR_INVALID_ARG_VALUE',
      `The argument '${name}' must not contain null bytes. Received '${path.replaceAll('\0', '\\x00')}'`,
    );
  }
  return absolute(path);
}

export interface Options extends Record<string, unknown> {
  encoding?: string | null;
  flag?: unknown;
  flags?: unknown;
  recursive?: boolean;
  force?: boolean;
  bigint?: boolean;
}

export const optionsOf = (value: unknown): Options =>
  typeof value === 'string'
    ? { encoding: value }
    : value !== null && typeof value === 'object'
      ? (value as Options)
      : {};

export function toBytes(data: unknown, encoding?: string | null): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding ?? 'utf8');
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw invalidArgType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

export function encoded(bytes: Uint8Array, encoding: string | null | undefined): unknown {
  const buffer = Buffer.from(bytes);
  return encoding === undefined || encoding === null || encoding === 'buffer' ? buffer : buffer.toString(encoding);
}

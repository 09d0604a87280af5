/** Files read, written and cut as a whole. */
import { type FileNode, truncate, writeAt } from '../virtual-files.ts';
import { encoded, fsError, optionsOf, toBytes, toPath } from './arguments.ts';
import { descriptor, openNode, writeTo } from './descriptors.ts';
import { parseFlags } from './flags.ts';

function contentOf(node: FileNode): Uint8Array {
  if (node.kind === 'directory') throw fsError('EISDIR', 'readAll');
  return node.kind === 'file' ? node.bytes.subarray(0, node.size) : new Uint8Array(0);
}

export function readFileSync(path: unknown, options?: unknown): unknown {
  const { encoding } = optionsOf(options);
  if (typeof path === 'number') {
    return encoded(contentOf(descriptor(path, 'fread').node), encoding);
  }
  return encoded(contentOf(openNode(toPath(path), parseFlags('r'), 'readAll')), encoding);
}

export function writeFileSync(path: unknown, data: unknown, options?: unknown): number {
  const { encoding, flag = 'w' } = optionsOf(options);
  const bytes = toBytes(data, encoding);
  if (typeof path === 'number') return writeTo(descriptor(path, 'write'), bytes, undefined);
  const flags = parseFlags(flag);
  const node = openNode(toPath(path), flags, 'writeAll');
  if (node.kind === 'file') writeAt(node, bytes, flags.append ? node.size : 0);
  return bytes.length;
}

export const appendFileSync = (path: unknown, data: unknown, options?: unknown): number =>
  writeFileSync(path, data, { flag: 'a', ...optionsOf(options) });

export function truncateSync(path: unknown, length: unknown = 0): void {
  const node = openNode(toPath(path), { ...parseFlags('r+') }, 'ftruncate');
  if (node.kind === 'file') truncate(node, Number(length));
}

export function ftruncateSync(fd: unknown, length: unknown = 0): void {
  const { node } = descriptor(fd, 'ftruncate');
  if (node.kind === 'file') truncate(node, Number(length));
}

export const openAsBlob = (path: unknown, options?: unknown): Blob =>
  new Blob([readFileSync(path) as BlobPart], optionsOf(options) as BlobPropertyBag);

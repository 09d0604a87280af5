/** Open files: what a descriptor stands for, and reading and writing through it. */
import { invalidArgType } from '../errors.ts';
import { type FileNode, find, makeFile, nameOf, parentOf, truncate, writeAt } from '../virtual-files.ts';
import { Buffer, fsError, toBytes, toPath } from './arguments.ts';
import { type Flags, parseFlags } from './flags.ts';

export interface OpenFile {
  readonly node: FileNode;
  position: number;
  readonly append: boolean;
  readonly canWrite: boolean;
}

const FIRST_FD = 3;
const open = new Map<number, OpenFile>();
let nextFd = FIRST_FD;

export function descriptor(fd: unknown, syscall: string): OpenFile {
  const file = typeof fd === 'number' ? open.get(fd) : undefined;
  if (file === undefined) throw fsError('EBADF', syscall);
  return file;
}

/** The node for a path and flags, made when the flags say so. `syscall` is what errors name. */
export function openNode(path: string, flags: Flags, syscall: string): FileNode {
  const node = find(path);
  if (node === undefined) {
    if (!flags.create) throw fsError('ENOENT', syscall, path);
    const parent = find(parentOf(path));
    if (parent === undefined) throw fsError('ENOENT', syscall, path);
    if (parent.kind !== 'directory') throw fsError('ENOTDIR', syscall, path);
    if (!parent.isWritable) throw fsError('EPERM', syscall);
    const file = makeFile();
    parent.entries.set(nameOf(path), file);
    return file;
  }
  if (flags.exclusive) throw fsError('EEXIST', syscall, syscall === 'open' ? path : undefined);
  if (flags.write && node.kind === 'directory') throw fsError('EISDIR', syscall);
  if (flags.write && node.kind === 'file' && !node.isWritable) throw fsError('EPERM', syscall);
  if (flags.write && node.kind === 'device' && node.name === 'full') throw fsError('EPERM', syscall);
  if (flags.truncate && node.kind === 'file') truncate(node, 0);
  return node;
}

export function openSync(path: unknown, flags: unknown = 'r'): number {
  const parsed = parseFlags(flags ?? 'r');
  const node = openNode(toPath(path), parsed, 'open');
  const fd = nextFd++;
  open.set(fd, { node, position: 0, append: parsed.append, canWrite: parsed.write });
  return fd;
}

export function closeSync(fd: unknown): void {
  if (typeof fd !== 'number') throw invalidArgType('fd', 'of type number', fd);
  open.delete(fd);
}

function readFrom(node: FileNode, target: Uint8Array, position: number): number {
  if (node.kind === 'device') {
    if (node.name === 'null') return 0;
    if (node.name === 'random') crypto.getRandomValues(target as Uint8Array<ArrayBuffer>);
    else target.fill(0);
    return target.length;
  }
  if (node.kind !== 'file') throw fsError('EISDIR', 'read');
  const count = Math.max(0, Math.min(target.length, node.size - position));
  target.set(node.bytes.subarray(position, position + count));
  return count;
}

export function readSync(
  fd: unknown,
  buffer: Uint8Array,
  offset?: unknown,
  length?: unknown,
  position?: unknown,
): number {
  const file = descriptor(fd, 'read');
  if (!ArrayBuffer.isView(buffer)) {
    throw invalidArgType('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer);
  }
  let settings = { offset, length, position } as { offset?: unknown; length?: unknown; position?: unknown };
  if (offset !== null && typeof offset === 'object') settings = offset;
  const start = Number(settings.offset ?? 0);
  const count = Number(settings.length ?? buffer.byteLength - start);
  const target = new Uint8Array(buffer.buffer, buffer.byteOffset + start, count);
  const isPlaced =
    typeof settings.position === 'bigint' || (typeof settings.position === 'number' && settings.position >= 0);
  const read = readFrom(file.node, target, isPlaced ? Number(settings.position) : file.position);
  if (!isPlaced) file.position += read;
  return read;
}

export function writeTo(file: OpenFile, data: Uint8Array, position: number | undefined): number {
  if (!file.canWrite) throw fsError('EBADF', 'write');
  const { node } = file;
  if (node.kind !== 'file') return data.length;
  const at = file.append ? node.size : (position ?? file.position);
  writeAt(node, data, at);
  if (position === undefined) file.position = at + data.length;
  return data.length;
}

export function writeSync(fd: unknown, data: unknown, offset?: unknown, length?: unknown, position?: unknown): number {
  const file = descriptor(fd, 'write');
  if (typeof data === 'string') {
    const at = typeof offset === 'number' ? offset : undefined;
    return writeTo(file, Buffer.from(data, typeof length === 'string' ? length : 'utf8'), at);
  }
  const bytes = toBytes(data);
  let settings = { offset, length, position } as { offset?: unknown; length?: unknown; position?: unknown };
  if (offset !== null && typeof offset === 'object') settings = offset;
  const start = Number(settings.offset ?? 0);
  const count = Number(settings.length ?? bytes.length - start);
  const at = typeof settings.position === 'number' ? settings.position : undefined;
  return writeTo(file, bytes.subarray(start, start + count), at);
}

const isPlace = (value: unknown): value is number => typeof value === 'number' && value >= 0;

export function readvSync(fd: unknown, buffers: readonly Uint8Array[], position?: unknown): number {
  let total = 0;
  for (const buffer of buffers) {
    const read = readSync(fd, buffer, 0, buffer.byteLength, isPlace(position) ? position + total : null);
    total += read;
    if (read < buffer.byteLength) break;
  }
  return total;
}

export function writevSync(fd: unknown, buffers: readonly Uint8Array[], position?: unknown): number {
  let total = 0;
  for (const buffer of buffers) {
    total += writeSync(fd, buffer, 0, buffer.byteLength, isPlace(position) ? position + total : null);
  }
  return total;
}

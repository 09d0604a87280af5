/**
 * The file system of a worker: `/bundle` holds its modules, read-only; `/tmp` belongs to the running request and is gone with it; `/dev` has
 * null, zero, full and random (https://developers.cloudflare.com/workers/runtime-apis/nodejs/fs/). All of it is memory of the cell.
 */
import { currentInvocation } from '../../context.ts';
import { forEachModule } from '../../module-registry.ts';
import { denoNode } from './deno-node.ts';
import { currentDirectory, setDirectoryCheck } from './directory.ts';

export interface Directory {
  readonly kind: 'directory';
  readonly entries: Map<string, FileNode>;
  readonly isWritable: boolean;
  mtimeMs: number;
}
export interface File {
  readonly kind: 'file';
  /** May be longer than the file. */
  bytes: Uint8Array;
  size: number;
  readonly isWritable: boolean;
  mtimeMs: number;
}
export interface Link {
  readonly kind: 'link';
  readonly target: string;
  mtimeMs: number;
}
export interface Device {
  readonly kind: 'device';
  readonly name: string;
  mtimeMs: number;
}
export type FileNode = Directory | File | Link | Device;

const MAX_LINKS = 40;

const { posix } = denoNode('path') as {
  posix: { resolve(...parts: string[]): string; dirname(path: string): string; basename(path: string): string };
};

export const makeDirectory = (isWritable = true): Directory => ({
  kind: 'directory',
  entries: new Map(),
  isWritable,
  mtimeMs: 0,
});

export const makeFile = (bytes: Uint8Array = new Uint8Array(0), isWritable = true): File => ({
  kind: 'file',
  bytes,
  size: bytes.length,
  isWritable,
  mtimeMs: 0,
});

let shared: Directory | undefined;

/** What all requests have in common. */
function sharedRoot(): Directory {
  if (shared !== undefined) return shared;
  shared = makeDirectory(false);
  const bundle = makeDirectory(false);
  forEachModule(({ name, bytes }) => addModule(bundle, name.split('/').filter(Boolean), bytes));
  const devices = makeDirectory(false);
  for (const name of ['null', 'zero', 'full', 'random'])
    devices.entries.set(name, { kind: 'device', name, mtimeMs: 0 });
  shared.entries.set('bundle', bundle);
  shared.entries.set('tmp', makeDirectory());
  shared.entries.set('dev', devices);
  return shared;
}

function addModule(directory: Directory, path: readonly string[], bytes: Uint8Array): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    directory.entries.set(first, makeFile(bytes, false));
    return;
  }
  let next = directory.entries.get(first);
  if (next?.kind !== 'directory') {
    next = makeDirectory(false);
    directory.entries.set(first, next);
  }
  addModule(next, rest, bytes);
}

/** `/tmp` of each request; goes away with it. */
const temporary = new WeakMap<object, Directory>();

function entryOfRoot(name: string): FileNode | undefined {
  const invocation = currentInvocation();
  if (name !== 'tmp' || invocation === undefined) return sharedRoot().entries.get(name);
  let directory = temporary.get(invocation);
  if (directory === undefined) {
    directory = makeDirectory();
    temporary.set(invocation, directory);
  }
  return directory;
}

export const absolute = (path: string): string => posix.resolve(currentDirectory(), path);
export const parentOf = (path: string): string => posix.dirname(path);
export const nameOf = (path: string): string => posix.basename(path);

/** What is at an absolute path. Links on the way are followed; one at the end only when asked. */
export function find(path: string, followLast = true, hops = 0): FileNode | undefined {
  let node: FileNode | undefined = sharedRoot();
  const parts = path.split('/').filter(Boolean);
  for (const [index, part] of parts.entries()) {
    if (node?.kind !== 'directory') return undefined;
    const next: FileNode | undefined = index === 0 ? entryOfRoot(part) : node.entries.get(part);
    if (next?.kind !== 'link' || (index === parts.length - 1 && !followLast)) {
      node = next;
      continue;
    }
    if (hops >= MAX_LINKS) return undefined;
    const folder = `/${parts.slice(0, index).join('/')}`;
    const rest = parts.slice(index + 1).join('/');
    return find(posix.resolve(folder, next.target, rest), followLast, hops + 1);
  }
  return node;
}

/** The path with all links followed; undefined when nothing is there. */
export function realPath(path: string, hops = 0): string | undefined {
  const node = find(path, false);
  if (node === undefined) return undefined;
  if (node.kind !== 'link') return path;
  return hops >= MAX_LINKS ? undefined : realPath(posix.resolve(posix.dirname(path), node.target), hops + 1);
}

/** Writes at an offset; a gap before it reads as zeros. */
export function writeAt(file: File, data: Uint8Array, offset: number): void {
  const end = offset + data.length;
  if (end > file.bytes.length) {
    const grown = new Uint8Array(Math.max(end, file.bytes.length * 2));
    grown.set(file.bytes.subarray(0, file.size));
    file.bytes = grown;
  }
  file.bytes.set(data, offset);
  if (end > file.size) file.size = end;
}

export function truncate(file: File, size: number): void {
  if (size > file.size) writeAt(file, new Uint8Array(size - file.size), file.size);
  else {
    file.bytes.fill(0, size, file.size);
    file.size = size;
  }
}

setDirectoryCheck((path) => find(path)?.kind === 'directory');

/** Names come, go and move: directories made and removed, files renamed, copied and linked. */
import { toText } from '../errors.ts';
import {
  type Directory,
  type File,
  find,
  makeDirectory,
  makeFile,
  nameOf,
  parentOf,
  realPath,
} from '../virtual-files.ts';
import { Buffer, fsError, optionsOf, toPath } from './arguments.ts';
import { entriesOf } from './directories.ts';

function writableParent(path: string, syscall: string): Directory {
  const parent = find(parentOf(path));
  if (parent === undefined) throw fsError('ENOENT', syscall, nameOf(path));
  if (parent.kind !== 'directory') throw fsError('ENOTDIR', syscall, nameOf(path));
  if (!parent.isWritable) throw fsError('EPERM', syscall);
  return parent;
}

export function mkdirSync(path: unknown, options?: unknown): string | undefined {
  const target = toPath(path);
  const { recursive = false } = optionsOf(options);
  const existing = find(target);
  if (existing !== undefined) {
    if (existing.kind === 'directory') return undefined;
    throw fsError('EEXIST', 'mkdir', nameOf(target));
  }
  if (!recursive || find(parentOf(target)) !== undefined) {
    writableParent(target, 'mkdir').entries.set(nameOf(target), makeDirectory());
    return recursive ? target : undefined;
  }
  const first = mkdirSync(parentOf(target), { recursive });
  mkdirSync(target);
  return first;
}

let directoryCount = 0;
export function mkdtempSync(prefix: unknown): string {
  const path = `${toText(prefix)}${String(++directoryCount).padStart(6, '0')}`;
  mkdirSync(path);
  return path;
}

function removeDirectory(path: string, isRecursive: boolean): void {
  const parent = writableParent(path, 'rm');
  const node = parent.entries.get(nameOf(path));
  if (node?.kind === 'directory' && node.entries.size > 0 && !isRecursive) {
    throw fsError('ENOTEMPTY', 'rm', nameOf(path));
  }
  parent.entries.delete(nameOf(path));
}

export function rmdirSync(path: unknown, options?: unknown): void {
  const target = toPath(path);
  const node = find(target, false);
  if (node === undefined) throw fsError('ENOENT', 'rm', nameOf(target));
  if (node.kind !== 'directory') throw fsError('ENOTDIR', 'rm', nameOf(target));
  removeDirectory(target, optionsOf(options).recursive ?? false);
}

export function rmSync(path: unknown, options?: unknown): void {
  const target = toPath(path);
  if (find(target, false) !== undefined) removeDirectory(target, optionsOf(options).recursive ?? false);
}

export function unlinkSync(path: unknown): void {
  const target = toPath(path);
  const node = find(target, false);
  if (node === undefined) throw fsError('ENOENT', 'unlink', nameOf(target), 'File not found');
  if (node.kind === 'directory') throw fsError('EISDIR', 'unlink');
  writableParent(target, 'unlink').entries.delete(nameOf(target));
}

export function renameSync(from: unknown, to: unknown): void {
  const source = toPath(from, 'oldPath');
  const target = toPath(to, 'newPath');
  const node = find(source, false);
  if (node === undefined) throw fsError('ENOENT', 'rename', source);
  const old = writableParent(source, 'rename');
  const parent = writableParent(target, 'rename');
  old.entries.delete(nameOf(source));
  parent.entries.set(nameOf(target), node);
}

const copyOf = (file: File): File => makeFile(file.bytes.slice(0, file.size));

export function copyFileSync(from: unknown, to: unknown, mode: unknown = 0): void {
  const source = toPath(from, 'src');
  const target = toPath(to, 'dest');
  const node = find(source);
  if (node === undefined) throw fsError('ENOENT', 'copy', source);
  if (node.kind === 'directory') throw fsError('EISDIR', 'copy');
  if ((Number(mode) & 1) !== 0 && find(target) !== undefined) throw fsError('EEXIST', 'copy', target);
  writableParent(target, 'copy').entries.set(nameOf(target), node.kind === 'file' ? copyOf(node) : makeFile());
}

export function cpSync(from: unknown, to: unknown, options?: unknown): void {
  const source = toPath(from, 'src');
  const target = toPath(to, 'dest');
  const node = find(source);
  if (node === undefined) throw fsError('ENOENT', 'cp', source);
  if (node.kind !== 'directory') {
    copyFileSync(source, target);
    return;
  }
  if (!(optionsOf(options).recursive ?? false)) throw fsError('EISDIR', 'cp');
  mkdirSync(target, { recursive: true });
  for (const [name] of entriesOf(node, source)) cpSync(`${source}/${name}`, `${target}/${name}`, options);
}

export function linkSync(existing: unknown, created: unknown): void {
  const source = toPath(existing, 'existingPath');
  const target = toPath(created, 'newPath');
  const node = find(source);
  if (node === undefined) throw fsError('ENOENT', 'link', source, 'File not found');
  if (find(target, false) !== undefined) throw fsError('EEXIST', 'link', undefined, 'File already exists');
  writableParent(target, 'link').entries.set(nameOf(target), node);
}

export function symlinkSync(to: unknown, created: unknown): void {
  const target = toPath(created);
  if (find(target, false) !== undefined) throw fsError('EEXIST', 'link', undefined, 'File already exists');
  writableParent(target, 'link').entries.set(nameOf(target), {
    kind: 'link',
    target: toPath(to, 'target'),
    mtimeMs: 0,
  });
}

export function readlinkSync(path: unknown, options?: unknown): unknown {
  const target = toPath(path);
  const node = find(target, false);
  if (node === undefined) throw fsError('ENOENT', 'readlink', target);
  if (node.kind !== 'link') throw fsError('EINVAL', 'readlink');
  return optionsOf(options).encoding === 'buffer' ? Buffer.from(node.target) : node.target;
}

export function realpathSync(path: unknown, options?: unknown): unknown {
  const target = toPath(path);
  const real = realPath(target);
  if (real === undefined) throw fsError('ENOENT', 'realpath', target);
  return optionsOf(options).encoding === 'buffer' ? Buffer.from(real) : real;
}

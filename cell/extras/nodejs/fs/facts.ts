/** What is known of a file: its kind, size and time. There are no owners and no modes. */
import { type FileNode, find } from '../virtual-files.ts';
import { fsError, noEntry, type Options, optionsOf, toPath } from './arguments.ts';
import { descriptor } from './descriptors.ts';

const MODES = { directory: 0o40_000, file: 0o100_000, link: 0o120_000, device: 0o20_000 } as const;

export class Stats {
  declare mode: number;

  constructor(node: FileNode, isBigInt: boolean) {
    const number = (value: number) => (isBigInt ? BigInt(value) : value);
    const isReadOnly = (node.kind === 'file' || node.kind === 'directory') && !node.isWritable;
    const times = { atimeMs: 0, mtimeMs: node.mtimeMs, ctimeMs: node.mtimeMs, birthtimeMs: 0 };
    const facts = {
      dev: node.kind === 'device' ? 1 : 0,
      ino: 0,
      mode: MODES[node.kind] | (isReadOnly || node.kind === 'link' ? 0o444 : 0o666),
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: node.kind === 'file' ? node.size : 0,
      blksize: 0,
      blocks: 0,
      ...times,
    };
    for (const [name, value] of Object.entries(facts)) Object.assign(this, { [name]: number(value) });
    for (const [name, value] of Object.entries(times)) Object.assign(this, { [name.slice(0, -2)]: new Date(value) });
    if (!isBigInt) return;
    for (const [name, value] of Object.entries(times)) {
      Object.assign(this, { [`${name.slice(0, -2)}Ns`]: BigInt(value) * 1_000_000n });
    }
  }

  #is(mode: number): boolean {
    return (Number(this.mode) & 0o170_000) === mode;
  }

  isFile(): boolean {
    return this.#is(MODES.file);
  }

  isDirectory(): boolean {
    return this.#is(MODES.directory);
  }

  isSymbolicLink(): boolean {
    return this.#is(MODES.link);
  }

  isCharacterDevice(): boolean {
    return this.#is(MODES.device);
  }

  isBlockDevice(): boolean {
    return false;
  }

  isFIFO(): boolean {
    return false;
  }

  isSocket(): boolean {
    return false;
  }
}

export function statOf(syscall: 'stat' | 'lstat') {
  return (path: unknown, options?: unknown): Stats | undefined => {
    const target = toPath(path);
    const node = find(target, syscall === 'stat');
    const { bigint = false, throwIfNoEntry = true } = optionsOf(options) as Options & { throwIfNoEntry?: boolean };
    if (node !== undefined) return new Stats(node, bigint);
    if (!throwIfNoEntry) return undefined;
    throw noEntry(syscall, target);
  };
}

export const fstatSync = (fd: unknown, options?: unknown): Stats =>
  new Stats(descriptor(fd, 'fstat').node, optionsOf(options).bigint ?? false);

export function existsSync(path: unknown): boolean {
  try {
    return find(toPath(path)) !== undefined;
  } catch {
    return false;
  }
}

export function accessSync(path: unknown, mode: unknown = 0): void {
  const target = toPath(path);
  const node = find(target);
  const wantsWrite = (Number(mode) & 2) !== 0;
  const isReadOnly = (node?.kind === 'file' || node?.kind === 'directory') && !node.isWritable;
  if (node === undefined || (wantsWrite && isReadOnly)) throw noEntry('access', target);
}

const toMilliseconds = (time: unknown): number => (time instanceof Date ? time.getTime() : Number(time));

export function utimesOf(followLast: boolean) {
  return (path: unknown, _accessed: unknown, modified: unknown): void => {
    const target = toPath(path);
    const node = find(target, followLast);
    if (node === undefined) throw fsError('ENOENT', 'utimes', target);
    node.mtimeMs = toMilliseconds(modified);
  };
}

export function futimesSync(fd: unknown, _accessed: unknown, modified: unknown): void {
  descriptor(fd, 'futimes').node.mtimeMs = toMilliseconds(modified);
}

/** There are no owners and no modes: the path is looked at, nothing is changed. */
export const checkPath = (path: unknown): void => void toPath(path);
export const checkDescriptor = (fd: unknown): void => void descriptor(fd, 'fsync');

export const statfsSync = (path: unknown, options?: unknown): Record<string, unknown> => {
  checkPath(path);
  const zero = (optionsOf(options).bigint ?? false) ? 0n : 0;
  return Object.fromEntries(
    ['type', 'bsize', 'blocks', 'bfree', 'bavail', 'files', 'ffree'].map((name) => [name, zero]),
  );
};

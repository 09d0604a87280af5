/**
 * `node:fs` over the virtual files of a worker. Everything is done at once, in memory; the forms with callbacks and promises only give the
 * result later. Texts and codes of errors are those of workerd, which differ from Node's.
 */
import { FS_CONSTANTS, numbers } from './constants.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { invalidArgType, nodeError, nodeTypeError, shaped, toText } from './errors.ts';
import {
  absolute,
  type Directory,
  type File,
  type FileNode,
  find,
  makeDirectory,
  makeFile,
  nameOf,
  parentOf,
  realPath,
  truncate,
  writeAt,
} from './virtual-files.ts';

type Callback = (...args: unknown[]) => unknown;
interface BufferLike extends Uint8Array {
  toString(encoding?: string): string;
}
const { Buffer } = denoNode('buffer') as {
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

function fsError(code: string, syscall: string, path?: string, text = `${TEXTS[code]}, ${syscall} '${path}'`): Error {
  const message = path === undefined && text.endsWith("'undefined'") ? (TEXTS[code] as string) : text;
  return Object.assign(nodeError(code, message), { syscall }, path === undefined ? {} : { path });
}

/** Errors of `stat` and its kin have a number too. */
const noEntry = (syscall: string, path: string): Error =>
  Object.assign(fsError('ENOENT', syscall, path), { errno: -2 });

function toPath(value: unknown, name = 'path'): string {
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

interface Options extends Record<string, unknown> {
  encoding?: string | null;
  flag?: unknown;
  flags?: unknown;
  recursive?: boolean;
  force?: boolean;
  bigint?: boolean;
}

const optionsOf = (value: unknown): Options =>
  typeof value === 'string'
    ? { encoding: value }
    : value !== null && typeof value === 'object'
      ? (value as Options)
      : {};

function toBytes(data: unknown, encoding?: string | null): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding ?? 'utf8');
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw invalidArgType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

function encoded(bytes: Uint8Array, encoding: string | null | undefined): unknown {
  const buffer = Buffer.from(bytes);
  return encoding === undefined || encoding === null || encoding === 'buffer' ? buffer : buffer.toString(encoding);
}

// ---- What is open

interface OpenFile {
  readonly node: FileNode;
  position: number;
  readonly append: boolean;
  readonly canWrite: boolean;
}
const FIRST_FD = 3;
const open = new Map<number, OpenFile>();
let nextFd = FIRST_FD;

function descriptor(fd: unknown, syscall: string): OpenFile {
  const file = typeof fd === 'number' ? open.get(fd) : undefined;
  if (file === undefined) throw fsError('EBADF', syscall);
  return file;
}

interface Flags {
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly truncate: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
}

function parseFlags(flags: unknown): Flags {
  if (typeof flags === 'number') {
    const { O_WRONLY, O_RDWR, O_APPEND, O_TRUNC, O_CREAT, O_EXCL } = constants() as Record<string, number>;
    const has = (bit: number | undefined) => (flags & (bit ?? 0)) !== 0;
    const write = has(O_WRONLY) || has(O_RDWR);
    return {
      read: !has(O_WRONLY),
      write,
      append: has(O_APPEND),
      truncate: has(O_TRUNC),
      create: has(O_CREAT),
      exclusive: has(O_EXCL),
    };
  }
  const text = toText(flags);
  if (!/^(?:r[s+]{0,2}|[wa]x?s?\+?|[wa]\+x?|x[wa]\+?|as\+?|sa\+?)$/.test(text)) {
    throw nodeTypeError('ERR_INVALID_ARG_VALUE', `The argument 'flags' is invalid. Received '${text}'`);
  }
  const first = text.replace(/[sx]/g, '')[0];
  return {
    read: first === 'r' || text.includes('+'),
    write: first !== 'r' || text.includes('+'),
    append: first === 'a',
    truncate: first === 'w',
    create: first !== 'r',
    exclusive: text.includes('x'),
  };
}

/** The node for a path and flags, made when the flags say so. `syscall` is what errors name. */
function openNode(path: string, flags: Flags, syscall: string): FileNode {
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

function openSync(path: unknown, flags: unknown = 'r'): number {
  const parsed = parseFlags(flags ?? 'r');
  const node = openNode(toPath(path), parsed, 'open');
  const fd = nextFd++;
  open.set(fd, { node, position: 0, append: parsed.append, canWrite: parsed.write });
  return fd;
}

function closeSync(fd: unknown): void {
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

function readSync(fd: unknown, buffer: Uint8Array, offset?: unknown, length?: unknown, position?: unknown): number {
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

function writeTo(file: OpenFile, data: Uint8Array, position: number | undefined): number {
  if (!file.canWrite) throw fsError('EBADF', 'write');
  const { node } = file;
  if (node.kind !== 'file') return data.length;
  const at = file.append ? node.size : (position ?? file.position);
  writeAt(node, data, at);
  if (position === undefined) file.position = at + data.length;
  return data.length;
}

function writeSync(fd: unknown, data: unknown, offset?: unknown, length?: unknown, position?: unknown): number {
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

function readvSync(fd: unknown, buffers: readonly Uint8Array[], position?: unknown): number {
  let total = 0;
  for (const buffer of buffers) {
    const read = readSync(fd, buffer, 0, buffer.byteLength, isPlace(position) ? position + total : null);
    total += read;
    if (read < buffer.byteLength) break;
  }
  return total;
}

function writevSync(fd: unknown, buffers: readonly Uint8Array[], position?: unknown): number {
  let total = 0;
  for (const buffer of buffers) {
    total += writeSync(fd, buffer, 0, buffer.byteLength, isPlace(position) ? position + total : null);
  }
  return total;
}

// ---- Whole files

function contentOf(node: FileNode): Uint8Array {
  if (node.kind === 'directory') throw fsError('EISDIR', 'readAll');
  return node.kind === 'file' ? node.bytes.subarray(0, node.size) : new Uint8Array(0);
}

function readFileSync(path: unknown, options?: unknown): unknown {
  const { encoding } = optionsOf(options);
  if (typeof path === 'number') {
    return encoded(contentOf(descriptor(path, 'fread').node), encoding);
  }
  return encoded(contentOf(openNode(toPath(path), parseFlags('r'), 'readAll')), encoding);
}

function writeFileSync(path: unknown, data: unknown, options?: unknown): number {
  const { encoding, flag = 'w' } = optionsOf(options);
  const bytes = toBytes(data, encoding);
  if (typeof path === 'number') return writeTo(descriptor(path, 'write'), bytes, undefined);
  const flags = parseFlags(flag);
  const node = openNode(toPath(path), flags, 'writeAll');
  if (node.kind === 'file') writeAt(node, bytes, flags.append ? node.size : 0);
  return bytes.length;
}

const appendFileSync = (path: unknown, data: unknown, options?: unknown): number =>
  writeFileSync(path, data, { flag: 'a', ...optionsOf(options) });

// ---- Facts

const MODES = { directory: 0o40_000, file: 0o100_000, link: 0o120_000, device: 0o20_000 } as const;

class Stats {
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

function statOf(syscall: 'stat' | 'lstat') {
  return (path: unknown, options?: unknown): Stats | undefined => {
    const target = toPath(path);
    const node = find(target, syscall === 'stat');
    const { bigint = false, throwIfNoEntry = true } = optionsOf(options) as Options & { throwIfNoEntry?: boolean };
    if (node !== undefined) return new Stats(node, bigint);
    if (!throwIfNoEntry) return undefined;
    throw noEntry(syscall, target);
  };
}
const fstatSync = (fd: unknown, options?: unknown): Stats =>
  new Stats(descriptor(fd, 'fstat').node, optionsOf(options).bigint ?? false);

function existsSync(path: unknown): boolean {
  try {
    return find(toPath(path)) !== undefined;
  } catch {
    return false;
  }
}

function accessSync(path: unknown, mode: unknown = 0): void {
  const target = toPath(path);
  const node = find(target);
  const wantsWrite = (Number(mode) & 2) !== 0;
  const isReadOnly = (node?.kind === 'file' || node?.kind === 'directory') && !node.isWritable;
  if (node === undefined || (wantsWrite && isReadOnly)) throw noEntry('access', target);
}

// ---- Directories and names

class Dirent {
  readonly name: unknown;
  readonly parentPath: string;
  readonly #node: FileNode;

  constructor(name: unknown, node: FileNode, parentPath: string) {
    this.name = name;
    this.#node = node;
    this.parentPath = parentPath;
  }

  isFile(): boolean {
    return this.#node.kind === 'file';
  }

  isDirectory(): boolean {
    return this.#node.kind === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.#node.kind === 'link';
  }

  isCharacterDevice(): boolean {
    return this.#node.kind === 'device';
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

function readdirSync(path: unknown, options?: unknown): unknown[] {
  const target = toPath(path);
  const node = find(target);
  if (node === undefined) throw fsError('ENOENT', 'readdir', target);
  if (node.kind !== 'directory') throw fsError('ENOTDIR', 'readdir', target);
  const {
    encoding,
    recursive = false,
    withFileTypes = false,
  } = optionsOf(options) as Options & {
    withFileTypes?: boolean;
  };
  const found: unknown[] = [];
  list(node, target);
  return found;

  function list(directory: Directory, folder: string): void {
    for (const [name, entry] of entriesOf(directory, folder)) {
      const inFolder = `${folder === '/' ? '' : folder}/${name}`;
      // As workerd: the whole path, without its first slash.
      const shown = recursive ? inFolder.slice(1) : name;
      const label = encoding === 'buffer' ? Buffer.from(shown) : shown;
      found.push(withFileTypes ? new Dirent(label, entry, folder) : label);
      if (recursive && entry.kind === 'directory') list(entry, inFolder);
    }
  }
}

/** The root's `tmp` is that of the request. */
const entriesOf = (directory: Directory, folder: string): [string, FileNode][] =>
  Array.from(directory.entries, ([name, entry]) => [name, folder === '/' ? (find(`/${name}`, false) ?? entry) : entry]);

function writableParent(path: string, syscall: string): Directory {
  const parent = find(parentOf(path));
  if (parent === undefined) throw fsError('ENOENT', syscall, nameOf(path));
  if (parent.kind !== 'directory') throw fsError('ENOTDIR', syscall, nameOf(path));
  if (!parent.isWritable) throw fsError('EPERM', syscall);
  return parent;
}

function mkdirSync(path: unknown, options?: unknown): string | undefined {
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
function mkdtempSync(prefix: unknown): string {
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

function rmdirSync(path: unknown, options?: unknown): void {
  const target = toPath(path);
  const node = find(target, false);
  if (node === undefined) throw fsError('ENOENT', 'rm', nameOf(target));
  if (node.kind !== 'directory') throw fsError('ENOTDIR', 'rm', nameOf(target));
  removeDirectory(target, optionsOf(options).recursive ?? false);
}

function rmSync(path: unknown, options?: unknown): void {
  const target = toPath(path);
  if (find(target, false) !== undefined) removeDirectory(target, optionsOf(options).recursive ?? false);
}

function unlinkSync(path: unknown): void {
  const target = toPath(path);
  const node = find(target, false);
  if (node === undefined) throw fsError('ENOENT', 'unlink', nameOf(target), 'File not found');
  if (node.kind === 'directory') throw fsError('EISDIR', 'unlink');
  writableParent(target, 'unlink').entries.delete(nameOf(target));
}

function renameSync(from: unknown, to: unknown): void {
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

function copyFileSync(from: unknown, to: unknown, mode: unknown = 0): void {
  const source = toPath(from, 'src');
  const target = toPath(to, 'dest');
  const node = find(source);
  if (node === undefined) throw fsError('ENOENT', 'copy', source);
  if (node.kind === 'directory') throw fsError('EISDIR', 'copy');
  if ((Number(mode) & 1) !== 0 && find(target) !== undefined) throw fsError('EEXIST', 'copy', target);
  writableParent(target, 'copy').entries.set(nameOf(target), node.kind === 'file' ? copyOf(node) : makeFile());
}

function cpSync(from: unknown, to: unknown, options?: unknown): void {
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

function linkSync(existing: unknown, created: unknown): void {
  const source = toPath(existing, 'existingPath');
  const target = toPath(created, 'newPath');
  const node = find(source);
  if (node === undefined) throw fsError('ENOENT', 'link', source, 'File not found');
  if (find(target, false) !== undefined) throw fsError('EEXIST', 'link', undefined, 'File already exists');
  writableParent(target, 'link').entries.set(nameOf(target), node);
}

function symlinkSync(to: unknown, created: unknown): void {
  const target = toPath(created);
  if (find(target, false) !== undefined) throw fsError('EEXIST', 'link', undefined, 'File already exists');
  writableParent(target, 'link').entries.set(nameOf(target), {
    kind: 'link',
    target: toPath(to, 'target'),
    mtimeMs: 0,
  });
}

function readlinkSync(path: unknown, options?: unknown): unknown {
  const target = toPath(path);
  const node = find(target, false);
  if (node === undefined) throw fsError('ENOENT', 'readlink', target);
  if (node.kind !== 'link') throw fsError('EINVAL', 'readlink');
  return optionsOf(options).encoding === 'buffer' ? Buffer.from(node.target) : node.target;
}

function realpathSync(path: unknown, options?: unknown): unknown {
  const target = toPath(path);
  const real = realPath(target);
  if (real === undefined) throw fsError('ENOENT', 'realpath', target);
  return optionsOf(options).encoding === 'buffer' ? Buffer.from(real) : real;
}

function truncateSync(path: unknown, length: unknown = 0): void {
  const node = openNode(toPath(path), { ...parseFlags('r+') }, 'ftruncate');
  if (node.kind === 'file') truncate(node, Number(length));
}

function ftruncateSync(fd: unknown, length: unknown = 0): void {
  const { node } = descriptor(fd, 'ftruncate');
  if (node.kind === 'file') truncate(node, Number(length));
}

const toMilliseconds = (time: unknown): number => (time instanceof Date ? time.getTime() : Number(time));

function utimesOf(followLast: boolean) {
  return (path: unknown, _accessed: unknown, modified: unknown): void => {
    const target = toPath(path);
    const node = find(target, followLast);
    if (node === undefined) throw fsError('ENOENT', 'utimes', target);
    node.mtimeMs = toMilliseconds(modified);
  };
}

function futimesSync(fd: unknown, _accessed: unknown, modified: unknown): void {
  descriptor(fd, 'futimes').node.mtimeMs = toMilliseconds(modified);
}

/** There are no owners and no modes: the path is looked at, nothing is changed. */
const checkPath = (path: unknown): void => void toPath(path);
const checkDescriptor = (fd: unknown): void => void descriptor(fd, 'fsync');

const statfsSync = (path: unknown, options?: unknown): Record<string, unknown> => {
  checkPath(path);
  const zero = (optionsOf(options).bigint ?? false) ? 0n : 0;
  return Object.fromEntries(
    ['type', 'bsize', 'blocks', 'bfree', 'bavail', 'files', 'ffree'].map((name) => [name, zero]),
  );
};

class Dir {
  readonly path: string;
  #left: unknown[] | undefined;

  constructor(path: string, options?: unknown) {
    this.path = path;
    this.#left = readdirSync(path, { ...optionsOf(options), withFileTypes: true });
  }

  readSync(): unknown {
    if (this.#left === undefined) throw nodeError('ERR_DIR_CLOSED', 'Directory handle was closed');
    return this.#left.shift() ?? null;
  }

  closeSync(): void {
    if (this.#left === undefined) throw nodeError('ERR_DIR_CLOSED', 'Directory handle was closed');
    this.#left = undefined;
  }

  read(callback?: unknown): unknown {
    return later(() => this.readSync(), callback);
  }

  close(callback?: unknown): unknown {
    return later(() => this.closeSync(), callback);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator {
    for (let entry = this.readSync(); entry !== null; entry = this.readSync()) yield entry;
    this.closeSync();
  }
}

const opendirSync = (path: unknown, options?: unknown): Dir => new Dir(toPath(path), options);
const openAsBlob = (path: unknown, options?: unknown): Blob =>
  new Blob([readFileSync(path) as BlobPart], optionsOf(options) as BlobPropertyBag);

const unsupported = (): never => {
  throw nodeError('ERR_UNSUPPORTED_OPERATION', 'The requested operation is unsupported');
};

// ---- The other two forms

/** With a callback: called soon with an error or the value. Without: a promise. */
function later(run: () => unknown, callback: unknown): unknown {
  if (typeof callback !== 'function') return new Promise((resolve) => resolve(run()));
  let result: [unknown, unknown?];
  try {
    result = [null, run()];
  } catch (error) {
    result = [error];
  }
  queueMicrotask(() => (callback as Callback)(...result));
  return undefined;
}

const SYNC: Readonly<Record<string, Callback>> = {
  access: accessSync,
  appendFile: appendFileSync as Callback,
  chmod: checkPath,
  chown: checkPath,
  close: closeSync,
  copyFile: copyFileSync,
  cp: cpSync,
  fchmod: checkDescriptor,
  fchown: checkDescriptor,
  fdatasync: checkDescriptor,
  fstat: fstatSync,
  fsync: checkDescriptor,
  ftruncate: ftruncateSync,
  futimes: futimesSync,
  glob: () => [],
  lchmod: checkPath,
  lchown: checkPath,
  link: linkSync,
  lstat: statOf('lstat'),
  lutimes: utimesOf(false),
  mkdir: mkdirSync,
  mkdtemp: mkdtempSync,
  open: openSync,
  opendir: opendirSync,
  read: readSync as Callback,
  readFile: readFileSync,
  readdir: readdirSync,
  readlink: readlinkSync,
  readv: readvSync as Callback,
  realpath: realpathSync,
  rename: renameSync,
  rm: rmSync,
  rmdir: rmdirSync,
  stat: statOf('stat'),
  statfs: statfsSync,
  symlink: (target, path) => symlinkSync(target, path),
  truncate: truncateSync,
  unlink: unlinkSync,
  utimes: utimesOf(true),
  write: writeSync as Callback,
  writeFile: writeFileSync as Callback,
  writev: writevSync as Callback,
};

/** Callbacks of these get the buffer as a third argument. */
const WITH_BUFFER = ['read', 'write', 'readv', 'writev'];

function callbackForm(name: string, run: Callback): Callback {
  return (...args) => {
    const callback = args.findLast((arg) => typeof arg === 'function') as Callback | undefined;
    if (callback === undefined) throw invalidArgType('callback', 'of type function', args.at(-1));
    const given = args.slice(0, args.lastIndexOf(callback));
    if (!WITH_BUFFER.includes(name)) return later(() => run(...given), callback);
    return later(
      () => run(...given),
      (error: unknown, count: unknown) => callback(error, count, given[1]),
    );
  };
}

const FileHandleBase = denoNode('events').EventEmitter as new () => { emit(event: string): boolean };

/** What `fs.promises.open` gives. */
export class FileHandle extends FileHandleBase {
  readonly fd: number;

  constructor(fd: number) {
    super();
    this.fd = fd;
  }

  async read(buffer?: unknown, ...rest: unknown[]): Promise<unknown> {
    const settings = (ArrayBuffer.isView(buffer) ? { buffer } : (buffer ?? {})) as { buffer?: Uint8Array };
    const target = settings.buffer ?? Buffer.from(new ArrayBuffer(16_384));
    const [offset, length, position] = ArrayBuffer.isView(buffer) ? rest : [buffer];
    return { bytesRead: readSync(this.fd, target, offset, length, position), buffer: target };
  }

  async write(data: unknown, ...rest: unknown[]): Promise<unknown> {
    return { bytesWritten: writeSync(this.fd, data, ...rest), buffer: data };
  }

  async readv(buffers: Uint8Array[], position?: unknown): Promise<unknown> {
    return { bytesRead: readvSync(this.fd, buffers, position), buffers };
  }

  async writev(buffers: Uint8Array[], position?: unknown): Promise<unknown> {
    return { bytesWritten: writevSync(this.fd, buffers, position), buffers };
  }

  async readFile(options?: unknown): Promise<unknown> {
    return readFileSync(this.fd, options);
  }

  async writeFile(data: unknown, options?: unknown): Promise<void> {
    writeFileSync(this.fd, data, options);
  }

  async appendFile(data: unknown, options?: unknown): Promise<void> {
    writeFileSync(this.fd, data, options);
  }

  async stat(options?: unknown): Promise<Stats> {
    return fstatSync(this.fd, options);
  }

  async truncate(length?: number): Promise<void> {
    ftruncateSync(this.fd, length);
  }

  async utimes(accessed: unknown, modified: unknown): Promise<void> {
    futimesSync(this.fd, accessed, modified);
  }

  async chmod(): Promise<void> {}

  async chown(): Promise<void> {}

  async sync(): Promise<void> {}

  async datasync(): Promise<void> {}

  async close(): Promise<void> {
    closeSync(this.fd);
    this.emit('close');
  }

  createReadStream(options?: object): unknown {
    return createReadStream('', { ...options, fd: this.fd });
  }

  createWriteStream(options?: object): unknown {
    return createWriteStream('', { ...options, fd: this.fd });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

type StreamBase = {
  push(chunk: unknown): boolean;
  destroy(error: unknown): void;
  emit(name: string, ...args: unknown[]): boolean;
};
const { Readable, Writable } = denoNode('stream') as Record<string, new (options: object) => StreamBase>;

interface StreamOptions extends Options {
  fd?: number | { fd: number };
  start?: number;
  end?: number;
  highWaterMark?: number;
}

const givenFd = (fd: StreamOptions['fd']): number | undefined => (typeof fd === 'object' ? fd.fd : fd);

class ReadStream extends (Readable as new (options: object) => StreamBase) {
  fd: number | null;
  path: unknown;
  bytesRead = 0;
  #position: number;
  readonly #end: number;
  readonly #chunk: number;

  constructor(path: unknown, options?: unknown) {
    const settings = optionsOf(options) as StreamOptions;
    super({
      highWaterMark: settings.highWaterMark ?? 65_536,
      ...(settings.encoding ? { encoding: settings.encoding } : {}),
    });
    this.path = path;
    this.fd = givenFd(settings.fd) ?? null;
    this.#position = settings.start ?? 0;
    this.#end = settings.end ?? Infinity;
    this.#chunk = settings.highWaterMark ?? 65_536;
    openLater(this, settings.flags ?? 'r');
  }

  _read(): void {
    if (this.fd === null) return;
    const length = Math.min(this.#chunk, this.#end - this.#position + 1);
    const chunk = Buffer.from(new ArrayBuffer(Math.max(0, length)));
    const read = length <= 0 ? 0 : readSync(this.fd, chunk, 0, length, this.#position);
    this.#position += read;
    this.bytesRead += read;
    this.push(read === 0 ? null : chunk.subarray(0, read));
  }

  _destroy(error: unknown, done: (error: unknown) => void): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    done(error);
  }
}

class WriteStream extends (Writable as new (options: object) => StreamBase) {
  fd: number | null;
  path: unknown;
  bytesWritten = 0;
  #position: number | undefined;

  constructor(path: unknown, options?: unknown) {
    const settings = optionsOf(options) as StreamOptions;
    super({ highWaterMark: settings.highWaterMark ?? 65_536, decodeStrings: true });
    this.path = path;
    this.fd = givenFd(settings.fd) ?? null;
    this.#position = settings.start;
    openLater(this, settings.flags ?? 'w');
  }

  _write(chunk: Uint8Array, _encoding: string, done: (error?: unknown) => void): void {
    if (this.fd === null) {
      done(nodeError('EBADF', 'bad file descriptor'));
      return;
    }
    this.bytesWritten += writeSync(this.fd, chunk, 0, chunk.length, this.#position);
    if (this.#position !== undefined) this.#position += chunk.length;
    done();
  }

  _destroy(error: unknown, done: (error: unknown) => void): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
    done(error);
  }
}

/** The file is opened with the stream; that it worked, or did not, is told in the next turn. */
function openLater(stream: StreamBase & { fd: number | null; path: unknown }, flags: unknown): void {
  let failure: unknown;
  if (stream.fd === null) {
    try {
      stream.fd = openSync(stream.path, flags);
    } catch (error) {
      failure = error;
    }
  }
  queueMicrotask(() => {
    if (failure !== undefined) {
      stream.destroy(failure);
      return;
    }
    stream.emit('open', stream.fd);
    stream.emit('ready');
  });
}

const createReadStream = (path: unknown, options?: unknown): ReadStream => new ReadStream(path, options);
const createWriteStream = (path: unknown, options?: unknown): WriteStream => new WriteStream(path, options);

let fsConstants: object | undefined;
const constants = (): object => {
  fsConstants ??= Object.freeze(Object.assign(Object.create(null) as object, numbers(FS_CONSTANTS)));
  return fsConstants;
};

function exists(path: unknown, callback: unknown): void {
  if (typeof callback !== 'function') throw invalidArgType('callback', 'of type function', callback);
  const found = existsSync(path);
  queueMicrotask(() => (callback as Callback)(found));
}

/** Lengths of the functions on Workers, where they are not those of ours. */
const asStream = (Class: typeof ReadStream | typeof WriteStream, name: string): unknown => {
  const callable = shaped(
    function (path: unknown, options?: unknown) {
      return new Class(path, options);
    } as Callback,
    name,
    1,
  );
  Object.defineProperty(callable, 'prototype', { value: Class.prototype });
  return callable;
};

let made: Exports | undefined;

export function fs(): Exports {
  if (made !== undefined) return made;
  const functions: Exports = {};
  for (const [name, run] of Object.entries(SYNC)) {
    functions[`${name}Sync`] = shaped((...args) => run(...args), `${name}Sync`, run.length);
    functions[name] = shaped(callbackForm(name, run), name, run.length + 1);
  }
  for (const name of ['realpath', 'realpathSync'])
    Object.assign(functions[name] as object, { native: functions[name] });
  const readStream = asStream(ReadStream, 'ReadStream');
  const writeStream = asStream(WriteStream, 'WriteStream');
  made = {
    ...functions,
    Dir,
    Dirent,
    F_OK: 0,
    FileReadStream: readStream,
    FileWriteStream: writeStream,
    R_OK: 4,
    ReadStream: readStream,
    Stats,
    W_OK: 2,
    WriteStream: writeStream,
    X_OK: 1,
    constants: constants(),
    createReadStream: shaped(createReadStream as Callback, 'createReadStream', 1),
    createWriteStream: shaped(createWriteStream as Callback, 'createWriteStream', 1),
    exists: shaped(exists as Callback, 'exists', 2),
    existsSync: shaped(existsSync as Callback, 'existsSync', 1),
    openAsBlob: shaped(openAsBlob as Callback, 'openAsBlob', 1),
    promises: { ...fsPromises() },
    unwatchFile: shaped(unsupported, 'unwatchFile', 0),
    watch: shaped(unsupported, 'watch', 0),
    watchFile: shaped(unsupported, 'watchFile', 0),
  };
  return made;
}

let madePromises: Exports | undefined;

export function fsPromises(): Exports {
  if (madePromises !== undefined) return madePromises;
  const functions: Exports = {};
  for (const [name, run] of Object.entries(SYNC)) {
    functions[name] = shaped(async (...args: unknown[]) => run(...args), name, run.length);
  }
  madePromises = {
    ...functions,
    FileHandle,
    appendFile: shaped(async (...args: unknown[]) => void (SYNC.appendFile as Callback)(...args), 'appendFile', 2),
    writeFile: shaped(
      async (path: unknown, data: unknown, options: unknown) => void writeFileSync(fdOf(path), data, options),
      'writeFile',
      2,
    ),
    readFile: shaped(async (path: unknown, options: unknown) => readFileSync(fdOf(path), options), 'readFile', 1),
    constants: constants(),
    glob: shaped(async function* () {} as Callback, 'glob', 1),
    open: shaped(async (path: unknown, flags: unknown) => new FileHandle(openSync(path, flags)), 'open', 3),
    watch: shaped(unsupported, 'watch', 0),
  };
  return madePromises;
}

/** A handle stands for its descriptor. */
const fdOf = (path: unknown): unknown => (path instanceof FileHandle ? path.fd : path);

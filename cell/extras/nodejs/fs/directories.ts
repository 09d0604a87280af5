/** Listing directories. */
import { nodeError } from '../errors.ts';
import { type Directory, type FileNode, find } from '../virtual-files.ts';
import { Buffer, fsError, type Options, optionsOf, toPath } from './arguments.ts';
import { later } from './later.ts';

export class Dirent {
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

export function readdirSync(path: unknown, options?: unknown): unknown[] {
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
export const entriesOf = (directory: Directory, folder: string): [string, FileNode][] =>
  Array.from(directory.entries, ([name, entry]) => [name, folder === '/' ? (find(`/${name}`, false) ?? entry) : entry]);

export class Dir {
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

export const opendirSync = (path: unknown, options?: unknown): Dir => new Dir(toPath(path), options);

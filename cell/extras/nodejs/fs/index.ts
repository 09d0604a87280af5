/**
 * `node:fs` over the virtual files of a worker. Everything is done at once, in memory; the forms with callbacks and promises only give the
 * result later. Texts and codes of errors are those of workerd, which differ from Node's.
 */
import type { Exports } from '../deno-node.ts';
import { invalidArgType, nodeError, shaped } from '../errors.ts';
import type { Callback } from './arguments.ts';
import { closeSync, openSync, readSync, readvSync, writeSync, writevSync } from './descriptors.ts';
import { Dir, Dirent, opendirSync, readdirSync } from './directories.ts';
import {
  accessSync,
  checkDescriptor,
  checkPath,
  existsSync,
  fstatSync,
  futimesSync,
  statfsSync,
  statOf,
  Stats,
  utimesOf,
} from './facts.ts';
import { FileHandle } from './file-handle.ts';
import { constants } from './flags.ts';
import { later } from './later.ts';
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from './names.ts';
import { createReadStream, createWriteStream, ReadStream, WriteStream } from './streams.ts';
import { appendFileSync, ftruncateSync, openAsBlob, readFileSync, truncateSync, writeFileSync } from './whole-files.ts';

const unsupported = (): never => {
  throw nodeError('ERR_UNSUPPORTED_OPERATION', 'The requested operation is unsupported');
};

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

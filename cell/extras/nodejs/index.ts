/**
 * The `node:` modules of Workers. Pure ones come from Deno's own implementation, cut down to the names Workers exports; those that stand for
 * a machine are written here, virtual. A module is made at its first import.
 */
import type { BuiltinNamespace } from '../../builtins.ts';
import { assert } from './assert.ts';
import { asyncHooks } from './async-hooks.ts';
import { CONSTANTS, numbers } from './constants.ts';
import { whileModulesStart } from '../../extras.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { diagnosticsChannel } from './diagnostics-channel.ts';
import { defaultObject, exportedNames } from './exports.ts';
import { fs, fsPromises } from './fs/index.ts';
import { nodeProcess } from './process.ts';
import * as pure from './pure.ts';
import * as stubs from './stubs/index.ts';
import { readWholeBuffers } from './stream-reads.ts';
import { timers, timersPromises } from './timers.ts';
import { zlib } from './zlib.ts';

interface Made {
  readonly names: Exports;
  readonly defaultExport: unknown;
}

/** A module whose default export is an object with the same members. */
const plain = (create: () => Exports) => (): Made | Exports => create();

const MODULES: Readonly<Record<string, () => Made | Exports>> = {
  __proto__: null as never,
  _stream_wrap: stubs.streamWrap,
  assert,
  'assert/strict': assert,
  async_hooks: plain(asyncHooks),
  buffer: plain(pure.buffer),
  child_process: plain(stubs.childProcess),
  cluster: stubs.cluster,
  console: pure.consoleModule,
  constants: plain(() => ({ ...numbers(CONSTANTS), defaultCipherList: '', defaultCoreCipherList: '' })),
  dgram: plain(stubs.dgram),
  diagnostics_channel: plain(diagnosticsChannel),
  domain: plain(stubs.domain),
  fs: () => ({ names: fs(), defaultExport: fs() }),
  'fs/promises': () => ({ names: fsPromises(), defaultExport: fs().promises }),
  http2: plain(stubs.http2),
  inspector: plain(stubs.inspector),
  'inspector/promises': plain(stubs.inspector),
  module: stubs.moduleModule,
  os: plain(stubs.os),
  path: () => pure.path('posix'),
  'path/posix': () => pure.path('posix'),
  'path/win32': () => pure.path('win32'),
  perf_hooks: plain(pure.perfHooks),
  process: () => {
    const process = nodeProcess();
    return { names: process, defaultExport: process };
  },
  readline: plain(stubs.readline),
  'readline/promises': plain(stubs.readlinePromises),
  repl: plain(stubs.repl),
  sqlite: plain(stubs.sqlite),
  stream: pure.stream,
  'stream/web': plain(pure.streamWeb),
  sys: () => namedExports('util'),
  test: plain(pure.test),
  timers: plain(timers),
  'timers/promises': plain(timersPromises),
  trace_events: plain(stubs.traceEvents),
  tty: plain(stubs.tty),
  url: plain(pure.url),
  util: plain(pure.util),
  'util/types': plain(pure.utilTypes),
  v8: plain(stubs.v8),
  vm: plain(stubs.vm),
  wasi: plain(stubs.wasi),
  worker_threads: plain(stubs.workerThreads),
  zlib: () => {
    const names = zlib();
    return { names, defaultExport: { ...exportsOf('zlib', names), ...(names.constants as Exports) } };
  },
};

/** Modules through which a worker gets streams of Node's kind. */
const WITH_STREAMS = [
  'stream',
  'stream/promises',
  'stream/consumers',
  'zlib',
  'fs',
  'fs/promises',
  'process',
  '_stream_readable',
  '_stream_duplex',
];

const isMade = (made: Made | Exports): made is Made => Object.hasOwn(made, 'defaultExport');

/** The exports of `node:<name>`, as `cell/builtins.ts` wants them. */
export const createModule = (name: string): BuiltinNamespace => whileModulesStart(() => namedExports(name));

function namedExports(name: string): BuiltinNamespace {
  if (WITH_STREAMS.includes(name)) readWholeBuffers();
  const create = MODULES[name];
  const made = create === undefined ? denoNode(name) : create();
  const exports = exportsOf(name, isMade(made) ? made.names : made);
  exports.default = defaultExport(name, made, exports);
  return exports;
}

function exportsOf(name: string, source: Exports): Exports {
  const exports: Exports = {};
  for (const key of exportedNames(name)) {
    if (key in source) exports[key] = source[key];
  }
  return exports;
}

export { exportedNames };

/** Where Deno's default export is a function or class (`stream`, `events`), Workers' is too. */
function defaultExport(name: string, made: Made | Exports, exports: Exports): unknown {
  if (isMade(made)) return made.defaultExport;
  return typeof made === 'function' ? made : defaultObject(name, exports);
}

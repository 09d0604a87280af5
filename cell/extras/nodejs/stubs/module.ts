/** `node:module`. */
import { requireFromRoot } from '../../../module-values.ts';
import type { Exports } from '../deno-node.ts';
import { shaped, unimplemented } from '../errors.ts';
import { type Callback, doingNothing, refusing } from './stub.ts';

/** The modules `repl` and `module` speak of. */
export const BUILTIN_MODULES =
  '_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex _stream_passthrough _stream_readable ' +
  '_stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert assert/strict async_hooks buffer child_process cluster ' +
  'console constants crypto dgram diagnostics_channel dns dns/promises domain events fs fs/promises http http2 https inspector ' +
  'inspector/promises module net os path path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl ' +
  'stream stream/consumers stream/promises stream/web string_decoder sys timers timers/promises tls trace_events tty url util util/types ' +
  'v8 vm wasi worker_threads zlib';

export function moduleModule(): { names: Exports; defaultExport: unknown } {
  const Module = shaped(unimplemented('module.Module', 'Module', 0), 'Module', 0) as unknown as Exports;
  const source = shaped(unimplemented('module.SourceMap', 'SourceMap', 0), 'SourceMap', 0);
  Object.defineProperty(Module, 'prototype', { value: { constructor: Module } });
  Object.assign(Module.prototype as object, refusing('module.', { load: 0, require: 0, _compile: 0, isPreloading: 0 }));
  const builtinModules = BUILTIN_MODULES.split(' ');
  const names: Exports = {
    Module,
    SourceMap: source,
    _cache: { __proto__: null },
    _extensions: Object.assign(
      Object.create(null) as object,
      Object.fromEntries(
        ['.js', '.json', '.node'].map((name) => [name, unimplemented(`module._extensions${name}`, name, 0)]),
      ),
    ),
    _pathCache: { __proto__: null },
    ...refusing('module.', {
      _debug: 0,
      _findPath: 0,
      _initPaths: 0,
      _load: 0,
      _nodeModulePaths: 0,
      _preloadModules: 0,
      _resolveFilename: 0,
      _resolveLookupPaths: 0,
      findPackageJSON: 0,
      findSourceMap: 0,
      register: 0,
      registerHooks: 0,
      runMain: 0,
      setSourceMapsSupport: 0,
      stripTypeScriptTypes: 0,
      syncBuiltinESMExports: 0,
      wrap: 0,
    }),
    builtinModules,
    constants: Object.freeze({
      __proto__: null,
      compileCacheStatus: Object.freeze({ __proto__: null, FAILED: 0, ENABLED: 1, ALREADY_ENABLED: 2, DISABLED: 3 }),
    }),
    createRequire: shaped(createRequire as Callback, 'createRequire', 1),
    enableCompileCache: doingNothing('enableCompileCache'),
    flushCompileCache: doingNothing('flushCompileCache'),
    getCompileCacheDir: doingNothing('getCompileCacheDir'),
    getSourceMapsSupport: () => ({ __proto__: null, enabled: false, nodeModules: false, generatedCode: false }),
    globalPaths: [],
    isBuiltin: shaped(
      (name: unknown) => {
        const bare = String(name).startsWith('node:') ? String(name).slice(5) : String(name);
        return builtinModules.includes(bare) || bare === 'sqlite' || name === 'node:test';
      },
      'isBuiltin',
      1,
    ),
  };
  Object.assign(Module, names);
  return { names, defaultExport: Module };
}

/** `createRequire(path)`: a `require` for the modules of the platform and of the worker. */
function createRequire(path: unknown): Callback {
  const isAbsolute = (text: string) => text.startsWith('/') || text.startsWith('file:');
  const isFileUrl = path instanceof URL && path.protocol === 'file:';
  if (!isFileUrl && !(typeof path === 'string' && isAbsolute(path))) {
    const shown = typeof path === 'string' ? `'${path}'` : `'${String(path)}'`;
    const message = `The argument 'path' The argument must be a file URL object, a file URL string, or an absolute path string.. Received ${shown}`;
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });
  }
  return (id) => requireFromRoot(`${id as string}`);
}

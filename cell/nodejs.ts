/**
 * Node.js compatibility: which `node:` modules a worker may import and which Node globals it sees, by its compatibility date and flags
 * (https://developers.cloudflare.com/workers/runtime-apis/nodejs/). The modules themselves are extras and load at their first import.
 */
import type { EnvEntry } from '../shared/protocol.ts';
import { markPlatform } from './function-text.ts';
import { type BuiltinNamespace, findBuiltin, registerBuiltin } from './builtins.ts';
import { compatFlag } from './compat.ts';
import { loadExtra } from './extras.ts';
import { defineGlobal } from './globals.ts';
import { nodeTimers } from './node-timers.ts';
import { defineProperty, objectKeys, stringSplit } from './primordials.ts';

/** What an extra that implements `node:` modules exports. */
interface NodeModules {
  createModule(name: string): BuiltinNamespace;
  exportedNames(name: string): readonly string[];
}

/** Modules without a flag of their own: there with `nodejs_compat`, and with `nodejs_compat_v2`. */
const ALWAYS = stringSplit(
  '_stream_duplex _stream_passthrough _stream_readable _stream_transform _stream_writable _tls_common _tls_wrap assert assert/strict ' +
    'async_hooks buffer constants crypto diagnostics_channel dns dns/promises events fs/promises module net path path/posix path/win32 ' +
    'process querystring stream stream/consumers stream/promises stream/web string_decoder test timers timers/promises tls url util ' +
    'util/types zlib',
  ' ',
);

/** Modules that came later, each with a flag. */
const FLAGGED: Readonly<Record<string, string>> = {
  enable_nodejs_child_process_module: 'child_process',
  enable_nodejs_cluster_module: 'cluster',
  enable_nodejs_console_module: 'console',
  enable_nodejs_dgram_module: 'dgram',
  enable_nodejs_domain_module: 'domain',
  enable_nodejs_fs_module: 'fs',
  enable_nodejs_http_modules: '_http_agent _http_client _http_common _http_incoming _http_outgoing http https',
  enable_nodejs_http_server_modules: '_http_server',
  enable_nodejs_http2_module: 'http2',
  enable_nodejs_inspector_module: 'inspector inspector/promises',
  enable_nodejs_os_module: 'os',
  enable_nodejs_perf_hooks_module: 'perf_hooks',
  enable_nodejs_punycode_module: 'punycode',
  enable_nodejs_readline_module: 'readline readline/promises',
  enable_nodejs_repl_module: 'repl',
  enable_nodejs_sqlite_module: 'sqlite',
  enable_nodejs_stream_wrap_module: '_stream_wrap',
  enable_nodejs_trace_events_module: 'trace_events',
  enable_nodejs_tty_module: 'tty',
  enable_nodejs_v8_module: 'v8',
  enable_nodejs_vm_module: 'vm',
  enable_nodejs_wasi_module: 'wasi',
  enable_nodejs_worker_threads_module: 'worker_threads',
};

/** Modules that live in an extra of their own because they are large; all others are in `nodejs`. */
const EXTRA_OF: Readonly<Record<string, string>> = {
  __proto__: null as never,
  _http_agent: 'nodejs-http',
  _http_client: 'nodejs-http',
  _http_common: 'nodejs-http',
  _http_incoming: 'nodejs-http',
  _http_outgoing: 'nodejs-http',
  _http_server: 'nodejs-http',
  _tls_common: 'nodejs-net',
  _tls_wrap: 'nodejs-net',
  crypto: 'nodejs-crypto',
  dns: 'nodejs-net',
  'dns/promises': 'nodejs-net',
  http: 'nodejs-http',
  https: 'nodejs-http',
  net: 'nodejs-net',
  tls: 'nodejs-net',
};

/** The bindings `process.env` is filled from, or none when the flags say so. */
let environment: readonly EnvEntry[] = [];
export const environmentOfProcess = (): readonly EnvEntry[] => environment;

/** Called once, when the flags of the worker are known and before any of its code runs. */
export function applyNodejsCompatibility(env: readonly EnvEntry[]): void {
  const v2 = compatFlag('nodejs_compat_v2');
  if (v2 || compatFlag('nodejs_compat')) registerModules(v2);
  else if (compatFlag('nodejs_als')) registerModule('async_hooks', false);
  registerModule('process', v2);
  registerServerModule();
  if (compatFlag('nodejs_compat_populate_process_env')) environment = env;
  if (v2) installNodeGlobals();
}

function registerModules(v2: boolean): void {
  for (let index = 0; index < ALWAYS.length; index++) registerModule(ALWAYS[index] as string, v2);
  if (v2) registerModule('sys', v2);
  const flags = objectKeys(FLAGGED);
  for (let index = 0; index < flags.length; index++) {
    const flag = flags[index] as string;
    if (!compatFlag(flag)) continue;
    const names = stringSplit(FLAGGED[flag] as string, ' ');
    for (let at = 0; at < names.length; at++) registerModule(names[at] as string, v2);
  }
}

/** `cloudflare:node`: what makes a worker of a Node server. */
function registerServerModule(): void {
  const names = ['handleAsNodeRequest', 'httpServerHandler'];
  registerBuiltin(
    'cloudflare:node',
    () => {
      const { handleAsNodeRequest, httpServerHandler } = loadExtra<Record<string, unknown>>('nodejs-http');
      return { handleAsNodeRequest, httpServerHandler };
    },
    () => names,
  );
}

/** Since v2 a module answers to its bare name too, except `test`, as in Node. */
function registerModule(name: string, bare: boolean): void {
  const extra = () => loadExtra<NodeModules>(EXTRA_OF[name] ?? 'nodejs');
  const names = () => extra().exportedNames(name);
  const specifier = `node:${name}`;
  registerBuiltin(specifier, () => extra().createModule(name), names);
  if (bare && name !== 'test') registerBuiltin(name, () => findBuiltin(specifier) as BuiltinNamespace, names);
}

function installNodeGlobals(): void {
  ownLazyGlobal('process', () => findBuiltin('node:process')?.default);
  ownLazyGlobal('Buffer', () => findBuiltin('node:buffer')?.Buffer);
  ownGlobal('global', globalThis);
  markPlatform(nodeTimers);
  defineGlobal('setImmediate', nodeTimers.setImmediate);
  defineGlobal('clearImmediate', nodeTimers.clearImmediate);
  if (!compatFlag('enable_nodejs_global_timers')) return;
  ownGlobal('setTimeout', nodeTimers.setTimeout);
  ownGlobal('setInterval', nodeTimers.setInterval);
  ownGlobal('clearTimeout', nodeTimers.clearTimeout);
  ownGlobal('clearInterval', nodeTimers.clearInterval);
}

/** On the global object itself, where workerd puts what comes from Node; the globals of the web are on its prototype. */
function ownGlobal(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
}

function ownLazyGlobal(name: string, create: () => unknown): void {
  defineProperty(globalThis, name, {
    get: () => {
      const value = create();
      ownGlobal(name, value);
      return value;
    },
    set: (value: unknown) => ownGlobal(name, value),
    enumerable: true,
    configurable: true,
  });
}

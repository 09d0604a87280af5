/**
 * `node:process` as Workers has it: an event emitter full of facts about a process that is not there. Nothing here comes from the real
 * process; `env` is filled from the bindings (https://developers.cloudflare.com/workers/runtime-apis/nodejs/process/).
 */
import type { EnvEntry } from '../../../shared/protocol.ts';
import { findBuiltin } from '../../builtins.ts';
import { compatFlag } from '../../compat.ts';
import { environmentOfProcess } from '../../nodejs.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { invalidArgType, nodeError, nodeTypeError, notImplemented, shaped, toText, unimplemented } from './errors.ts';
import { changeDirectory, currentDirectory } from './directory.ts';
import { assert } from './assert.ts';
import { PROCESS_CONFIG } from './process-config.ts';

const VERSION = '22.23.4';
const VERSION_24 = '24.14.0';
const COMPONENTS =
  'v8 modules zlib brotli zstd ares napi llhttp nghttp2 acorn ada simdutf nbytes ncrypto uvwasi uv openssl sqlite icu undici simdjson ' +
  'unicode cldr tz cjs_module_lexer amaro merve';
const MEMORY = ['rss', 'heapTotal', 'heapUsed', 'external', 'arrayBuffers'];
const RESOURCES =
  'userCPUTime systemCPUTime maxRSS sharedMemorySize unsharedDataSize unsharedStackSize minorPageFault majorPageFault swappedOut fsRead ' +
  'fsWrite ipcSent ipcReceived signalsCount voluntaryContextSwitches involuntaryContextSwitches';

type Callback = (...args: unknown[]) => unknown;

/** `process.env`: an object that turns every value into a string, as Node's does. */
function createEnvironment(entries: readonly EnvEntry[]): Record<string, string> {
  const target: Record<string, string> = {};
  for (const entry of entries) {
    if (entry.kind !== 'value') continue;
    const text = typeof entry.value === 'string' ? entry.value : JSON.stringify(entry.value);
    if (typeof text === 'string') defineText(target, entry.name, text);
  }
  return new Proxy(target, {
    set: (object, key, value) => defineText(object, convert(key), convert(value)),
    defineProperty(object, key, { value }) {
      return defineText(object, convert(key), convert(value));
    },
  });
}

function defineText(object: object, key: string, value: string): boolean {
  return Reflect.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Symbols are refused by the conversion itself. */
const convert = (value: unknown): string => `${value as string}`;

export function nextTick(callback: unknown, ...args: unknown[]): void {
  if (typeof callback === 'function') queueMicrotask(() => (callback as Callback)(...args));
}

function exit(code?: unknown): void {
  throw nodeError(
    'ERR_PROCESS_EXIT',
    `The Node.js process.exit(${toText(code ?? 0)}) API was called. Canceling the request.`,
  );
}

const features = {
  cached_builtins: true,
  debug: false,
  inspector: false,
  ipv6: true,
  openssl_is_boringssl: true,
  require_module: false,
  tls: true,
  tls_alpn: true,
  tls_ocsp: true,
  tls_sni: true,
  typescript: false,
  uv: true,
};

/** `process.getBuiltinModule(id)`: what `require` of it gives, or undefined. */
function getBuiltinModule(id: unknown): unknown {
  const name = toText(id);
  const namespace = findBuiltin(name.startsWith('node:') ? name : `node:${name}`);
  return namespace === undefined ? undefined : namespace.default;
}

/** Before `enable_nodejs_process_v2`. */
function createSmallProcess(): Exports {
  const process: Exports = {
    nextTick: shaped(nextTick, 'nextTick', 1),
    env: createEnvironment(environmentOfProcess()),
    exit,
    getBuiltinModule,
    platform: 'linux',
    features,
  };
  // Deno's modules warn of deprecated calls through the global process; Workers says nothing.
  Object.defineProperty(process, 'emitWarning', { value: () => undefined, writable: true, configurable: true });
  return process;
}

function hrtime(previous?: unknown): [number, number] {
  if (previous !== undefined) {
    if (!Array.isArray(previous)) throw invalidArgType('time', 'an instance of Array', previous);
    if (previous.length !== 2) {
      throw Object.assign(
        new RangeError(`The value of "time" is out of range. It must be 2. Received ${previous.length}`),
        { code: 'ERR_OUT_OF_RANGE' },
      );
    }
  }
  const now = Date.now();
  let seconds = Math.trunc(now / 1000);
  let nanoseconds = (now % 1000) * 1e6;
  if (previous !== undefined) {
    const [before, beforeNanoseconds] = previous as [number, number];
    seconds -= before;
    nanoseconds -= beforeNanoseconds;
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += 1e9;
    }
  }
  return [seconds, nanoseconds];
}

const zeros = (names: readonly string[]): Record<string, number> => Object.fromEntries(names.map((name) => [name, 0]));

function emitWarning(this: unknown, warning: unknown, type?: unknown, code?: unknown): void {
  let options: Record<string, unknown> = {};
  if (type !== null && typeof type === 'object' && !Array.isArray(type)) options = type as Record<string, unknown>;
  else options = { type, code };
  if (typeof warning === 'string') {
    const named = new Error(warning);
    named.name = toText(options.type ?? 'Warning');
    if (options.code !== undefined) Object.assign(named, { code: options.code });
    if (typeof options.detail === 'string') Object.assign(named, { detail: options.detail });
    warning = named;
  } else if (!(warning instanceof Error)) {
    throw invalidArgType('warning', 'an string or Error', warning);
  }
  nextTick(() => (processObject as unknown as { emit: Callback }).emit('warning', warning));
}

function validId(value: unknown): void {
  if (typeof value === 'number' || typeof value === 'string') return;
  throw invalidArgType('id', 'one of type number or string', value);
}

function setNothing(name: string): Callback {
  return shaped((id: unknown) => validId(id), name, 1) as Callback;
}

function standardStream(fd: number): unknown {
  const { Readable, Writable } = denoNode('stream') as Record<string, new (options: object) => object>;
  if (fd === 0) {
    const stdin = new (Readable as new (options: object) => object)({
      highWaterMark: 65536,
      read(this: { push(chunk: null): void }) {
        this.push(null);
      },
    });
    return Object.assign(stdin, { fd });
  }
  // What a worker writes to its standard output is a line of its log.
  // oxlint-disable-next-line no-console -- the log is where it goes
  const log = fd === 1 ? console.log : console.error;
  const stream = new (Writable as new (options: object) => object)({
    decodeStrings: false,
    write(chunk: unknown, _encoding: string, done: () => void) {
      const text = typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk as Uint8Array);
      log(text.endsWith('\n') ? text.slice(0, -1) : text);
      done();
    },
  });
  return Object.assign(stream, { fd, _type: 'fs', _isStdio: true, destroySoon: undefined });
}

function lazy(target: object, name: string, create: () => unknown): void {
  const settle = (value: unknown) => {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
    return value;
  };
  Object.defineProperty(target, name, {
    get: () => settle(create()),
    set(value) {
      settle(value);
    },
    enumerable: true,
    configurable: true,
  });
}

function createFullProcess(): Exports {
  const EventEmitter = denoNode('events') as unknown as new () => object;
  const version = compatFlag('nodejs_process_version_24') ? VERSION_24 : VERSION;
  const target = Object.create(EventEmitter.prototype as object) as Exports;
  Object.defineProperty(target, Symbol.toStringTag, { value: 'process', configurable: true });
  const missing = (name: string, length = 0) => unimplemented(`process.${name}`, name, length);
  const zero = (name: string) => shaped(() => 0, name, 0);
  const nothing = (name: string, length = 0) => shaped(() => undefined, name, length);
  const members: Exports = {
    version: `v${version}`,
    versions: { node: version, ...Object.fromEntries(COMPONENTS.split(' ').map((name) => [name, ''])) },
    title: 'workerd',
    argv: ['workerd'],
    argv0: 'workerd',
    execArgv: [],
    arch: 'x64',
    platform: 'linux',
    config: PROCESS_CONFIG,
    pid: 1,
    ppid: 0,
    getegid: zero('getegid'),
    getgid: zero('getgid'),
    getgroups: shaped(() => [0], 'getgroups', 0),
    geteuid: zero('geteuid'),
    getuid: zero('getuid'),
    setegid: setNothing('setegid'),
    setgid: setNothing('setgid'),
    setgroups: nothing('setgroups', 1),
    seteuid: setNothing('seteuid'),
    setuid: setNothing('setuid'),
    initgroups: shaped(
      (): never => {
        throw nodeError('EPERM', 'operation not permitted');
      },
      'initgroups',
      2,
    ),
    setSourceMapsEnabled: nothing('setSourceMapsEnabled', 2),
    getSourceMapsSupport: () => ({ enabled: false, nodeModules: false, generatedCode: false }),
    nextTick: shaped(nextTick, 'nextTick', 1),
    emitWarning: shaped(emitWarning as Callback, 'emitWarning', 4),
    env: createEnvironment(environmentOfProcess()),
    exit: shaped(exit as Callback, 'exit', 1),
    abort: () => exit('abort'),
    getBuiltinModule,
    features,
    allowedNodeEnvironmentFlags: new Set(),
    kill: missing('kill', 2),
    ref: nothing('ref'),
    unref: nothing('unref'),
    chdir: changeDirectory,
    cwd: shaped(() => currentDirectory(), 'bound getCwd', 0),
    umask: shaped(umask as Callback, 'umask', 1),
    hrtime: Object.assign(shaped(hrtime as Callback, 'hrtime', 1), { bigint: () => BigInt(Date.now()) * 1_000_000n }),
    uptime: () => performance.now() / 1000,
    loadEnvFile: shaped(loadEnvFile as Callback, 'loadEnvFile', 0),
    exitCode: undefined,
    channel: null,
    connected: false,
    binding: missing('binding', 1),
    debugPort: 0,
    dlopen: missing('dlopen', 3),
    finalization: {
      register: nothing('register'),
      registerBeforeExit: nothing('registerBeforeExit'),
      unregister: nothing('unregister'),
    },
    getActiveResourcesInfo: missing('getActiveResourcesInfo'),
    setUncaughtExceptionCaptureCallback: missing('setUncaughtExceptionCaptureCallback', 1),
    hasUncaughtExceptionCaptureCallback: missing('hasUncaughtExceptionCaptureCallback'),
    memoryUsage: () => zeros(MEMORY),
    noDeprecation: false,
    permission: { has: () => true },
    release: { name: 'node', lts: true, sourceUrl: '', headersUrl: '' },
    report: createReport(),
    resourceUsage: () => zeros(RESOURCES.split(' ')),
    send: shaped(() => false, 'send', 2),
    traceDeprecation: false,
    throwDeprecation: false,
    sourceMapsEnabled: false,
    threadCpuUsage: missing('threadCpuUsage'),
    cpuUsage: missing('cpuUsage', 1),
    execPath: '',
    constrainedMemory: zero('constrainedMemory'),
    availableMemory: zero('availableMemory'),
    execve: missing('execve', 3),
    openStdin: () => target.stdin,
    _rawDebug: nothing('_rawDebug'),
    moduleLoadList: [],
    _linkedBinding: missing('_linkedBinding', 1),
    domain: null,
    _exiting: false,
    _getActiveRequests: missing('_getActiveRequests'),
    _getActiveHandles: missing('_getActiveHandles'),
    reallyExit: missing('reallyExit', 1),
    _kill: missing('_kill', 2),
    _fatalException: missing('_fatalException', 1),
    _tickCallback: missing('_tickCallback'),
    _debugProcess: missing('_debugProcess', 1),
    _debugEnd: missing('_debugEnd'),
    _startProfilerIdleNotifier: missing('_startProfilerIdleNotifier'),
    _stopProfilerIdleNotifier: missing('_stopProfilerIdleNotifier'),
    _preload_modules: [],
    _disconnect: undefined,
    _handleQueue: undefined,
    _pendingMessage: undefined,
    _channel: undefined,
    _send: undefined,
  };
  lazy(target, 'assert', () => shaped((assert().defaultExport as Callback).bind(null), 'bound assert', 2));
  for (const name of Object.keys(members)) {
    target[name] = members[name];
  }
  (EventEmitter as unknown as { init?: Callback }).init?.call(target);
  for (const [fd, name] of ['stdin', 'stdout', 'stderr'].entries()) lazy(target, name, () => standardStream(fd));
  return target;
}

function umask(mask?: unknown): number {
  if (mask === undefined) return 0o022;
  const value = typeof mask === 'string' ? Number.parseInt(mask, 8) : mask;
  if (typeof value !== 'number') throw invalidArgType('mask', 'of type number', mask);
  if (!Number.isInteger(value)) {
    throw nodeTypeError(
      'ERR_INVALID_ARG_VALUE',
      `The argument 'mask' must be a 32-bit unsigned integer or an octal string. Received ${toText(mask)}`,
    );
  }
  return 0o022;
}

function loadEnvFile(path: unknown = '.env'): void {
  const fs = findBuiltin('node:fs')?.default as { readFileSync(path: unknown, encoding: string): string } | undefined;
  if (fs === undefined) throw notImplemented('process.loadEnvFile');
  const { parseEnv } = denoNode('util') as { parseEnv(text: string): Record<string, string> };
  const env = (processObject as { env: Record<string, string> }).env;
  for (const [name, value] of Object.entries(parseEnv(fs.readFileSync(path, 'utf8')))) env[name] ??= value;
}

function createReport(): Exports {
  return {
    compact: false,
    directory: '',
    filename: '',
    getReport: unimplemented('report.getReport', 'getReport', 0),
    reportOnFatalError: false,
    reportOnSignal: false,
    reportOnUncaughtException: false,
    excludeNetwork: false,
    excludeEnv: false,
    signal: 'SIGUSR2',
    writeReport: unimplemented('report.writeReport', 'writeReport', 0),
  };
}

let processObject: Exports | undefined;

export function nodeProcess(): Exports {
  processObject ??= compatFlag('enable_nodejs_process_v2') ? createFullProcess() : createSmallProcess();
  return processObject;
}

/**
 * What user code finds in the global scope: the web platform as Deno has it, less every door out of the cell. Hiding is
 * compatibility, not the wall: the wall is the process, its permissions and its sandbox.
 */
import { loadExtra } from './extras.ts';
import { markPlatform } from './function-text.ts';
import {
  apply,
  defineProperty,
  deleteProperty,
  getOwnPropertyDescriptor,
  hasOwn,
  NativeTypeError,
  ownKeys,
  setPrototypeOf,
} from './primordials.ts';
import { illegalConstructor } from './webidl.ts';

/** Not on Workers, or a way around the broker, the limits or the clock. */
const REMOVED: readonly string[] = [
  'Deno',
  'Worker',
  'BroadcastChannel',
  'localStorage',
  'sessionStorage',
  'Storage',
  'StorageEvent',
  'caches',
  'Cache',
  'CacheStorage',
  'WebSocketStream',
  'WebSocketError',
  'WebTransport',
  'process',
  'Buffer',
  'global',
  'setImmediate',
  'clearImmediate',
  'alert',
  'confirm',
  'prompt',
  'close',
  'closed',
  'name',
  'window',
  'opener',
  'onload',
  'onbeforeunload',
  'onunload',
  'onunhandledrejection',
  'onrejectionhandled',
  'onerror',
  'Location',
  'location',
  'Window',
  'Lock',
  'LockManager',
  'Navigator',
  'NavigatorUAData',
  'OffscreenCanvas',
  'ImageBitmap',
  'ImageBitmapRenderingContext',
  'ImageData',
  'createImageBitmap',
  'FileReader',
  'ProgressEvent',
  'CSSStyleSheet',
  'nodeBootstrap',
  'QuotaExceededError',
  'Geolocation',
  'Performance',
  'PerformanceEntry',
  'PerformanceMark',
  'PerformanceMeasure',
  'PerformanceObserver',
  'PerformanceObserverEntryList',
];
const REMOVED_PREFIXES = ['GPU', 'DOMMatrix', 'DOMPoint', 'DOMQuad', 'DOMRect'];

/** Deno's own code calls these on the real `process`, for warnings: there they do nothing. */
const PROCESS_EVENTS: readonly string[] = ['on', 'addListener', 'once', 'prependListener', 'emit'];

/** What a leaked reference to `process` must not be able to do. Taken out of the real object, in place. */
const PROCESS_DOORS: readonly string[] = [
  'getBuiltinModule',
  'binding',
  '_linkedBinding',
  'dlopen',
  'exit',
  'reallyExit',
  'abort',
  'kill',
  '_kill',
  'chdir',
  'setuid',
  'setgid',
  'seteuid',
  'setegid',
  'setgroups',
  'loadEnvFile',
  'report',
  'openStdin',
  '_debugProcess',
  '_debugEnd',
  'umask',
  'execve',
  'mainModule',
  'stdin',
  'stdout',
  'stderr',
  'argv',
  'execPath',
  'execArgv',
  'title',
  'env',
];

/**
 * Names that workerd has on the global object itself. Every other global of the platform (all classes, `fetch`, timers …) is a property
 * of its prototype, so that `Object.keys(globalThis)` is short and `Object.hasOwn(globalThis, 'fetch')` is false.
 */
const OWN: Readonly<Record<string, true>> = {
  __proto__: null as never,
  console: true,
  navigator: true,
  global: true,
  process: true,
  Buffer: true,
  origin: true,
  Cloudflare: true,
  performance: true,
  scheduler: true,
  caches: true,
  crypto: true,
  self: true,
  SharedArrayBuffer: true,
  WebAssembly: true,
  ServiceWorkerGlobalScope: true,
};

/** Globals that Deno puts on the global object and workerd on its prototype. */
const MOVED: readonly string[] = [
  'DOMException',
  'btoa',
  'atob',
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'queueMicrotask',
  'structuredClone',
  'reportError',
  'fetch',
  'Event',
  'CustomEvent',
  'MessageEvent',
  'CloseEvent',
  'ReadableStreamDefaultReader',
  'ReadableStreamBYOBReader',
  'ReadableStream',
  'WritableStream',
  'WritableStreamDefaultWriter',
  'TransformStream',
  'ByteLengthQueuingStrategy',
  'CountQueuingStrategy',
  'ErrorEvent',
  'MessageChannel',
  'MessagePort',
  'ReadableStreamBYOBRequest',
  'ReadableStreamDefaultController',
  'ReadableByteStreamController',
  'WritableStreamDefaultController',
  'TransformStreamDefaultController',
  'CompressionStream',
  'DecompressionStream',
  'TextEncoderStream',
  'TextDecoderStream',
  'Headers',
  'Request',
  'Response',
  'WebSocket',
  'WebSocketPair',
  'AbortController',
  'AbortSignal',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'URLSearchParams',
  'URLPattern',
  'Blob',
  'File',
  'FormData',
  'Crypto',
  'SubtleCrypto',
  'CryptoKey',
];

class WorkerGlobalScope extends EventTarget {
  constructor() {
    super();
    throw illegalConstructor();
  }
}

class ServiceWorkerGlobalScope extends WorkerGlobalScope {}

const scope = ServiceWorkerGlobalScope.prototype;

const ownerOf = (name: string): object => (OWN[name] === true ? globalThis : scope);

/** Defines a global where workerd has it. It can be assigned to and deleted, as on Workers. */
export function defineGlobal(name: string, value: unknown, enumerable = true): void {
  removeGlobal(name);
  defineProperty(ownerOf(name), name, { value, writable: true, enumerable, configurable: true });
}

/** As `defineGlobal`, but the value is made when it is first asked for; a worker that assigns first never makes it. */
export function defineLazyGlobal(name: string, create: () => unknown, enumerable = true): void {
  removeGlobal(name);
  const owner = ownerOf(name);
  defineProperty(owner, name, {
    get: () => {
      const value = create();
      markPlatform(value);
      onLazyGlobal(value);
      defineProperty(owner, name, { value, writable: true, enumerable, configurable: true });
      return value;
    },
    set: (value: unknown) => {
      defineProperty(globalThis, name, { value, writable: true, enumerable, configurable: true });
    },
    enumerable,
    configurable: true,
  });
}

let onLazyGlobal: (value: unknown) => void = () => undefined;

/** What to do with a lazily made global before user code sees it. */
export function watchLazyGlobals(hook: (value: unknown) => void): void {
  onLazyGlobal = hook;
}

/** Takes a global away, wherever it is. */
export function removeGlobal(name: string): void {
  deleteProperty(globalThis, name);
  deleteProperty(scope, name);
}

/** Moves what is (still, or again) on the global object to the place where workerd has it. */
function moveToPrototype(name: string): void {
  const found = getOwnPropertyDescriptor(globalThis, name);
  if (found === undefined) return;
  if (hasOwn(scope, name)) {
    // The harness has its own, and Deno's Node layer has put its one back.
    deleteProperty(globalThis, name);
    return;
  }
  // Deno makes some of its classes when they are first asked for.
  if (found.get !== undefined) defineLazyGlobal(name, () => apply(found.get as () => unknown, globalThis, []));
  else defineGlobal(name, found.value);
}

export function installGlobals(): void {
  neuterProcess((globalThis as unknown as Record<string, object>).process as object);
  const names = ownKeys(globalThis).filter(
    (key): key is string => typeof key === 'string' && REMOVED_PREFIXES.some((prefix) => key.startsWith(prefix)),
  );
  for (const name of [...REMOVED, ...names]) {
    deleteProperty(globalThis, name);
    if (name in globalThis) throw new Error(`Global "${name}" cannot be removed`);
  }
  installScope();
  defineGlobal('self', globalThis);
  defineProperty(globalThis, 'origin', { value: 'null', writable: false, enumerable: true, configurable: true });
  for (const name of ['caches', 'Cache', 'CacheStorage']) {
    defineLazyGlobal(name, () => loadExtra<Record<string, unknown>>('cache')[name]);
  }
  defineLazyGlobal('HTMLRewriter', () => loadExtra<{ HTMLRewriter: unknown }>('htmlrewriter').HTMLRewriter);
  // A blocked thread burns no CPU: nothing on Workers may wait.
  defineProperty(Atomics, 'wait', {
    value: function wait() {
      throw new NativeTypeError('Atomics.wait cannot be called in this context');
    },
    writable: true,
    configurable: true,
  });
  for (const [owner, key] of FOREIGN) deleteProperty(owner, key);
}

/** What Deno's built-ins have and those of Workers have not. */
const FOREIGN: readonly (readonly [owner: object, key: PropertyKey])[] = [
  [Symbol, 'metadata'],
  [Date.prototype, 'toTemporalInstant'],
  [WebAssembly, 'compileStreaming'],
  [WebAssembly, 'instantiateStreaming'],
  [console, 'indentLevel'],
  [console, 'createTask'],
  [console, '_stdout'],
  [console, '_stderr'],
  [console, 'Console'],
  [Event.prototype, 'initialized'],
  [EventTarget.prototype, 'getParent'],
  [SubtleCrypto, 'supports'],
];

/** The global object's chain: ServiceWorkerGlobalScope, WorkerGlobalScope, EventTarget, Object. */
function installScope(): void {
  for (let index = 0; index < MOVED.length; index++) moveToPrototype(MOVED[index] as string);
  setPrototypeOf(globalThis, scope);
  defineGlobal('WorkerGlobalScope', WorkerGlobalScope);
  defineGlobal('ServiceWorkerGlobalScope', ServiceWorkerGlobalScope);
  for (const { prototype, name } of [WorkerGlobalScope, ServiceWorkerGlobalScope]) {
    defineProperty(prototype, Symbol.toStringTag, {
      value: name,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
  defineProperty(WorkerGlobalScope.prototype, 'EventTarget', {
    value: EventTarget,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  deleteProperty(globalThis, 'EventTarget');
}

function neuterProcess(process: object): void {
  for (const door of PROCESS_DOORS) {
    deleteProperty(process, door);
    if (door in process) {
      defineProperty(process, door, { value: undefined, configurable: false, writable: false });
    }
  }
  for (const name of PROCESS_EVENTS) {
    defineProperty(process, name, { value: () => false, configurable: false, writable: false });
  }
}

/**
 * What user code finds in the global scope: the web platform as Deno has it, less every door out of the cell. Hiding is
 * compatibility, not the wall: the wall is the process, its permissions and its sandbox.
 */
import { defineProperty, deleteProperty, NativeTypeError, ownKeys } from './primordials.ts';

/** Not on Workers, or a way around the broker, the limits or the clock. */
const REMOVED: readonly string[] = [
  'Deno',
  'Worker',
  'BroadcastChannel',
  'SharedArrayBuffer',
  'localStorage',
  'sessionStorage',
  'Storage',
  'StorageEvent',
  'caches',
  'Cache',
  'CacheStorage',
  'EventSource',
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
  'PromiseRejectionEvent',
  'CSSStyleSheet',
  'Geolocation',
  'Performance',
  'PerformanceEntry',
  'PerformanceMark',
  'PerformanceMeasure',
  'PerformanceObserver',
  'PerformanceObserverEntryList',
];
const REMOVED_PREFIXES = ['GPU', 'DOMMatrix', 'DOMPoint', 'DOMQuad', 'DOMRect'];

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
  'on',
  'addListener',
  'once',
  'prependListener',
  'emit',
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

export function installGlobals(): void {
  const scope = globalThis as unknown as Record<string, unknown>;
  neuterProcess(scope.process as object);
  const names = ownKeys(globalThis).filter(
    (key): key is string => typeof key === 'string' && REMOVED_PREFIXES.some((prefix) => key.startsWith(prefix)),
  );
  for (const name of [...REMOVED, ...names]) {
    deleteProperty(globalThis, name);
    if (name in globalThis) throw new Error(`Global "${name}" cannot be removed`);
  }
  hide('navigator', Object.freeze({ userAgent: 'Cloudflare-Workers' }));
  hide('self', globalThis);
  // A blocked thread burns no CPU: nothing on Workers may wait.
  defineProperty(Atomics, 'wait', {
    value: function wait() {
      throw new NativeTypeError('Atomics.wait cannot be called in this context');
    },
    writable: true,
    configurable: true,
  });
}

function hide(name: string, value: unknown): void {
  deleteProperty(globalThis, name);
  defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}

function neuterProcess(process: object): void {
  for (const door of PROCESS_DOORS) {
    deleteProperty(process, door);
    if (door in process) {
      defineProperty(process, door, { value: undefined, configurable: false, writable: false });
    }
  }
}

/** Modules that only compute: Deno's own, with the names and the few behaviours changed in which Workers differs. */
import { loadExtra } from '../../extras.ts';
import { Console } from './console-class.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { exportedNames } from './exports.ts';
import { invalidArgType, nodeError, nodeRangeError, nodeTypeError, shaped, unimplemented } from './errors.ts';

type Callback = (...args: never[]) => unknown;

/** Largest buffer, as Workers has it (Deno's may be larger than a cell). */
const MAX_BUFFER_BYTES = 2 ** 31 - 1;

export function buffer(): Exports {
  const { Blob, File, atob, btoa } = globalThis;
  const source = denoNode('buffer');
  const { Buffer } = source as { Buffer: ((size: number) => unknown) & { poolSize: number } };
  // As on Workers each buffer has memory of its own.
  Buffer.poolSize = 0;
  // The first call without `new` looks at Deno's settings, which later are not to be seen.
  Buffer(0);
  refuseOddSizes((Buffer as unknown as { prototype: Record<string, Callback> }).prototype);
  return {
    ...source,
    Blob,
    File,
    atob: shaped(((text: string) => atob(text)) as Callback, 'bound atob', 0),
    btoa: shaped(((text: string) => btoa(text)) as Callback, 'bound btoa', 0),
    constants: { MAX_LENGTH: MAX_BUFFER_BYTES, MAX_STRING_LENGTH: 536870888 },
    kMaxLength: MAX_BUFFER_BYTES,
    kStringMaxLength: 536870888,
    resolveObjectURL: () => {
      throw new Error('resolveObjectURL is not implemented');
    },
  };
}

/** Deno's own complaint has no code. */
function refuseOddSizes(prototype: Record<string, Callback>): void {
  for (const bits of [16, 32, 64]) {
    const name = `swap${bits}`;
    const native = prototype[name] as Callback;
    prototype[name] = shaped(
      function (this: Uint8Array) {
        if (this.length % (bits / 8) === 0) return Reflect.apply(native, this, []);
        throw nodeRangeError('ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${bits}-bits`);
      } as Callback,
      name,
      0,
    );
  }
}

/** The global console's methods, and a `Console` class that writes to streams. */
export function consoleModule(): { names: Exports; defaultExport: unknown } {
  const target = globalThis.console as unknown as Record<string, Callback>;
  const names: Exports = { Console };
  const methods =
    'assert clear count countReset debug dir dirxml error group groupCollapsed groupEnd info log profile profileEnd table time timeEnd ' +
    'timeLog timeStamp trace warn';
  for (const method of methods.split(' ')) {
    // Looked up at each call: a worker that replaces a method of `console` sees it used here too.
    names[method] = (...args: never[]) => target[method]?.(...args);
  }
  names.context = unimplemented('Console.context', 'context', 0);
  names.createTask = unimplemented('Console.createTask', 'createTask', 0);
  const defaultExport = globalThis.console as unknown as Exports;
  for (const name of ['Console', 'context', 'createTask']) {
    if (Object.hasOwn(defaultExport, name)) continue;
    Object.defineProperty(defaultExport, name, { value: names[name], writable: true, configurable: true });
  }
  return { names, defaultExport };
}

/** `resolve` and `relative` start from the root, whatever `process.chdir()` said: so it is on Workers. */
export function path(flavour: 'posix' | 'win32'): { names: Exports; defaultExport: unknown } {
  const { posix, win32 } = denoNode('path') as Record<string, Record<string, Callback>>;
  const fromRoot = (source: Record<string, Callback>, resolve: (...parts: string[]) => string) => {
    const relative = source.relative as unknown as (from: string, to: string) => string;
    const absolute = (part: string): string => (typeof part === 'string' ? resolve(part) : part);
    return {
      ...source,
      resolve: shaped(resolve as Callback, 'resolve', 0),
      relative: shaped(
        ((from: string, to: string) => relative(absolute(from), absolute(to))) as Callback,
        'relative',
        2,
      ),
    };
  };
  const resolvePosix = (posix as Record<string, Callback>).resolve as unknown as (...parts: string[]) => string;
  const resolveWin32 = (win32 as Record<string, Callback>).resolve as unknown as (...parts: string[]) => string;
  const made: Record<'posix' | 'win32', Record<string, unknown>> = {
    posix: fromRoot(posix as Record<string, Callback>, (...parts) => resolvePosix('/', ...parts)),
    win32: fromRoot(win32 as Record<string, Callback>, (...parts) => {
      if (parts.some((part) => WITH_DEVICE.test(part))) return resolveWin32(...parts);
      // Without a drive the engine would ask for a working directory, which there is none.
      return resolveWin32('C:\\', ...parts).slice('C:'.length);
    }),
  };
  for (const one of [made.posix, made.win32]) Object.assign(one, made);
  return { names: made[flavour], defaultExport: made[flavour] };
}

/** A drive letter, or the name of a machine. */
const WITH_DEVICE = /^(?:[A-Za-z]:|[\\/]{2}[^\\/])/;

export function perfHooks(): Exports {
  const scope = globalThis as unknown as Exports;
  const classes: Exports = {};
  for (const name of [
    'Performance',
    'PerformanceEntry',
    'PerformanceMark',
    'PerformanceMeasure',
    'PerformanceObserver',
    'PerformanceObserverEntryList',
    'PerformanceResourceTiming',
  ]) {
    classes[name] = scope[name];
  }
  return {
    ...classes,
    constants: denoNode('perf_hooks').constants,
    createHistogram: unimplemented('createHistogram', 'createHistogram', 0),
    eventLoopUtilization: shaped(() => ({ idle: 0, active: 0, utilization: 0 }), 'eventLoopUtilization', 2),
    monitorEventLoopDelay: unimplemented('monitorEventLoopDelay', 'monitorEventLoopDelay', 0),
    performance: globalThis.performance,
    timerify: shaped(((callback: Callback) => callback) as Callback, 'timerify', 1),
  };
}

/** Workers has the mocks of `node:test` and nothing else. */
export function test(): Exports {
  const { mock } = denoNode('test') as { mock: { constructor: unknown; fn(): { mock: object } } };
  return { MockFunctionContext: mock.fn().mock.constructor, MockTracker: mock.constructor, mock };
}

export function url(): Exports {
  const source = denoNode('url') as Record<string, Callback>;
  const fileURLToPath = source.fileURLToPath as unknown as (url: unknown, options?: unknown) => string;
  const pathToFileURL = source.pathToFileURL as unknown as (path: string, options?: unknown) => URL;
  const { posix } = path('posix').names as unknown as { posix: { resolve(...parts: string[]): string } };
  return {
    ...(source as Exports),
    fileURLToPath: shaped(
      ((value: unknown, options?: unknown) => {
        const parsed = typeof value === 'string' ? new globalThis.URL(value) : value;
        if (parsed instanceof globalThis.URL && parsed.protocol !== 'file:') {
          throw nodeError('ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
        }
        return fileURLToPath(parsed, options);
      }) as Callback,
      'fileURLToPath',
      2,
    ),
    URL: globalThis.URL,
    URLSearchParams: globalThis.URLSearchParams,
    pathToFileURL: shaped(
      ((text: string, options?: unknown) => {
        if (typeof text !== 'string') throw invalidArgType('filepath', 'of type string', text);
        const resolved = posix.resolve('/', text);
        const href = pathToFileURL(text.endsWith('/') && resolved !== '/' ? `${resolved}/` : resolved, options).href;
        return new globalThis.URL(href);
      }) as Callback,
      'pathToFileURL',
      2,
    ),
    toPathIfFileURL: shaped(
      ((value: unknown) => (value instanceof globalThis.URL ? fileURLToPath(value) : value)) as Callback,
      'toPathIfFileURL',
      1,
    ),
  };
}

/** Removed from Node in version 23, still in Workers. */
function legacyTypeChecks(): Exports {
  const { isDate, isRegExp, isNativeError } = denoNode('util/types') as Record<string, (value: unknown) => boolean>;
  const { Buffer } = denoNode('buffer') as { Buffer: { isBuffer(value: unknown): boolean } };
  return {
    isBoolean: (value: unknown) => typeof value === 'boolean',
    isBuffer: (value: unknown) => Buffer.isBuffer(value),
    isDate: (value: unknown) => (isDate as (value: unknown) => boolean)(value),
    isError: (value: unknown) => (isNativeError as (value: unknown) => boolean)(value) || value instanceof Error,
    isFunction: (value: unknown) => typeof value === 'function',
    isNull: (value: unknown) => value === null,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isNumber: (value: unknown) => typeof value === 'number',
    isObject: (value: unknown) => value !== null && typeof value === 'object',
    isPrimitive: (value: unknown) => value === null || (typeof value !== 'object' && typeof value !== 'function'),
    isRegExp: (value: unknown) => (isRegExp as (value: unknown) => boolean)(value),
    isString: (value: unknown) => typeof value === 'string',
    isSymbol: (value: unknown) => typeof value === 'symbol',
    isUndefined: (value: unknown) => value === undefined,
  };
}

const COLOURS: Readonly<Record<string, readonly [open: number, close: number]>> = {
  __proto__: null as never,
  reset: [0, 0],
};

/** `util.styleText` without a look at a terminal: nothing in a cell is one, so text is styled only when asked not to check. */
function styleText(format: unknown, text: unknown, options?: { validateStream?: boolean }): string {
  const { inspect } = denoNode('util') as { inspect: { colors: Record<string, readonly [number, number]> } };
  const names = Array.isArray(format) ? format : [format];
  if (typeof text !== 'string') throw invalidArgType('text', 'of type string', text);
  let styled = text;
  for (let index = names.length - 1; index >= 0; index--) {
    const codes = COLOURS[names[index] as string] ?? inspect.colors[names[index] as string];
    if (codes === undefined) {
      const known = Object.keys(inspect.colors)
        .map((name) => `'${name}'`)
        .join(', ');
      throw nodeTypeError(
        'ERR_INVALID_ARG_VALUE',
        `The argument 'format' must be one of: ${known}. Received '${String(names[index])}'`,
      );
    }
    styled = `\u001b[${codes[0]}m${styled}\u001b[${codes[1]}m`;
  }
  return options?.validateStream === false ? styled : text;
}

export function util(): Exports {
  loadExtra('inspect');
  const source = denoNode('util');
  return {
    ...source,
    ...legacyTypeChecks(),
    TextDecoder: globalThis.TextDecoder,
    TextEncoder: globalThis.TextEncoder,
    _errnoException: unimplemented('_errnoException', '_errnoException', 0),
    _exceptionWithHostPort: unimplemented('_exceptionWithHostPort', '_exceptionWithHostPort', 0),
    getCallSite: callSites,
    getCallSites: callSites,
    parseArgs: () => {
      throw new Error('node:util parseArgs is not implemented');
    },
    styleText: shaped(styleText as Callback, 'styleText', 2),
    types: utilTypes(),
  };
}

interface CallSite {
  readonly functionName: string;
  readonly scriptName: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
  readonly column: number;
}

const FRAME = /^\s+at (?:(?:async )?(.*?) \()?(?:cell:\/)?([^\s()]+):(\d+):(\d+)\)?$/;
/** Frames of the harness and the engine. */
const NOT_THE_WORKERS = /^(?:skep|ext|node|file):|^<|\bharness\.js$/;

/** The worker's own frames of the stack, innermost first. */
function callSites(count: unknown = 8): CallSite[] {
  if (typeof count !== 'number' && (typeof count !== 'object' || count === null)) {
    throw invalidArgType('frameCount', 'of type number', count);
  }
  const limit = typeof count === 'number' ? count : 8;
  const sites: CallSite[] = [];
  for (const line of (new Error('call sites').stack ?? '').split('\n')) {
    const match = FRAME.exec(line);
    if (match === null || sites.length >= limit || NOT_THE_WORKERS.test(match[2] as string)) continue;
    const functionName = (match[1] ?? '').replace(/^(?:Object|Function)\./, '');
    const column = Number(match[4]);
    sites.push({
      functionName,
      scriptName: match[2] as string,
      lineNumber: Number(match[3]),
      columnNumber: column,
      column,
    });
  }
  return sites;
}

export function utilTypes(): Exports {
  return { ...denoNode('util/types'), isExternal: shaped(() => false, 'isExternal', 0) };
}

/** The classes of a worker, which are not all Deno's own. */
export function streamWeb(): Exports {
  const scope = globalThis as unknown as Exports;
  const classes: Exports = {};
  for (const name of exportedNames('stream/web')) if (name !== 'default') classes[name] = scope[name];
  return classes;
}

/** Deno's, whose `Duplex.from` is told what a `Blob` is: that of a cell is not Deno's own. */
export function stream(): { names: Exports; defaultExport: unknown } {
  const source = denoNode('stream') as Exports & { Duplex: { from(body: unknown): unknown } };
  const { from } = source.Duplex;
  source.Duplex.from = shaped(
    ((body: unknown) => from(body instanceof globalThis.Blob ? blobContents(body) : body)) as Callback,
    'from',
    1,
  ) as (body: unknown) => unknown;
  return { names: source, defaultExport: source };
}

async function* blobContents(blob: Blob): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await blob.arrayBuffer());
}

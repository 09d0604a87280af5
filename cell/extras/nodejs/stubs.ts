/**
 * Modules that Workers has by name so that programs can import them, while what they stand for (processes, threads, sockets, a debugger)
 * is not there. Each answers exactly as Workers does: with an empty fact, nothing, or `ERR_METHOD_NOT_IMPLEMENTED`.
 */
import { findBuiltin } from '../../builtins.ts';
import { requireFromRoot } from '../../modules.ts';
import { numbers, OS_DLOPEN, OS_ERRNO, OS_PRIORITY, OS_SIGNALS } from './constants.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { invalidArgType, notImplemented, shaped, unimplemented } from './errors.ts';

type Callback = (...args: unknown[]) => unknown;
type AnyClass = abstract new (...args: never[]) => object;

const returning = (name: string, value: unknown, length = 0): Callback => shaped(() => value, name, length);
const doingNothing = (name: string, length = 0): Callback => returning(name, undefined, length);

/** Functions `{name: length}` that throw; the method named in the message has the prefix. */
function refusing(prefix: string, names: Readonly<Record<string, number>>): Exports {
  const functions: Exports = {};
  for (const [name, length] of Object.entries(names)) functions[name] = unimplemented(`${prefix}${name}`, name, length);
  return functions;
}

/** A class that cannot be instantiated, or whose methods throw when it can. */
function stubClass(name: string, methods: string, options: { refuse?: string; parent?: AnyClass } = {}): AnyClass {
  const { refuse, parent = Object as unknown as AnyClass } = options;
  const made = {
    [name]: class extends (parent as new () => object) {
      constructor() {
        if (refuse !== undefined) throw notImplemented(refuse);
        super();
      }
    },
  }[name] as AnyClass;
  for (const method of methods.split(' ').filter(Boolean)) {
    Object.defineProperty(made.prototype, method, {
      value: unimplemented(`${name}.${method}`, method, 0),
      writable: true,
      configurable: true,
    });
  }
  return made;
}

function requireString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value);
}

function requireObject(name: string, value: unknown): void {
  if (value === null || typeof value !== 'object') throw invalidArgType(name, 'of type object', value);
}

/** Frozen, without a prototype. */
const bare = <T extends object>(values: T): T => Object.freeze(Object.assign(Object.create(null) as T, values));

export function os(): Exports {
  return {
    EOL: '\n',
    arch: returning('arch', 'x64'),
    availableParallelism: returning('availableParallelism', 1),
    constants: bare({
      UV_UDP_REUSEADDR: 4,
      dlopen: bare(numbers(OS_DLOPEN)),
      errno: bare(numbers(OS_ERRNO)),
      signals: bare(numbers(OS_SIGNALS)),
      priority: bare(numbers(OS_PRIORITY)),
    }),
    cpus: () => [],
    devNull: '/dev/null',
    endianness: returning('endianness', 'LE'),
    freemem: returning('freemem', 0),
    getPriority: shaped(
      (pid: unknown = 0) => {
        requireInteger('pid', pid);
        return 0;
      },
      'getPriority',
      1,
    ),
    homedir: returning('homedir', '/tmp/'),
    hostname: returning('hostname', 'localhost'),
    loadavg: () => [0, 0, 0],
    machine: returning('machine', 'x86_64'),
    networkInterfaces: () => ({}),
    platform: returning('platform', 'linux'),
    release: returning('release', ''),
    setPriority: shaped(
      (pid: unknown, priority: unknown) => {
        requireInteger('pid', pid);
        requireInteger('priority', priority);
      },
      'setPriority',
      2,
    ),
    tmpdir: returning('tmpdir', '/tmp/'),
    totalmem: returning('totalmem', 0),
    type: returning('type', 'Linux'),
    uptime: returning('uptime', 0),
    userInfo: () => ({}),
    version: returning('version', ''),
  };
}

function requireInteger(name: string, value: unknown): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
}

export function childProcess(): Exports {
  const command =
    (name: string): Callback =>
    (text) => {
      requireString('command', text);
      throw notImplemented(`child_process.${name}`);
    };
  return {
    ChildProcess: stubClass('ChildProcess', 'kill send disconnect unref ref', { refuse: 'child_process.ChildProcess' }),
    ...refusing('child_process.', { _forkChild: 2, execFile: 4, execFileSync: 3, execSync: 2, fork: 3, spawn: 0 }),
    exec: shaped(command('exec'), 'exec', 3),
    spawnSync: shaped(command('spawnSync'), 'spawnSync', 3),
  };
}

export function vm(): Exports {
  class Script {
    cachedDataRejected = undefined;
    cachedDataProduced = undefined;
    cachedData = undefined;
    sourceMapURL = undefined;
  }
  const methods = { createCachedData: 0, runInThisContext: 1, runInContext: 2, runInNewContext: 2 };
  Object.assign(Script.prototype, refusing('', methods));
  for (const name of Object.keys(methods)) Object.defineProperty(Script.prototype, name, { enumerable: false });
  shaped(Script as unknown as Callback, 'Script', 1);
  const createContext = (object: unknown = Object.create(null)): unknown => object;
  const inThisContext = (name: string, length: number) => unimplemented('runInThisContext', name, length);
  return {
    Script,
    compileFunction: shaped(
      (code: unknown) => {
        requireString('code', code);
        throw notImplemented('compileFunction');
      },
      'compileFunction',
      1,
    ),
    constants: Object.freeze({
      __proto__: null,
      USE_MAIN_CONTEXT_DEFAULT_LOADER: Symbol('vm_dynamic_import_main_context_default'),
      DONT_CONTEXTIFY: Symbol('vm_context_no_contextify'),
    }),
    createContext: shaped(createContext, 'createContext', 0),
    createScript: shaped(() => new Script(), 'createScript', 1),
    isContext: shaped(
      (object: unknown) => {
        requireObject('object', object);
        return true;
      },
      'isContext',
      1,
    ),
    measureMemory: unimplemented('measureMemory', 'measureMemory', 0),
    runInContext: shaped(
      (_code: unknown, object: unknown) => {
        requireObject('object', object);
        throw notImplemented('runInContext');
      },
      'runInContext',
      2,
    ),
    runInNewContext: inThisContext('runInNewContext', 3),
    runInThisContext: inThisContext('runInThisContext', 1),
  };
}

export function workerThreads(): Exports {
  const environment = new Map<unknown, unknown>();
  const methods =
    'cpuUsage postMessage postMessageToThread ref unref terminate getHeapSnapshot getHeapStatistics startCpuProfile startHeapProfile';
  return {
    BroadcastChannel: stubClass('BroadcastChannel', '', { refuse: 'BroadcastChannel' }),
    MessageChannel: globalThis.MessageChannel,
    MessagePort: globalThis.MessagePort,
    SHARE_ENV: Symbol.for('nodejs.worker_threads.SHARE_ENV'),
    Worker: stubClass('Worker', methods, { refuse: 'Worker' }),
    getEnvironmentData: shaped((key: unknown) => environment.get(key), 'getEnvironmentData', 1),
    isInternalThread: false,
    isMainThread: true,
    isMarkedAsUntransferable: returning('isMarkedAsUntransferable', false, 1),
    markAsUncloneable: doingNothing('markAsUncloneable', 1),
    markAsUntransferable: doingNothing('markAsUntransferable', 1),
    moveMessagePortToContext: shaped(
      () => {
        throw new TypeError('Illegal constructor');
      },
      'moveMessagePortToContext',
      2,
    ),
    parentPort: null,
    postMessageToThread: unimplemented('postMessageToThread', 'postMessageToThread', 4),
    receiveMessageOnPort: doingNothing('receiveMessageOnPort', 1),
    resourceLimits: {},
    setEnvironmentData: shaped(
      (key: unknown, value: unknown) => {
        if (value === undefined) environment.delete(key);
        else environment.set(key, value);
      },
      'setEnvironmentData',
      2,
    ),
    threadId: 0,
    workerData: null,
  };
}

export function tty(): Exports {
  const { Readable, Writable } = denoNode('stream') as Record<string, new (options?: object) => object>;
  class ReadStream extends (Readable as new (options?: object) => object) {
    readonly fd: unknown;
    isRaw = false;
    isTTY = false;

    constructor(fd: unknown) {
      super({
        read(this: { push(chunk: null): void }) {
          this.push(null);
        },
      });
      this.fd = fd;
    }

    setRawMode(mode: unknown): this {
      this.isRaw = Boolean(mode);
      return this;
    }
  }
  class WriteStream extends (Writable as new (options?: object) => object) {
    readonly fd: unknown;
    columns = 0;
    rows = 0;

    constructor(fd: unknown) {
      super({
        write(_chunk: unknown, _encoding: unknown, done: () => void) {
          done();
        },
      });
      this.fd = fd;
    }

    get isTTY(): boolean {
      return false;
    }

    getColorDepth(): number {
      return 0;
    }

    hasColors(): boolean {
      return false;
    }

    _refreshSize(): void {}

    cursorTo(): boolean {
      return false;
    }

    moveCursor(): boolean {
      return false;
    }

    clearLine(): boolean {
      return false;
    }

    clearScreenDown(): boolean {
      return false;
    }

    getWindowSize(): [number, number] {
      return [0, 0];
    }
  }
  return { ReadStream, WriteStream, isatty: returning('isatty', false, 1) };
}

export function v8(): Exports {
  const zeros = (names: string) => Object.fromEntries(names.split(' ').map((name) => [name, 0]));
  const required =
    (argument: string, type: 'string' | 'number' | 'function', result?: unknown): Callback =>
    (value) => {
      // biome-ignore lint/suspicious/useValidTypeof: one of the names above
      if (typeof value !== type) throw invalidArgType(argument, `of type ${type}`, value);
      return result;
    };
  const serializing =
    'writeHeader writeValue releaseBuffer transferArrayBuffer writeUint32 writeUint64 writeDouble writeRawBytes _getDataCloneError ' +
    '_getSharedArrayBufferId _setTreatArrayBufferViewsAsHostObjects _writeHostObject';
  const deserializing =
    'readHeader readValue transferArrayBuffer getWireFormatVersion readUint32 readUint64 readDouble readRawBytes _readHostObject';
  const callbacks = (names: readonly string[], length: number) =>
    Object.fromEntries(names.map((name) => [name, doingNothing(name, length)]));
  return {
    DefaultDeserializer: stubClass('DefaultDeserializer', '', { refuse: 'Deserializer' }),
    DefaultSerializer: stubClass('DefaultSerializer', '', { refuse: 'Serializer' }),
    Deserializer: stubClass('Deserializer', deserializing, { refuse: 'Deserializer' }),
    GCProfiler: stubClass('GCProfiler', 'start stop'),
    Serializer: stubClass('Serializer', serializing, { refuse: 'Serializer' }),
    cachedDataVersionTag: returning('cachedDataVersionTag', 0),
    deserialize: unimplemented('deserialize', 'deserialize', 1),
    getCppHeapStatistics: () => ({
      committed_size_bytes: 0,
      resident_size_bytes: 0,
      used_size_bytes: 0,
      space_statistics: [],
      type_names: [],
      detail_level: 'detailed',
    }),
    getHeapCodeStatistics: () =>
      zeros('code_and_metadata_size bytecode_and_metadata_size external_script_source_size cpu_profiler_metadata_size'),
    getHeapSpaceStatistics: () => [],
    getHeapStatistics: () =>
      zeros(
        'total_heap_size total_heap_size_executable total_physical_size total_available_size used_heap_size heap_size_limit ' +
          'malloced_memory peak_malloced_memory does_zap_garbage number_of_native_contexts number_of_detached_contexts ' +
          'total_global_handles_size used_global_handles_size external_memory total_allocated_bytes',
      ),
    isStringOneByteRepresentation: shaped(
      (content: unknown) => {
        requireString('content', content);
        return true;
      },
      'isStringOneByteRepresentation',
      1,
    ),
    promiseHooks: Object.fromEntries(
      ['createHook', 'onInit', 'onBefore', 'onAfter', 'onSettled'].map((name) => [
        name,
        returning(name, () => undefined, 1),
      ]),
    ),
    queryObjects: shaped(required('constructor', 'function'), 'queryObjects', 1),
    ...refusing('', { getHeapSnapshot: 0, serialize: 1, stopCoverage: 0, takeCoverage: 0, writeHeapSnapshot: 1 }),
    setFlagsFromString: shaped(required('flags', 'string'), 'setFlagsFromString', 1),
    setHeapSnapshotNearHeapLimit: shaped(required('limit', 'number'), 'setHeapSnapshotNearHeapLimit', 1),
    startupSnapshot: {
      ...callbacks(['addSerializeCallback', 'addDeserializeCallback', 'setDeserializeMainFunction'], 2),
      isBuildingSnapshot: returning('isBuildingSnapshot', false),
    },
  };
}

const emitterClass = (): AnyClass => denoNode('events').EventEmitter as AnyClass;

export function cluster(): { names: Exports; defaultExport: unknown } {
  const EventEmitter = emitterClass() as new () => object;
  class Worker extends EventEmitter {
    _connected = false;
    readonly id: number;

    constructor(options?: { id?: number }) {
      super();
      this.id = options?.id ?? 0;
    }

    get process(): unknown {
      return findBuiltin('node:process')?.default;
    }

    get exitedAfterDisconnect(): boolean {
      return false;
    }

    isConnected(): boolean {
      return this._connected;
    }

    isDead(): boolean {
      return false;
    }
  }
  const workerMethods = refusing('cluster.Worker.', { send: 2, kill: 0, destroy: 0, disconnect: 0 });
  Object.assign(Worker.prototype, workerMethods);
  shaped(Worker as unknown as Callback, 'Worker', 1);
  class Cluster extends EventEmitter {
    Worker = Worker;
    isMaster = true;
    isPrimary = true;
    isWorker = false;
    SCHED_NONE = 1;
    SCHED_RR = 2;
    schedulingPolicy = 2;
    settings = {};
    workers = {};
    domain = null;
  }
  const methods: Exports = {
    ...refusing('cluster.', { disconnect: 1, fork: 1, setupPrimary: 1 }),
    setupMaster: unimplemented('cluster.setupWorker', 'setupMaster', 1),
  };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(Cluster.prototype, name, { value, writable: true, configurable: true });
  }
  const cluster = new Cluster();
  const names = { ...(cluster as object), ...methods, Cluster, _events: [], _eventsCount: 0, _maxListeners: 0 };
  return { names, defaultExport: cluster };
}

export function domain(): Exports {
  const EventEmitter = emitterClass() as new () => { emit(event: string, ...args: unknown[]): boolean };
  class Domain extends EventEmitter {
    members: unknown = undefined;

    _errorHandler(): void {}

    enter(): void {}

    exit(): void {}

    add(): void {}

    remove(): void {}

    run(callback: Callback, ...args: unknown[]): unknown {
      return Reflect.apply(callback, this, args);
    }

    intercept(callback: Callback): Callback {
      return callback;
    }

    bind(callback: Callback): Callback {
      return callback;
    }
  }
  const createDomain = () => new Domain();
  return { Domain, active: null, create: createDomain(), createDomain };
}

export function dgram(): Exports {
  const EventEmitter = emitterClass() as new () => object;
  const methods =
    'bind connect disconnect sendto send close address remoteAddress setBroadcast setTTL setMulticastTTL setMulticastLoopback ' +
    'setMulticastInterface addMembership dropMembership addSourceSpecificMembership dropSourceSpecificMembership ref unref ' +
    'setRecvBufferSize setSendBufferSize getRecvBufferSize getSendBufferSize getSendQueueSize getSendQueueCount';
  const parent = class extends EventEmitter {};
  const Socket = stubClass('Socket', methods, { parent }) as new () => object;
  const open = (type: unknown): object => {
    const options = typeof type === 'string' ? { type } : type;
    requireObject('type', options);
    return new Socket();
  };
  const callable = shaped(
    function (type: unknown) {
      return open(type);
    } as Callback,
    'Socket',
    2,
  );
  Object.defineProperty(callable, 'prototype', { value: Socket.prototype });
  return { Socket: callable, createSocket: shaped(open, 'createSocket', 2) };
}

export function http2(): Exports {
  const { Buffer } = denoNode('buffer') as { Buffer: { alloc(size: number): unknown } };
  return {
    Http2ServerRequest: stubClass('Http2ServerRequest', '', { refuse: 'http2.Http2ServerRequest' }),
    Http2ServerResponse: stubClass('Http2ServerResponse', '', { refuse: 'http2.Http2ServerResponse' }),
    ...refusing('http2.', { connect: 0, createSecureServer: 0, createServer: 0, performServerHandshake: 0 }),
    constants: denoNode('http2').constants,
    getDefaultSettings: () => ({}),
    getPackedSettings: () => Buffer.alloc(0),
    getUnpackedSettings: () => ({}),
    sensitiveHeaders: Symbol('nodejs.http2.sensitiveHeaders'),
  };
}

export function inspector(): Exports {
  const events =
    'requestWillBeSent dataReceived dataSent responseReceived loadingFinished loadingFailed webSocketCreated ' +
    'webSocketHandshakeResponseReceived webSocketClosed';
  const names =
    'debug error info log warn dir dirxml table trace group groupCollapsed groupEnd clear count countReset assert profile profileEnd ' +
    'time timeLog timeEnd timeStamp context createTask';
  const noop = doingNothing('noop');
  return {
    Network: Object.fromEntries(events.split(' ').map((name) => [name, doingNothing(name, 1)])),
    Session: stubClass('StubSession', 'connect connectToMainThread disconnect post', { refuse: 'Session' }),
    close: doingNothing('close'),
    console: Object.fromEntries(names.split(' ').map((name) => [name, noop])),
    open: shaped(() => ({ [Symbol.dispose]: () => undefined }), 'open', 3),
    url: doingNothing('url'),
    waitForDebugger: doingNothing('waitForDebugger'),
  };
}

function readlineInterface(question: Callback): AnyClass {
  const EventEmitter = emitterClass() as new () => { emit(event: string): boolean };
  return class Interface extends EventEmitter {
    terminal = false;
    line = '';
    cursor = 0;
    #prompt = '> ';

    getPrompt(): string {
      return this.#prompt;
    }

    setPrompt(prompt: string): void {
      this.#prompt = prompt;
    }

    prompt(): void {}

    question(...args: unknown[]): unknown {
      return Reflect.apply(question, this, args);
    }

    pause(): this {
      return this;
    }

    resume(): this {
      return this;
    }

    close(): void {
      this.emit('close');
    }

    write(): void {}

    getCursorPos(): { rows: number; cols: number } {
      return { rows: 0, cols: 0 };
    }

    async *[Symbol.asyncIterator](): AsyncGenerator<string> {}
  };
}

export function readline(): Exports {
  const Interface = readlineInterface((_query, options, callback) => {
    const answer = typeof options === 'function' ? options : callback;
    if (typeof answer === 'function') answer('');
  }) as new () => object;
  return {
    Interface,
    clearLine: returning('clearLine', false),
    clearScreenDown: returning('clearScreenDown', false),
    createInterface: shaped(() => new Interface(), 'createInterface', 0),
    cursorTo: returning('cursorTo', false),
    emitKeypressEvents: doingNothing('emitKeypressEvents'),
    moveCursor: returning('moveCursor', false),
    promises: findBuiltin('node:readline/promises')?.default,
  };
}

export function readlinePromises(): Exports {
  const Interface = readlineInterface(async () => '') as new () => object;
  class Readline {
    clearLine(): this {
      return this;
    }

    clearScreenDown(): this {
      return this;
    }

    async commit(): Promise<void> {}

    cursorTo(): this {
      return this;
    }

    moveCursor(): this {
      return this;
    }

    rollback(): this {
      return this;
    }
  }
  return { Interface, Readline, createInterface: shaped(() => new Interface(), 'createInterface', 0) };
}

/** The modules `repl` and `module` speak of. */
export const BUILTIN_MODULES =
  '_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex _stream_passthrough _stream_readable ' +
  '_stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert assert/strict async_hooks buffer child_process cluster ' +
  'console constants crypto dgram diagnostics_channel dns dns/promises domain events fs fs/promises http http2 https inspector ' +
  'inspector/promises module net os path path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl ' +
  'stream stream/consumers stream/promises stream/web string_decoder sys timers timers/promises tls trace_events tty url util util/types ' +
  'v8 vm wasi worker_threads zlib';

export function repl(): Exports {
  const builtinModules = BUILTIN_MODULES.split(' ').filter((name) => !name.startsWith('_'));
  return {
    REPLServer: stubClass('REPLServer', 'setupHistory defineCommand displayPrompt clearBufferedCommand', {
      refuse: 'REPLServer',
    }),
    REPL_MODE_SLOPPY: Symbol('repl-sloppy'),
    REPL_MODE_STRICT: Symbol('repl-strict'),
    Recoverable: class Recoverable extends SyntaxError {
      readonly err: unknown;

      constructor(err: unknown) {
        super();
        this.err = err;
      }
    },
    _builtinLibs: builtinModules,
    builtinModules,
    ...refusing('', { start: 0, writer: 0 }),
  };
}

export function sqlite(): Exports {
  const illegal = (name: string) =>
    shaped(
      function () {
        throw new TypeError('Illegal constructor');
      } as Callback,
      name,
      0,
    );
  return {
    DatabaseSync: illegal('DatabaseSync'),
    StatementSync: illegal('StatementSync'),
    backup: shaped(
      () => {
        throw new Error('backup is not implemented');
      },
      'backup',
      0,
    ),
    constants: denoNode('sqlite').constants,
  };
}

export function traceEvents(): Exports {
  class Tracing {
    readonly #categories: readonly string[];
    enabled = false;

    constructor(categories: readonly string[]) {
      this.#categories = categories;
    }

    enable(): void {
      this.enabled = true;
    }

    disable(): void {
      this.enabled = false;
    }

    get categories(): string {
      return this.#categories.join(',');
    }
  }
  return {
    createTracing: shaped(
      (options: unknown) => {
        requireObject('options', options);
        const { categories } = options as { categories?: unknown };
        if (!Array.isArray(categories)) throw invalidArgType('options.categories', 'an instance of Array', categories);
        return new Tracing(categories);
      },
      'createTracing',
      1,
    ),
    getEnabledCategories: doingNothing('getEnabledCategories'),
  };
}

export const wasi = (): Exports => ({
  WASI: stubClass('WASI', 'finalizeBindings start initialize getImportObject', { refuse: 'WASI' }),
});

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

/** `_stream_wrap`: a default export and nothing else. */
export function streamWrap(): { names: Exports; defaultExport: unknown } {
  return { names: {}, defaultExport: stubClass('JSStreamSocket', '', { refuse: 'JSStreamSocket' }) };
}

/** What looks into the engine: `vm`, `v8`, the inspector, traces, WASI. */
import type { Exports } from '../deno-node.ts';
import { invalidArgType, notImplemented, shaped, unimplemented } from '../errors.ts';
import { type Callback, doingNothing, refusing, requireObject, requireString, returning, stubClass } from './stub.ts';

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

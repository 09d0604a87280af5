/** Processes and threads. */
import { findBuiltin } from '../../../builtins.ts';
import type { Exports } from '../deno-node.ts';
import { notImplemented, shaped, unimplemented } from '../errors.ts';
import { type Callback, doingNothing, emitterClass, refusing, requireString, returning, stubClass } from './stub.ts';

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

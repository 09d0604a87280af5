/**
 * The timers of Node: `setTimeout` gives an object instead of a number. They are the global ones under the compatibility flag
 * `enable_nodejs_global_timers`, and those of `node:timers` always. The cell's own timers are beneath, so what holds for those holds here.
 */
import { apply, defineProperty, deleteProperty, nativeString, NativeTypeError, stringSlice } from './primordials.ts';
import { clearTimer, startTimer } from './timers.ts';
import { illegalConstructor, parameterError, SCOPE, toNumber } from './webidl.ts';

type Callback = (...args: never[]) => unknown;

let creating = false;

/** What `setTimeout` and `setInterval` of Node give. As a number it is the id of the timer. */
class Timeout {
  #id: number;
  readonly #start: () => number;
  #hasRef = true;
  #closed = false;

  constructor(start: () => number) {
    if (!creating) throw illegalConstructor();
    this.#start = start;
    this.#id = start();
  }

  refresh(): this {
    if (!this.#closed) {
      clearTimer(this.#id);
      this.#id = this.#start();
    }
    return this;
  }

  /** No timer keeps a worker alive; what was asked for is remembered. */
  unref(): this {
    this.#hasRef = false;
    return this;
  }

  ref(): this {
    this.#hasRef = true;
    return this;
  }

  hasRef(): boolean {
    return this.#hasRef;
  }

  close(): this {
    this.#closed = true;
    clearTimer(this.#id);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.toPrimitive](): number {
    return this.#id;
  }

  static isTimeout(value: unknown): value is Timeout {
    return typeof value === 'object' && value !== null && #id in value;
  }
}
const { isTimeout } = Timeout;
deleteProperty(Timeout, 'isTimeout');
const closeTimeout = Timeout.prototype.close as Callback;

/** What `setImmediate` gives. */
class Immediate {
  readonly #id: number;

  constructor(id: number) {
    if (!creating) throw illegalConstructor();
    this.#id = id;
  }

  ref(): void {}

  unref(): void {}

  hasRef(): boolean {
    return false;
  }

  static idOf(value: unknown): number | undefined {
    return typeof value === 'object' && value !== null && #id in value ? (value as Immediate).#id : undefined;
  }
}
const idOfImmediate = Immediate.idOf;
deleteProperty(Immediate, 'idOf');

function create<T>(make: () => T): T {
  creating = true;
  try {
    return make();
  } finally {
    creating = false;
  }
}

/** Longest value Node shows in an error whole. */
const MAX_SHOWN = 25;

function validateCallback(callback: unknown): void {
  if (typeof callback === 'function') return;
  let received: string;
  if (callback === null || callback === undefined) received = nativeString(callback as unknown as string);
  else if (typeof callback === 'object') received = 'an instance of Object';
  else {
    const text = nativeString(callback as string);
    const short = text.length > MAX_SHOWN + 3 ? `${stringSlice(text, 0, MAX_SHOWN)}...` : text;
    received = `type ${typeof callback} (${typeof callback === 'string' ? `'${short}'` : short})`;
  }
  const error = new NativeTypeError(`The "callback" argument must be of type function. Received ${received}`);
  defineProperty(error, 'code', {
    value: 'ERR_INVALID_ARG_TYPE',
    writable: true,
    enumerable: true,
    configurable: true,
  });
  throw error;
}

function startTimeout(repeat: boolean, callback: unknown, delay: unknown, args: unknown[]): Timeout {
  validateCallback(callback);
  const delayMs = delay === undefined ? 0 : toNumber(delay);
  const call = () => apply(callback as Callback, globalThis, args);
  return create(() => new Timeout(() => startTimer(repeat, call, delayMs)));
}

function clearTimeoutOrId(timer: unknown): void {
  if (isTimeout(timer)) apply(closeTimeout, timer, []);
  else if (typeof timer === 'number') clearTimer(timer);
}

function setTimeout(callback: unknown, delay: unknown, ...args: unknown[]): Timeout {
  return startTimeout(false, callback, delay, args);
}

function setInterval(callback: unknown, delay: unknown, ...args: unknown[]): Timeout {
  return startTimeout(true, callback, delay, args);
}

function clearTimeout(timer: unknown): void {
  clearTimeoutOrId(timer);
}

function clearInterval(timer: unknown): void {
  clearTimeoutOrId(timer);
}

/** Runs the callback after the microtasks of this turn. `this` need not be the global scope, as for no function that is imported. */
const immediates = {
  setImmediate(...parameters: unknown[]): Immediate {
    const [callback, ...args] = parameters;
    if (typeof callback !== 'function') throw parameterError('setImmediate', SCOPE, 1, 'function');
    const call = () => apply(callback as Callback, globalThis, args);
    return create(() => new Immediate(startTimer(false, call, 0)));
  },
  clearImmediate(...parameters: unknown[]): void {
    const id = idOfImmediate(parameters[0]);
    if (id !== undefined) clearTimer(id);
  },
};

// The bundler renames what has the name of a global.
for (const [name, timer] of Object.entries({ setTimeout, setInterval, clearTimeout, clearInterval })) {
  defineProperty(timer, 'name', { value: name, configurable: true });
}

export const nodeTimers = { Timeout, setTimeout, setInterval, clearTimeout, clearInterval, ...immediates } as const;

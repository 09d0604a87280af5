/** `node:timers` and `node:timers/promises`, on the cell's own timers: Deno's would run past the end of a request and with a moving clock. */
import { nodeTimers } from '../../node-timers.ts';
import type { Exports } from './deno-node.ts';
import { invalidArgType, nodeError, shaped } from './errors.ts';
import { findBuiltin } from '../../builtins.ts';

export function timers(): Exports {
  const { Timeout, setTimeout, setInterval, clearTimeout, clearInterval, setImmediate, clearImmediate } = nodeTimers;
  return {
    Timeout,
    active: shaped(() => undefined, 'active', 1),
    clearImmediate: shaped((immediate: unknown) => clearImmediate(immediate), 'bound clearImmediate', 0),
    clearInterval,
    clearTimeout,
    enroll: shaped(
      (): never => {
        throw new Error('Not implemented. Please use setTimeout() instead.');
      },
      'enroll',
      2,
    ),
    promises: findBuiltin('node:timers/promises')?.default,
    setImmediate: shaped(
      (callback: unknown, ...args: unknown[]) => setImmediate(callback, ...args),
      'bound setImmediate',
      0,
    ),
    setInterval,
    setTimeout,
    unenroll: shaped(() => undefined, 'unenroll', 1),
  };
}

interface Options {
  signal?: AbortSignal;
  ref?: boolean;
}

function validate(delay: unknown, options: unknown): Options {
  if (delay !== undefined && typeof delay !== 'number') throw invalidArgType('delay', 'of type number', delay);
  if (options === undefined) return {};
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options);
  const { signal, ref } = options as { signal?: unknown; ref?: unknown };
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
  }
  if (ref !== undefined && typeof ref !== 'boolean') throw invalidArgType('options.ref', 'of type boolean', ref);
  return options as Options;
}

function abortError(signal: AbortSignal): Error {
  const error = nodeError('ABORT_ERR', 'The operation was aborted');
  error.name = 'AbortError';
  error.cause = signal.reason;
  return error;
}

/** A promise for the value once `start` calls back; `stop` and a rejection when the signal fires. */
function wait<T>(value: T, { signal }: Options, start: (done: () => void) => () => void): Promise<T> {
  if (signal?.aborted === true) return Promise.reject(abortError(signal));
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      stop();
      reject(abortError(signal as AbortSignal));
    };
    const stop = start(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve(value);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

async function promisedTimeout<T>(delay?: number, value?: T, options?: unknown): Promise<T | undefined> {
  return await wait(value, validate(delay, options), (done) => {
    const timer = nodeTimers.setTimeout(done, delay);
    return () => nodeTimers.clearTimeout(timer);
  });
}

async function promisedImmediate<T>(value?: T, options?: unknown): Promise<T | undefined> {
  return await wait(value, validate(undefined, options), (done) => {
    const immediate = nodeTimers.setImmediate(done);
    return () => nodeTimers.clearImmediate(immediate);
  });
}

async function* promisedInterval<T>(delay?: number, value?: T, options?: unknown): AsyncGenerator<T | undefined> {
  const checked = validate(delay, options);
  for (;;) {
    yield await wait(value, checked, (done) => {
      const timer = nodeTimers.setTimeout(done, delay);
      return () => nodeTimers.clearTimeout(timer);
    });
  }
}

class Scheduler {
  async yield(): Promise<void> {
    await promisedImmediate();
  }

  async wait(delay: number, options?: unknown): Promise<void> {
    await promisedTimeout(delay, undefined, options);
  }
}

export function timersPromises(): Exports {
  return {
    setTimeout: shaped(promisedTimeout as (...args: never[]) => unknown, 'setTimeout', 3),
    setImmediate: shaped(promisedImmediate as (...args: never[]) => unknown, 'setImmediate', 2),
    setInterval: shaped(promisedInterval as (...args: never[]) => unknown, 'setInterval', 2),
    scheduler: new Scheduler(),
  };
}

/** `ctx`: the third argument of a handler, `this.ctx` of an entrypoint. */
import { compatFlag } from './compat.ts';
import type { Invocation } from './context.ts';
import { endInvocation, waitUntil } from './invocation.ts';
import { dressClass } from './jsg.ts';
import { illegalConstructor, illegalInvocation, parameterError } from './webidl.ts';
import { defineProperty, NativeError } from './primordials.ts';
import { createTracing } from './tracing.ts';

const CREATE = {};
const tracing = createTracing();

/** `ctx.exports`; filled when the worker's main module has run. */
export const workerExports: Record<string, unknown> = {};

const ABORTED = 'Application called abort() to reset the request.';
const SESSION_ABORTED = 'Worker execution was aborted due to call to ctx.abort().';

class ExecutionContext {
  readonly #invocation: Invocation;
  tracing = tracing;
  access = undefined;
  cache = undefined;
  props: unknown;

  constructor(key: unknown, invocation: Invocation, props: unknown) {
    if (key !== CREATE) throw illegalConstructor();
    this.#invocation = invocation;
    this.props = props;
  }

  waitUntil(...promise: unknown[]): void {
    if (!isExecutionContext(this)) throw illegalInvocation();
    if (promise.length === 0) throw parameterError('waitUntil', 'ExecutionContext', 1, 'Promise');
    waitUntil(this.#invocation, promise[0]);
  }

  passThroughOnException(): void {
    if (!isExecutionContext(this)) throw illegalInvocation();
    this.#invocation.passThrough = true;
  }

  /** Ends the invocation: its timers and calls stop, and the handler fails with the reason. */
  abort(reason?: unknown): never {
    if (!isExecutionContext(this)) throw illegalInvocation();
    const { onAbort } = this.#invocation;
    const thrown = reason ?? new NativeError(onAbort === undefined ? ABORTED : SESSION_ABORTED);
    if (onAbort === undefined) endInvocation(this.#invocation);
    else onAbort(thrown);
    // oxlint-disable-next-line only-throw-error -- what the worker gave as the reason
    throw thrown;
  }

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #invocation in value;
  }
}
dressClass(ExecutionContext, 'ExecutionContext');
const { is } = ExecutionContext;
delete (ExecutionContext as { is?: unknown }).is;

export const isExecutionContext = (value: unknown): boolean => is(value);

/** What handlers get as `ctx`. */
export function createExecutionContext(invocation: Invocation, props: unknown): object {
  const context = new ExecutionContext(CREATE, invocation, props);
  if (hasExports) (context as { exports?: unknown }).exports = workerExports;
  return context;
}

let hasExports = false;

/** Flags that change what `ctx` has. */
export function applyContextCompatibility(): void {
  hasExports = compatFlag('enable_ctx_exports');
}

/** Makes an entrypoint known as `ctx.exports.<name>`. */
export function addExport(name: string, value: unknown): void {
  defineProperty(workerExports, name, { value, writable: true, enumerable: true, configurable: true });
}

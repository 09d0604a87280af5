/**
 * `tracing` of `cloudflare:workers` and `ctx.tracing`: user spans. There is no trace store yet: a span runs its code, takes what it is
 * told, and says of itself that it is not traced.
 */
import { dressClass } from './jsg.ts';
import { illegalConstructor, parameterError } from './webidl.ts';
import { apply } from './primordials.ts';

const CREATE = {};

class Span {
  constructor(key: unknown) {
    if (key !== CREATE) throw illegalConstructor();
  }

  get isTraced(): boolean {
    return false;
  }

  setAttribute(): Span {
    return this;
  }

  setAttributes(): Span {
    return this;
  }

  setStatus(): Span {
    return this;
  }

  updateName(): Span {
    return this;
  }

  recordException(): void {}

  end(): void {}
}

class Tracing {
  constructor(key: unknown) {
    if (key !== CREATE) throw illegalConstructor();
  }

  /** Calls the callback with a span and the further arguments, and gives what it gives. */
  enterSpan(...args: unknown[]): unknown {
    if (args.length === 0) throw parameterError('enterSpan', 'Tracing', 1, 'string');
    const callback = args[1];
    if (typeof callback !== 'function') throw parameterError('enterSpan', 'Tracing', 2, 'Function');
    const passed: unknown[] = [new Span(CREATE)];
    for (let index = 2; index < args.length; index++) passed[index - 1] = args[index];
    return apply(callback as (...all: never[]) => unknown, undefined, passed);
  }
}
dressClass(Span, 'Span');
dressClass(Tracing, 'Tracing');

export const createTracing = (): Tracing => new Tracing(CREATE);

/** The answer to a call: there before it has come, since calls may be made on it already. */
import { NativePromise } from '../../primordials.ts';
import { rejection } from '../../thrown.ts';
import type { RpcSession } from './session.ts';

/** What a call gives. */
export class Answer {
  readonly session: RpcSession;
  readonly id: number;
  settled: 'no' | 'value' | 'error' = 'no';
  /** Set while the other side keeps the answer for calls on it. */
  isRemote = true;
  #outcome: unknown;
  /** Made when somebody asks, or for a failure that nobody has asked for: that is an unhandled rejection, as on Workers. */
  #promise: Promise<unknown> | undefined;
  #settle: ((outcome: unknown) => void) | undefined;

  constructor(session: RpcSession, id: number) {
    this.session = session;
    this.id = id;
  }

  get promise(): Promise<unknown> {
    this.#promise ??= new NativePromise((resolve) => {
      if (this.settled === 'no') this.#settle = resolve;
      else resolve(this.#result());
    });
    return this.#promise;
  }

  /** Once it is settled. */
  get value(): unknown {
    return this.#outcome;
  }

  resolve(value: unknown): void {
    this.#end('value', value);
  }

  reject(error: unknown): void {
    this.#end('error', error);
  }

  #end(how: 'value' | 'error', outcome: unknown): void {
    this.settled = how;
    this.isRemote = false;
    this.#outcome = outcome;
    if (how === 'error' && !this.session.invocation.ended) void this.promise;
    this.#settle?.(this.#result());
    this.#settle = undefined;
  }

  #result(): unknown {
    return this.settled === 'error' ? rejection(this.#outcome) : this.#outcome;
  }
}

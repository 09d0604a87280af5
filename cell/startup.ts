/**
 * A worker's top level runs under other rules than its handlers: nothing asynchronous and nothing random may begin there, while code
 * may be generated from strings (with `allow_eval_during_startup`), which handlers may not.
 */
import { markPlatform } from './function-text.ts';
import { Script } from 'node:vm';
import { compatFlag } from './compat.ts';
import {
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  NativeError,
  NativeProxy,
  nativeString,
} from './primordials.ts';

const REFUSED =
  'Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/';

let starting = false;

export const startupError = (): Error => new NativeError(REFUSED);

/** For what a worker's top level may not do. */
export function refuseAtStartup(): void {
  if (starting) throw startupError();
}

type AnyFunction = (...args: never[]) => unknown;

/** Before the worker's first line. */
export function beginStartup(): void {
  starting = true;
  installEval(compatFlag('allow_eval_during_startup'));
  if (compatFlag('allow_eval_during_startup')) allowCodeGeneration();
}

/** After its last, whether it threw or not. */
export function endStartup(): void {
  starting = false;
}

const NativeEvalError = EvalError;
/** V8's words; the engine's own `eval` would let values through that are not text, workerd's does not. */
const NO_EVAL = 'Code generation from strings disallowed for this context';

/**
 * The engine's own `eval` is off for the whole process (a V8 flag), so that handlers cannot use it; what the top level calls compiles a
 * script instead. It sees the global scope, as an indirect `eval` does; the variables around a direct one it does not see.
 */
function installEval(atStartup: boolean): void {
  const ownEval = {
    eval(code: unknown) {
      if (!starting || !atStartup) throw new NativeEvalError(NO_EVAL);
      return typeof code === 'string' ? (new Script(code).runInThisContext() as unknown) : code;
    },
  }.eval;
  markPlatform(ownEval);
  defineProperty(globalThis, 'eval', { value: ownEval, writable: true, enumerable: false, configurable: true });
}

/** The constructors of functions. */
function allowCodeGeneration(): void {
  const kinds: readonly (readonly [prefix: string, sample: object])[] = [
    ['function', Function.prototype],
    ['async function', Object.getPrototypeOf(async () => {}) as object],
    ['function*', Object.getPrototypeOf(function* () {}) as object],
    ['async function*', Object.getPrototypeOf(async function* () {}) as object],
  ];
  for (const [prefix, prototype] of kinds) {
    const native = getOwnPropertyDescriptor(prototype, 'constructor') as PropertyDescriptor;
    const constructor = compilingConstructor(prefix, native.value as new (...args: string[]) => object);
    defineProperty(prototype, 'constructor', { ...native, value: constructor });
    if (prefix === 'function') {
      defineProperty(globalThis, 'Function', {
        value: constructor,
        writable: true,
        enumerable: false,
        configurable: true,
      });
    }
  }
}

function compilingConstructor(prefix: string, native: new (...args: string[]) => object): object {
  const compile = (args: unknown[], newTarget: AnyFunction): unknown => {
    if (!starting) return construct(native, args, newTarget as never);
    let parameters = '';
    for (let index = 0; index < args.length - 1; index++) {
      parameters += `${index === 0 ? '' : ','}${nativeString(args[index])}`;
    }
    const body = args.length === 0 ? '' : nativeString(args[args.length - 1]);
    return new Script(`(${prefix} anonymous(${parameters}\n) {\n${body}\n})`).runInThisContext() as unknown;
  };
  const constructor = new NativeProxy(native, {
    __proto__: null,
    apply: (_target, _self, args: unknown[]) => compile(args, native as never),
    construct: (_target, args: unknown[], newTarget) => compile(args, newTarget as never) as object,
  } as ProxyHandler<typeof native>);
  markPlatform(constructor);
  return constructor;
}

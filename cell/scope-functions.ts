/** Functions of the global scope that Deno has too, with the argument checks and the words of Workers. */
import { defineGlobal } from './globals.ts';
import { apply, promiseResolve, promiseThen } from './primordials.ts';
import { isObject, fieldError, parameterError, requireScopeThis, SCOPE } from './webidl.ts';

const RESOLVED = promiseResolve(undefined);
const nativeStructuredClone = globalThis.structuredClone;
const nativeReportError = globalThis.reportError;
const nativeAtob = globalThis.atob;
const nativeBtoa = globalThis.btoa;
const NativeDOMException = DOMException;
const isArray = Array.isArray;

const ATOB_INVALID =
  "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to two terminal '=' signs when the input data length is divisible by 4 are allowed.)";
const BTOA_INVALID = 'btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.';

/** As WebIDL does; `String(symbol)` would not throw. */
const toText = (value: unknown): string => `${value as string}`;

/** Runs Deno's function; only its complaint about the characters is said in workerd's words. */
function recode(code: (text: string) => string, text: string, complaint: string): string {
  try {
    return code(text);
  } catch {
    throw new NativeDOMException(complaint, 'InvalidCharacterError');
  }
}

const functions = {
  queueMicrotask(this: unknown, callback: unknown): void {
    requireScopeThis(this);
    if (typeof callback !== 'function') throw parameterError('queueMicrotask', SCOPE, 1, 'function');
    // Not Deno's: that one looks the global function up when it is called, which is this one.
    void promiseThen(RESOLVED, () => {
      try {
        apply(callback as () => unknown, undefined, []);
      } catch (error) {
        nativeReportError(error);
      }
    });
  },

  structuredClone(this: unknown, ...args: unknown[]): unknown {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('structuredClone', SCOPE, 1, 'Value');
    const options = args[1];
    if (options === undefined || options === null) return nativeStructuredClone(args[0]);
    if (!isObject(options)) throw parameterError('structuredClone', SCOPE, 2, 'StructuredCloneOptions');
    const { transfer } = options as StructuredSerializeOptions;
    if (transfer === undefined) return nativeStructuredClone(args[0]);
    if (!isArray(transfer)) throw fieldError('transfer', 'StructuredCloneOptions', 'Array');
    return nativeStructuredClone(args[0], { __proto__: null, transfer } as StructuredSerializeOptions);
  },

  reportError(this: unknown, ...args: unknown[]): void {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('reportError', SCOPE, 1, 'Value');
    nativeReportError(args[0]);
  },

  atob(this: unknown, ...args: unknown[]): string {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('atob', SCOPE, 1, 'string');
    return recode(nativeAtob, toText(args[0]), ATOB_INVALID);
  },

  btoa(this: unknown, ...args: unknown[]): string {
    requireScopeThis(this);
    if (args.length === 0) throw parameterError('btoa', SCOPE, 1, 'String');
    return recode(nativeBtoa, toText(args[0]), BTOA_INVALID);
  },
};

export function installScopeFunctions(): void {
  defineGlobal('queueMicrotask', functions.queueMicrotask);
  defineGlobal('structuredClone', functions.structuredClone);
  defineGlobal('reportError', functions.reportError);
  defineGlobal('atob', functions.atob);
  defineGlobal('btoa', functions.btoa);
}

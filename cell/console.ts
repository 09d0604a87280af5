/**
 * `console` and uncaught exceptions: everything becomes a frame to the supervisor; nothing is written to the process's
 * own output, which is no channel at all (a worker could flood or forge it).
 */
import { CELL_LIMITS, CHANNEL_LIMITS } from '../shared/limits.ts';
import { EXCEPTION, type Failure, LOG, type LogMessage } from '../shared/protocol.ts';
import { sendJson } from './channel.ts';
import { deno } from './deno.ts';
import {
  apply,
  defineProperty,
  NativeError,
  nativeString,
  stringIndexOf,
  stringSlice,
  stringSplit,
  stringStartsWith,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from './primordials.ts';
import { currentInvocation, type Invocation } from './context.ts';
import { withModuleNames } from './stack.ts';

const MAX_TEXT = 8 * 1024;
/** Where the harness's own frames come from. */
const HARNESS_FILE = 'harness.js:';
const INSPECT_OPTIONS = { __proto__: null, depth: 4, colors: false, iterableLimit: 100, strAbbreviateSize: MAX_TEXT };
const inspect = deno.inspect;

/** Log bytes sent per invocation; the supervisor counts again. */
const logBytes = new WeakMapConstructor<Invocation, number>();

const cut = (text: string): string =>
  text.length > MAX_TEXT ? `${stringSlice(text, 0, MAX_TEXT)}… (${text.length} characters)` : text;

function show(value: unknown): string {
  if (typeof value === 'string') return cut(value);
  try {
    return cut(inspect(value, INSPECT_OPTIONS));
  } catch {
    return '[value that cannot be shown]';
  }
}

function log(level: LogMessage['level'], values: unknown[]): void {
  const invocation = currentInvocation();
  const message: string[] = [];
  let size = 0;
  for (let index = 0; index < values.length; index++) {
    if (size > CHANNEL_LIMITS.maxLogCharacters - MAX_TEXT) {
      message[index] = `… (${values.length - index} more)`;
      break;
    }
    const text = show(values[index]);
    message[index] = text;
    size += text.length;
  }
  if (invocation !== undefined) {
    const total = ((weakMapGet(logBytes, invocation) as number | undefined) ?? 0) + size;
    weakMapSet(logBytes, invocation, total);
    if (total > CELL_LIMITS.logBytesPerInvocation) return;
  }
  sendJson(LOG, 0, {
    invocation: invocation?.id ?? 0,
    level,
    message,
    timestampMs: invocation?.clockMs ?? 0,
  } satisfies LogMessage);
}

/** An error as text, with module names as the user wrote them. Never throws, whatever the value's getters do. */
export function toFailure(error: unknown): Failure {
  try {
    if (error instanceof NativeError) {
      const stack = typeof error.stack === 'string' ? userStack(error.stack) : undefined;
      const failure = { name: cut(nativeString(error.name)), message: cut(userStack(nativeString(error.message))) };
      return stack === undefined ? failure : { ...failure, stack: cut(stack) };
    }
    return { name: 'Error', message: show(error) };
  } catch {
    return { name: 'Error', message: 'An exception whose own properties throw' };
  }
}

/** Text of the engine with the names under which the modules were uploaded, and no frames of the harness. */
export function userStack(text: string): string {
  const lines = stringSplit(withModuleNames(text), '\n');
  let kept = '';
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    if (stringStartsWith(line, '    at ') && isOwnFrame(line)) continue;
    kept += index === 0 ? line : `\n${line}`;
  }
  return kept;
}

const isOwnFrame = (line: string): boolean =>
  stringIndexOf(line, HARNESS_FILE) >= 0 || stringIndexOf(line, 'ext:') >= 0 || stringIndexOf(line, 'node:') >= 0;

export function reportException(error: unknown): void {
  const invocation = currentInvocation();
  sendJson(EXCEPTION, 0, {
    ...toFailure(error),
    invocation: invocation?.id ?? 0,
    timestampMs: invocation?.clockMs ?? 0,
  });
}

const LEVEL_OF_METHOD: Record<string, LogMessage['level']> = {
  debug: 'debug',
  error: 'error',
  info: 'info',
  log: 'log',
  trace: 'debug',
  warn: 'warn',
  dir: 'log',
  dirxml: 'log',
  table: 'log',
  group: 'log',
  groupCollapsed: 'log',
};
const SILENT = [
  'clear',
  'count',
  'countReset',
  'groupEnd',
  'time',
  'timeEnd',
  'timeLog',
  'timeStamp',
  'profile',
  'profileEnd',
];

/** Replaces the methods of `console` in place. */
export function installConsole(): void {
  const target = globalThis.console as unknown as Record<string, unknown>;
  for (const [method, level] of Object.entries(LEVEL_OF_METHOD)) {
    defineMethod(target, method, (...values) => log(level, values));
  }
  for (const method of SILENT) defineMethod(target, method, () => undefined);
  defineMethod(target, 'assert', (condition, ...values) => {
    if (!condition) log('error', ['Assertion failed', ...values]);
  });
}

function defineMethod(target: Record<string, unknown>, name: string, method: (...values: unknown[]) => void): void {
  const named = { [name]: (...values: unknown[]) => apply(method as (...args: never[]) => unknown, undefined, values) };
  defineProperty(target, name, { value: named[name], writable: true, enumerable: true, configurable: true });
}

/**
 * `console` and uncaught exceptions: everything becomes a frame to the supervisor; nothing is written to the process's
 * own output, which is no channel at all (a worker could flood or forge it).
 */
import { CELL_LIMITS, CHANNEL_LIMITS } from '../shared/limits.ts';
import { EXCEPTION, type Failure, LOG, type LogMessage } from '../shared/protocol.ts';
import { sendFrame, sendJson } from './channel.ts';
import { deno } from './deno.ts';
import { loadExtra } from './extras.ts';
import {
  apply,
  defineProperty,
  getterOf,
  jsonStringify,
  MapConstructor,
  mapDelete,
  mapGet,
  mapHas,
  mapSet,
  NativeError,
  nativeString,
  stringIndexOf,
  stringReplaceAll,
  stringSlice,
  stringSplit,
  stringStartsWith,
  utf8Encode,
  WeakMapConstructor,
  weakMapGet,
  weakMapSet,
} from './primordials.ts';
import { currentInvocation, type Invocation } from './context.ts';
import { isObject } from './webidl.ts';
import { withModuleNames } from './stack.ts';

const MAX_TEXT = 8 * 1024;
/** Where the harness's own frames come from. */
const HARNESS_FILE = 'harness.js:';
const INSPECT_OPTIONS = { __proto__: null, depth: 4, colors: false, iterableLimit: 100, strAbbreviateSize: MAX_TEXT };
const inspect = deno.inspect;

/** Bytes of the log frames sent per invocation; the supervisor counts again. */
const logBytes = new WeakMapConstructor<Invocation, number>();

const cut = (text: string): string =>
  text.length > MAX_TEXT ? `${stringSlice(text, 0, MAX_TEXT)}… (${text.length} characters)` : text;

function show(value: unknown): string {
  if (typeof value === 'string') return cut(value);
  try {
    if (isObject(value)) loadExtra('inspect');
    return cut(inspect(value, INSPECT_OPTIONS));
  } catch {
    return '[value that cannot be shown]';
  }
}

function log(level: LogMessage['level'], values: unknown[]): void {
  const invocation = currentInvocation();
  const sent = invocation === undefined ? 0 : ((weakMapGet(logBytes, invocation) as number | undefined) ?? 0);
  if (sent > CELL_LIMITS.logBytesPerInvocation) return;
  const message: string[] = [];
  let size = 0;
  for (let index = 0; index < values.length; index++) {
    if (size > CHANNEL_LIMITS.maxLogCharacters - MAX_TEXT) {
      message[index] = `… (${values.length - index} more)`;
      break;
    }
    const shown = show(values[index]);
    const text = index === 0 && groups > 0 ? indented(shown) : shown;
    message[index] = text;
    size += text.length;
  }
  const about = { invocation: invocation?.id ?? 0, level, message, timestampMs: invocation?.clockMs ?? 0 };
  const payload = utf8Encode(jsonStringify(about satisfies LogMessage));
  // The first line beyond the limit goes out, too: by it the supervisor knows that something is missing.
  if (invocation !== undefined) weakMapSet(logBytes, invocation, sent + payload.length);
  sendFrame(LOG, 0, payload);
}

/** Two spaces for each open group, before every line. */
function indented(text: string): string {
  let margin = '';
  for (let level = 0; level < groups; level++) margin += '  ';
  return margin + stringReplaceAll(text, '\n', `\n${margin}`);
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
function userStack(text: string): string {
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
  warn: 'warn',
  dirxml: 'log',
};
const SILENT = ['clear', 'timeStamp', 'profile', 'profileEnd'];
/** Counters and timers of one worker; with more labels than this further ones are not kept. */
const MAX_LABELS = 1000;
const MAX_GROUPS = 20;

const mapSize = getterOf<Map<string, number>, number>(MapConstructor.prototype, 'size');
const counters = new MapConstructor<string, number>();
const startTimes = new MapConstructor<string, number>();
let groups = 0;

const labelOf = (label: unknown): string => (label === undefined ? 'default' : cut(`${label as string}`));
const clockNow = (): number => currentInvocation()?.clockMs ?? 0;

function keep(map: Map<string, number>, label: string, value: number): void {
  if (mapHas(map, label) || mapSize(map) < MAX_LABELS) mapSet(map, label, value);
}

function logElapsed(label: string, values: unknown[]): void {
  const started = mapGet(startTimes, label);
  if (started === undefined) log('warn', [`Timer '${label}' does not exist`]);
  else log('log', [`${label}: ${clockNow() - started}ms`, ...values]);
}

/** What is more than a line of its arguments. */
const METHODS: Record<string, (...values: unknown[]) => void> = {
  assert(condition, ...values) {
    if (condition) return;
    const [first, ...rest] = values;
    if (typeof first === 'string') log('error', [`Assertion failed: ${first}`, ...rest]);
    else log('error', ['Assertion failed', ...values]);
  },
  count(label) {
    const name = labelOf(label);
    const count = (mapGet(counters, name) ?? 0) + 1;
    keep(counters, name, count);
    log('log', [`${name}: ${count}`]);
  },
  countReset(label) {
    const name = labelOf(label);
    if (!mapDelete(counters, name)) log('warn', [`Count for '${name}' does not exist`]);
  },
  dir(value) {
    log('log', [value]);
  },
  group(...values) {
    if (values.length > 0) log('log', values);
    if (groups < MAX_GROUPS) groups++;
  },
  groupCollapsed(...values) {
    METHODS.group?.(...values);
  },
  groupEnd() {
    if (groups > 0) groups--;
  },
  table(data, columns) {
    const text = loadExtra<ConsoleTable>('console-table').tableText(data, columns, show);
    log('log', [text ?? data]);
  },
  time(label) {
    const name = labelOf(label);
    if (mapHas(startTimes, name)) log('warn', [`Timer '${name}' already exists`]);
    else keep(startTimes, name, clockNow());
  },
  timeEnd(label) {
    const name = labelOf(label);
    logElapsed(name, []);
    mapDelete(startTimes, name);
  },
  timeLog(label, ...values) {
    logElapsed(labelOf(label), values);
  },
  trace(...values) {
    const { stack } = new NativeError();
    const frames = typeof stack === 'string' ? userStack(stack) : '';
    const lineEnd = stringIndexOf(frames, '\n');
    log('debug', [...values, `Trace${lineEnd < 0 ? '' : stringSlice(frames, lineEnd)}`]);
  },
};

interface ConsoleTable {
  tableText(data: unknown, columns: unknown, show: (value: unknown) => string): string | undefined;
}

/** Replaces the methods of `console` in place. */
export function installConsole(): void {
  const target = globalThis.console as unknown as Record<string, unknown>;
  for (const [method, level] of Object.entries(LEVEL_OF_METHOD)) {
    defineMethod(target, method, (...values) => log(level, values));
  }
  for (const method of SILENT) defineMethod(target, method, () => undefined);
  for (const [name, method] of Object.entries(METHODS)) defineMethod(target, name, method);
}

function defineMethod(target: Record<string, unknown>, name: string, method: (...values: unknown[]) => void): void {
  const named = { [name]: (...values: unknown[]) => apply(method as (...args: never[]) => unknown, undefined, values) };
  defineProperty(target, name, { value: named[name], writable: true, enumerable: true, configurable: true });
}

/** `Console` of `node:console`: writes to streams what the global console would log. */
import { loadExtra } from '../../extras.ts';
import { denoNode } from './deno-node.ts';
import { nodeTypeError } from './errors.ts';

interface Writer {
  write(text: string): unknown;
}
interface ConsoleOptions {
  readonly stdout: Writer;
  readonly stderr?: Writer;
  readonly ignoreErrors?: boolean;
  readonly groupIndentation?: number;
  readonly colorMode?: boolean | 'auto';
  readonly inspectOptions?: object;
}
interface Util {
  formatWithOptions(options: object, ...values: unknown[]): string;
  inspect(value: unknown, options: object): string;
}

interface ConsoleTable {
  tableText(data: unknown, columns: unknown, show: (value: unknown) => string): string | undefined;
}

const isWriter = (value: unknown): value is Writer => typeof (value as Writer | undefined)?.write === 'function';

function requireWriter(name: string, value: unknown): asserts value is Writer {
  if (isWriter(value)) return;
  throw nodeTypeError('ERR_CONSOLE_WRITABLE_STREAM', `Console expects a writable stream instance for ${name}`);
}

/** `new Console(stdout[, stderr][, ignoreErrors])` or `new Console(options)`. */
export class Console {
  readonly #stdout: Writer;
  readonly #stderr: Writer;
  readonly #ignoreErrors: boolean;
  readonly #indentation: string;
  readonly #inspectOptions: object;
  readonly #util = denoNode('util') as unknown as Util;
  readonly #counts = new Map<string, number>();
  readonly #timers = new Map<string, number>();
  #indent = '';

  constructor(first: Writer | ConsoleOptions, stderr?: Writer, ignoreErrors = true) {
    const options: ConsoleOptions = isWriter(first)
      ? { stdout: first, ...(stderr === undefined ? {} : { stderr }), ignoreErrors }
      : (first ?? {});
    requireWriter('stdout', options.stdout);
    const errors = options.stderr ?? options.stdout;
    requireWriter('stderr', errors);
    this.#stdout = options.stdout;
    this.#stderr = errors;
    this.#ignoreErrors = options.ignoreErrors ?? true;
    this.#indentation = ' '.repeat(options.groupIndentation ?? 2);
    this.#inspectOptions = { ...options.inspectOptions, ...(options.colorMode === true ? { colors: true } : {}) };
    // As in Node the methods may be taken off the object.
    for (const name of METHODS) {
      Object.defineProperty(this, name, {
        value: (this[name] as (...values: never[]) => unknown).bind(this),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
  }

  log(...values: unknown[]): void {
    this.#write(this.#stdout, values);
  }
  info(...values: unknown[]): void {
    this.#write(this.#stdout, values);
  }
  debug(...values: unknown[]): void {
    this.#write(this.#stdout, values);
  }
  dirxml(...values: unknown[]): void {
    this.#write(this.#stdout, values);
  }
  warn(...values: unknown[]): void {
    this.#write(this.#stderr, values);
  }
  error(...values: unknown[]): void {
    this.#write(this.#stderr, values);
  }

  dir(value: unknown, options?: object): void {
    this.log(this.#util.inspect(value, { customInspect: false, ...this.#inspectOptions, ...options }));
  }

  trace(...values: unknown[]): void {
    const stack = (new Error('trace').stack ?? '').split('\n').slice(2).join('\n');
    const message = this.#util.formatWithOptions(this.#inspectOptions, ...values);
    this.error(`Trace${message === '' ? '' : `: ${message}`}\n${stack}`);
  }

  assert(condition: unknown, ...values: unknown[]): void {
    if (condition) return;
    if (typeof values[0] === 'string') this.warn(`Assertion failed: ${values[0]}`, ...values.slice(1));
    else this.warn('Assertion failed', ...values);
  }

  count(label = 'default'): void {
    const count = (this.#counts.get(String(label)) ?? 0) + 1;
    this.#counts.set(String(label), count);
    this.log(`${label}: ${count}`);
  }

  countReset(label = 'default'): void {
    this.#counts.delete(String(label));
  }

  group(...values: unknown[]): void {
    if (values.length > 0) this.log(...values);
    this.#indent += this.#indentation;
  }
  groupCollapsed(...values: unknown[]): void {
    this.group(...values);
  }
  groupEnd(): void {
    this.#indent = this.#indent.slice(0, -this.#indentation.length || undefined);
  }

  table(data: unknown, columns?: readonly string[]): void {
    const show = (value: unknown): string => this.#util.inspect(value, { ...this.#inspectOptions, depth: 0 });
    const { tableText } = loadExtra<ConsoleTable>('console-table');
    this.log(tableText(data, columns, show) ?? data);
  }

  time(label = 'default'): void {
    this.#timers.set(String(label), performance.now());
  }
  timeLog(label = 'default', ...values: unknown[]): void {
    const from = this.#timers.get(String(label));
    if (from !== undefined) this.log(`${label}: ${performance.now() - from}ms`, ...values);
  }
  timeEnd(label = 'default'): void {
    this.timeLog(label);
    this.#timers.delete(String(label));
  }

  clear(): void {}

  #write(to: Writer, values: readonly unknown[]): void {
    const text = this.#util.formatWithOptions(this.#inspectOptions, ...values);
    const indented = this.#indent === '' ? text : this.#indent + text.replaceAll('\n', `\n${this.#indent}`);
    try {
      to.write(`${indented}\n`);
    } catch (error) {
      if (!this.#ignoreErrors) throw error;
    }
  }
}

const METHODS = [
  ...(['log', 'warn', 'dir', 'time', 'timeEnd', 'timeLog', 'trace', 'assert', 'clear', 'count', 'countReset'] as const),
  ...(['group', 'groupEnd', 'table', 'debug', 'info', 'dirxml', 'error', 'groupCollapsed'] as const),
];

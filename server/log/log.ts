/** The server's log: JSON lines for machines (pino), short plain lines for a person. Nothing else in the server prints. */
import type { Writable } from 'node:stream';
import pc from 'picocolors';
import pino from 'pino';
import { redactFields, redactText } from './redact.ts';
import type { LogFields, Logger } from './types.ts';

export type { LogFields, Logger } from './types.ts';

export interface RootLogger extends Logger {
  /** Writes out what is buffered. Call it before the process ends. */
  flush(): void;
}

export interface LogOptions {
  /** `auto`: text when standard output is a terminal, JSON otherwise. */
  readonly format: 'auto' | 'text' | 'json';
  /** Adds debug lines, and stacks to errors. */
  readonly verbose: boolean;
  /** Default: standard output. */
  readonly stream?: Writable;
}

type Level = 'debug' | 'info' | 'warn' | 'error';
type Write = (level: Level, message: string, fields: LogFields) => void;

/** Makes the server's logger. Secrets and passwords in URLs are hidden in every format. */
export function createLogger(options: LogOptions): RootLogger {
  const isText = options.format === 'text' || (options.format === 'auto' && process.stdout.isTTY);
  return isText ? textLogger(options) : jsonLogger(options);
}

function jsonLogger(options: LogOptions): RootLogger {
  const destination = options.stream ?? pino.destination({ fd: 1, sync: false });
  // A closed pipe (`skep | head`) must not end the server.
  destination.on('error', () => {});
  const root = pino(
    {
      level: options.verbose ? 'debug' : 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
    },
    destination,
  );
  const write: Write = (level, message, fields) => {
    if (root.isLevelEnabled(level)) root[level](redactFields(fields, options.verbose), redactText(message));
  };
  const flush = (): void => {
    if ('flushSync' in destination) destination.flushSync();
  };
  return { ...fromWrite(write, {}), flush };
}

function textLogger(options: LogOptions): RootLogger {
  const stream = options.stream ?? process.stdout;
  stream.on('error', () => {});
  const colors = pc.createColors(options.stream === undefined && pc.isColorSupported);
  const write: Write = (level, message, fields) => {
    if (level === 'debug' && !options.verbose) return;
    stream.write(textLine(level, message, redactFields(fields, options.verbose), colors));
  };
  return { ...fromWrite(write, {}), flush: () => {} };
}

function fromWrite(write: Write, base: LogFields): Logger {
  return {
    debug: (message, fields) => write('debug', message, { ...base, ...fields }),
    info: (message, fields) => write('info', message, { ...base, ...fields }),
    warn: (message, fields) => write('warn', message, { ...base, ...fields }),
    error: (message, fields) => write('error', message, { ...base, ...fields }),
    child: (fields) => fromWrite(write, { ...base, ...fields }),
  };
}

/** `warn  gateway: No cell could be started (worker=apple, error="…")` */
function textLine(
  level: Level,
  message: string,
  fields: Record<string, unknown>,
  colors: ReturnType<typeof pc.createColors>,
): string {
  const paint = { debug: colors.dim, info: colors.green, warn: colors.yellow, error: colors.red }[level];
  const { component, ...rest } = fields;
  const details = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${plainValue(value)}`);
  const head = typeof component === 'string' ? `${component}: ` : '';
  const tail = details.length === 0 ? '' : ` ${colors.dim(`(${details.join(', ')})`)}`;
  return `${paint(level.padEnd(5))} ${head}${oneLine(redactText(message))}${tail}\n`;
}

function plainValue(value: unknown): string {
  if (typeof value !== 'string') return oneLine(JSON.stringify(value) ?? 'undefined');
  return /^[\w.:/@*-]+$/.test(value) ? value : `"${oneLine(value)}"`;
}

/** Values from outside must not forge lines or move the terminal's cursor; stacks keep their line ends. */
function oneLine(text: string): string {
  return text
    .replaceAll(/\n(?![ \t]+at |caused by )/g, ' ')
    .replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ');
}

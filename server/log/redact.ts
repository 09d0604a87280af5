/** Keeps credentials out of the log, whatever a caller passes. */
import { LOG_LIMITS } from '../../shared/limits.ts';
import { cutText } from '../../shared/cut-text.ts';
import type { LogFields } from './types.ts';

const SECRET_KEY = /token|secret|passw|authorization|cookie|credential|master_?key|private_?key|api_?key/i;
/**
 * `scheme://user:password@host`; the password ends at the last `@` before a slash or space. Workers choose these texts, so the time must grow
 * with their length only: a scheme is looked for where a word begins and nowhere else.
 */
const URL_PASSWORD = /(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/]*@/gi;
const BEARER = /\b(bearer|basic)\s+[^\s"',;]+/gi;
const MAX_DEPTH = 4;

/** A text without passwords in URLs and without bearer tokens, cut when it is very long. */
export function redactText(text: string): string {
  return cutText(text, LOG_LIMITS.maxTextCharacters).replaceAll(URL_PASSWORD, '$1:***@').replaceAll(BEARER, '$1 ***');
}

/** A copy of the fields that is safe to write: secret keys hidden, errors and bigints made plain, depth bounded. */
export function redactFields(fields: LogFields, withStacks: boolean): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) clean[key] = redactValue(key, value, withStacks, 0);
  return clean;
}

function redactValue(key: string, value: unknown, withStacks: boolean, depth: number): unknown {
  if (SECRET_KEY.test(key) && value !== null && value !== undefined && typeof value !== 'boolean') return '***';
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return errorText(value, withStacks);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `(${value.byteLength} bytes)`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.map((item) => redactValue('', item, withStacks, depth + 1));
  const clean: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) clean[name] = redactValue(name, inner, withStacks, depth + 1);
  return clean;
}

/** The message with those of its causes; with stacks when the reader asked for more. */
function errorText(error: Error, withStacks: boolean): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < MAX_DEPTH; depth++, current = current.cause) {
    // AggregateError of a failed connection (`localhost` tried as IPv6 and IPv4) has an empty message of its own.
    const own =
      current instanceof AggregateError && current.message === ''
        ? current.errors.map(String).join(', ')
        : current.message;
    parts.push(withStacks ? (current.stack ?? own) : own);
  }
  return redactText(parts.join(withStacks ? '\ncaused by ' : ': '));
}

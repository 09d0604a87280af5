/** Errors of databases as workers see them: PostgreSQL's fields, and D1's beginnings and causes where D1 has them. */
import { defineProperty, NativeError, objectKeys, stringIndexOf, stringSlice } from '../../primordials.ts';
import { originalPosition } from './placeholders.ts';

/** D1's errors have their text once more, without its beginning, as their cause. */
export const errorWithCause = (prefix: string, message: string): Error =>
  new NativeError(`${prefix}${message}`, { cause: new NativeError(message) });

/** The same error without the marks of the way it came. */
export function databaseError(error: unknown, prefix: string, grown: readonly number[]): unknown {
  if (!(error instanceof NativeError)) return error;
  const { message } = error;
  const shown = prefix === '' ? new NativeError(message) : errorWithCause(prefix, message);
  copyFields(error, shown, grown);
  return shown;
}

function copyFields(error: Error, shown: Error, grown: readonly number[] = []): void {
  const keys = objectKeys(error);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    if (key === 'remote') continue;
    const given = (error as unknown as Record<string, unknown>)[key];
    const value = key === 'position' ? originalPosition(given as number, grown) : given;
    defineProperty(shown, key, { value, writable: true, enumerable: true, configurable: true });
  }
}

/** `D1_EXEC_ERROR: Error in line 2: SELEC 1: syntax error at or near "SELEC"`: the line that PostgreSQL points to, else the first. */
export function scriptError(error: unknown, sql: string): unknown {
  if (!(error instanceof NativeError)) return error;
  const { position } = error as { position?: unknown };
  const end = typeof position === 'number' ? position - 1 : 0;
  let number = 1;
  let start = 0;
  for (let at = 0; at < end; at++) {
    if (sql[at] !== '\n') continue;
    number++;
    start = at + 1;
  }
  const length = stringIndexOf(stringSlice(sql, start), '\n');
  const line = length < 0 ? stringSlice(sql, start) : stringSlice(sql, start, start + length);
  const { message } = error;
  const shown = errorWithCause('D1_EXEC_ERROR: ', `Error in line ${number}: ${line}: ${message}`);
  copyFields(error, shown);
  return shown;
}

/**
 * JSON from outside. Parsed by route, never by content type (wrangler sends much of it as text/plain), and refused before
 * any schema sees it when it holds what PostgreSQL or our own stack could not carry.
 */
import { z, type ZodError, type ZodType } from 'zod';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { ApiError, fail } from './errors.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../shared/cloudflare-errors.ts';

/** `what` names the thing in messages: `the request body`, `metadata`. Throws ApiError 10026. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'not UTF-8 text';
    throw fail('bodyUnreadable', { reason: `${what} is not JSON (${printable(reason)})` });
  }
  const problem = findUncarriable(value);
  if (problem !== undefined) throw fail('bodyUnreadable', { reason: `${what} ${problem}` });
  return value;
}

/** V8 quotes the input in its messages; control characters in it would garble a terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD').slice(0, 200);
}

/**
 * Half a surrogate pair has no UTF-8 and would silently become another character on its way to the database; a
 * `__proto__` key changes objects it is merged into. Walks with its own stack, since depth is what it checks.
 */
function findUncarriable(root: unknown): string | undefined {
  const stack: { value: unknown; path: string; depth: number }[] = [{ value: root, path: '', depth: 0 }];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { value, path, depth } = item;
    if (typeof value === 'string') {
      const problem = textProblem(value);
      if (problem !== undefined) return `holds ${problem} in ${fieldName(path)}`;
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= UPLOAD_LIMITS.maxJsonDepth) return `is nested deeper than ${UPLOAD_LIMITS.maxJsonDepth} levels`;
      for (const [key, inner] of Object.entries(value)) {
        const problem = key === '__proto__' ? "the key '__proto__'" : textProblem(key);
        if (problem !== undefined) return `holds ${problem} in a key of ${fieldName(path)}`;
        stack.push({ value: inner, path: joinPath(path, key, Array.isArray(value)), depth: depth + 1 });
      }
    }
  }
  return undefined;
}

/** What makes a string impossible to keep as it is; undefined when nothing does. */
function textProblem(text: string): string | undefined {
  return isWellFormed(text) ? undefined : 'half a surrogate pair';
}

/** For names (bindings, secrets): PostgreSQL's text cannot hold U+0000, and other control characters garble terminals. */
export const printableName = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'holds control characters');

/** `String.prototype.isWellFormed` (ES2024; Node has it, TypeScript's es2023 library does not know it). */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

/** The sentence of the schema, with the value that was seen where that is short and can be no secret. */
function explain({ code, input, message }: ZodError['issues'][number]): string {
  if (input === undefined)
    return message.replace(/^Invalid input: (expected .+), received undefined$/, 'is missing; $1');
  const isShown = typeof input === 'number' || (code === 'invalid_value' && typeof input === 'string');
  return isShown ? `${message} (it is ${printable(JSON.stringify(input)).slice(0, 60)})` : message;
}

function joinPath(path: string, key: string, inArray: boolean): string {
  if (inArray) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}

function fieldName(path: string): string {
  return path === '' ? 'its top level' : `field '${path.slice(0, 200)}'`;
}

/** Checks a parsed value; all mismatches become one ApiError that names each field. */
export function checkShape<T>(schema: ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw new ApiError(shapeProblems(result.error, what));
}

/** One problem for each field that does not fit; `what` was checked, with `reportInput`. */
export function shapeProblems(error: ZodError, what: string): CloudflareProblem[] {
  // Ten are enough to see the pattern; a hostile body could cause millions.
  return error.issues.slice(0, 10).map((issue) => {
    const path = issue.path.reduce<string>((joined, key) => joinPath(joined, String(key), typeof key === 'number'), '');
    return cloudflareProblem('validation', {
      reason: `Validation failed: ${what}, ${fieldName(path)}: ${explain(issue)}.`,
    });
  });
}

/**
 * Which responses the cache keeps and for how long, as Cloudflare's Cache API documents it
 * (https://developers.cloudflare.com/workers/runtime-apis/cache/#headers). Pure.
 */

/** Without any word of its own a response is kept this long: Cloudflare's edge TTL of a 200. */
const DEFAULT_SECONDS = 7200;
/** Cloudflare keeps nothing longer than a year. */
const MAX_SECONDS = 366 * 24 * 3600;

const REFUSED = /\b(?:no-store|no-cache|private(?!\s*=))/i;
const SHARED_AGE = /\bs-maxage\s*=\s*"?(\d+)/i;
const AGE = /\bmax-age\s*=\s*"?(\d+)/i;
/** Each takes what it has looked at: a pattern that tries again behind every `private=` takes quadratic time. */
const PRIVATE_FIELDS = /\bprivate\s*=\s*["']?([^"']*)/gi;

/** The first header of that name. `headers` is flat, names in lower case. */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return headers[index + 1];
  return undefined;
}

/** All values of that name as one list. */
function joined(headers: readonly string[], name: string): string {
  const values: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === name) values.push(headers[index + 1] as string);
  }
  return values.join(', ');
}

export interface Storable {
  readonly seconds: number;
  /** As they are stored. */
  readonly headers: readonly string[];
}

/** What is kept of a response, or undefined: it must not be kept. */
export function storable(headers: readonly string[], nowMs: number): Storable | undefined {
  const control = joined(headers, 'cache-control');
  const cookies = headerOf(headers, 'set-cookie') !== undefined;
  if (cookies && !isWithoutCookies(control)) return undefined;
  const seconds = Math.min(lifetime(headers, control, nowMs), MAX_SECONDS);
  if (!(seconds > 0)) return undefined;
  return { seconds, headers: cookies ? without(headers, 'set-cookie') : headers };
}

/** Whether it may be kept when its cookies are left out. */
const isWithoutCookies = (control: string): boolean =>
  [...control.matchAll(PRIVATE_FIELDS)].some(([, fields = '']) => /\bset-cookie\b/i.test(fields));

function lifetime(headers: readonly string[], control: string, nowMs: number): number {
  if (REFUSED.test(control)) return 0;
  const age = SHARED_AGE.exec(control) ?? AGE.exec(control);
  if (age !== null) return Number(age[1]);
  const expires = headerOf(headers, 'expires');
  if (expires === undefined) return DEFAULT_SECONDS;
  // Anything that is no date is in the past: RFC 9111 §5.3.
  const at = /[a-z]/i.test(expires) ? Date.parse(expires) : Number.NaN;
  return Number.isNaN(at) ? 0 : (at - nowMs) / 1000;
}

/** The list less all headers of these names. */
export function without(headers: readonly string[], ...names: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    if (!names.includes(headers[index] as string)) kept.push(headers[index] as string, headers[index + 1] as string);
  }
  return kept;
}

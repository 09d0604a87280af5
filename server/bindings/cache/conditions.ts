/** What a request wants of a stored response: nothing when it has it already, a part, or all. RFC 9110 §13 and §14. Pure. */
import { headerOf } from './freshness.ts';

export type Selection =
  | { readonly kind: 'whole' }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'part'; readonly start: number /** The last byte, included. */; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

export interface Stored {
  readonly status: number;
  readonly headers: readonly string[];
  readonly bodyBytes: number;
}

export function select(request: readonly string[], stored: Stored): Selection {
  if (isUnchanged(request, stored)) return { kind: 'not-modified' };
  const range = headerOf(request, 'range');
  if (range === undefined || stored.status !== 200) return { kind: 'whole' };
  return selectRange(range, stored.bodyBytes);
}

/** `If-None-Match` decides alone when it is there. */
function isUnchanged(request: readonly string[], { headers }: Stored): boolean {
  const tags = headerOf(request, 'if-none-match');
  if (tags !== undefined) {
    const etag = headerOf(headers, 'etag');
    if (etag === undefined) return false;
    return tags.trim() === '*' || tags.split(',').some((tag) => strong(tag) === strong(etag));
  }
  const since = Date.parse(headerOf(request, 'if-modified-since') ?? '');
  const modified = Date.parse(headerOf(headers, 'last-modified') ?? '');
  return modified <= since;
}

const strong = (tag: string): string => tag.trim().replace(/^W\//, '');

/** One range of bytes. Several, other units and what cannot be read mean the whole. */
function selectRange(range: string, size: number): Selection {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range.trim());
  if (match === null) return { kind: 'whole' };
  const [first, last] = [match[1] as string, match[2] as string];
  if (first === '' && last === '') return { kind: 'whole' };
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || start > end ? { kind: 'unsatisfiable' } : { kind: 'part', start, end };
}

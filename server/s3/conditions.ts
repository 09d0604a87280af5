/** Conditions in S3 requests, which are those of HTTP. */
import type { Conditions, EtagCondition } from '../../shared/r2.ts';
import type { S3Request } from './request.ts';

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Undefined: there are none. `prefix`: '' or that of conditions on the source of a copy. */
export function readConditions(request: S3Request, prefix = ''): Conditions | undefined {
  const found: Mutable<Conditions> = {};
  const match = request.header(`${prefix}if-match`);
  const noneMatch = request.header(`${prefix}if-none-match`);
  const since = Date.parse(request.header(`${prefix}if-modified-since`) ?? '');
  const unmodified = Date.parse(request.header(`${prefix}if-unmodified-since`) ?? '');
  if (match !== undefined) found.etagMatches = etags(match);
  if (noneMatch !== undefined) found.etagDoesNotMatch = etags(noneMatch);
  if (!Number.isNaN(since)) found.uploadedAfter = since;
  // R2 asks for "before", HTTP for "not after".
  if (!Number.isNaN(unmodified)) found.uploadedBefore = unmodified + 1000;
  return Object.keys(found).length === 0 ? undefined : { ...found, secondsGranularity: true };
}

/** With or without quotes: clients do both. */
const etags = (header: string): EtagCondition[] =>
  header
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .slice(0, 100)
    .map((part): EtagCondition => {
      if (part === '*') return { type: 'wildcard' };
      const isWeak = part.startsWith('W/');
      return { type: isWeak ? 'weak' : 'strong', value: part.replace(/^W\//, '').replace(/^"(.*)"$/, '$1') };
    });

/** Whether what did not hold means "you have it already" (304) rather than "it is another one" (412). */
export const meansNotModified = ({ etagMatches, uploadedBefore }: Conditions): boolean =>
  etagMatches === undefined && uploadedBefore === undefined;

/** `onlyIf` as workerd reads it, and dates as workerd carries them. */
import type { Conditions, EtagCondition } from '../../../shared/r2.ts';
import { type HeaderList, listGet, listOf } from '../../http/index.ts';
import { asStored } from '../../lone-surrogates.ts';
import { NativeDate, NativeTypeError, stringEndsWith, stringStartsWith } from '../../primordials.ts';
import { dateTime, isDate } from '../../value-primordials.ts';
import { fieldError, isObject } from '../../webidl.ts';
import { parseEtagHeader } from './etags.ts';

type Fields = Record<string, unknown>;
type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const dateParse = NativeDate.parse;
/** What nanoseconds since 1970 in 64 bits can say. */
const MAX_DATE_MS = 9_223_372_036_854;
/** Behind every upload. */
const NEVER = Number.MAX_SAFE_INTEGER;

export function readConditions(onlyIf: unknown, dictionary: string): Conditions | undefined {
  if (onlyIf === undefined || onlyIf === null) return undefined;
  const headers = listOf(onlyIf);
  if (headers !== undefined) return headerConditions(headers);
  if (!isObject(onlyIf)) throw fieldError('onlyIf', dictionary, 'Conditional or Headers');
  const { etagMatches, etagDoesNotMatch, uploadedBefore, uploadedAfter, secondsGranularity } = onlyIf as Fields;
  const read: Mutable<Conditions> = {};
  if (etagMatches !== undefined) read.etagMatches = [etagCondition(etagMatches, 'etagMatches')];
  if (etagDoesNotMatch !== undefined) read.etagDoesNotMatch = [etagCondition(etagDoesNotMatch, 'etagDoesNotMatch')];
  if (uploadedBefore !== undefined) read.uploadedBefore = dateField(uploadedBefore, 'uploadedBefore', 'Conditional');
  if (uploadedAfter !== undefined) read.uploadedAfter = dateField(uploadedAfter, 'uploadedAfter', 'Conditional');
  if (secondsGranularity !== undefined) read.secondsGranularity = !!secondsGranularity;
  return asWorkerdSends(read);
}

function etagCondition(value: unknown, field: string): EtagCondition {
  if (typeof value !== 'string') throw fieldError(field, 'Conditional', 'string');
  if (stringStartsWith(value, '"') && stringEndsWith(value, '"')) {
    throw new NativeTypeError(`Conditional ETag should not be wrapped in quotes (${value}).`);
  }
  return value === '*' ? { type: 'wildcard' } : { type: 'strong', value: asStored(value) };
}

/** What is no date counts as one long ago. */
function headerConditions(headers: HeaderList): Conditions {
  const read: Mutable<Conditions> = { secondsGranularity: true };
  const match = listGet(headers, 'if-match');
  if (match !== null) read.etagMatches = parseEtagHeader(match, 'if-match');
  const noneMatch = listGet(headers, 'if-none-match');
  if (noneMatch !== null) read.etagDoesNotMatch = parseEtagHeader(noneMatch, 'if-none-match');
  const before = listGet(headers, 'if-unmodified-since');
  if (before !== null) read.uploadedBefore = headerDate(before) ?? 0;
  const after = listGet(headers, 'if-modified-since');
  if (after !== null) read.uploadedAfter = headerDate(after) ?? 0;
  return asWorkerdSends(read);
}

/** workerd sends dates without a sign: -1 is how it says "none", and any other time before 1970 lies behind all uploads. */
function asWorkerdSends(conditions: Mutable<Conditions>): Conditions {
  const { uploadedBefore, uploadedAfter } = conditions;
  if (uploadedBefore === -1) delete conditions.uploadedBefore;
  if (uploadedAfter === -1) delete conditions.uploadedAfter;
  else if (uploadedAfter !== undefined && uploadedAfter < 0) conditions.uploadedAfter = NEVER;
  return conditions;
}

/** Milliseconds; undefined for what is no date. */
export function headerDate(text: string): number | undefined {
  const ms = dateParse(text);
  return ms !== ms ? undefined : ms;
}

export function dateField(value: unknown, field: string, dictionary: string): number {
  const ms = typeof value === 'number' ? value : isDate(value) ? dateTime(value as Date) : undefined;
  if (ms === undefined) throw fieldError(field, dictionary, 'date');
  if (ms - ms !== 0) throw new NativeTypeError('The value cannot be converted because it is not a valid Date.');
  if (ms > MAX_DATE_MS) throw new NativeTypeError("This API doesn't support dates after 2189.");
  if (ms < -MAX_DATE_MS) throw new NativeTypeError("This API doesn't support dates before 1687.");
  return ms - (ms % 1) + 0;
}

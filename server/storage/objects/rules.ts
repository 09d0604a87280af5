/** R2's rules, as pure functions: conditions, ranges, limits of keys and metadata, and what a multipart upload may be made of. */
import { createHash } from 'node:crypto';
import { R2_LIMITS } from '../../../shared/limits.ts';
import type {
  ByteRange,
  Checksums,
  Conditions,
  EtagCondition,
  HashName,
  HttpMetadata,
  UploadedPart,
} from '../../../shared/r2.ts';
import { HASH_NAMES, HASH_TITLES } from '../../../shared/r2.ts';
import { type GetOptions, R2Error } from './types.ts';

/** What conditions are judged by. */
export interface Judged {
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

/** Whether the conditions hold. `object` undefined: there is none. As in RFC 9110, an entity tag goes before a date. */
export function conditionsHold(conditions: Conditions | undefined, object: Judged | undefined): boolean {
  if (conditions === undefined) return true;
  const { etagMatches, etagDoesNotMatch, uploadedBefore, uploadedAfter } = conditions;
  if (object === undefined) return etagMatches === undefined && uploadedAfter === undefined;
  const shorten = conditions.secondsGranularity === true ? toSeconds : (ms: number): number => ms;
  const uploaded = shorten(object.uploaded);
  const matches = etagMatches === undefined || includesEtag(etagMatches, object.etag, false);
  const differs = etagDoesNotMatch === undefined || !includesEtag(etagDoesNotMatch, object.etag, true);
  const isAfter =
    uploadedAfter === undefined || shorten(uploadedAfter) < uploaded || (etagDoesNotMatch !== undefined && differs);
  const isBefore =
    uploadedBefore === undefined || uploaded < shorten(uploadedBefore) || (etagMatches !== undefined && matches);
  return matches && differs && isAfter && isBefore;
}

const toSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

const includesEtag = (conditions: readonly EtagCondition[], etag: string, weakly: boolean): boolean =>
  conditions.some(
    (condition) =>
      condition.type === 'wildcard' || (condition.value === etag && (condition.type === 'strong' || weakly)),
  );

/** Which bytes of an object of this size are asked for. @throws R2Error invalidRange */
export function resolveRange({ range, rangeHeader }: GetOptions, size: number): ByteRange {
  if (rangeHeader !== undefined) return headerRange(rangeHeader, size) ?? { offset: 0, length: size };
  if (range === undefined) return { offset: 0, length: size };
  const { suffix } = range;
  if (suffix !== undefined) {
    if (suffix <= 0 || size === 0) throw new R2Error('invalidRange');
    const length = Math.min(suffix, size);
    return { offset: size - length, length };
  }
  const offset = range.offset ?? 0;
  const length = range.length ?? size - offset;
  if (offset < 0 || offset > size || length <= 0) throw new R2Error('invalidRange');
  return { offset, length: Math.min(length, size - offset) };
}

/** One satisfiable range of bytes, else undefined: the header is then as if it were not there. */
export function headerRange(header: string, size: number): ByteRange | undefined {
  // White space only beside what has to be there: two runs of it next to one another would be tried in every division, in quadratic time.
  const match = /^\s*bytes\s*=\s*(?:(\d{1,15})\s*)?-\s*(?:(\d{1,15})\s*)?$/i.exec(header);
  if (match === null) return undefined;
  const [, first = '', last = ''] = match as unknown as [string, string?, string?];
  if (first === '') {
    const length = Math.min(Number(last), size);
    return last === '' || length === 0 ? undefined : { offset: size - length, length };
  }
  const offset = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return offset >= size || end < offset ? undefined : { offset, length: end - offset + 1 };
}

/** @throws R2Error invalidObjectName */
export function checkKey(key: string): void {
  if (Buffer.byteLength(key) > R2_LIMITS.maxKeyBytes) throw new R2Error('invalidObjectName');
}

/** @throws R2Error metadataTooLarge */
export function checkMetadata(custom: Readonly<Record<string, string>>, http: HttpMetadata): void {
  const customBytes = Object.entries(custom).reduce((sum, [name, value]) => sum + lengthOf(name) + lengthOf(value), 0);
  const httpBytes = Buffer.byteLength(JSON.stringify(http));
  if (customBytes > R2_LIMITS.maxCustomMetadataBytes || httpBytes > R2_LIMITS.maxHttpMetadataBytes) {
    throw new R2Error('metadataTooLarge');
  }
}

/** R2 counts text as V8 holds it: two bytes a character as soon as one needs more than Latin-1. */
const lengthOf = (text: string): number => (/[^\u0000-\u00ff]/.test(text) ? text.length * 2 : text.length);

/** @throws R2Error entityTooLarge */
export function checkSize(size: number): void {
  if (size > R2_LIMITS.maxPartBytes) throw new R2Error('entityTooLarge');
}

/** Compares what was promised with what came. @throws R2Error badDigest */
export function checkDigests(promised: Checksums, actual: Checksums): void {
  for (const name of HASH_NAMES) {
    const wanted = promised[name];
    const found = actual[name];
    if (wanted === undefined || wanted === found) continue;
    const title = HASH_TITLES[name];
    throw new R2Error(
      'badDigest',
      `The ${title} checksum you specified did not match what we received.\n` +
        `You provided a ${title} checksum with value: ${wanted}\nActual ${title} was: ${found ?? ''}`,
    );
  }
}

/** The algorithms that a put needs: MD5 always, it is the etag. */
export const neededHashes = (promised: Checksums): HashName[] =>
  HASH_NAMES.filter((name) => name === 'md5' || promised[name] !== undefined);

/** What R2 keeps of the checksums that were given. */
export const keptChecksums = (promised: Checksums): Checksums =>
  Object.fromEntries(HASH_NAMES.filter((name) => promised[name] !== undefined).map((name) => [name, promised[name]]));

/** A part as the store has it. */
export interface StoredPart {
  readonly number: number;
  readonly size: number;
  readonly md5: Uint8Array;
}

/** The parts that complete an upload, in their order. @throws R2Error invalidPart, entityTooSmall, badUpload, internal (a part twice) */
export function chooseParts<Part extends StoredPart>(
  wanted: readonly UploadedPart[],
  stored: ReadonlyMap<number, Part>,
): Part[] {
  if (new Set(wanted.map(({ partNumber }) => partNumber)).size < wanted.length) throw new R2Error('internal');
  const chosen = wanted.map(({ partNumber, etag }) => {
    const part = stored.get(partNumber);
    if (part === undefined || partEtag(part) !== etag) throw new R2Error('invalidPart');
    return part;
  });
  if (chosen.slice(0, -1).some(({ size }) => size < R2_LIMITS.minPartBytes)) throw new R2Error('entityTooSmall');
  const sorted = chosen.toSorted((a, b) => a.number - b.number);
  const [first] = sorted;
  const last = sorted.at(-1);
  // R2's own rule: all parts have one size, but for the last, which may be smaller.
  if (first !== undefined && last !== undefined) {
    const isEven = sorted.slice(0, -1).every(({ size }) => size === first.size && size >= R2_LIMITS.minPartBytes);
    if (!isEven || last.size > first.size) throw new R2Error('badUpload');
  }
  return sorted;
}

export const partEtag = ({ md5 }: { readonly md5: Uint8Array }): string => Buffer.from(md5).toString('hex');

/** The etag of an object made of parts: the MD5 of their MD5s, and how many they are. */
export function multipartEtag(parts: readonly StoredPart[]): string {
  const hash = createHash('md5');
  for (const { md5 } of parts) hash.update(md5);
  return `${hash.digest('hex')}-${parts.length}`;
}

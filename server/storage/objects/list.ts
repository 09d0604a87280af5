/** Pages of keys. Every page is a walk of the primary key from where the last one ended, whatever number of objects is before it. */
import { R2_LIMITS } from '../../../shared/limits.ts';
import type { Queryable } from '../database.ts';
import { HEAD_COLUMNS, type HeadRow, toHead } from './rows.ts';
import { type BucketRecord, type ListOptions, type ObjectList, R2Error } from './types.ts';

/** Greater than every key that begins with the bytes before it: 0xff is in no UTF-8. */
const END = Buffer.of(0xff);

/** @throws R2Error invalidMaxKeys, invalidArgument (a cursor that is none) */
export async function listObjects(db: Queryable, bucket: BucketRecord, options: ListOptions): Promise<ObjectList> {
  if (!Number.isInteger(options.limit) || options.limit < 1 || options.limit > R2_LIMITS.maxListKeys) {
    throw new R2Error('invalidMaxKeys');
  }
  const prefix = Buffer.from(options.prefix);
  const range: KeyRange = { bucketId: bucket.id, prefix, after: startOf(options, prefix) };
  return options.delimiter === '' ? await listPlain(db, range, options) : await listDelimited(db, range, options);
}

interface KeyRange {
  readonly bucketId: string;
  readonly prefix: Buffer;
  /** Keys behind this one. Null: from the prefix on. */
  readonly after: Buffer | null;
}

/** The later of the two: a cursor goes on within what `startAfter` began. */
function startOf({ startAfter, cursor }: ListOptions, prefix: Buffer): Buffer | null {
  const starts = [startAfter === undefined ? undefined : Buffer.from(startAfter), cursorKey(cursor)];
  const after = starts.reduce((a, b) => (a === undefined || (b !== undefined && b.compare(a) > 0) ? b : a));
  return after === undefined || after.compare(prefix) < 0 ? null : after;
}

function cursorKey(cursor: string | undefined): Buffer | undefined {
  if (cursor === undefined) return undefined;
  if (cursor.length > R2_LIMITS.maxCursorLength) throw new R2Error('invalidArgument', 'The cursor is not one of R2.');
  return Buffer.from(cursor, 'base64url');
}

const columns = ({ include }: ListOptions): string =>
  HEAD_COLUMNS.split(', ')
    .filter((name) => name !== 'http_metadata' || include.httpMetadata)
    .filter((name) => name !== 'custom_metadata' || include.customMetadata)
    .join(', ');

/** Not one comparison for both cases: the index takes only a plain one. */
const behind = (range: KeyRange, parameter: string): string =>
  range.after === null ? `key >= ${parameter}` : `key > ${parameter}`;

async function listPlain(db: Queryable, range: KeyRange, options: ListOptions): Promise<ObjectList> {
  const { limit } = options;
  const { rows } = await db.query<HeadRow>(
    `SELECT ${columns(options)} FROM skep.r2_objects WHERE bucket_id = $1 AND ${behind(range, '$2')} AND key < $3
     ORDER BY key LIMIT $4`,
    [range.bucketId, range.after ?? range.prefix, Buffer.concat([range.prefix, END]), limit + 1],
  );
  const page = rows.slice(0, limit);
  return {
    objects: page.map(toHead),
    delimitedPrefixes: [],
    cursor: rows.length > limit ? (page.at(-1) as HeadRow).key.toString('base64url') : undefined,
  };
}

interface StepRow extends HeadRow {
  /** What stands for all keys up to the delimiter; null: the key itself is shown. */
  readonly common: Buffer | null;
}

/** One look-up in the index for each key or common prefix that is shown: what a prefix hides is skipped, not read. */
async function listDelimited(db: Queryable, range: KeyRange, options: ListOptions): Promise<ObjectList> {
  const { limit } = options;
  const { rows } = await db.query<StepRow>(
    `WITH RECURSIVE step AS (
       (SELECT key, ${COMMON} AS common FROM skep.r2_objects
        WHERE bucket_id = $1 AND ${behind(range, '$3')} AND key < $4 ORDER BY key LIMIT 1)
       UNION ALL
       SELECT following.key, following.common FROM step, LATERAL (
         SELECT key, ${COMMON} AS common FROM skep.r2_objects
         WHERE bucket_id = $1 AND key > CASE WHEN step.common IS NULL THEN step.key ELSE step.common || '\\xff'::bytea END
           AND key < $4
         ORDER BY key LIMIT 1) following
     ), page AS (SELECT key, common FROM step LIMIT $6)
     SELECT page.common, ${columns(options)
       .split(', ')
       .map((name) => `o.${name}`)
       .join(', ')}
     FROM page JOIN skep.r2_objects o ON o.bucket_id = $1 AND o.key = page.key ORDER BY page.key`,
    [
      range.bucketId,
      range.prefix,
      range.after ?? range.prefix,
      Buffer.concat([range.prefix, END]),
      Buffer.from(options.delimiter),
      limit + 1,
    ],
  );
  const page = rows.slice(0, limit);
  return {
    objects: page.filter(({ common }) => common === null).map(toHead),
    delimitedPrefixes: page.flatMap(({ common }) => (common === null ? [] : [common.toString('utf8')])),
    cursor: rows.length > limit ? cursorBehind(page.at(-1) as StepRow) : undefined,
  };
}

/** The key up to and with the first delimiter behind the prefix ($2, $5), or null. */
const COMMON = `CASE position($5::bytea IN substring(key FROM octet_length($2::bytea) + 1))
  WHEN 0 THEN NULL
  ELSE substring(key FOR octet_length($2::bytea) + position($5::bytea IN substring(key FROM octet_length($2::bytea) + 1))
    + octet_length($5::bytea) - 1) END`;

const cursorBehind = ({ key, common }: StepRow): string =>
  (common === null ? key : Buffer.concat([common, END])).toString('base64url');

/** Queries for what is in a database: rows, the places of sequences, large objects. Each gives queries, whose answers are statements. */
import { ASKED, notOfExtension, OWN_RELATIONS, OWN_SCHEMAS, SEQUENCE_OWNER } from './dump-parts.ts';

/** Of each table that has rows: a query for the statements that insert them. */
export const ROW_QUERIES = `SELECT CASE WHEN count(a.attname) = 0 THEN format('SELECT %L FROM ONLY %s', format('INSERT INTO %s DEFAULT VALUES;', c.oid::regclass), c.oid::regclass)
    ELSE format('SELECT format(%L, %s) FROM ONLY %s', format('INSERT INTO %s (%s)%s VALUES (%s);', replace(c.oid::regclass::text, '%', '%%'),
      replace(string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), '%', '%%'),
      CASE WHEN bool_or(a.attidentity = 'a') THEN ' OVERRIDING SYSTEM VALUE' ELSE '' END, string_agg('%s', ', ')),
    string_agg(format('quote_nullable(%I::text)', a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), c.oid::regclass) END
  FROM ${OWN_RELATIONS} LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  WHERE c.relkind = 'r' AND ${ASKED} GROUP BY c.oid ORDER BY c.oid`;

/** Of each sequence: a query for the statement that sets it to where it is. */
export const SEQUENCE_STATES = `SELECT format('SELECT format(%L, last_value, is_called) FROM %s', format('SELECT pg_catalog.setval(%L, %%s, %%L);', replace(format('%I.%I', n.nspname, q.relname), '%', '%%')), format('%I.%I', n.nspname, q.relname))
  FROM pg_class q JOIN pg_namespace n ON n.oid = q.relnamespace ${SEQUENCE_OWNER}
  WHERE q.relkind = 'S' AND ${OWN_SCHEMAS} AND ${ASKED} AND ${notOfExtension('pg_class', 'q')} ORDER BY n.nspname, q.relname`;

/** Large objects, in pieces: 262144 is INV_READ, 2 the end. pg_largeobject itself is for superusers. */
export const LARGE_OBJECT_QUERIES = `SELECT format('SELECT %L UNION ALL SELECT format(%L, piece.at, lo_get(%s, piece.at, 16384)::text) FROM (SELECT lo_lseek64(lo_open(%s, 262144), 0, 2) AS bytes) o, generate_series(0, o.bytes - 1, 16384) AS piece(at)',
      format('SELECT pg_catalog.lo_create(%s);', m.oid), format('SELECT pg_catalog.lo_put(%s, %%s, %%L);', m.oid), m.oid, m.oid)
    FROM pg_largeobject_metadata m WHERE pg_has_role(m.lomowner, 'USAGE')`;

/** The oid of a table that is named with or without its schema. */
export const FIND_TABLE = `SELECT c.oid::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OWN_SCHEMAS} AND c.relkind IN ('r', 'p') AND $1::text IN (c.relname::text, n.nspname || '.' || c.relname) ORDER BY n.nspname <> 'public' LIMIT 1`;

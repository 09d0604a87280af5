/**
 * What a database is made of, as PostgreSQL's own statements that make it again. Each query gives one column of text, a statement a row, and runs as
 * the database's own role with an empty search_path, so that every name is written with its schema.
 */

const OWN_SCHEMAS = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

/** What an extension has made comes back with the extension. */
const notOfExtension = (catalog: string, alias: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${alias}.oid AND e.deptype = 'e')`;

const RELATION = `format('%I.%I', n.nspname, c.relname)`;
/** $1: oids of the tables that are asked for; null: everything. */
const ASKED = `($1::text IS NULL OR c.oid = ANY ($1::text::oid[]))`;

const SEQUENCE_OPTIONS = `format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
  CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)`;

const COLUMNS = `(SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
    || CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
         THEN (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation)
         ELSE '' END
    || CASE WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, d.adrelid), CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END)
         WHEN a.attidentity <> '' THEN format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s %s)', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
           i.name, i.options)
         WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
         ELSE '' END
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, E',\\n  ' ORDER BY a.attnum)
  FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN LATERAL (SELECT format('%I.%I', sn.nspname, sc.relname) AS name, ${SEQUENCE_OPTIONS} AS options
      FROM pg_depend p JOIN pg_class sc ON sc.oid = p.objid AND sc.relkind = 'S' JOIN pg_namespace sn ON sn.oid = sc.relnamespace JOIN pg_sequence s ON s.seqrelid = sc.oid
      WHERE p.classid = 'pg_class'::regclass AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'i') i ON true
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`;

const PARENTS = `(SELECT string_agg(format('%I.%I', pn.nspname, pc.relname), ', ' ORDER BY h.inhseqno)
  FROM pg_inherits h JOIN pg_class pc ON pc.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE h.inhrelid = c.oid)`;

const SCHEMAS = `SELECT format('CREATE SCHEMA IF NOT EXISTS %I;', n.nspname) FROM pg_namespace n
  WHERE ${OWN_SCHEMAS} AND n.nspname <> 'public' AND ${notOfExtension('pg_namespace', 'n')} ORDER BY 1`;

const EXTENSIONS = `SELECT format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I;', x.extname, n.nspname)
  FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname <> 'plpgsql' ORDER BY x.oid`;

const TYPES = `SELECT CASE t.typtype
    WHEN 'e' THEN format('CREATE TYPE %I.%I AS ENUM (%s);', n.nspname, t.typname, (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
    WHEN 'd' THEN format('CREATE DOMAIN %I.%I AS %s%s%s%s;', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod), ' DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN ' NOT NULL' END,
      (SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '' ORDER BY k.oid) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
    ELSE format('CREATE TYPE %I.%I AS (%s);', n.nspname, t.typname, (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) END
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE ${OWN_SCHEMAS} AND (t.typtype IN ('e', 'd') OR (t.typtype = 'c' AND c.relkind = 'c')) AND ${notOfExtension('pg_type', 't')} ORDER BY t.oid`;

/** Those of identity columns come with their table. */
const OWN_SEQUENCE = `c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'i')`;
/** The table that a sequence belongs to. */
const SEQUENCE_OWNER = `LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = q.oid AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i') AND o.refobjsubid > 0
  LEFT JOIN pg_class c ON c.oid = o.refobjid`;

const SEQUENCES = `SELECT format('CREATE SEQUENCE %s AS %s %s;', r.name, format_type(s.seqtypid, NULL), ${SEQUENCE_OPTIONS})
  FROM (SELECT c.oid, ${RELATION} AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OWN_SCHEMAS} AND ${OWN_SEQUENCE} AND ${notOfExtension('pg_class', 'c')}) r
    JOIN pg_sequence s ON s.seqrelid = r.oid JOIN pg_class q ON q.oid = r.oid ${SEQUENCE_OWNER} WHERE ${ASKED} ORDER BY r.oid`;

const SEQUENCE_OWNERS = `SELECT format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I;', qn.nspname, q.relname, n.nspname, c.relname, a.attname)
  FROM pg_class q JOIN pg_namespace qn ON qn.oid = q.relnamespace ${SEQUENCE_OWNER} JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.refobjsubid
  WHERE q.relkind = 'S' AND o.deptype = 'a' AND ${OWN_SCHEMAS} AND ${ASKED} AND ${notOfExtension('pg_class', 'q')} ORDER BY q.oid`;

const FUNCTIONS = `SELECT pg_get_functiondef(f.oid) || ';' FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
  WHERE ${OWN_SCHEMAS} AND f.prokind IN ('f', 'p') AND ${notOfExtension('pg_proc', 'f')} ORDER BY f.oid`;

const TABLES = `SELECT CASE WHEN c.relispartition
    THEN format('CREATE TABLE %s PARTITION OF %s %s%s;', ${RELATION}, ${PARENTS}, pg_get_expr(c.relpartbound, c.oid), ' PARTITION BY ' || pg_get_partkeydef(c.oid))
    ELSE format(E'CREATE%s TABLE %s (\\n  %s\\n)%s%s;', CASE c.relpersistence WHEN 'u' THEN ' UNLOGGED' END, ${RELATION}, ${COLUMNS}, ' INHERITS (' || ${PARENTS} || ')', ' PARTITION BY ' || pg_get_partkeydef(c.oid)) END
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OWN_SCHEMAS} AND c.relkind IN ('r', 'p') AND ${ASKED} AND ${notOfExtension('pg_class', 'c')} ORDER BY c.oid`;

const CONSTRAINTS = `SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s;', ${RELATION}, k.conname, pg_get_constraintdef(k.oid))
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OWN_SCHEMAS} AND ${ASKED} AND k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0 AND k.conislocal AND ${notOfExtension('pg_class', 'c')}
  ORDER BY k.contype = 'f', k.oid`;

/** Of a partitioned table the definition says ONLY, which would leave the partitions without. */
const INDEXES = `SELECT replace(pg_get_indexdef(i.indexrelid), format('INDEX %I ON ONLY ', x.relname), format('INDEX %I ON ', x.relname)) || ';' FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OWN_SCHEMAS} AND ${ASKED} AND c.relkind IN ('r', 'p') AND NOT x.relispartition AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
    AND ${notOfExtension('pg_class', 'c')} ORDER BY i.indexrelid`;

const VIEWS = `SELECT format(E'CREATE %sVIEW %s AS\\n%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' END, ${RELATION}, pg_get_viewdef(c.oid))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OWN_SCHEMAS} AND c.relkind IN ('v', 'm') AND ${notOfExtension('pg_class', 'c')} ORDER BY c.oid`;

const TRIGGERS = `SELECT pg_get_triggerdef(g.oid) || ';' FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OWN_SCHEMAS} AND ${ASKED} AND NOT g.tgisinternal AND g.tgparentid = 0 AND ${notOfExtension('pg_class', 'c')} ORDER BY g.oid`;

/** What has to be there before the rows. */
export const BEFORE_ROWS = {
  whole: [SCHEMAS, EXTENSIONS, TYPES, SEQUENCES, FUNCTIONS, TABLES, SEQUENCE_OWNERS],
  ofTables: [SEQUENCES, TABLES, SEQUENCE_OWNERS],
} as const;

/** What would slow the rows down, or refuse them in the order they come. */
export const AFTER_ROWS = {
  whole: [CONSTRAINTS, INDEXES, VIEWS, TRIGGERS],
  ofTables: [CONSTRAINTS, INDEXES, TRIGGERS],
} as const;

/** Of each table that has rows: a query for the statements that insert them. */
export const ROW_QUERIES = `SELECT format('SELECT format(%L, %s) FROM ONLY %s', format('INSERT INTO %s (%s)%s VALUES (%s);', replace(${RELATION}, '%', '%%'),
      replace(string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), '%', '%%'),
      CASE WHEN bool_or(a.attidentity = 'a') THEN ' OVERRIDING SYSTEM VALUE' ELSE '' END, string_agg('%s', ', ')),
    string_agg(format('quote_nullable(%I::text)', a.attname), ', ' ORDER BY a.attnum), ${RELATION})
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  WHERE ${OWN_SCHEMAS} AND c.relkind = 'r' AND ${ASKED} AND ${notOfExtension('pg_class', 'c')} GROUP BY c.oid, n.nspname, c.relname ORDER BY c.oid`;

/** Of each sequence: a query for the statement that sets it to where it is. */
export const SEQUENCE_STATES = `SELECT format('SELECT format(%L, last_value, is_called) FROM %s', format('SELECT pg_catalog.setval(%L, %%s, %%L);', replace(format('%I.%I', qn.nspname, q.relname), '%', '%%')), format('%I.%I', qn.nspname, q.relname))
  FROM pg_class q JOIN pg_namespace qn ON qn.oid = q.relnamespace ${SEQUENCE_OWNER}
  WHERE q.relkind = 'S' AND qn.nspname !~ '^pg_' AND ${ASKED} AND ${notOfExtension('pg_class', 'q')} ORDER BY q.oid`;

/** The oid of a table that is named with or without its schema. */
export const FIND_TABLE = `SELECT c.oid::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OWN_SCHEMAS} AND c.relkind IN ('r', 'p') AND $1::text IN (c.relname::text, n.nspname || '.' || c.relname) ORDER BY n.nspname <> 'public' LIMIT 1`;

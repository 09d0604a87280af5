/** What the queries of an export have in common. All of them run as the database's own role, with an empty search_path: every name is written with its schema. */

export const OWN_SCHEMAS = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

/** What an extension has made comes back with the extension. */
export const notOfExtension = (catalog: string, alias: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${alias}.oid AND e.deptype = 'e')`;

/** The relations `c` of the user's schemas. */
export const OWN_RELATIONS = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND ${OWN_SCHEMAS} AND ${notOfExtension('pg_class', 'c')}`;

/** $1: oids of the tables that are asked for; null: everything. */
export const ASKED = `($1::text IS NULL OR c.oid = ANY ($1::text::oid[]))`;

/** The table `c` that a sequence `q` belongs to. */
export const SEQUENCE_OWNER = `LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = q.oid AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i') AND o.refobjsubid > 0
  LEFT JOIN pg_class c ON c.oid = o.refobjid`;

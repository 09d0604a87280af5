/** What belongs to the objects of a database and is no object that others need: each query gives one column, a statement a row. */
import { ASKED, notOfExtension, OWN_RELATIONS, OWN_SCHEMAS, SEQUENCE_OWNER } from './dump-parts.ts';

const SEQUENCE_OWNERS = `SELECT format('ALTER SEQUENCE %s OWNED BY %s.%I;', q.oid::regclass, c.oid::regclass, a.attname)
  FROM pg_class q JOIN pg_namespace n ON n.oid = q.relnamespace ${SEQUENCE_OWNER} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.refobjsubid
  WHERE q.relkind = 'S' AND o.deptype = 'a' AND ${OWN_SCHEMAS} AND ${ASKED} AND ${notOfExtension('pg_class', 'q')} ORDER BY q.oid`;

const COLUMN_STORAGE = `SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I %s;', c.oid::regclass, a.attname, change.text)
  FROM ${OWN_RELATIONS} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid
    CROSS JOIN LATERAL (
      SELECT 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END AS text WHERE a.attstorage <> t.typstorage
      UNION ALL SELECT 'SET COMPRESSION ' || CASE a.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END WHERE a.attcompression <> ''
      UNION ALL SELECT 'SET STATISTICS ' || a.attstattarget WHERE a.attstattarget >= 0
      UNION ALL SELECT format('SET (%s)', array_to_string(a.attoptions, ', ')) WHERE a.attoptions IS NOT NULL) change
  WHERE c.relkind IN ('r', 'p') AND ${ASKED} ORDER BY c.oid, a.attnum, change.text`;

const CONSTRAINTS = `SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s;', c.oid::regclass, k.conname, pg_get_constraintdef(k.oid))
  FROM ${OWN_RELATIONS} JOIN pg_constraint k ON k.conrelid = c.oid
  WHERE ${ASKED} AND k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conparentid = 0 AND k.conislocal ORDER BY k.contype = 'f', k.oid`;

/** Of a partitioned table the definition says ONLY, which would leave the partitions without. */
const indexesOf = (
  relkinds: string,
): string => `SELECT replace(pg_get_indexdef(i.indexrelid), format('INDEX %I ON ONLY ', x.relname), format('INDEX %I ON ', x.relname)) || ';'
  FROM ${OWN_RELATIONS} JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
  WHERE ${ASKED} AND c.relkind IN (${relkinds}) AND NOT x.relispartition AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) ORDER BY i.indexrelid`;

const STATISTICS = `SELECT pg_get_statisticsobjdef(s.oid) || ';' FROM ${OWN_RELATIONS} JOIN pg_statistic_ext s ON s.stxrelid = c.oid WHERE ${ASKED} ORDER BY s.oid`;

const CHOSEN_INDEXES = `SELECT format('ALTER TABLE %s %s;', c.oid::regclass, choice.text)
  FROM ${OWN_RELATIONS} LEFT JOIN pg_index i ON i.indrelid = c.oid AND (i.indisclustered OR i.indisreplident) LEFT JOIN pg_class x ON x.oid = i.indexrelid
    CROSS JOIN LATERAL (
      SELECT format('CLUSTER ON %I', x.relname) AS text WHERE i.indisclustered
      UNION ALL SELECT format('REPLICA IDENTITY USING INDEX %I', x.relname) WHERE i.indisreplident
      UNION ALL SELECT CASE c.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' ELSE 'REPLICA IDENTITY NOTHING' END WHERE c.relreplident IN ('f', 'n')) choice
  WHERE c.relkind IN ('r', 'p', 'm') AND ${ASKED} GROUP BY c.oid, choice.text ORDER BY c.oid, choice.text`;

const stateOf = (what: string, letter: string): string =>
  `CASE ${letter} WHEN 'D' THEN 'DISABLE ${what}' WHEN 'R' THEN 'ENABLE REPLICA ${what}' ELSE 'ENABLE ALWAYS ${what}' END`;

const RULES = `SELECT pg_get_ruledef(r.oid) || CASE WHEN r.ev_enabled = 'O' THEN '' ELSE format(E'\\nALTER TABLE %s %s %I;', c.oid::regclass, ${stateOf('RULE', 'r.ev_enabled')}, r.rulename) END
  FROM ${OWN_RELATIONS} JOIN pg_rewrite r ON r.ev_class = c.oid WHERE r.rulename <> '_RETURN' AND ${ASKED} ORDER BY r.oid`;

const TRIGGERS = `SELECT pg_get_triggerdef(g.oid) || ';' FROM ${OWN_RELATIONS} JOIN pg_trigger g ON g.tgrelid = c.oid
  WHERE ${ASKED} AND NOT g.tgisinternal AND g.tgparentid = 0 ORDER BY g.oid`;

/** Those of partitions, too: they come with the partitioned table, and may be switched each. */
const TRIGGER_STATES = `SELECT format('ALTER TABLE ONLY %s %s %I;', c.oid::regclass, ${stateOf('TRIGGER', 'g.tgenabled')}, g.tgname) FROM ${OWN_RELATIONS} JOIN pg_trigger g ON g.tgrelid = c.oid
  WHERE ${ASKED} AND NOT g.tgisinternal AND g.tgenabled <> 'O' ORDER BY c.oid, g.tgname`;

/** Another database has another owner, and no other roles than that. */
const role = (oid: string, owner: string): string =>
  `CASE ${oid} WHEN 0 THEN 'PUBLIC' WHEN ${owner} THEN 'CURRENT_USER' END`;

const POLICIES = `SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s;', p.polname, c.oid::regclass, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END, roles.names,
    ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  FROM ${OWN_RELATIONS} JOIN pg_policy p ON p.polrelid = c.oid
    CROSS JOIN LATERAL (SELECT string_agg(${role('r.oid', 'c.relowner')}, ', ' ORDER BY r.oid) AS names FROM unnest(p.polroles) AS r(oid)) roles
  WHERE ${ASKED} AND roles.names IS NOT NULL ORDER BY p.oid`;

const ROW_SECURITY = `SELECT format('ALTER TABLE %s %s ROW LEVEL SECURITY;', c.oid::regclass, state.text)
  FROM ${OWN_RELATIONS} CROSS JOIN LATERAL (SELECT 'ENABLE' AS text WHERE c.relrowsecurity UNION ALL SELECT 'FORCE' WHERE c.relforcerowsecurity) state
  WHERE c.relkind IN ('r', 'p') AND ${ASKED} ORDER BY c.oid, state.text`;

/** The relation that an object with a comment belongs to. */
const COMMENTED_RELATION = `CASE d.classoid
    WHEN 'pg_class'::regclass THEN coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = d.objoid), d.objoid)
    WHEN 'pg_constraint'::regclass THEN (SELECT k.conrelid FROM pg_constraint k WHERE k.oid = d.objoid)
    WHEN 'pg_trigger'::regclass THEN (SELECT g.tgrelid FROM pg_trigger g WHERE g.oid = d.objoid)
    WHEN 'pg_policy'::regclass THEN (SELECT p.polrelid FROM pg_policy p WHERE p.oid = d.objoid)
    WHEN 'pg_rewrite'::regclass THEN (SELECT r.ev_class FROM pg_rewrite r WHERE r.oid = d.objoid)
    WHEN 'pg_statistic_ext'::regclass THEN (SELECT s.stxrelid FROM pg_statistic_ext s WHERE s.oid = d.objoid) END`;

/** Below 16384 is what PostgreSQL made itself, but for large objects, whose numbers users choose; 2200 is the schema public. Extensions bring their comment. */
const COMMENTS = `SELECT format('COMMENT ON %s %s IS %L;', CASE WHEN o.type LIKE '% column' THEN 'COLUMN' WHEN o.type LIKE '% constraint' THEN 'CONSTRAINT' WHEN o.type = 'statistics object' THEN 'STATISTICS' ELSE upper(o.type) END,
    CASE o.type WHEN 'domain constraint' THEN (SELECT format('%I ON DOMAIN %s', k.conname, k.contypid::regtype) FROM pg_constraint k WHERE k.oid = d.objoid) ELSE o.identity END, d.description)
  FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
  WHERE (d.objoid >= 16384 OR d.classoid = 'pg_largeobject'::regclass OR (d.objoid = 2200 AND d.classoid = 'pg_namespace'::regclass AND d.description <> 'standard public schema')) AND d.classoid <> 'pg_extension'::regclass
    AND ($1::text IS NULL OR ${COMMENTED_RELATION} = ANY ($1::text::oid[]))
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e') ORDER BY 1`;

/** What has a list of privileges: what to call it, the list, its owner. */
const GUARDED = `SELECT format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass) AS name, '' AS columns, c.relacl AS acl, c.relowner AS owner, c.oid AS relation FROM ${OWN_RELATIONS} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
  UNION ALL SELECT format('TABLE %s', c.oid::regclass), format(' (%I)', a.attname), a.attacl, c.relowner, c.oid FROM ${OWN_RELATIONS} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT format('ROUTINE %s', f.oid::regprocedure), '', f.proacl, f.proowner, NULL FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE ${OWN_SCHEMAS} AND ${notOfExtension('pg_proc', 'f')}
  UNION ALL SELECT format('TYPE %s', t.oid::regtype), '', t.typacl, t.typowner, NULL FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${OWN_SCHEMAS} AND ${notOfExtension('pg_type', 't')}
  UNION ALL SELECT format('SCHEMA %I', n.nspname), '', n.nspacl, n.nspowner, NULL FROM pg_namespace n WHERE ${OWN_SCHEMAS} AND n.nspname <> 'public' AND ${notOfExtension('pg_namespace', 'n')}
  UNION ALL SELECT format('LARGE OBJECT %s', m.oid), '', m.lomacl, m.lomowner, NULL FROM pg_largeobject_metadata m`;

/** First everything is taken away, then given as it was: there may be less than what an owner has by nature. */
const PRIVILEGES = `WITH guarded AS (${GUARDED})
  SELECT format('REVOKE ALL%s ON %s FROM PUBLIC, CURRENT_USER;', g.columns, g.name) || coalesce((SELECT string_agg(format(E'\\nGRANT %s ON %s TO %s%s;', given.privileges, g.name, given.role, given.option), '' ORDER BY given.role, given.option)
      FROM (SELECT ${role('x.grantee', 'g.owner')} AS role, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option,
          string_agg(x.privilege_type || g.columns, ', ' ORDER BY x.privilege_type) AS privileges
        FROM aclexplode(g.acl) x GROUP BY 1, 2) given WHERE given.role IS NOT NULL), '')
  FROM guarded g WHERE g.acl IS NOT NULL AND pg_has_role(g.owner, 'USAGE') AND ($1::text IS NULL OR g.relation = ANY ($1::text::oid[])) ORDER BY g.columns <> '', g.name`;

const GIVEN_BY_DEFAULT = `(SELECT string_agg(format(E'ALTER DEFAULT PRIVILEGES%s GRANT %s ON %s TO %s%s;', given.schema, given.privileges, d.kind, given.role, given.option), E'\\n' ORDER BY given.role, given.option)
      FROM (SELECT ${role('x.grantee', 'd.owner')} AS role, d.schema, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option, string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) AS privileges
        FROM aclexplode(d.acl) x GROUP BY 1, 2, 3) given WHERE given.role IS NOT NULL)`;

/** What objects that are made later get. Those of a schema add to what is given everywhere, which stands in place of what PostgreSQL gives by nature. */
export const DEFAULT_PRIVILEGES = `SELECT concat_ws(E'\n', CASE WHEN d.schema = '' THEN format('ALTER DEFAULT PRIVILEGES REVOKE ALL ON %s FROM PUBLIC, CURRENT_USER;', d.kind) END, ${GIVEN_BY_DEFAULT})
  FROM (SELECT a.defaclacl AS acl, a.defaclrole AS owner, coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '') AS schema,
      CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS kind
    FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace WHERE pg_has_role(a.defaclrole, 'USAGE')) d
  WHERE d.kind IS NOT NULL ORDER BY d.schema <> '', d.schema, d.kind`;

/** Between the objects and their rows. */
export const BEFORE_ROWS = [SEQUENCE_OWNERS, COLUMN_STORAGE] as const;

/** What would slow the rows down, or refuse them in the order they come. */
export const AFTER_ROWS = [CONSTRAINTS, indexesOf(`'r', 'p'`), STATISTICS] as const;

/** What is laid over everything that is there. */
export const AT_THE_END = [
  indexesOf(`'m'`),
  CHOSEN_INDEXES,
  RULES,
  TRIGGERS,
  TRIGGER_STATES,
  POLICIES,
  ROW_SECURITY,
  COMMENTS,
  PRIVILEGES,
] as const;

/**
 * What a database is made of, as PostgreSQL's own statements that make it again. Each query gives rows of a key, the statement, and its place
 * among the rows (see DumpObject); DEPENDENCIES gives pairs of keys, of which the first needs the second.
 */
import { ASKED, notOfExtension, OWN_RELATIONS, OWN_SCHEMAS, SEQUENCE_OWNER } from './dump-parts.ts';

const SEQUENCE_OPTIONS = `format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
  CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)`;

/** Of the column or attribute `a`, when it is not that of its type `t`. */
const COLLATION = `CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END`;

/** PostgreSQL 18 gives a constraint a name for NOT NULL, which is its own choice mostly. */
const NOT_NULL = `CASE WHEN a.attnotnull THEN coalesce((SELECT format(' CONSTRAINT %I', k.conname) FROM pg_constraint k
    WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND k.conislocal AND k.conname <> c.relname || '_' || a.attname || '_not_null'), '') || ' NOT NULL' ELSE '' END`;

const COLUMNS = `(SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) || ${COLLATION}
    || CASE WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, d.adrelid), CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END)
         WHEN a.attidentity <> '' THEN format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s %s)', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
           i.name, i.options)
         WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
         ELSE '' END
    || ${NOT_NULL}, E',\\n  ' ORDER BY a.attnum)
  FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN LATERAL (SELECT sc.oid::regclass AS name, ${SEQUENCE_OPTIONS} AS options
      FROM pg_depend p JOIN pg_class sc ON sc.oid = p.objid AND sc.relkind = 'S' JOIN pg_sequence s ON s.seqrelid = sc.oid
      WHERE p.classid = 'pg_class'::regclass AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'i') i ON true
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`;

const PARENTS = `(SELECT string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno) FROM pg_inherits h WHERE h.inhrelid = c.oid)`;

/** How the columns of a partition differ from those of what it is a part of. */
const PARTITION_CHANGES = `(SELECT string_agg(format(E'\\nALTER TABLE ONLY %s ALTER COLUMN %I %s;', c.oid::regclass, a.attname, change.text), '' ORDER BY a.attnum, change.text)
  FROM pg_inherits h
    JOIN pg_attribute a ON a.attrelid = h.inhrelid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_attribute pa ON pa.attrelid = h.inhparent AND pa.attname = a.attname
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_attrdef pd ON pd.adrelid = pa.attrelid AND pd.adnum = pa.attnum
    CROSS JOIN LATERAL (
      SELECT coalesce('SET DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), 'DROP DEFAULT') AS text
        WHERE a.attgenerated = '' AND a.attidentity = '' AND pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM pg_get_expr(pd.adbin, pd.adrelid)
      UNION ALL SELECT 'SET NOT NULL' WHERE a.attnotnull AND NOT pa.attnotnull) change
  WHERE h.inhrelid = c.oid)`;

const OPTIONS = `' WITH (' || array_to_string(c.reloptions, ', ') || ')'`;

const SCHEMAS = `SELECT 'n' || n.oid, format('CREATE SCHEMA IF NOT EXISTS %I;', n.nspname), 'any' FROM pg_namespace n
  WHERE ${OWN_SCHEMAS} AND n.nspname <> 'public' AND ${notOfExtension('pg_namespace', 'n')} ORDER BY n.nspname`;

const EXTENSIONS = `SELECT 'x' || x.oid, format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I;', x.extname, n.nspname), 'any'
  FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE x.extname <> 'plpgsql' ORDER BY x.oid`;

/** Where the locale of ICU lies differs between versions of PostgreSQL. */
const COLLATIONS = `SELECT 'l' || l.oid, format('CREATE COLLATION %I.%I (%s);', n.nspname, l.collname, concat_ws(', ', 'PROVIDER = ' || CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
      'LOCALE = ' || quote_literal(coalesce(j.row->>'colllocale', j.row->>'colliculocale')), 'LC_COLLATE = ' || quote_literal(l.collcollate), 'LC_CTYPE = ' || quote_literal(l.collctype),
      'RULES = ' || quote_literal(j.row->>'collicurules'), CASE WHEN NOT l.collisdeterministic THEN 'DETERMINISTIC = false' END)), 'any'
  FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace CROSS JOIN LATERAL (SELECT to_jsonb(l) AS row) j
  WHERE ${OWN_SCHEMAS} AND ${notOfExtension('pg_collation', 'l')} ORDER BY l.oid`;

const TYPES = `SELECT 't' || t.oid, CASE t.typtype
    WHEN 'e' THEN format('CREATE TYPE %I.%I AS ENUM (%s);', n.nspname, t.typname, (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
    WHEN 'd' THEN format('CREATE DOMAIN %I.%I AS %s%s%s%s%s;', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod),
      CASE WHEN t.typcollation <> b.typcollation THEN ' COLLATE ' || t.typcollation::regcollation END, ' DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN ' NOT NULL' END,
      (SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), '' ORDER BY k.oid) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
    WHEN 'r' THEN (SELECT format('CREATE TYPE %I.%I AS RANGE (%s);', n.nspname, t.typname, concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL),
        'SUBTYPE_OPCLASS = ' || format('%I.%I', opn.nspname, op.opcname), 'COLLATION = ' || nullif(r.rngcollation, 0)::regcollation,
        'CANONICAL = ' || nullif(r.rngcanonical::oid, 0)::regproc, 'SUBTYPE_DIFF = ' || nullif(r.rngsubdiff::oid, 0)::regproc, 'MULTIRANGE_TYPE_NAME = ' || r.rngmultitypid::regtype))
      FROM pg_range r JOIN pg_opclass op ON op.oid = r.rngsubopc JOIN pg_namespace opn ON opn.oid = op.opcnamespace WHERE r.rngtypid = t.oid)
    ELSE format('CREATE TYPE %I.%I AS (%s);', n.nspname, t.typname, (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) || ${COLLATION.replaceAll('t.typ', 'at.typ')}, ', ' ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) END, 'before'
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid LEFT JOIN pg_type b ON b.oid = t.typbasetype
  WHERE ${OWN_SCHEMAS} AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) AND ${notOfExtension('pg_type', 't')} ORDER BY t.oid`;

/** Those of identity columns come with their table. */
const SEQUENCES = `SELECT 'c' || q.oid, format('CREATE%s SEQUENCE %s AS %s %s;', CASE q.relpersistence WHEN 'u' THEN ' UNLOGGED' END, q.oid::regclass, format_type(s.seqtypid, NULL), ${SEQUENCE_OPTIONS}), 'before'
  FROM pg_class q JOIN pg_namespace n ON n.oid = q.relnamespace JOIN pg_sequence s ON s.seqrelid = q.oid ${SEQUENCE_OWNER}
  WHERE ${OWN_SCHEMAS} AND o.deptype IS DISTINCT FROM 'i' AND ${ASKED} AND ${notOfExtension('pg_class', 'q')} ORDER BY q.oid`;

/** Those that a range type brings with it belong to it. */
const FUNCTIONS = `SELECT 'f' || f.oid, pg_get_functiondef(f.oid) || ';', 'any' FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
  WHERE ${OWN_SCHEMAS} AND f.prokind IN ('f', 'p') AND ${notOfExtension('pg_proc', 'f')}
    AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = f.oid AND i.deptype = 'i') ORDER BY f.oid`;

const named = (option: string, procedure: string): string => `'${option} = ' || nullif(${procedure}::oid, 0)::regproc`;
const modify = (letter: string): string =>
  `CASE ${letter} WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END`;

const AGGREGATES = `SELECT 'f' || f.oid, format('CREATE AGGREGATE %I.%I(%s) (%s);', n.nspname, f.proname, coalesce(nullif(pg_get_function_identity_arguments(f.oid), ''), '*'), concat_ws(', ',
      'SFUNC = ' || g.aggtransfn, 'STYPE = ' || format_type(g.aggtranstype, NULL), 'SSPACE = ' || nullif(g.aggtransspace, 0),
      ${named('FINALFUNC', 'g.aggfinalfn')}, CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END, 'FINALFUNC_MODIFY = ' || ${modify('g.aggfinalmodify')},
      ${named('COMBINEFUNC', 'g.aggcombinefn')}, ${named('SERIALFUNC', 'g.aggserialfn')}, ${named('DESERIALFUNC', 'g.aggdeserialfn')}, 'INITCOND = ' || quote_literal(g.agginitval),
      ${named('MSFUNC', 'g.aggmtransfn')}, ${named('MINVFUNC', 'g.aggminvtransfn')}, 'MSTYPE = ' || format_type(nullif(g.aggmtranstype, 0), NULL), 'MSSPACE = ' || nullif(g.aggmtransspace, 0),
      ${named('MFINALFUNC', 'g.aggmfinalfn')}, CASE WHEN g.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END, CASE WHEN g.aggmtransfn::oid <> 0 THEN 'MFINALFUNC_MODIFY = ' || ${modify('g.aggmfinalmodify')} END,
      'MINITCOND = ' || quote_literal(g.aggminitval), (SELECT format('SORTOP = OPERATOR(%I.%s)', sn.nspname, so.oprname) FROM pg_operator so JOIN pg_namespace sn ON sn.oid = so.oprnamespace WHERE so.oid = g.aggsortop),
      CASE f.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END, CASE g.aggkind WHEN 'h' THEN 'HYPOTHETICAL' END)), 'any'
  FROM pg_proc f JOIN pg_aggregate g ON g.aggfnoid = f.oid JOIN pg_namespace n ON n.oid = f.pronamespace WHERE ${OWN_SCHEMAS} AND ${notOfExtension('pg_proc', 'f')} ORDER BY f.oid`;

const operatorName = (option: string, oid: string): string =>
  `(SELECT format('${option} = OPERATOR(%I.%s)', r.nspname, p.oprname) FROM pg_operator p JOIN pg_namespace r ON r.oid = p.oprnamespace WHERE p.oid = ${oid})`;

const OPERATORS = `SELECT 'o' || o.oid, format('CREATE OPERATOR %I.%s (%s);', n.nspname, o.oprname, concat_ws(', ', 'FUNCTION = ' || o.oprcode, 'LEFTARG = ' || format_type(nullif(o.oprleft, 0), NULL),
      'RIGHTARG = ' || format_type(nullif(o.oprright, 0), NULL), ${operatorName('COMMUTATOR', 'o.oprcom')}, ${operatorName('NEGATOR', 'o.oprnegate')},
      ${named('RESTRICT', 'o.oprrest')}, ${named('JOIN', 'o.oprjoin')}, CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END)), 'any'
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ${OWN_SCHEMAS} AND o.oprcode::oid <> 0 AND ${notOfExtension('pg_operator', 'o')} ORDER BY o.oid`;

/** Those that PostgreSQL itself has stand below the first oid of a user. */
const CASTS = `SELECT 'a' || a.oid, format('CREATE CAST (%s AS %s) %s%s;', format_type(a.castsource, NULL), format_type(a.casttarget, NULL),
    CASE a.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || a.castfunc::regprocedure WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END,
    CASE a.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' END), 'any'
  FROM pg_cast a WHERE a.oid >= 16384 AND ${notOfExtension('pg_cast', 'a')} AND NOT EXISTS (SELECT FROM pg_range r WHERE r.rngtypid = a.castsource AND r.rngmultitypid = a.casttarget) ORDER BY a.oid`;

const TEXT_SEARCH = `SELECT 's' || s.oid, format('CREATE TEXT SEARCH DICTIONARY %I.%I (%s);', n.nspname, s.dictname, concat_ws(', ', format('TEMPLATE = %I.%I', tn.nspname, tt.tmplname), s.dictinitoption)), 'any'
    FROM pg_ts_dict s JOIN pg_namespace n ON n.oid = s.dictnamespace JOIN pg_ts_template tt ON tt.oid = s.dicttemplate JOIN pg_namespace tn ON tn.oid = tt.tmplnamespace WHERE ${OWN_SCHEMAS} AND ${notOfExtension('pg_ts_dict', 's')}
  UNION ALL SELECT 'g' || s.oid, format('CREATE TEXT SEARCH CONFIGURATION %I.%I (PARSER = %I.%I);', n.nspname, s.cfgname, pn.nspname, p.prsname)
      || (SELECT string_agg(format(E'\\nALTER TEXT SEARCH CONFIGURATION %s ADD MAPPING FOR %I WITH %s;', s.oid::regconfig, token.alias, mapped.dictionaries), '' ORDER BY token.tokid)
        FROM ts_token_type(s.cfgparser) token JOIN (SELECT m.maptokentype, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dictionaries
          FROM pg_ts_config_map m WHERE m.mapcfg = s.oid GROUP BY m.maptokentype) mapped ON mapped.maptokentype = token.tokid), 'any'
    FROM pg_ts_config s JOIN pg_namespace n ON n.oid = s.cfgnamespace JOIN pg_ts_parser p ON p.oid = s.cfgparser JOIN pg_namespace pn ON pn.oid = p.prsnamespace WHERE ${OWN_SCHEMAS} AND ${notOfExtension('pg_ts_config', 's')}`;

const TABLES = `SELECT 'c' || c.oid, CASE WHEN c.relispartition
    THEN format('CREATE%s TABLE %s PARTITION OF %s %s%s%s;%s', u.unlogged, c.oid::regclass, ${PARENTS}, pg_get_expr(c.relpartbound, c.oid), ' PARTITION BY ' || pg_get_partkeydef(c.oid), ${OPTIONS}, ${PARTITION_CHANGES})
    ELSE format(E'CREATE%s TABLE %s (\\n  %s\\n)%s%s%s;', u.unlogged, c.oid::regclass, ${COLUMNS}, ' INHERITS (' || ${PARENTS} || ')', ' PARTITION BY ' || pg_get_partkeydef(c.oid), ${OPTIONS}) END, 'before'
  FROM ${OWN_RELATIONS} CROSS JOIN LATERAL (SELECT CASE c.relpersistence WHEN 'u' THEN ' UNLOGGED' END AS unlogged) u
  WHERE c.relkind IN ('r', 'p') AND ${ASKED} ORDER BY c.oid`;

const VIEWS = `SELECT 'c' || c.oid, format(E'CREATE %sVIEW %s%s AS\\n%s%s;', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' END, c.oid::regclass, ${OPTIONS}, rtrim(pg_get_viewdef(c.oid), ';'),
    CASE WHEN NOT c.relispopulated THEN E'\\n  WITH NO DATA' END), CASE c.relkind WHEN 'm' THEN 'behind' ELSE 'any' END
  FROM ${OWN_RELATIONS} WHERE c.relkind IN ('v', 'm') ORDER BY c.oid`;

/** In the order in which they are made when nothing needs another one. */
export const OBJECTS = {
  whole: [
    SCHEMAS,
    EXTENSIONS,
    COLLATIONS,
    TYPES,
    SEQUENCES,
    FUNCTIONS,
    AGGREGATES,
    OPERATORS,
    CASTS,
    TEXT_SEARCH,
    TABLES,
    VIEWS,
  ],
  ofTables: [SEQUENCES, TABLES],
} as const;

/**
 * To whom an entry of pg_depend belongs: a type of a table to the table, an array to its element, a default to its table, a rule to its view.
 * What constrains a table has a key and no object: it is made when the rows are there.
 */
const BELONGINGS = `base AS (
    SELECT t.oid, CASE WHEN c.relkind <> 'c' THEN 'c' || c.oid ELSE 't' || t.oid END AS key FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE t.typelem = 0 OR t.typtype <> 'b'),
  belongings AS (
    SELECT 'pg_type'::regclass::oid AS classid, b.oid AS objid, b.key FROM base b
    UNION ALL SELECT 'pg_type'::regclass, t.oid, b.key FROM pg_type t JOIN base b ON b.oid = t.typelem WHERE t.typtype = 'b'
    UNION ALL SELECT 'pg_type'::regclass, r.rngmultitypid, 't' || r.rngtypid FROM pg_range r
    UNION ALL SELECT 'pg_class'::regclass, c.oid, CASE c.relkind WHEN 'c' THEN 't' || c.reltype ELSE 'c' || c.oid END FROM pg_class c WHERE c.relkind <> 'i' AND c.relkind <> 'I'
    UNION ALL SELECT 'pg_proc'::regclass, f.oid, 'f' || f.oid FROM pg_proc f
    UNION ALL SELECT 'pg_operator'::regclass, o.oid, 'o' || o.oid FROM pg_operator o
    UNION ALL SELECT 'pg_collation'::regclass, l.oid, 'l' || l.oid FROM pg_collation l
    UNION ALL SELECT 'pg_cast'::regclass, a.oid, 'a' || a.oid FROM pg_cast a
    UNION ALL SELECT 'pg_ts_dict'::regclass, s.oid, 's' || s.oid FROM pg_ts_dict s
    UNION ALL SELECT 'pg_ts_config'::regclass, g.oid, 'g' || g.oid FROM pg_ts_config g
    UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, 'c' || d.adrelid FROM pg_attrdef d
    UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, 'c' || r.ev_class FROM pg_rewrite r WHERE r.rulename = '_RETURN'
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, CASE WHEN k.contypid <> 0 THEN 't' || k.contypid ELSE 'k' || k.oid END FROM pg_constraint k)`;

/** Not that a sequence belongs to a table: the table's default needs the sequence. What an extension has made is needed by nobody here. */
export const DEPENDENCIES = `WITH ${BELONGINGS}
  SELECT DISTINCT mine.key, theirs.key FROM pg_depend d
    JOIN belongings mine ON mine.classid = d.classid AND mine.objid = d.objid
    JOIN belongings theirs ON theirs.classid = d.refclassid AND theirs.objid = d.refobjid
  WHERE d.deptype IN ('n', 'a', 'i') AND mine.key <> theirs.key AND mine.key !~ '^k'
    AND NOT EXISTS (SELECT FROM pg_class q WHERE d.classid = 'pg_class'::regclass AND q.oid = d.objid AND q.relkind = 'S')
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
    AND d.refobjid >= 16384`;

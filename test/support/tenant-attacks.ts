/** What a tenant tries who wants out of the database of his worker, and the worker he tries it with. */
/** Runs what it is sent: `{sql, params}` by query, `{script}` by exec, `{transaction: [[sql, waitMs]]}`. */
export const SQL_WORKER = `export default {
  async fetch(request, { DB }) {
    const { sql, params, script, transaction, times = 1 } = await request.json();
    const run = async () => {
      if (script !== undefined) return DB.exec(script);
      if (transaction === undefined) return DB.query(sql, params);
      return DB.transaction(async (tx) => {
        let rows;
        for (const [text, waitMs] of transaction) {
          rows = await tx.query(text);
          if (waitMs > 0) await scheduler.wait(waitMs);
        }
        return rows;
      });
    };
    try {
      const results = await Promise.all(Array.from({ length: times }, run));
      return Response.json({ rows: results[0] });
    } catch ({ code, message }) {
      return Response.json({ code, message });
    }
  },
};`;

const DENIED = '42501';

/** What leads out of a tenant's own database, or would: SQL → the SQLSTATEs that are a refusal. */
export const REFUSED: readonly (readonly [sql: string, ...codes: string[]])[] = [
  ['SET ROLE postgres', DENIED],
  ['SET SESSION AUTHORIZATION postgres', DENIED],
  ["SELECT set_config('role', 'postgres', false)", DENIED, '22023'],
  ["SELECT set_config('session_authorization', 'postgres', false)", DENIED, '22023'],
  ['SELECT * FROM secrets', '42P01'],
  ['SELECT * FROM skep.accounts', '42P01'],
  ['SELECT * FROM postgres.skep.accounts', '0A000'],
  ['SELECT lo_get(77)', '42704'],
  ["SELECT pg_read_file('/etc/passwd')", DENIED],
  ["SELECT pg_read_binary_file('postgresql.conf')", DENIED],
  ["SELECT pg_ls_dir('.')", DENIED],
  ["SELECT pg_stat_file('PG_VERSION')", DENIED],
  ["SELECT lo_import('/etc/passwd')", DENIED],
  ["SELECT lo_export(1, '/tmp/skep-attack')", DENIED, '42704'],
  ["COPY (SELECT 1) TO PROGRAM 'id'", DENIED],
  ["COPY (SELECT 1) TO '/tmp/skep-attack'", DENIED],
  ["COPY loot FROM PROGRAM 'id'", DENIED],
  ["COPY loot FROM '/etc/passwd'", DENIED],
  ['CREATE EXTENSION dblink', DENIED],
  ['CREATE EXTENSION postgres_fdw', DENIED],
  ['CREATE EXTENSION file_fdw', DENIED],
  ['CREATE EXTENSION plperlu', DENIED, '0A000', '58P01'],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid'", DENIED],
  ["CREATE FUNCTION f(text) RETURNS int LANGUAGE internal AS 'pg_read_file'", DENIED],
  ["LOAD '/tmp/attack.so'", DENIED, '58P01'],
  ['CREATE DATABASE more', DENIED],
  ['DROP DATABASE postgres', DENIED, '42809'],
  ['CREATE ROLE accomplice LOGIN', DENIED],
  ['ALTER ROLE CURRENT_USER SUPERUSER', DENIED],
  ['ALTER ROLE CURRENT_USER CONNECTION LIMIT -1', DENIED],
  ["ALTER ROLE postgres PASSWORD 'mine'", DENIED],
  ['GRANT pg_read_all_data TO CURRENT_USER', DENIED],
  ['GRANT postgres TO CURRENT_USER', DENIED],
  ["ALTER SYSTEM SET work_mem = '1GB'", DENIED],
  ['ALTER SYSTEM RESET ALL', DENIED],
  ["DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 1', current_database()); END $$", DENIED],
  ["DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''1GB''', current_database()); END $$", DENIED],
  ['CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION f()', DENIED, '42883'],
  ["CREATE TABLESPACE t LOCATION '/tmp'", DENIED],
  ["CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p", DENIED],
  ['SET temp_file_limit = -1', DENIED],
  ['ALTER ROLE CURRENT_USER SET temp_file_limit = -1', DENIED],
  ["SET log_statement = 'all'", DENIED],
  ['SELECT pg_reload_conf()', DENIED],
  ['SELECT pg_rotate_logfile()', DENIED],
  ['SELECT pg_switch_wal()', DENIED],
  ["SELECT pg_create_physical_replication_slot('s')", DENIED],
  ['SELECT pg_stat_reset()', DENIED],
  ['SELECT rolpassword FROM pg_authid', DENIED],
  ["SELECT current_setting('data_directory')", DENIED],
  ["SELECT current_setting('hba_file')", DENIED],
  ['SELECT * FROM pg_hba_file_rules', DENIED],
  ['SELECT 1; SELECT 2', '42601'],
];

/** What tells of other tenants in catalogs that all databases share, and what writes to the log of all. Only a superuser can take it away. */
export const NEEDING_SUPERUSER: typeof REFUSED = [
  ["SELECT pg_logical_emit_message(false, 'x', repeat('x', 100))", DENIED],
  ['ALTER ROLE CURRENT_USER RESET temp_file_limit', DENIED],
  ['SELECT datname FROM pg_database', DENIED],
  ['SELECT rolname FROM pg_roles', DENIED],
  ['SELECT usename FROM pg_user', DENIED],
  ['SELECT query FROM pg_stat_activity', DENIED],
  ['SELECT * FROM pg_stat_get_activity(NULL)', DENIED],
  ['SELECT datname FROM pg_stat_database', DENIED],
  ['SELECT * FROM pg_locks', DENIED],
  ['SELECT * FROM pg_db_role_setting', DENIED],
  ['SELECT * FROM pg_shdepend', DENIED],
];

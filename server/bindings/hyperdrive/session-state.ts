/** Which statements leave something in their session that the next transaction counts on: then it keeps its connection. */

const STATEFUL_TAGS = new Set(['SET', 'LISTEN', 'PREPARE', 'LOAD', 'DECLARE CURSOR']);
/** Temporary tables, and functions that change the session. Found in comments and texts, too, which costs a connection and no more. */
const STATEFUL_SQL = /\btemp(?:orary)?\b|\bset_config\b|\bpg_(?:try_)?advisory_lock/i;

/** By what the server calls a statement that is done. */
export const leavesState = (tag: string): boolean => STATEFUL_TAGS.has(tag);

/** By its text. */
export const mayLeaveState = (sql: string): boolean => STATEFUL_SQL.test(sql);

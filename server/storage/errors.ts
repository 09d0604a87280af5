/** What can go wrong with the database, sorted by what the caller can do about it. */

/** The database cannot be used at all with this program or configuration. `message` is ready to be printed. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** The database cannot be reached or cannot work just now; nothing is known to be changed. Try again later. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** SQLSTATEs after which the same transaction may be tried again: serialization_failure, deadlock_detected. */
const RETRY_STATES = new Set(['40001', '40P01']);

/** Going down, starting, read-only (a standby), or too slow: a lock or statement timed out. */
const UNAVAILABLE_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '57014', '55P03', '25006', '25P03']);
/** Whole classes: 08 connection exceptions, 53 out of disk or memory, 58 system errors of the server's machine. */
const UNAVAILABLE_CLASSES = new Set(['08', '53', '58']);

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  // A unix socket whose server takes no more connections: it stands still.
  'EAGAIN',
  'ECONNABORTED',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** What `pg` says when all connections of a pool were in use for as long as one may wait for them. */
const POOL_BUSY = 'timeout exceeded when trying to connect';

/** True when nobody asked the database: all connections to it were in use. */
export const isPoolBusy = (error: unknown): boolean => error instanceof Error && error.message === POOL_BUSY;

/** pg has no codes for these. */
const UNAVAILABLE_MESSAGES =
  /^(Connection terminated|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** The SQLSTATE or system code of an error, or ''. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** True when a row with the same unique values is there already. */
export const isUniqueViolation = (error: unknown): boolean => codeOf(error) === '23505';

/** True when the same transaction may simply be tried again. */
export function mayRetry(error: unknown): boolean {
  return RETRY_STATES.has(codeOf(error));
}

/**
 * True when the server's table of locks is full: nothing was done, and trying again soon helps, since whoever fills it loses his. The same
 * SQLSTATE says that a session's own memory is used up, where it would not.
 */
export const isLockShortage = (error: unknown): boolean =>
  codeOf(error) === '53200' && error instanceof Error && error.message.includes('shared memory');

/** True when the database cannot be reached or cannot work now, whatever is asked of it. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const code = codeOf(error);
  if (NETWORK_CODES.has(code) || UNAVAILABLE_STATES.has(code)) return true;
  if (code.length === 5 && UNAVAILABLE_CLASSES.has(code.slice(0, 2))) return true;
  return isPoolBusy(error) || (error instanceof Error && UNAVAILABLE_MESSAGES.test(error.message));
}

/** A connection URL that may be shown: no password, no parameters. */
export function maskUrl(url: string): string {
  try {
    // A socket directory stands in the parameters, and URL takes an empty host only without a user.
    const parsed = new URL(url.replace('@/', '@localhost/'));
    if (parsed.password !== '') parsed.password = '***';
    parsed.search = '';
    return parsed.href;
  } catch {
    return '(a URL that cannot be parsed)';
  }
}

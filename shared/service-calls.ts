/** What one process has counted of the calls of one worker to another within a minute. */
export interface ServiceCallMinute {
  readonly accountId: string;
  readonly caller: string;
  readonly callee: string;
  /** Begin of the minute, milliseconds since the epoch. */
  readonly atMs: number;
  readonly calls: number;
  /** Of those, the ones that ended otherwise than by an answer or by the caller's wish. */
  readonly errors: number;
  /** Until the answers were out, of all calls together, and of the slowest. */
  readonly totalMs: number;
  readonly longestMs: number;
}

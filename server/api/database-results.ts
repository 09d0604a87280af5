/** Runs SQL for the API and makes D1's JSON of what comes of it. */
import type { WorkerDatabases } from '../storage/databases/databases.ts';
import { runUnderSizeRule, sizeRuleFor } from '../storage/databases/size-rules.ts';
import { ServerError } from '../storage/wire/frames.ts';
import {
  changedRows,
  type Column,
  type ResultSink,
  rowToJson,
  Session,
  SessionEnded,
} from '../storage/wire/session.ts';
import { fail, unavailable } from './errors.ts';
import { DATABASE_LIMITS } from '../../shared/limits.ts';

/** One statement's result. */
export interface StatementResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly changes: number;
  readonly ms: number;
}

export interface AskedSql {
  /** Several statements, when there are no parameters. They are one transaction. */
  readonly sql: string;
  readonly params: readonly unknown[];
}

/** @throws ApiError 7404, 7500 with PostgreSQL's words, 503 */
export async function runSql(
  databases: WorkerDatabases,
  accountId: string,
  id: string,
  { sql, params }: AskedSql,
): Promise<StatementResult[]> {
  const entered = await databases.enter(accountId, id);
  if (entered === null) throw fail('databaseNotFound', { database: id.slice(0, 100) });
  const { statementMs } = databases.times;
  let session: Session | undefined;
  const timer = setTimeout(
    () => session?.end(new SessionEnded(`The statements took longer than ${statementMs / 1000} s and were ended.`)),
    statementMs,
  );
  try {
    const rule = sizeRuleFor(entered, [{ sql }]);
    const opened = await Session.open(entered.pool);
    session = opened;
    const collector = new Collector(() => opened.end(new SessionEnded('The results are larger than 16 MiB.')));
    // Under a rule it is one statement, whatever the text looks like: PostgreSQL refuses several when they are sent this way.
    const isOne = params.length > 0 || rule !== null;
    await runUnderSizeRule(rule, entered, opened, () =>
      isOne ? opened.run([{ sql, params: params.map(toText) }], collector) : opened.runScript(sql, collector),
    );
    return collector.results;
  } catch (error) {
    throw asApiError(error);
  } finally {
    clearTimeout(timer);
    session?.release();
  }
}

const toText = (value: unknown): string | null => {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** What storage says of SQL that failed, as the API says it. Other errors as they are. */
export function asApiError(error: unknown): unknown {
  const { name, message } = error as Error;
  if (error instanceof ServerError) {
    const { code, fields } = error;
    const where = fields.position === undefined ? '' : ` at position ${fields.position}`;
    const detail = fields.detail === undefined ? '' : ` (${fields.detail})`;
    return fail('databaseQueryFailed', { reason: `${message}${detail}: SQLSTATE ${code}${where}`.slice(0, 4096) });
  }
  if (name === 'SessionEnded' || name === 'NoSuchTable') return fail('databaseQueryFailed', { reason: message });
  if (name === 'NoConnection' || name === 'SessionLost') return unavailable(message.replace(/\.$/, ''), 2, error);
  return error;
}

type Reader = (text: string) => unknown;

const toSafeNumber: Reader = (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text);

/** By oid; what is not here stays text. */
const READERS: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [16, (text) => text === 't'],
  [20, toSafeNumber],
  [21, toSafeNumber],
  [23, toSafeNumber],
  [26, toSafeNumber],
  [114, (text) => JSON.parse(text) as unknown],
  [700, Number],
  [701, Number],
  [3802, (text) => JSON.parse(text) as unknown],
]);

class Collector implements ResultSink {
  readonly results: StatementResult[] = [];
  readonly #onTooMuch: () => void;
  #columns: readonly Column[] = [];
  #rows: unknown[][] = [];
  #characters = 0;
  #startedMs = performance.now();

  constructor(onTooMuch: () => void) {
    this.#onTooMuch = onTooMuch;
  }

  columns(columns: readonly Column[]): void {
    this.#columns = columns;
  }

  row(frame: Buffer): void {
    const json = rowToJson(frame);
    this.#characters += json.length;
    if (this.#characters > DATABASE_LIMITS.maxApiResultCharacters) {
      this.#onTooMuch();
      return;
    }
    const texts = JSON.parse(json) as (string | null)[];
    this.#rows.push(
      texts.map((text, index) => {
        const reader = READERS.get(this.#columns[index]?.type ?? 0);
        return text === null || reader === undefined ? text : reader(text);
      }),
    );
  }

  done(tag: string): void {
    const nowMs = performance.now();
    this.results.push({
      columns: this.#columns.map(({ name }) => name),
      rows: this.#rows,
      changes: changedRows(tag) ?? 0,
      ms: nowMs - this.#startedMs,
    });
    this.#columns = [];
    this.#rows = [];
    this.#startedMs = nowMs;
  }
}

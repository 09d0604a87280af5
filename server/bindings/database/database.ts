/**
 * `env.DB`: a database that Skep made for workers, in D1's shape and PostgreSQL's own words. Which database it is follows from the deployed
 * version; the connection is the database's own role, from a pool of this node; every limit that SQL could change is kept here.
 */
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { D1Binding } from '../../../shared/worker.ts';
import type { Logger } from '../../log/types.ts';
import type { EnteredDatabase, WorkerDatabases } from '../../storage/databases/databases.ts';
import {
  asOverSize,
  overSize,
  refuseToLeaveReadOnly,
  runUnderSizeRule,
  sizeRuleFor,
} from '../../storage/databases/size-rules.ts';
import {
  NO_RESULT,
  type ResultSink,
  Session,
  SessionEnded,
  SessionLost,
  type Statement,
} from '../../storage/wire/session.ts';
import { StoreUnavailable } from '../../storage/store.ts';
import type { BindingCall, WorkerEvent } from '../../supervisor/types.ts';
import { createDataBinding, OperationError } from '../data-binding.ts';
import { readArguments, readBegin, readRun, readScript, readTransaction } from './arguments.ts';
import { failureOf } from './failures.ts';
import { ResultWriter } from './results.ts';
import { Transactions } from './transactions.ts';

export interface DatabaseBindingOptions {
  readonly databases: Pick<WorkerDatabases, 'enter' | 'times' | 'liveness'>;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly log: Logger;
}

/** The broker's handler of `d1` bindings. */
export function createDatabaseBinding(
  options: DatabaseBindingOptions,
): (call: BindingCall, binding: D1Binding) => void {
  const transactions = new Transactions(options.databases.times.transactionMs);
  const operation =
    (work: (call: BindingCall, binding: D1Binding, args: Record<string, unknown>) => Promise<void>) =>
    async (call: BindingCall, binding: D1Binding, args: unknown): Promise<void> => {
      try {
        await work(call, binding, await readArguments(call, args));
      } catch (error) {
        const failure = failureOf(error);
        if (failure === undefined) throw error;
        moveClock(call);
        call.fail(failure);
      }
    };
  const run = operation(async (call, binding, args) => {
    const { statements, transaction } = readRun(args);
    const work = (session: Session, sink: ResultSink): Promise<void> =>
      session.run(statements, sink, { isLast: transaction === null });
    await runAsked(options, transactions, call, binding, { statements, transaction, work });
  });
  return createDataBinding<D1Binding>({
    onEvent: options.onEvent,
    log: options.log,
    unavailable: () => ({ name: 'Error', message: 'The database cannot be reached.' }),
    operations: {
      query: run,
      batch: run,
      exec: operation(async (call, binding, args) => {
        const { sql, transaction } = readScript(args);
        const work = (session: Session, sink: ResultSink): Promise<void> => session.runScript(sql, sink);
        await runAsked(options, transactions, call, binding, { statements: null, transaction, work });
      }),
      begin: operation((call, binding, args) => begin(options, transactions, call, binding, args)),
      commit: operation((call, binding, args) => finish(options, transactions, call, binding, args, 'COMMIT')),
      rollback: operation((call, binding, args) => finish(options, transactions, call, binding, args, 'ROLLBACK')),
    },
  });
}

async function enter({ databases }: DatabaseBindingOptions, call: BindingCall, id: string): Promise<EnteredDatabase> {
  const entered = await databases.enter(call.caller.version.accountId, id);
  if (entered === null) throw new OperationError(`The database ${id} does not exist any longer.`);
  return entered;
}

interface Asked {
  /** Null: a script, of which nobody knows what it does. */
  readonly statements: readonly Statement[] | null;
  /** Null: none, it is a connection of its own. */
  readonly transaction: string | null;
  readonly work: (session: Session, sink: ResultSink) => Promise<void>;
}

async function runAsked(
  options: DatabaseBindingOptions,
  transactions: Transactions,
  call: BindingCall,
  binding: D1Binding,
  asked: Asked,
): Promise<void> {
  if (asked.transaction === null) return runAlone(options, call, binding, asked);
  const { id, session, isSizeLimited } = transactions.find(call.caller, binding.databaseId, asked.transaction);
  if (isSizeLimited) refuseToLeaveReadOnly(asked.statements);
  await runWatched(options, session, call, asked.work).catch((error: unknown) => {
    throw isSizeLimited ? asOverSize(error) : error;
  });
  // The statement itself may have been a COMMIT: what comes next must not run outside of any transaction.
  if (session.backend.status === 'idle') transactions.close(id);
}

async function runAlone(
  options: DatabaseBindingOptions,
  call: BindingCall,
  binding: D1Binding,
  { statements, work }: Asked,
): Promise<void> {
  const database = await enter(options, call, binding.databaseId);
  const rule = sizeRuleFor(database, statements);
  let isGivenUp = false;
  call.onAbort = () => (isGivenUp = true);
  const session = await Session.open(database.pool);
  if (isGivenUp) return session.release();
  try {
    const run = (): Promise<void> => runWatched(options, session, call, work);
    await runUnderSizeRule(rule, database, session, run, (statement) => answered(options, session, statement));
  } finally {
    session.release();
  }
}

/** Runs it under the time limit of a statement, its results on their way to the worker as they come. */
async function runWatched(
  options: DatabaseBindingOptions,
  session: Session,
  call: BindingCall,
  work: (session: Session, sink: ResultSink) => Promise<void>,
): Promise<void> {
  const { backend } = session;
  const { abandonedMs } = DATABASE_LIMITS;
  const { statementMs } = options.databases.times;
  const writer = new ResultWriter(call, (isPaused) => (isPaused ? backend.pause() : backend.resume()));
  let timer = setTimeout(
    () => session.end(new SessionEnded(`A statement may take ${statementMs / 1000} s; this one was ended.`)),
    statementMs,
  );
  call.onAbort = () => {
    backend.resume();
    clearTimeout(timer);
    timer = setTimeout(() => session.end(new SessionEnded('The worker gave up its query.')), abandonedMs);
  };
  try {
    await answered(options, session, work(session, writer));
    moveClock(call);
    writer.end();
  } finally {
    backend.resume();
    clearTimeout(timer);
    call.onAbort = undefined;
  }
}

/** Does not wait for a server that is gone: the session ends, and whatever comes of the statement, nobody hears of it. */
async function answered<T>({ databases }: DatabaseBindingOptions, session: Session, statement: Promise<T>): Promise<T> {
  try {
    return await databases.liveness.watch(statement);
  } catch (error) {
    if (error instanceof StoreUnavailable) session.end(new SessionLost('The database does not answer.'));
    throw error;
  }
}

async function begin(
  options: DatabaseBindingOptions,
  transactions: Transactions,
  call: BindingCall,
  binding: D1Binding,
  args: Record<string, unknown>,
): Promise<void> {
  const { isolation, readOnly } = readBegin(args);
  const database = await enter(options, call, binding.databaseId);
  const isSizeLimited = database.isOverSize;
  let isGivenUp = false;
  call.onAbort = () => (isGivenUp = true);
  const session = await Session.open(database.pool);
  const unuse = database.use(() => session.end(overSize()));
  try {
    const mode = readOnly || isSizeLimited ? 'READ ONLY' : 'READ WRITE';
    await answered(
      options,
      session,
      session.runScript(`BEGIN ISOLATION LEVEL ${isolation.toUpperCase()} ${mode}`, NO_RESULT),
    );
  } catch (error) {
    unuse();
    session.release();
    throw error;
  }
  moveClock(call);
  if (isGivenUp) {
    unuse();
    session.release();
  } else transactions.add(call, { databaseId: binding.databaseId, session, isSizeLimited }, unuse);
}

async function finish(
  options: DatabaseBindingOptions,
  transactions: Transactions,
  call: BindingCall,
  { databaseId }: D1Binding,
  args: Record<string, unknown>,
  word: 'COMMIT' | 'ROLLBACK',
): Promise<void> {
  const { id, session } = transactions.find(call.caller, databaseId, readTransaction(args) ?? '');
  const isFailed = session.backend.status === 'failed';
  try {
    await answered(options, session, session.runScript(word, NO_RESULT));
  } finally {
    transactions.close(id);
  }
  moveClock(call);
  if (word === 'COMMIT' && isFailed) {
    throw new OperationError('The transaction was rolled back: one of its statements had failed.');
  }
  call.respondWith(null);
  call.end();
}

/** Something from outside has arrived. */
function moveClock({ caller: { pipeline } }: BindingCall): void {
  pipeline.clockMs = Math.max(pipeline.clockMs, Date.now());
}

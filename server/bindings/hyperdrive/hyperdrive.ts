/**
 * `env.HYPERDRIVE`: a PostgreSQL server for the drivers in a cell, behind which stands a database of the user's own, or one that Skep made.
 * The cell knows no credentials: whoever holds the other end of its channel is the deployed version, and may use what it is bound to.
 */
import type { HyperdriveBinding } from '../../../shared/worker.ts';
import type { Logger } from '../../log/types.ts';
import type { WorkerDatabases } from '../../storage/databases/databases.ts';
import type { Hyperdrive } from '../../storage/hyperdrive/hyperdrive.ts';
import type { BindingCall, WorkerEvent } from '../../supervisor/types.ts';
import { operationEvent } from '../data-binding.ts';
import { AnswerCache } from './cache.ts';
import { type EnteredPool, Frontend } from './frontend.ts';

export interface HyperdriveBindingOptions {
  readonly hyperdrive: Pick<Hyperdrive, 'enter' | 'roomOf'>;
  readonly databases: Pick<WorkerDatabases, 'enter' | 'times'>;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly log: Logger;
}

/** The broker's handler of `hyperdrive` bindings. */
export function createHyperdriveBinding(
  options: HyperdriveBindingOptions,
): (call: BindingCall, binding: HyperdriveBinding) => void {
  /** By cell: a client may cancel only what its own cell has asked. */
  const cache = new AnswerCache();
  const frontends = new Map<string, Set<Frontend>>();
  return (call, binding) => {
    if (call.upgrade !== 'socket') {
      call.fail({ name: 'TypeError', message: 'A Hyperdrive binding is connected to with a PostgreSQL driver.' });
      return;
    }
    const { cellId, pipeline } = call.caller;
    pipeline.clockMs = Math.max(pipeline.clockMs, Date.now());
    const socket = call.switchProtocols([]);
    if (socket === undefined) return;
    const siblings = frontends.get(cellId) ?? new Set();
    frontends.set(cellId, siblings);
    const { statementMs, transactionMs } = options.databases.times;
    const frontend: Frontend = new Frontend({
      socket,
      cache,
      room: options.hyperdrive.roomOf(call.caller.version.accountId),
      statementMs,
      transactionMs,
      enter: () => enter(options, call.caller.version.accountId, binding, (reason) => frontend.end('53100', reason)),
      onQuery: (ms, isOk) => options.onEvent(operationEvent(call, binding, 'query', isOk ? 'answered' : 'failed', ms)),
      onCancel: (processId, secret) => {
        for (const one of siblings) if (one.processId === processId && one.secret === secret) one.cancel();
      },
      onClosed: () => {
        siblings.delete(frontend);
        if (siblings.size === 0) frontends.delete(cellId);
      },
    });
    siblings.add(frontend);
  };
}

const OVER_SIZE =
  'The database is larger than allowed (make it smaller through a D1 binding or `wrangler d1 execute`), or the disk that it is on is nearly full';

/** A configuration by its id, or a database that Skep made by its own. */
async function enter(
  { hyperdrive, databases, log }: HyperdriveBindingOptions,
  accountId: string,
  { id }: HyperdriveBinding,
  onExceeded: (reason: string) => void,
): Promise<EnteredPool> {
  try {
    const origin = await hyperdrive.enter(accountId, id);
    if (origin !== null) {
      const { pool, key, config } = origin;
      const caching = config.caching.disabled ? null : { ...config.caching, scope: key };
      return { pool, caching, leave: () => undefined };
    }
    const database = await databases.enter(accountId, id);
    if (database === null) throw new Error(`There is no Hyperdrive configuration or database ${id} any longer`);
    if (database.isOverSize) throw new Error(OVER_SIZE);
    return { pool: database.pool, caching: null, leave: database.use(() => onExceeded(OVER_SIZE)) };
  } catch (error) {
    if ((error as Error).name !== 'StoreUnavailable') throw error;
    log.warn('A Hyperdrive configuration could not be read', { error });
    throw new Error('The platform’s own database cannot be reached', { cause: error });
  }
}

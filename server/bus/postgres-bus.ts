/**
 * The bus on PostgreSQL's LISTEN/NOTIFY, over a connection of its own.
 *
 *   connecting ─► listening ─► lost ─► connecting …      any ─► closed
 *
 * Nothing is kept for a listener that is away, and a pooler in front of the database may swallow notifications, so listeners
 * are also called after every (re)connect and every POLL_MS.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log/types.ts';
import { CHANGES_CHANNEL } from '../storage/changes.ts';
import type { Database } from '../storage/database.ts';
import type { Bus } from './types.ts';

export interface BusOptions {
  readonly database: Pick<Database, 'listen'>;
  readonly log: Logger;
  /** Milliseconds between the calls that nobody asked for; default 5,000. */
  readonly pollMs?: number;
}

const POLL_MS = 5_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 5_000;

/** Starts listening. Resolves at once; connecting goes on in the background and is repeated for ever. */
export function createBus(options: BusOptions): Bus {
  const listeners = new Set<(seq: bigint | null) => void>();
  const closing = new AbortController();
  const log = options.log.child({ component: 'bus' });
  const emit = (seq: bigint | null): void => {
    if (closing.signal.aborted) return;
    for (const listener of listeners) listener(seq);
  };
  const poll = setInterval(() => emit(null), options.pollMs ?? POLL_MS);
  const running = keepListening(options.database, emit, log, closing.signal);
  return {
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      clearInterval(poll);
      closing.abort();
      return running;
    },
  };
}

async function keepListening(
  database: Pick<Database, 'listen'>,
  emit: (seq: bigint | null) => void,
  log: Logger,
  closing: AbortSignal,
): Promise<void> {
  let delayMs = RECONNECT_FIRST_MS;
  while (!closing.aborted) {
    const connected = performance.now();
    try {
      await listenOnce(database, emit, closing);
      // A connection that lasted was a good one; one that breaks at once must not be tried in a tight loop.
      if (performance.now() - connected > RECONNECT_MAX_MS) delayMs = RECONNECT_FIRST_MS;
      if (!closing.aborted) log.warn('The connection for notifications was lost and is being opened again');
    } catch (error) {
      log.debug('The connection for notifications could not be opened', { error });
    }
    // Up to half of it at random: nodes that lost the same database must not all come back at once.
    await sleep(delayMs * (1 - Math.random() / 2), undefined, { signal: closing }).catch(() => {});
    delayMs = Math.min(delayMs * 2, RECONNECT_MAX_MS);
  }
}

/** Resolves when the connection is over. */
async function listenOnce(
  database: Pick<Database, 'listen'>,
  emit: (seq: bigint | null) => void,
  closing: AbortSignal,
): Promise<void> {
  let finish = (): void => {};
  const over = new Promise<void>((resolve) => (finish = resolve));
  const listener = await database.listen(CHANGES_CHANNEL, (payload) => emit(parseSeq(payload)), finish);
  closing.addEventListener('abort', finish, { once: true });
  if (closing.aborted) finish();
  else emit(null);
  await over;
  closing.removeEventListener('abort', finish);
  await listener.close();
}

function parseSeq(payload: string): bigint | null {
  return /^\d{1,19}$/.test(payload) ? BigInt(payload) : null;
}

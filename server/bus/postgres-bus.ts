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
import type { Bus, Subscription } from './types.ts';

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
  const emit = (payload: string | null): void => {
    for (const listener of listeners) listener(payload === null ? null : parseSeq(payload));
  };
  const subscription = subscribe(options, CHANGES_CHANNEL, emit);
  const poll = setInterval(() => emit(null), options.pollMs ?? POLL_MS);
  return {
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      clearInterval(poll);
      listeners.clear();
      return subscription.close();
    },
  };
}

/**
 * Listens to one channel over a connection of its own, for ever. `onMessage` gets each message, and null when some may have been missed:
 * after every (re)connect.
 */
export function subscribe(
  { database, log }: Pick<BusOptions, 'database' | 'log'>,
  channel: string,
  onMessage: (payload: string | null) => void,
): Subscription {
  const closing = new AbortController();
  let isConnected = false;
  const emit: Emit = (payload) => {
    isConnected = true;
    if (!closing.signal.aborted) onMessage(payload);
  };
  const listening: Listening = { database, channel, emit, onLost: () => (isConnected = false) };
  const running = keepListening(listening, log.child({ component: 'bus' }), closing.signal);
  return {
    get isConnected() {
      return isConnected;
    },
    close: () => {
      closing.abort();
      return running;
    },
  };
}

type Emit = (payload: string | null) => void;

interface Listening {
  readonly database: Pick<Database, 'listen'>;
  readonly channel: string;
  readonly emit: Emit;
  readonly onLost: () => void;
}

async function keepListening(listening: Listening, log: Logger, closing: AbortSignal): Promise<void> {
  let delayMs = RECONNECT_FIRST_MS;
  while (!closing.aborted) {
    const connected = performance.now();
    try {
      await listenOnce(listening, closing);
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
async function listenOnce({ database, channel, emit, onLost }: Listening, closing: AbortSignal): Promise<void> {
  let finish = (): void => {};
  const over = new Promise<void>((resolve) => (finish = resolve));
  const listener = await database.listen(channel, emit, finish);
  closing.addEventListener('abort', finish, { once: true });
  if (closing.aborted) finish();
  else emit(null);
  await over;
  onLost();
  closing.removeEventListener('abort', finish);
  await listener.close();
}

function parseSeq(payload: string): bigint | null {
  return /^\d{1,19}$/.test(payload) ? BigInt(payload) : null;
}

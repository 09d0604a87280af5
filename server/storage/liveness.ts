/**
 * Tells a database that is gone from one that is slow. Whoever waits longer than PATIENCE_MS for an answer asks another question, and if
 * that one is not answered either, everybody who waits hears that the database is gone: within two seconds, whatever the time-outs of
 * statements are, and without failing the statements of a busy one.
 */
import type { Connection, Database } from './database.ts';
import { StoreUnavailable } from './store.ts';

const PATIENCE_MS = 1_000;
const PROBE_TIMEOUT_MS = 800;
/** Once it was found gone: so long a statement may take to show the contrary … */
const SHORT_PATIENCE_MS = 100;
/** … and so long that finding is believed. An operation of several statements fails once, not once for each. */
const BELIEVED_MS = 500;

/** Watches statements of one database. */
export class Liveness {
  readonly #probe: () => Promise<unknown>;
  readonly #patienceMs: number;
  readonly #probeTimeoutMs: number;
  #probing: Promise<boolean> | undefined;
  #isDown = false;
  #foundGoneMs = Number.NEGATIVE_INFINITY;

  /**
   * @param probe asks the database something trivial on a connection of its own
   * @param patienceMs how long a statement may take before anybody asks
   * @param probeTimeoutMs how long the answer to that may take
   */
  constructor(
    probe: () => Promise<unknown>,
    patienceMs: number = PATIENCE_MS,
    probeTimeoutMs: number = PROBE_TIMEOUT_MS,
  ) {
    this.#probe = probe;
    this.#patienceMs = patienceMs;
    this.#probeTimeoutMs = probeTimeoutMs;
  }

  /** What the last answer, or its absence, said. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** The statement's answer; or StoreUnavailable as soon as the database is known to be gone. */
  async watch<T>(statement: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const gone = new Promise<never>((_resolve, reject) => {
      const check = (): void => {
        void this.isAlive().then((alive) => {
          if (alive) timer = setTimeout(check, this.#patienceMs);
          else reject(new StoreUnavailable('The database does not answer: it is gone, or the network to it'));
        });
      };
      timer = setTimeout(check, this.#isDown ? SHORT_PATIENCE_MS : this.#patienceMs);
    });
    try {
      const answer = await Promise.race([statement, gone]);
      this.#isDown = false;
      return answer;
    } catch (error) {
      if (error instanceof StoreUnavailable) this.#isDown = true;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks now, together with all who ask at the same time. That it is gone is believed for half a second. */
  isAlive(): Promise<boolean> {
    if (performance.now() - this.#foundGoneMs < BELIEVED_MS) return Promise.resolve(false);
    this.#probing ??= this.#ask().then((isAlive) => {
      this.#probing = undefined;
      if (!isAlive) this.#foundGoneMs = performance.now();
      return isAlive;
    });
    return this.#probing;
  }

  async #ask(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    // What came while this process itself stood still is read behind its timers: it gets a turn before the verdict.
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => setImmediate(() => resolve(false)), this.#probeTimeoutMs);
    });
    const answered = this.#probe().then(
      () => true,
      () => false,
    );
    try {
      return await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const PROBE = { connectTimeoutMs: PROBE_TIMEOUT_MS, statementTimeoutMs: PROBE_TIMEOUT_MS, prelude: '' };

/**
 * The same database, whose queries and transactions end with StoreUnavailable as soon as it is known to be gone. What was sent may
 * still be carried out: nothing is known of it then.
 */
export function watchedDatabase(database: Database, patienceMs?: number): Database {
  const probe = new StandingProbe(database);
  const liveness = new Liveness(() => probe.ask(), patienceMs);
  return {
    isAlone: database.isAlone,
    query: (sql, values) => liveness.watch(database.query(sql, values)),
    transaction: (work, mode) => liveness.watch(database.transaction(work, mode)),
    connect: (options) => database.connect(options),
    withOwnPool: (size) => database.withOwnPool(size),
    listen: (channel, onNotify, onLost) => database.listen(channel, onNotify, onLost),
    close: async () => {
      probe.close();
      await database.close();
    },
  };
}

/** A connection that stays: on a machine that is busy, making one takes longer than many an answer. One that fails is replaced by the next question. */
export class StandingProbe {
  readonly #database: Pick<Database, 'connect'>;
  #connection: Connection | undefined;

  constructor(database: Pick<Database, 'connect'>) {
    this.#database = database;
  }

  /** Rejects when the database has not answered in time. */
  async ask(): Promise<void> {
    if (this.#connection?.isOpen !== true) this.#connection = await this.#database.connect(PROBE);
    const connection = this.#connection;
    const late = setTimeout(() => connection.close(), PROBE_TIMEOUT_MS);
    try {
      await connection.query({ name: 'alive', text: 'SELECT 1' }, []);
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#connection?.close();
  }
}

/**
 * Connections to one PostgreSQL for many workers. Whoever gets one gets it as if it were new: what the one before left in the session is
 * taken back before it is handed on, and a session that cannot be cleaned is thrown away.
 */
import { serialize } from 'pg-protocol';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { isUnavailable } from '../errors.ts';
import { Backend, type BackendTarget } from './backend.ts';
import { BACKEND } from './frames.ts';
import { type SilenceTimes, SilenceWatch } from './silence.ts';

/** No connection could be had. `message` is for the worker. */
export class NoConnection extends Error {
  override readonly name = 'NoConnection';
  /** The database cannot be reached, in place of being busy. */
  readonly isUnreachable: boolean;

  constructor(message: string, options: { isUnreachable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.isUnreachable = options.isUnreachable;
  }
}

/** `trustedIdleMs`: what was idle for less is handed on as it is. */
export type PoolTimes = SilenceTimes & { readonly trustedIdleMs: number };

export interface PoolOptions {
  /** Default: the platform's limits. */
  readonly times?: PoolTimes;
  /** Asked for every connection anew: a password may have changed. */
  readonly target: () => Promise<BackendTarget>;
  /** Default: as the target says. */
  readonly connect?: (target: BackendTarget) => Promise<Backend>;
  readonly maxConnections: number;
  /** Takes one of the node's places, or says that there is none. */
  readonly takePlace: () => boolean;
  readonly freePlace: () => void;
  /** True: another database has no connection at all and waits for one. Default: there is no other. */
  readonly othersStarve?: (pool: BackendPool) => boolean;
  /** The server takes no more connections, and this pool has none. */
  readonly onFull?: (pool: BackendPool) => void;
  /** A connection was made, and nobody has it yet. */
  readonly onConnected?: (backend: Backend) => void;
  /** Ends a session whose statement does not stop. Absent: nobody may but the session itself. */
  readonly terminate?: (processId: number) => Promise<void>;
  /** SQLSTATE of a refused connection: true when trying again may help, because something was mended. */
  readonly mend?: (code: string) => Promise<boolean>;
}

interface Waiting {
  readonly resolve: (backend: Backend) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** ROLLBACK first: DISCARD ALL is refused inside a transaction. */
const ROLLBACK = serialize.query('ROLLBACK');
const DISCARD = serialize.query('DISCARD ALL');
/** Asks for nothing, and is answered by every server and pooler. */
const NOTHING = serialize.query('');
/** SQLSTATEs with which a server refuses because it is full. */
const FULL = new Set(['53300', '53400']);
/** So long after that it is not asked again, give or take a half: many pools must not ask in step. */
const FULL_PAUSE_MS = 200;

const connectPlainly = (target: BackendTarget): Promise<Backend> =>
  Backend.connect(target, DATABASE_LIMITS.connectTimeoutMs);

/** How far the connection is with being made as new: 'under-way': DISCARD ALL was sent, its answer has not come. */
export type Cleaning = 'not-asked' | 'under-way' | 'done';

/** The node's connections to one database: made when they are needed, cleaned between sessions, closed when idle. Whoever finds none waits. */
export class BackendPool {
  readonly #options: PoolOptions;
  readonly #idle: { readonly backend: Backend; readonly sinceMs: number }[] = [];
  readonly #all = new Set<Backend>();
  readonly #waiting = new Set<Waiting>();
  #connecting = 0;
  #parameters: ReadonlyMap<string, string> | undefined;
  #isClosed = false;
  #sweep: NodeJS.Timeout | undefined;
  #target: BackendTarget | undefined;
  /** Set while a server that was full is left alone. */
  #fullPause: NodeJS.Timeout | undefined;
  readonly #times: PoolTimes;
  readonly #silence: SilenceWatch;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#times = options.times ?? DATABASE_LIMITS;
    this.#silence = new SilenceWatch({
      times: this.#times,
      backends: () => this.#all,
      target: () => this.#target,
      onSilent: () => this.#dropIdle(),
    });
  }

  get connections(): number {
    return this.#all.size + this.#connecting;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The server's processes behind the connections. */
  get processIds(): number[] {
    return Array.from(this.#all, ({ processId }) => processId);
  }

  /** Where the connections lead; undefined before the first. */
  get server(): string | undefined {
    return this.#target === undefined ? undefined : `${this.#target.host}:${this.#target.port}`;
  }

  /** Somebody waits, and there is not one connection that could become free. */
  get isStarving(): boolean {
    return this.#waiting.size > 0 && this.#all.size === 0;
  }

  get foundServerFull(): boolean {
    return this.#fullPause !== undefined;
  }

  /** A clean connection. Rejects with NoConnection. Give it back with `release`. */
  acquire(): Promise<Backend> {
    const idle = this.#takeIdle();
    if (idle !== undefined) {
      const isTrusted = performance.now() - idle.sinceMs < this.#times.trustedIdleMs;
      return isTrusted ? Promise.resolve(idle.backend) : this.#tryOut(idle.backend);
    }
    if (this.#isClosed) return Promise.reject(gone());
    if (this.#waiting.size >= DATABASE_LIMITS.waitingPerDatabase) {
      return Promise.reject(
        new NoConnection(`More than ${DATABASE_LIMITS.waitingPerDatabase} operations wait for the database.`, {
          isUnreachable: false,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(this.#waitedTooLong());
      }, DATABASE_LIMITS.connectionWaitMs);
      const waiting = { resolve, reject, timer };
      this.#waiting.add(waiting);
      this.#grow();
    });
  }

  /** One that has been idle for long, when it still answers; otherwise another one. */
  async #tryOut(backend: Backend): Promise<Backend> {
    const isAlive = await new Promise<boolean>((resolve) => {
      const late = setTimeout(() => resolve(false), DATABASE_LIMITS.connectTimeoutMs);
      const answer = (alive: boolean): void => {
        clearTimeout(late);
        resolve(alive);
      };
      backend.onLost = () => answer(false);
      backend.onFrame = (type) => type === BACKEND.ready && answer(true);
      backend.write(NOTHING);
    });
    backend.onLost = () => undefined;
    backend.onFrame = () => undefined;
    if (isAlive && backend.status === 'idle') return backend;
    backend.destroy();
    // The others lie there for as long.
    this.#dropIdle();
    return await this.acquire();
  }

  #dropIdle(): void {
    for (const { backend } of this.#idle.splice(0)) backend.destroy();
  }

  #waitedTooLong(): NoConnection {
    const seconds = DATABASE_LIMITS.connectionWaitMs / 1000;
    if (this.foundServerFull) {
      return new NoConnection(
        `The database server takes no more connections (53300), and none became free within ${seconds} s. Raise its max_connections, or lower origin_connection_limit.`,
        { isUnreachable: false },
      );
    }
    const isOwnDoing = this.connections >= this.#options.maxConnections;
    return new NoConnection(
      isOwnDoing
        ? `No connection to the database became free within ${seconds} s; ${this.connections} are allowed, all in use. Shorten transactions and queries.`
        : `No connection to the database became free within ${seconds} s: other databases use all that this account, or this node, may have.`,
      { isUnreachable: false },
    );
  }

  /** What the server says of itself: its version, its encoding. Connects when nobody has yet. */
  async serverParameters(): Promise<ReadonlyMap<string, string>> {
    if (this.#parameters !== undefined) return this.#parameters;
    const backend = await this.acquire();
    this.#parameters = backend.parameters;
    this.#offer(backend);
    return this.#parameters;
  }

  /** Gives a connection back. One that is in the middle of something is ended. */
  release(
    backend: Backend,
    { isBusy, cleaning = 'not-asked' }: { readonly isBusy: boolean; readonly cleaning?: Cleaning },
  ): void {
    if (backend.isGone || !this.#all.has(backend)) return;
    backend.onLost = () => undefined;
    if (isBusy) this.abandon(backend);
    else if (backend.isCancelling) backend.whenCancelled(() => this.release(backend, { isBusy, cleaning }));
    else if (cleaning === 'done') {
      backend.onGone = () => this.#forget(backend);
      backend.onFrame = () => undefined;
      this.#offer(backend);
    } else this.#clean(backend, cleaning);
  }

  /** Ends a connection, and what the server does for it. */
  abandon(backend: Backend): void {
    if (backend.isGone) return;
    const { terminate } = this.#options;
    if (terminate === undefined) backend.cancel();
    // When it cannot be asked, the server notices within a second that nobody listens any longer.
    else terminate(backend.processId).catch(() => undefined);
    backend.destroy();
  }

  /** Ends all connections at once; whoever has one hears why. What the server does for them is the caller's to end. */
  endAll(because: Error): void {
    for (const backend of [...this.#all]) backend.lose(because);
  }

  #clean(backend: Backend, cleaning: 'not-asked' | 'under-way'): void {
    let left = backend.status === 'idle' || cleaning === 'under-way' ? 1 : 2;
    const late = setTimeout(() => this.abandon(backend), DATABASE_LIMITS.connectTimeoutMs);
    const stop = (): void => {
      clearTimeout(late);
      backend.onFrame = () => undefined;
    };
    backend.onGone = () => {
      stop();
      this.#forget(backend);
    };
    backend.onFrame = (type) => {
      if (type === BACKEND.error) {
        stop();
        backend.destroy();
      } else if (type === BACKEND.ready && --left === 0) {
        stop();
        if (backend.status === 'idle') this.#offer(backend);
        else backend.destroy();
      }
    };
    backend.resume();
    if (cleaning === 'not-asked') backend.write(left === 2 ? Buffer.concat([ROLLBACK, DISCARD]) : DISCARD);
  }

  /** It is clean: to who waits longest, or to the shelf. */
  #offer(backend: Backend): void {
    const isLastHope = this.#waiting.size > 0 && this.#all.size === 1;
    if (this.#isClosed || (!isLastHope && this.#options.othersStarve?.(this) === true)) {
      backend.end();
      return;
    }
    const [next] = this.#waiting;
    if (next !== undefined) {
      this.#waiting.delete(next);
      clearTimeout(next.timer);
      next.resolve(backend);
      return;
    }
    this.#idle.push({ backend, sinceMs: performance.now() });
    this.#sweep ??= setInterval(() => this.#closeIdle(), DATABASE_LIMITS.idleConnectionMs / 2).unref();
  }

  #takeIdle(): { readonly backend: Backend; readonly sinceMs: number } | undefined {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      if (!entry.backend.isGone) return entry;
    }
    return undefined;
  }

  #closeIdle(): void {
    const oldest = performance.now() - DATABASE_LIMITS.idleConnectionMs;
    while (this.#idle[0] !== undefined && this.#idle[0].sinceMs <= oldest) this.#idle.shift()?.backend.end();
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  /** Closes the connection that was idle for longest: another database needs its place. False: none is idle. */
  giveUpPlace(): boolean {
    const entry = this.#idle.shift();
    entry?.backend.end();
    return entry !== undefined;
  }

  #grow(): void {
    if (this.#fullPause !== undefined) return;
    while (this.#connecting < this.#waiting.size && this.connections < this.#options.maxConnections) {
      if (!this.#options.takePlace()) return;
      this.#connecting++;
      void this.#connect();
    }
  }

  async #connect(): Promise<void> {
    try {
      const backend = await this.#tryToConnect();
      this.#connecting--;
      this.#all.add(backend);
      this.#silence.start();
      backend.onGone = () => this.#forget(backend);
      this.#options.onConnected?.(backend);
      this.#offer(backend);
    } catch (error) {
      this.#connecting--;
      this.#refuse(error);
      this.#options.freePlace();
    }
  }

  async #tryToConnect(): Promise<Backend> {
    const { target, mend, connect = connectPlainly } = this.#options;
    try {
      this.#target = await target();
      return await connect(this.#target);
    } catch (error) {
      const { code } = error as { code?: string };
      if (mend === undefined || code === undefined || !(await mend(code))) throw error;
      return await connect(await target());
    }
  }

  /** A connection could not be made. Whoever waits hears why; when there are others, a full server is only waited for. */
  #refuse(error: unknown): void {
    const { code, message } = error as { code?: string; message: string };
    if (FULL.has(code ?? '')) {
      this.#waitForRoom();
      return;
    }
    const isUnreachable = isUnavailable(error);
    const reason = isUnreachable ? 'The database cannot be reached.' : `The database refuses connections: ${message}`;
    for (const waiting of this.#waiting) {
      clearTimeout(waiting.timer);
      waiting.reject(error instanceof NoConnection ? error : new NoConnection(reason, { isUnreachable, cause: error }));
    }
    this.#waiting.clear();
  }

  /** Whoever waits goes on waiting: others give connections back, and the server is asked again in a moment. */
  #waitForRoom(): void {
    if (this.#fullPause !== undefined || this.#isClosed) return;
    const pauseMs = FULL_PAUSE_MS * (0.5 + Math.random());
    this.#fullPause = setTimeout(() => {
      this.#fullPause = undefined;
      this.#grow();
    }, pauseMs);
    if (this.isStarving) this.#options.onFull?.(this);
  }

  #forget(backend: Backend): void {
    if (!this.#all.delete(backend)) return;
    if (this.#all.size === 0) this.#silence.stop();
    const at = this.#idle.findIndex((entry) => entry.backend === backend);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#options.freePlace();
    this.#grow();
  }

  /** A place has become free in the node. */
  placeIsFree(): void {
    this.#grow();
  }

  /** `isDraining`: who has a connection may go on with it; otherwise all end now. */
  close({ isDraining }: { readonly isDraining: boolean }): void {
    this.#isClosed = true;
    clearTimeout(this.#fullPause);
    clearInterval(this.#sweep);
    for (const { timer, reject } of this.#waiting) {
      clearTimeout(timer);
      reject(gone());
    }
    this.#waiting.clear();
    for (const { backend } of this.#idle.splice(0)) backend.end();
    if (isDraining) return;
    for (const backend of this.#all) this.abandon(backend);
  }
}

const gone = (): NoConnection =>
  new NoConnection('The database is no longer there, or this server is stopping.', { isUnreachable: true });

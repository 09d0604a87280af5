/**
 * Notices a PostgreSQL that has fallen silent: its machine is gone, the network swallows what is sent, or it stands still. TCP says nothing of
 * it for a quarter of an hour, and a statement may take long for good reasons, so the server is asked something else meanwhile.
 */
import { connect } from 'node:net';
import { serialize } from 'pg-protocol';
import type { Backend, BackendTarget } from './backend.ts';

/** How long what is waited for; tests shorten it. */
export type SilenceTimes = Readonly<Record<'silenceMs' | 'silenceProbeMs', number>>;

/** What a worker hears when its statement was waiting for a server that fell silent. */
export class SilentServer extends Error {
  override readonly name = 'SilentServer';
}

/**
 * Whether anything at all comes back from there: the answer to "do you speak TLS?", which a PostgreSQL and all poolers give to anybody before
 * they know who asks. A refused connection is something, too.
 */
export function isThere({ host, port }: Pick<BackendTarget, 'host' | 'port'>, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    const say = (answer: boolean): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(answer);
    };
    // What came while this process itself stood still is read behind its timers: it gets a turn before the verdict.
    const late = setTimeout(() => setImmediate(() => say(false)), timeoutMs);
    socket.once('connect', () => socket.write(serialize.requestSsl()));
    socket.once('data', () => say(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      // EAGAIN: a unix socket whose queue is full. The others: nobody knows the way there.
      if (code !== 'EAGAIN' && code !== 'ETIMEDOUT' && code !== 'EHOSTUNREACH' && code !== 'ENETUNREACH') say(true);
    });
    socket.once('end', () => say(true));
  });
}

export interface SilenceWatchOptions {
  readonly times: SilenceTimes;
  readonly backends: () => Iterable<Backend>;
  /** Where they lead. */
  readonly target: () => BackendTarget | undefined;
  /** Connections on which nothing is asked lead nowhere either. */
  readonly onSilent: () => void;
}

/** Looks after the connections of a pool, while there are any. */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  /** The server was there then; whoever is silent is not asked about before as long again. */
  #provenMs = Number.NEGATIVE_INFINITY;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), this.#options.times.silenceMs / 2).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #silent(): Backend[] {
    const now = performance.now();
    return [...this.#options.backends()].filter((backend) => backend.silentMs(now) > this.#options.times.silenceMs);
  }

  #look(): void {
    const { times, target } = this.#options;
    const isKnown = performance.now() - this.#provenMs < times.silenceMs;
    const where = target();
    if (this.#isAsking || isKnown || where === undefined || this.#silent().length === 0) return;
    this.#isAsking = true;
    void isThere(where, times.silenceProbeMs).then((isThereStill) => {
      this.#isAsking = false;
      if (isThereStill) this.#provenMs = performance.now();
      else this.#end();
    });
  }

  /** Those that have heard something meanwhile go on. */
  #end(): void {
    const silent = this.#silent();
    if (silent.length === 0) return;
    const { silenceMs, silenceProbeMs } = this.#options.times;
    const seconds = (silenceMs + silenceProbeMs) / 1000;
    for (const backend of silent) backend.lose(new SilentServer(`The database has not answered for ${seconds} s`));
    this.#options.onSilent();
  }
}

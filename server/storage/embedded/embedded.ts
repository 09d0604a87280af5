/**
 * The embedded PostgreSQL: real server programs from npm, reachable over a unix socket only, started and watched by us.
 *
 *   starting ─► running ─► stopping ─► stopped
 *                 │  ▲
 *         it died ▼  │ started again, with back-off
 *               restarting ─► stopping
 *
 * It ends with us, also when we are killed (see process.ts), and needs no cleaning up after that.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../log/types.ts';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { DataDir } from '../data-dir.ts';
import type { DatabaseConnection } from '../database.ts';
import { findBinaries, linkLibraries } from './binaries.ts';
import type { Binaries } from './binaries.ts';
import { SUPERUSER, clusterDir, ensureCluster, readPassword, startupError } from './cluster.ts';
import { chooseIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { killLeftSessions, stopOrphan } from './orphan.ts';
import { startProgram, whenDone, whenGone } from './process.ts';
import type { Child } from './process.ts';
import { currentSocketDir, openSocketDir } from './socket-dir.ts';

export interface EmbeddedOptions {
  /** Locked, so that no second Skep starts a PostgreSQL in it. */
  readonly dataDir: DataDir;
  readonly log: Logger;
  /** Where the programs are; default: the package for this machine. */
  readonly binaries?: Binaries;
  /** Additional settings of PostgreSQL, `fsync: 'off'` in tests for example. */
  readonly settings?: Readonly<Record<string, string>>;
  /** For tests: as if setpriv were missing. */
  readonly useLifeline?: boolean;
}

export interface EmbeddedPostgres {
  readonly connection: DatabaseConnection;
  /** The server's process at this moment; null while it is being restarted. */
  readonly pid: number | null;
  /** Ends it: cleanly (SIGINT), after 5 s at once (SIGQUIT). Idempotent. */
  stop(): Promise<void>;
}

/** Recovery after a crash may take long; a server that says nothing for this long never will. */
const READY_TIMEOUT_MS = 120_000;
/** Children of a killed server hold its memory, for a moment or until they are ended; then this start fails and a next one works. */
const SHARED_MEMORY_RETRIES = 20;
const STOP_TIMEOUT_MS = 5_000;
const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 10_000;
/** A server that ran this long starts the back-off anew. */
const STABLE_MS = 60_000;
const OUTPUT_LIMIT = 16_384;

const SETTINGS: Readonly<Record<string, string>> = {
  // No TCP at all: nothing to find for a port scan, no port to be taken.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // The platform's own, and those of workers (`DATABASE_LIMITS.connectionsPerNode`).
  max_connections: '120',
  // Times max_connections is the room for locks of all: a tenant may have an eighth of it (`DATABASE_LIMITS.locksPerDatabase`).
  max_locks_per_transaction: '640',
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  jit: 'off',
  // Nothing of the platform's goes through it; tenants can fill it, and it lies on the disk of all. Pages of 8 KiB.
  max_notify_queue_pages: '2048',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  // Statements can hold what users uploaded; the log must not.
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: '0',
  cluster_name: 'skep',
};

/**
 * Starts the embedded PostgreSQL; the first time its directory is made.
 * @throws DatabaseError with one printable sentence.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = options.dataDir.path;
  const binaries = options.binaries ?? findBinaries();
  const libraryPath = linkLibraries(binaries, join(dataDir, 'postgres-lib'));
  const identity = chooseIdentity(binaries, libraryPath, dataDir, clusterDir(dataDir));
  const log = options.log.child({ component: 'postgres' });
  const cluster = { dataDir, binaries, libraryPath, identity, log };
  await stopOrphan(join(clusterDir(dataDir), 'data'), log);
  const password = await ensureCluster(cluster);
  const socketDir = openSocketDir(dataDir, identity);
  const server = new EmbeddedServer({
    ...cluster,
    socketDir: socketDir.path,
    settings: { ...SETTINGS, ...options.settings },
    useLifeline: options.useLifeline ?? false,
  });
  try {
    await server.start();
  } catch (error) {
    socketDir.remove();
    throw error;
  }
  return {
    connection: connectionThrough(socketDir.path, password),
    get pid() {
      return server.pid;
    },
    stop: async () => {
      await server.stop();
      socketDir.remove();
    },
  };
}

/**
 * How to reach the embedded PostgreSQL of the Skep that runs on this directory.
 * @throws DatabaseError when this user may not read the password, or nothing is there.
 */
export function connectionOf(dataDir: string): DatabaseConnection {
  return connectionThrough(currentSocketDir(dataDir), readPassword(dataDir));
}

const connectionThrough = (host: string, password: string): DatabaseConnection => ({
  host,
  port: 5432,
  user: SUPERUSER,
  password,
  database: 'postgres',
});

interface ServerOptions {
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly libraryPath: string;
  readonly identity: Identity;
  readonly socketDir: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly useLifeline: boolean;
  readonly log: Logger;
}

class EmbeddedServer {
  readonly #options: ServerOptions;
  readonly #stopping = new AbortController();
  #child: Child | null = null;
  #supervision: Promise<void> = Promise.resolve();

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async start(): Promise<void> {
    const child = await this.#startOnce();
    this.#supervision = this.#supervise(child);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child !== null) await stopChild(child);
    await this.#supervision;
  }

  /** Resolves when it accepts connections. */
  async #startOnce(): Promise<Child> {
    for (let attempt = 1; ; attempt++) {
      const child = this.#spawn();
      const result = await untilReady(child, (line) => this.#report(line));
      if (result.ready) {
        this.#child = child;
        return child;
      }
      if (
        attempt > SHARED_MEMORY_RETRIES ||
        !/shared memory block|lock file "postmaster.pid" already exists/.test(result.output)
      ) {
        throw startupError(this.#options.dataDir, 'postgres', result.end, result.output);
      }
      if (result.output.includes('shared memory block')) killLeftSessions(this.#pgData, this.#options.log);
      await sleep(100);
    }
  }

  get #pgData(): string {
    return join(clusterDir(this.#options.dataDir), 'data');
  }

  #spawn(): Child {
    const { binaries, socketDir, settings } = this.#options;
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return startProgram(binaries.postgres, ['-D', this.#pgData, '-k', socketDir, ...args], {
      ...this.#options,
      deathSignal: 'INT',
      maxDataBytes: DATABASE_LIMITS.sessionMemoryBytes,
    });
  }

  /** Starts it again whenever it dies, until stop() is called. */
  async #supervise(first: Child): Promise<void> {
    let child = first;
    let delayMs = RESTART_FIRST_MS;
    while (!this.#stopping.signal.aborted) {
      const started = performance.now();
      const end = await whenGone(child);
      this.#child = null;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - started > STABLE_MS) delayMs = RESTART_FIRST_MS;
      this.#options.log.error('The embedded PostgreSQL died and is being started again', { end });
      const next = await this.#restart(delayMs);
      if (next === null) return;
      child = next;
      delayMs = Math.min(delayMs * 2, RESTART_MAX_MS);
    }
  }

  async #restart(firstDelayMs: number): Promise<Child | null> {
    for (let delayMs = firstDelayMs; !this.#stopping.signal.aborted; delayMs = Math.min(delayMs * 2, RESTART_MAX_MS)) {
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return null;
      try {
        const child = await this.#startOnce();
        if (this.#stopping.signal.aborted) await stopChild(child);
        else this.#options.log.info('The embedded PostgreSQL runs again');
        return child;
      } catch (error) {
        this.#options.log.error('The embedded PostgreSQL could not be started again', { error });
      }
    }
    return null;
  }

  /** PostgreSQL's own log lines, at a level that fits what they mean for us. */
  #report(line: string): void {
    if (/^(FATAL|PANIC):/.test(line) && !/the database system is (starting up|shutting down)/.test(line))
      this.#options.log.warn(line);
    else this.#options.log.debug(line);
  }
}

type StartResult = { readonly ready: true } | { readonly ready: false; readonly end: string; readonly output: string };

/** Watches the log for the line that PostgreSQL writes when it accepts connections: no polling, no delay. */
function untilReady(child: Child, report: (line: string) => void): Promise<StartResult> {
  return new Promise((resolve) => {
    let output = '';
    let rest = '';
    const timer = setTimeout(() => child.kill('SIGQUIT'), READY_TIMEOUT_MS);
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = (lines.pop() ?? '').slice(-OUTPUT_LIMIT);
      for (const line of lines) {
        report(line);
        if (!line.includes('database system is ready to accept connections')) continue;
        clearTimeout(timer);
        resolve({ ready: true });
      }
      output = (output + chunk).slice(-OUTPUT_LIMIT);
    });
    void whenDone(child).then((end) => {
      clearTimeout(timer);
      resolve({ ready: false, end, output });
    });
  });
}

async function stopChild(child: Child): Promise<void> {
  const gone = whenGone(child);
  child.kill('SIGINT');
  const quit = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  const kill = setTimeout(() => child.kill('SIGKILL'), 2 * STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(quit);
  clearTimeout(kill);
}

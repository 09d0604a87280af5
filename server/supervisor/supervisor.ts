/**
 * Starts, feeds, limits, drains and ends the cells of this node. The data path calls `fetch`; deployments call `warm` and `retire`;
 * uploads call `checkStartup`. Generic cells are kept pre-started, so that a version that has no cell gets one within
 * milliseconds.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { LoadedMessage } from '../../shared/protocol.ts';
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';
import type { Logger } from '../log/types.ts';
import { Cell, type CellContext } from './cell.ts';
import { LoadError } from './load-error.ts';
import { CellRoom } from './cell-room.ts';
import { Dispatch } from './dispatch.ts';
import { CellGroups } from './cgroup.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { BALANCE_INTERVAL_MS, FairShare } from './fair-share.ts';
import { HEALTHY } from './health.ts';
import { PrestartedCells } from './prestarted-cells.ts';
import { mayRaisePriority, stepsForWeight } from './priority.ts';
import { detectSandbox, type Sandbox, SandboxError, type SandboxMode } from './sandbox.ts';
import { Session } from './session.ts';
import type {
  BindingSession,
  Broker,
  CellEvent,
  Dispatcher,
  FetchCall,
  FetchControl,
  FetchSink,
  SessionCall,
  StartupChecker,
  StartupResult,
  VersionHealthSource,
  VersionHealthStatus,
  WorkerEvent,
} from './types.ts';
import { TIMINGS, type Timings } from './timings.ts';
import { VersionPool } from './version-pool.ts';
import { WaitingPlaces } from './waiting-line.ts';
import { Spawner } from './spawner.ts';
import { CellUserIds } from './user-ids.ts';
import { Watchdog } from './watchdog.ts';

export interface SupervisorOptions {
  /** For the cells' own directories (sockets). Short: a socket path has 107 bytes. Emptied at start. */
  readonly runDir: string;
  readonly denoPath: string;
  readonly harnessPath: string;
  readonly watchdogPath: string | URL;
  readonly spawnerPath: string;
  /** `require-strong`: refuse to start without namespaces and an empty root. */
  readonly sandbox: SandboxMode;
  /** CPU budget of an invocation when its version asks for nothing else, and the most it may ask for. */
  readonly cpuMs: number;
  readonly maxCpuMs: number;
  readonly memoryMiB: number;
  /** Shared with the broker; absent: only the visitors' WebSockets are counted. */
  readonly connections?: ConnectionCounts;
  readonly maxCells: number;
  /** Of one account; absent: as many as the node may have. */
  readonly maxCellsPerAccount?: number;
  readonly prestarted: number;
  readonly idleCellMs: number;
  readonly broker: Broker;
  readonly log: Logger;
  readonly loadModules: (version: WorkerVersion) => Promise<readonly ModuleContent[]>;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly onCellEvent?: (event: CellEvent) => void;
  readonly timings?: Partial<Timings>;
}

const PING_INTERVAL_MS = 20;
const SWEEP_INTERVAL_MS = 1_000;

export class Supervisor implements Dispatcher, StartupChecker, VersionHealthSource {
  readonly sandbox: Sandbox;
  readonly connections: ConnectionCounts;
  readonly #options: SupervisorOptions;
  readonly #watchdog: Watchdog;
  readonly #spawner: Spawner;
  readonly #groups: CellGroups;
  readonly #context: CellContext;
  readonly #timings: Timings;
  readonly #onCellEvent: (event: CellEvent) => void;
  readonly #pools = new Map<string, VersionPool>();
  readonly #prestarted: PrestartedCells;
  readonly #alive = new Set<Cell>();
  /** Absent: cells keep the user that runs Skep. */
  readonly #userIds: CellUserIds | undefined;
  readonly #places = new WaitingPlaces();
  readonly #room: CellRoom;
  /** Processes on their way to be `alive`. */
  #startingCells = 0;
  /** Is being ended for somebody who needs its place. */
  #makingRoom: Cell | undefined;
  #nextCell = 0;
  #closing = false;
  readonly #timers: NodeJS.Timeout[] = [];

  private constructor(options: SupervisorOptions, sandbox: Sandbox) {
    this.#options = options;
    this.connections = options.connections ?? new ConnectionCounts();
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#groups = CellGroups.detect();
    this.sandbox = { ...sandbox, layers: [...sandbox.layers, this.#groups.layer] };
    this.#userIds = sandbox.root ? new CellUserIds() : undefined;
    this.#watchdog = new Watchdog(options.watchdogPath, this.#timings.hangMs, (error) => {
      // Without the watchdog no limit holds: better no server than that.
      options.log.error('The watchdog thread failed; stopping', { error: error.message });
      throw error;
    });
    this.#onCellEvent = options.onCellEvent ?? (() => undefined);
    // After the groups were found: it inherits where this process is.
    this.#spawner = new Spawner(options.spawnerPath, options.log);
    this.#context = {
      program: {
        spawner: this.#spawner,
        denoPath: options.denoPath,
        harnessPath: options.harnessPath,
        sandbox,
        heapMiB: options.memoryMiB,
      },
      watchdog: this.#watchdog,
      groups: this.#groups,
      broker: options.broker,
      log: options.log,
      memoryMiB: options.memoryMiB,
      timings: this.#timings,
      onEvent: options.onEvent,
      onCellEvent: this.#onCellEvent,
    };
    this.#room = new CellRoom({
      maxCells: options.maxCells,
      maxPerAccount: Math.min(options.maxCellsPerAccount ?? options.maxCells, options.maxCells),
      patienceMs: this.#timings.roomMs,
      hasRoom: (granted) => this.#prestarted.count + this.#freeProcesses() > granted,
      stopIdle: (accountId) => this.#stopLongestIdle(accountId),
    });
    this.#prestarted = new PrestartedCells({
      wanted: options.prestarted,
      mayStart: () => !this.#closing && this.#freeProcesses() > 0,
      // Nobody waits for it.
      start: () => this.#startCell(true),
      onFailure: (error) => {
        if (!this.#closing) options.log.error('A cell could not be pre-started', { error: error.message });
      },
    });
    this.#timers.push(setInterval(() => this.#pingBusy(), PING_INTERVAL_MS).unref());
    if (mayRaisePriority) {
      const fairShare = new FairShare((cell, weight) => (cell.stepsBehind = stepsForWeight(weight)));
      this.#timers.push(setInterval(() => fairShare.balance(this.#alive), BALANCE_INTERVAL_MS).unref());
    }
    this.#timers.push(setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS).unref());
  }

  /** Finds out what walls this machine has and starts the first generic cells. Throws SandboxError. */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const sandbox = await detectSandbox(options);
    if (options.sandbox === 'require-strong' && !sandbox.strong) {
      const missing = sandbox.layers.filter((layer) => !layer.active).map((layer) => `${layer.name}: ${layer.detail}`);
      throw new SandboxError(`SKEP_SANDBOX is "require-strong", but walls are missing. ${missing.join(' ')}`);
    }
    rmSync(options.runDir, { recursive: true, force: true });
    mkdirSync(options.runDir, { recursive: true, mode: 0o700 });
    const supervisor = new Supervisor(options, sandbox);
    supervisor.#spawner.open();
    supervisor.#prestarted.refill();
    return supervisor;
  }

  // --- the data path ---

  fetch(call: FetchCall, sink: FetchSink): FetchControl {
    return new Dispatch(call, sink, this.#pool(call.version), this.connections).start();
  }

  openSession(call: SessionCall, session: BindingSession): void {
    if (!(session instanceof Session)) throw new TypeError('A session that no cell has opened');
    session.connect(call, this.#pool(call.version));
  }

  #pool(version: WorkerVersion): VersionPool {
    const pool = this.#pools.get(version.id);
    if (pool !== undefined) return pool;
    const created = new VersionPool(version, {
      startCell: (wanted, givesWay) => this.#startVersion(wanted, givesWay),
      isClosing: () => this.#closing,
      maxCells: availableParallelism(),
      budgetMs: this.#budgetMs(version),
      timings: this.#timings,
      waiting: {
        places: this.#places,
        onWaited: (ms, gotCell) => this.#onCellEvent({ type: 'waited', ms, gotCell }),
      },
      log: (level, message) => this.#options.log[level](message),
    });
    this.#pools.set(version.id, created);
    return created;
  }

  // --- deployments ---

  /** Makes sure that the version has a cell before traffic goes to it. Rejects when it does not start. */
  warm(version: WorkerVersion): Promise<void> {
    return this.#pool(version).warm();
  }

  /** The version gets no new traffic: its cells finish what they have (30 s) and end. */
  retire(versionId: string): void {
    const pool = this.#pools.get(versionId);
    if (pool === undefined) return;
    this.#pools.delete(versionId);
    pool.drain(this.#timings.drainMs);
  }

  /** Runs the top level of a version in a cell of its own, which then ends. */
  async checkStartup(version: WorkerVersion, modules: readonly ModuleContent[]): Promise<StartupResult> {
    try {
      const { cell, loaded, startupMs } = await this.#load(version, modules, this.#options.cpuMs, false);
      cell.kill('its start-up check is over');
      return { ok: true, startupMs, handlers: loaded.handlers, entrypoints: loaded.entrypoints };
    } catch (error) {
      const kind = error instanceof LoadError ? error.kind : 'no-cell';
      return { ok: false, kind, message: (error as Error).message };
    }
  }

  // --- cells ---

  /** Running cells by state, and requests in them or waiting for one: for `/readyz` and metrics. */
  counts(): { generic: number; serving: number; total: number; inFlight: number; waiting: number } {
    let inFlight = 0;
    for (const cell of this.#alive) inFlight += cell.inFlight;
    const generic = this.#prestarted.count;
    const total = this.#alive.size;
    return { generic, serving: total - generic, total, inFlight, waiting: this.#places.taken };
  }

  /** Whether a version keeps ending its cells on this node, and until when it is left alone. */
  healthOf(versionId: string): VersionHealthStatus {
    const { state, reason, sinceMs, retryAtMs } = this.#pools.get(versionId)?.health ?? HEALTHY;
    const dateOf = (atMs: number | null): Date | null =>
      atMs === null ? null : new Date(Date.now() + atMs - performance.now());
    return { state, reason, since: dateOf(sinceMs), retryAt: dateOf(retryAtMs) };
  }

  async #startVersion(version: WorkerVersion, givesWay: boolean): Promise<Cell> {
    const modules = await this.#options.loadModules(version);
    return (await this.#load(version, modules, this.#budgetMs(version), givesWay)).cell;
  }

  #budgetMs(version: WorkerVersion): number {
    return Math.min(version.limits.cpuMs ?? this.#options.cpuMs, this.#options.maxCpuMs);
  }

  /** A cell with the version loaded, and how long its top level took. Throws LoadError. */
  async #load(
    version: WorkerVersion,
    modules: readonly ModuleContent[],
    cpuMs: number,
    givesWay: boolean,
  ): Promise<{ cell: Cell; loaded: LoadedMessage; startupMs: number }> {
    for (let attempt = 1; ; attempt++) {
      const askedAt = performance.now();
      const place = await this.#room.enter(version.accountId);
      try {
        place.begin();
        const { cell, prestarted } = await this.#takeCell(givesWay);
        void cell.exited.then(place.free);
        cell.givesWay = givesWay;
        const startedAt = performance.now();
        const loaded = await cell.load(version, modules, cpuMs);
        const now = performance.now();
        this.#onCellEvent({ type: 'loaded', ms: now - askedAt, prestarted });
        return { cell, loaded, startupMs: now - startedAt };
      } catch (error) {
        place.free();
        // A pre-started cell may have been dying, and one that is just starting may be what a machine short of memory ends: nothing of the
        // version's has been answered yet, and a second try tells that from a version that ends its process.
        if (!(error instanceof LoadError) || !error.processEnded || attempt === 2) throw error;
      }
    }
  }

  /** A generic cell: a pre-started one, or a new one when there is none. */
  async #takeCell(givesWay: boolean): Promise<{ cell: Cell; prestarted: boolean }> {
    const cell = this.#prestarted.take();
    return cell === undefined
      ? { cell: await this.#startCell(givesWay), prestarted: false }
      : { cell, prestarted: true };
  }

  /** How many more cells the node may start. */
  #freeProcesses(): number {
    return Math.max(0, this.#options.maxCells - this.#alive.size - this.#startingCells);
  }

  async #startCell(givesWay: boolean): Promise<Cell> {
    if (this.#closing) throw new LoadError('no-cell', 'The node is stopping.');
    const number = ++this.#nextCell;
    const id = number.toString(36);
    const uid = this.#userIds?.take() ?? 0;
    const startedAt = performance.now();
    this.#startingCells++;
    const starting = Cell.start(id, `${this.#options.runDir}/${id}`, uid, this.#context, { givesWay });
    starting.catch(() => this.#userIds?.giveBack(uid));
    const cell = await starting.finally(() => this.#startingCells--);
    this.#alive.add(cell);
    this.#onCellEvent({ type: 'started', ms: performance.now() - startedAt });
    void cell.exited.then(() => {
      this.#alive.delete(cell);
      this.#userIds?.giveBack(uid);
    });
    if (this.#isGoingAway) cell.goAway();
    if (this.#closing) cell.kill('the node is stopping');
    return cell;
  }

  /** Of one account, or of the one that has most cells: whoever fills the node makes room first. There, the one that was idle longest. */
  #stopLongestIdle(accountId: string | null): boolean {
    // One at a time: whoever asks again before it is gone must not end a second one.
    if (this.#makingRoom !== undefined && this.#makingRoom.state !== 'dead') return true;
    let found: { pool: VersionPool; cell: Cell; cells: number } | undefined;
    for (const pool of this.#pools.values()) {
      const owner = pool.version.accountId;
      if (accountId !== null && owner !== accountId) continue;
      const cells = this.#room.cellsOf(owner);
      for (const cell of pool.cells) {
        if (cell.inFlight > 0) continue;
        const isBetter =
          found === undefined ||
          cells > found.cells ||
          (cells === found.cells && cell.lastUsedMs < found.cell.lastUsedMs);
        if (isBetter) found = { pool, cell, cells };
      }
    }
    this.#makingRoom = found?.cell;
    return found?.pool.stopIdle(found.cell, 'its place is needed') ?? false;
  }

  #pingBusy(): void {
    this.#watchdog.beat();
    for (const cell of this.#alive) if (cell.inFlight > 0) cell.lookAfter();
  }

  /** Idle cells end; versions without any are forgotten; generic cells that died are replaced. */
  #sweep(): void {
    const idleSince = performance.now() - this.#options.idleCellMs;
    for (const [id, pool] of this.#pools) {
      for (const cell of [...pool.cells]) {
        if (cell.inFlight === 0 && cell.lastUsedMs < idleSince) pool.stopIdle(cell, 'it was idle');
      }
      if (pool.isEmpty && pool.health.state === 'healthy') this.#pools.delete(id);
    }
    this.#prestarted.replaceDead();
  }

  // --- the end ---

  /** The node is about to stop: visitors' WebSockets are closed with 1001, also those that are opened from now on. */
  goAway(): void {
    this.#isGoingAway = true;
    for (const cell of this.#alive) cell.goAway();
  }
  #isGoingAway = false;

  /** Lets work finish for `graceMs`, then ends every cell and waits until all processes are gone. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#room.close();
    const deadline = performance.now() + graceMs;
    while (performance.now() < deadline && this.counts().inFlight > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    while (this.#prestarted.isStarting) await new Promise((resolve) => setTimeout(resolve, 20));
    const cells = [...this.#alive];
    for (const cell of cells) cell.kill('the node is stopping');
    await Promise.all(cells.map((cell) => cell.exited));
    await this.#spawner.close();
    await this.#watchdog.close();
    this.#groups.close();
    rmSync(this.#options.runDir, { recursive: true, force: true });
  }
}

/**
 * One cell: a sandboxed Deno process that runs one version.
 *
 *   starting ──hello──► warm ──load──► loading ──loaded──► serving ──drain──► draining
 *      │                 │               │                   │                  │
 *      └─────────────────┴───────────────┴───────kill/exit───┴──────────────────┴──► dead
 *
 * A generic cell is `warm`; `load` gives it its one version for life. Only a `serving` cell takes new invocations; a `draining`
 * one finishes what it has. `dead` is final, and a dead cell's directory is gone. Calls that do not fit the state throw, naming it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { encodeFrame } from '../../shared/frames.ts';
import { CELL_LIMITS, CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  ANSWER_BROKE,
  ANSWER,
  ANSWER_WAITS,
  BROKER_SOCKET,
  CANCEL,
  COLLECT_MARK,
  DISCONNECT,
  EXCEPTION,
  GO_AWAY,
  HELLO,
  type HelloMessage,
  IN_SOCKET,
  INBOUND_DATA,
  INBOUND_END,
  INBOUND_FAIL,
  INBOUND_WINDOW,
  INVOCATION_END,
  INVOCATION_HEADER,
  type InvocationTarget,
  type InvokeHead,
  LOAD,
  LOAD_BYTES,
  LOAD_FAILED,
  LOADED,
  type LoadedMessage,
  type LoadMessage,
  LOG,
  PING,
  PONG,
  PROTOCOL_VERSION,
  REQUEST_AHEAD,
  type RequestAheadMessage,
  SERVICE_ANSWER,
  SESSION_ACCEPT,
  type SessionAcceptHead,
} from '../../shared/protocol.ts';
import { serviceInvokeBytes, writeServiceInvoke } from '../../shared/service-frames.ts';
import { isSourceMap, type ModuleContent, type WorkerVersion } from '../../shared/worker.ts';
import { readThrownFailure } from './thrown.ts';
import type { Logger } from '../log/types.ts';
import type { CellGroups } from './cgroup.ts';
import { CellHttp, type Exchange, type RequestHead } from './cell-http.ts';
import { type AnswerHandler, ChannelExchange, invokeFrame } from './channel-exchange.ts';
import { isMemoryDeath, killQuietly, readPrivateBytes, verifySandbox } from './cell-facts.ts';
import { CellLog } from './cell-log.ts';
import { checkedMessage, readFailure, readObject, readReport } from './cell-messages.ts';
import { CellMisbehaved } from './misbehaved.ts';
import { Channel } from './channel.ts';
import { createPipeline, type Invocation } from './invocation.ts';
import { CellStreams } from './cell-streams.ts';
import { envEntries } from './load-message.ts';
import { encodedTarget } from './service-call.ts';
import { acceptFrame, type Session, UntakenBytes } from './session.ts';
import { type CellProcess, type CellProgram, spawnCell } from './spawn.ts';
import type { Timings } from './timings.ts';
import type { Broker, CallParent, CellEndReason, CellEvent, Outcome, RelayedRequest, WorkerEvent } from './types.ts';
import { KILLED_BACKGROUND, KILLED_CPU, KILLED_HANG, KILLED_MEMORY, KILLED_TURN } from './watchdog-layout.ts';
import type { WatchedCell, Watchdog } from './watchdog.ts';

export type CellState = 'starting' | 'warm' | 'loading' | 'serving' | 'draining' | 'dead';

export interface CellContext {
  readonly program: CellProgram;
  readonly watchdog: Watchdog;
  readonly groups: CellGroups;
  readonly broker: Broker;
  readonly log: Logger;
  readonly memoryMiB: number;
  readonly timings: Timings;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly onCellEvent: (event: CellEvent) => void;
}

/** Why a version could not be loaded. `exception`: user code threw; the message is what it threw. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly kind: 'exception' | 'cpu' | 'memory' | 'hang' | 'no-cell';
  /** The process ended, and no limit was the reason: perhaps the version's doing, perhaps it was dying before. */
  readonly processEnded: boolean;
  constructor(kind: LoadError['kind'], message: string, processEnded = false) {
    super(message);
    this.kind = kind;
    this.processEnded = processEnded;
  }
}

/** So many more large answers than small ones, and requests go over HTTP. */
const LARGE_ANSWERS_TO_SWITCH = 4;
const LOAD_CHUNK_BYTES = 1024 * 1024;
/** V8's own overhead and garbage not yet collected, on top of what a worker may use. */
const MEMORY_SLACK_MIB = 32;
/** The kernel's ceiling lies above the watchdog's limit: whoever gets there was faster than the watchdog looks. Half of it is for what the kernel counts beside the process's own pages. */
const CEILING_SLACK_MIB = 64;
const MiB = 1024 * 1024;
/** How many carried bytes are put to an invocation's account at a time. */
const CARRIED_STEP_BYTES = 256 * 1024;
/** What lasts starts a new CPU budget so often … */
const RENEW_INTERVAL_MS = 1_000;
/** … and not before so many times the budget have passed. */
const RENEW_PER_BUDGET = 10;
/** How often what lasts starts a new CPU budget of so many milliseconds. */
export const renewalMs = (budgetMs: number): number => Math.max(RENEW_INTERVAL_MS, budgetMs * RENEW_PER_BUDGET);
/** A busy cell is pinged when it has used this much CPU since the last time … */
const PING_AFTER_CPU_MS = 5;
/** … and in any case so often: an event loop that is blocked without using CPU must be found, too. */
const PING_AFTER_MS = 5_000;

export class Cell {
  readonly id: string;
  readonly directory: string;
  http: CellHttp;
  /** Of RPC sessions, in both directions. */
  readonly untaken = new UntakenBytes();
  version: WorkerVersion | undefined;
  loaded: LoadedMessage | undefined;
  hello: HelloMessage | undefined;
  /** Of the Deno process; known from its first word on. */
  pid: number | undefined;
  lastUsedMs: number;
  /** How many invocations were in flight when the process died. */
  inFlightAtDeath = 0;
  /** Called whenever an invocation has ended. */
  onInvocationEnd: (() => void) | undefined;
  /** Called when the process is gone. Who no longer waits for that takes itself out: a cell may outlive a million requests. */
  readonly exitListeners = new Set<() => void>();
  /** Called once, when the process is gone. */
  onDead: (() => void) | undefined;

  readonly #context: CellContext;
  readonly #process: CellProcess;
  readonly #invocations = new Map<number, Invocation>();
  readonly #streams: CellStreams;
  readonly #exchanges = new Map<number, ChannelExchange>();
  /** RPC sessions opened with this cell, by the invocation. */
  readonly #inbound = new Map<number, Session>();
  readonly #log: CellLog;
  #channel: Channel | undefined;
  #watched: WatchedCell | undefined;
  #state: CellState = 'starting';
  #nonce = '';
  #nextInvocation = 1;
  #deathReason: string | undefined;
  #killedFor: 'protocol' | 'stopped' | undefined;
  #baselineBytes = 0;
  #largeAnswers = 0;
  #diedOfMemory = false;
  /** Settles when its process is in its control group. */
  #gathered: Promise<void> = Promise.resolve();
  #awaiting: { resolve: (value: never) => void; reject: (error: Error) => void } | undefined;
  #exited: Promise<void>;

  private constructor(id: string, directory: string, context: CellContext, process: CellProcess) {
    this.id = id;
    this.directory = directory;
    this.#context = context;
    this.#process = process;
    this.#streams = new CellStreams({
      cellId: id,
      broker: context.broker,
      invocations: this.#invocations,
      exchanges: this.#exchanges,
      untaken: this.untaken,
      send: this.#sendFrame,
      onCarried: (invocation, size) => this.carried(invocation, size),
      onTooMuchHeld: () => this.#leftTooMuch(),
      onSessionEnd: (roundTrips) => context.onCellEvent({ type: 'session', roundTrips }),
    });
    this.#log = new CellLog({
      version: () => this.version as WorkerVersion,
      running: this.#invocations,
      onEvent: context.onEvent,
    });
    this.http = new CellHttp(`${directory}/${IN_SOCKET}`);
    this.lastUsedMs = performance.now();
    this.#exited = new Promise((resolve) => {
      const gone = (how: string): void => {
        this.#died(how);
        resolve();
        for (const listener of this.exitListeners) listener();
      };
      process.child.once('close', (code, signal) => gone(`exit code ${code}, signal ${signal}`));
      process.child.once('error', (error) => gone(error.message));
    });
  }

  /** Starts a generic cell and waits until its sandbox is closed (`warm`). Throws LoadError('no-cell') with the reason. */
  static async start(id: string, directory: string, uid: number, context: CellContext): Promise<Cell> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    let cell: Cell | undefined;
    try {
      const channel = await Channel.listen(`${directory}/${BROKER_SOCKET}`, {
        onFrame: (type, stream, payload) => cell?.receive(type, stream, payload),
        onClosed: (error) => cell?.channelEnded(error),
      });
      cell = new Cell(id, directory, context, spawnCell(context.program, directory, uid));
      cell.#channel = channel;
      cell.#gathered = cell.#process.pid.then((pid) => context.groups.gather(id, pid));
      // Awaited after the hello; a cell that dies before is told of by its death.
      cell.#gathered.catch(() => undefined);
      await cell.#awaitHello(uid);
      return cell;
    } catch (error) {
      // What ended it says more than what broke here because of that.
      const reason = cell?.deathReason ?? (error as Error).message;
      cell?.kill('it did not start');
      if (cell === undefined) rmSync(directory, { recursive: true, force: true });
      else await cell.exited;
      context.groups.remove(id);
      throw new LoadError('no-cell', `A cell did not start: ${reason}`);
    }
  }

  get state(): CellState {
    return this.#state;
  }

  get exited(): Promise<void> {
    return this.#exited;
  }

  get inFlight(): number {
    return this.#invocations.size;
  }

  get nonce(): string {
    return this.#nonce;
  }

  /** CPU time of the process so far. */
  get cpuMs(): number {
    return this.#watched?.cpuMs ?? 0;
  }

  get privateBytes(): number {
    return this.#watched?.privateBytes ?? 0;
  }

  /** Why the process is gone, in the words of the operator; undefined while it lives. */
  get deathReason(): string | undefined {
    return this.#deathReason;
  }

  /** For metrics: what ended it, in one word. */
  get #endReason(): CellEndReason {
    const outcome = this.deathOutcome;
    if (outcome === 'exceededCpu') return 'cpu';
    if (outcome === 'exceededMemory') return 'memory';
    if (outcome === 'exceededWallTime') return 'hang';
    return this.#killedFor ?? 'crashed';
  }

  /** How invocations ended that were in flight when the cell died. */
  get deathOutcome(): Outcome {
    const reason = this.#watched?.killReason;
    if (reason === KILLED_CPU || reason === KILLED_TURN || reason === KILLED_BACKGROUND) return 'exceededCpu';
    if (reason === KILLED_MEMORY || this.#diedOfMemory) return 'exceededMemory';
    if (reason === KILLED_HANG) return 'exceededWallTime';
    return 'unknown';
  }

  // --- starting and loading ---

  async #awaitHello(uid: number): Promise<void> {
    const hello = await this.#expect<HelloMessage>(this.#context.timings.helloMs, 'hello');
    if (hello.protocol !== PROTOCOL_VERSION)
      throw new Error(`it speaks protocol ${hello.protocol}, not ${PROTOCOL_VERSION}`);
    const pid = await this.#process.denoPid();
    this.pid = pid;
    await verifySandbox(pid, uid);
    this.#baselineBytes = await readPrivateBytes(pid);
    await this.#confine(pid);
    this.hello = hello;
    this.#watched = this.#context.watchdog.watch(pid);
    this.#transition('starting', 'warm');
  }

  async #confine(pid: number): Promise<void> {
    const ceilingMiB = this.#context.memoryMiB + MEMORY_SLACK_MIB + CEILING_SLACK_MIB;
    await this.#gathered;
    await this.#context.groups.confine(this.id, pid, this.#baselineBytes + ceilingMiB * MiB);
  }

  /** Hands the cell its version and runs the top level, under the start-up limits. Throws LoadError. */
  async load(version: WorkerVersion, modules: readonly ModuleContent[], cpuMs: number): Promise<LoadedMessage> {
    this.#transition('warm', 'loading');
    this.version = version;
    this.#nonce = Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2);
    const watched = this.#watched as WatchedCell;
    const memoryMiB = this.#context.memoryMiB + MEMORY_SLACK_MIB;
    watched.memoryLimitBytes = this.#baselineBytes + memoryMiB * MiB;
    watched.budgetMs = CELL_LIMITS.startupCpuMs;
    watched.setLoad(1, watched.shareMs);
    this.#sendLoad(version, modules);
    try {
      this.loaded = await this.#expect<LoadedMessage>(this.#context.timings.startupMs, 'loaded');
    } catch (error) {
      const failure = this.#loadError(error as Error);
      this.kill(`its version did not start: ${failure.message}`);
      throw failure;
    }
    // In this order: the smaller budget must not meet what the start has used.
    watched.setLoad(0, 0);
    watched.budgetMs = cpuMs;
    this.#budgetMs = cpuMs;
    this.#transition('loading', 'serving');
    this.lastUsedMs = performance.now();
    return this.loaded;
  }

  #sendLoad(version: WorkerVersion, all: readonly ModuleContent[]): void {
    const channel = this.#channel as Channel;
    const modules = all.filter((module) => !isSourceMap(module));
    const message: LoadMessage = {
      format: version.format,
      mainModule: version.mainModule,
      compatibilityDate: version.compatibilityDate,
      compatibilityFlags: version.compatibilityFlags,
      env: envEntries(version),
      modules: modules.map(({ name, type, content }) => ({ name, type, sizeBytes: content.length })),
      nonce: this.#nonce,
    };
    channel.send(encodeFrame(LOAD, 0, Buffer.from(JSON.stringify(message))));
    for (const { content } of modules) {
      for (let at = 0; at < content.length; at += LOAD_CHUNK_BYTES) {
        channel.send(encodeFrame(LOAD_BYTES, 0, content.subarray(at, at + LOAD_CHUNK_BYTES)));
      }
    }
  }

  #loadError(error: Error): LoadError {
    if (error instanceof LoadError) return error;
    const outcome = this.#state === 'dead' ? this.deathOutcome : undefined;
    if (outcome === 'exceededCpu') return new LoadError('cpu', 'Script startup exceeded CPU time limit.');
    if (outcome === 'exceededMemory') return new LoadError('memory', 'Script startup exceeded memory limits.');
    if (this.#state === 'dead')
      return new LoadError('exception', `The script ended its process while starting (${this.#deathReason}).`, true);
    return new LoadError('hang', `Script startup did not finish within ${this.#context.timings.startupMs / 1000} s.`);
  }

  /** Waits for the next hello/loaded message; rejects at the deadline or when the process dies. */
  #expect<T>(timeoutMs: number, what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'dead') {
        reject(new Error(this.#deathReason));
        return;
      }
      const timer = setTimeout(() => settle(() => reject(new Error(`no ${what} within ${timeoutMs} ms`))), timeoutMs);
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        this.#awaiting = undefined;
        finish();
      };
      this.#awaiting = {
        resolve: (value: never) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      };
    });
  }

  // --- invocations ---

  /** Begins an invocation. The caller must end it, whatever happens. */
  begin(parent: CallParent | undefined, publicHops = 0): Invocation {
    if (this.#state !== 'serving') throw new Error(`A cell that is ${this.#state} takes no invocation`);
    const watched = this.#watched as WatchedCell;
    const version = this.version as WorkerVersion;
    const pipeline = parent?.pipeline ?? createPipeline(version, publicHops);
    pipeline.invocations++;
    const invocation: Invocation = {
      id: this.#nextInvocation++,
      version,
      pipeline,
      depth: (parent?.depth ?? 0) + 1,
      caller: parent,
      startedAtMs: performance.now(),
      shareStartMs: watched.shareMs,
      carriedBytes: 0,
      settledCpuMs: 0,
      asCaller: undefined,
      calls: undefined,
      hasCalled: false,
      logBytes: 0,
      truncated: false,
      outcome: 'ok',
      answerError: undefined,
      onAnswerError: undefined,
      answered: false,
      answeredAtMs: undefined,
      waitsSettled: false,
      waitTimer: undefined,
    };
    // Whoever is in flight began no later.
    if (this.#invocations.size === 0) this.#oldestStartMs = invocation.shareStartMs;
    this.#invocations.set(invocation.id, invocation);
    this.#publishLoad();
    return invocation;
  }

  /** What does not fit through the HTTP socket goes ahead on the channel. */
  sendAhead(
    invocation: Invocation,
    headers: readonly string[] | null,
    target: InvocationTarget | undefined,
    cf: string | undefined,
  ): void {
    const about = { invocation: invocation.id, headers };
    const message: RequestAheadMessage = { ...about, ...(target && { target }), ...(cf !== undefined && { cf }) };
    this.#send(REQUEST_AHEAD, message);
  }

  /** True while this worker's answers are mostly large or streams: asking over HTTP at once saves collecting them. */
  get prefersHttp(): boolean {
    return this.#largeAnswers >= LARGE_ANSWERS_TO_SWITCH;
  }

  noteAnswer(isLarge: boolean): void {
    this.#largeAnswers = isLarge
      ? Math.min(this.#largeAnswers + 1, 2 * LARGE_ANSWERS_TO_SWITCH)
      : Math.max(this.#largeAnswers - 1, 0);
  }

  /** Sends a request over the channel: for bodies up to `maxInlineBodyBytes`. */
  invoke(invocation: Invocation, head: InvokeHead, body: Uint8Array | null, handler: AnswerHandler): Exchange {
    return this.#exchange(invocation, invokeFrame(invocation.id, head, body), handler);
  }

  /** Hands on what another worker's cell has sent. */
  relay(
    invocation: Invocation,
    target: InvocationTarget | undefined,
    request: RelayedRequest,
    handler: AnswerHandler,
  ): Exchange {
    const { id, pipeline } = invocation;
    const { content } = request;
    const encoded = encodedTarget(target);
    const frame = Buffer.allocUnsafe(serviceInvokeBytes(encoded.length, content.length));
    const contentAt = writeServiceInvoke(frame, 0, id, pipeline.clockMs, encoded, content);
    // Should this cell die, another may have to be sent it.
    request.keep(frame.subarray(contentAt));
    return this.#exchange(invocation, frame, handler);
  }

  #exchange({ id }: Invocation, frame: Uint8Array, handler: AnswerHandler): Exchange {
    const exchange = new ChannelExchange(
      handler,
      (collector) => {
        this.noteAnswer(true);
        return this.http.send(collectRequest(id), collector);
      },
      () => this.#exchanges.delete(id),
    );
    this.#exchanges.set(id, exchange);
    this.#sentEvents++;
    this.#channel?.send(frame);
    return exchange;
  }

  /** Opens a session in this cell. */
  accept(invocation: Invocation, session: Session, head: SessionAcceptHead, first: Uint8Array): void {
    this.#inbound.set(invocation.id, session);
    this.#sentEvents++;
    this.#channel?.send(acceptFrame(SESSION_ACCEPT, invocation.id, head, first));
  }

  sendInbound(type: number, invocation: Invocation, payload: Uint8Array): void {
    this.#sentEvents++;
    this.#channel?.send(encodeFrame(type, invocation.id, payload));
  }

  forgetSession(invocation: Invocation): void {
    this.#inbound.delete(invocation.id);
  }

  /** Ends an invocation: closes its calls, reports it, and lets a draining cell go when it was the last. Idempotent. */
  end(invocation: Invocation): void {
    if (!this.#invocations.delete(invocation.id)) return;
    if (invocation.shareStartMs <= this.#oldestStartMs) this.#oldestStartMs = this.#findOldest();
    this.#publishLoad();
    clearTimeout(invocation.waitTimer);
    if (invocation.calls !== undefined) for (const call of invocation.calls) call.abort();
    invocation.calls = undefined;
    this.#inbound.get(invocation.id)?.lost();
    this.#log.remember(invocation);
    const now = performance.now();
    this.lastUsedMs = now;
    const { pipeline, caller } = invocation;
    const presentMs = (this.#watched?.shareMs ?? 0) - invocation.shareStartMs;
    const cpuMs = invocation.settledCpuMs + Math.max(0, presentMs);
    pipeline.cpuMs += cpuMs;
    this.#context.onEvent({
      type: 'invocation',
      version: invocation.version,
      invocationId: invocation.id,
      pipelineId: pipeline.id,
      depth: invocation.depth,
      outcome: invocation.outcome,
      wallMs: now - invocation.startedAtMs,
      answerMs: (invocation.answeredAtMs ?? now) - invocation.startedAtMs,
      cpuMs,
      pipelineCpuMs: pipeline.cpuMs,
      truncated: invocation.truncated,
      caller: caller === undefined ? null : callerOf(caller),
    });
    if (this.#state === 'draining' && this.#invocations.size === 0) this.kill('drained');
    this.onInvocationEnd?.();
  }

  /** The response is out but `waitUntil` work goes on: it has 30 s. */
  keepForWaitUntil(invocation: Invocation): void {
    if (!this.#invocations.has(invocation.id)) return;
    invocation.answeredAtMs ??= performance.now();
    if (invocation.waitsSettled) {
      this.end(invocation);
      return;
    }
    invocation.answered = true;
    invocation.waitTimer = setTimeout(() => {
      this.#send(CANCEL, { invocation: invocation.id });
      if (invocation.outcome === 'ok') invocation.outcome = 'exceededWallTime';
      this.end(invocation);
    }, this.#context.timings.waitUntilMs);
    invocation.waitTimer.unref();
  }

  /** Nobody waits for the answer any longer: only `waitUntil` work may go on, and the cell says when it has ended. */
  disconnect(
    invocation: Invocation,
    outcome: 'ok' | 'canceled' | 'exception' | 'responseStreamDisconnected' = 'canceled',
  ): void {
    if (!this.#invocations.has(invocation.id)) return;
    invocation.outcome = outcome;
    this.keepForWaitUntil(invocation);
    this.#send(DISCONNECT, { invocation: invocation.id });
  }

  /** The connection that the worker answered with is over: what `waitUntil` holds may finish, and the cell says when it has. */
  connectionEnded(invocation: Invocation): void {
    if (!this.#invocations.has(invocation.id)) return;
    this.keepForWaitUntil(invocation);
    this.#send(DISCONNECT, { invocation: invocation.id });
  }

  /**
   * What lasts (a stream, a connection, a session) starts a new CPU budget every second; with a large budget less often, so that it has a tenth of a
   * processor at most. Returns the way to stop.
   */
  keepRenewing(invocation: Invocation): () => void {
    const timer = setInterval(() => this.#renewBudget(invocation), renewalMs(this.#budgetMs)).unref();
    return () => clearInterval(timer);
  }
  #budgetMs = 0;

  /** Bytes of a body have passed between this cell and the server: see `CELL_LIMITS.carryingCpuMsPerMiB`. */
  carried(invocation: Invocation, size: number): void {
    invocation.carriedBytes += size;
    if (invocation.carriedBytes < CARRIED_STEP_BYTES) return;
    const earnedMs = (invocation.carriedBytes / MiB) * CELL_LIMITS.carryingCpuMsPerMiB;
    const settledMs = this.#settle(invocation, earnedMs);
    // What it has not used yet it may use later, up to one budget: no store of CPU time is laid in.
    const leftMs = Math.min(earnedMs - settledMs, this.#budgetMs);
    invocation.carriedBytes = (leftMs / CELL_LIMITS.carryingCpuMsPerMiB) * MiB;
  }

  #renewBudget(invocation: Invocation): void {
    this.#settle(invocation, Number.POSITIVE_INFINITY);
  }

  /** Of what it has used, up to so much no longer counts against its budget. Returns how much. */
  #settle(invocation: Invocation, mostMs: number): number {
    if (!this.#invocations.has(invocation.id)) return 0;
    const settledMs = Math.min(mostMs, Math.max(0, (this.#watched?.shareMs ?? 0) - invocation.shareStartMs));
    invocation.settledCpuMs += settledMs;
    invocation.shareStartMs += settledMs;
    this.#oldestStartMs = this.#findOldest();
    this.#publishLoad();
    return settledMs;
  }

  #publishLoad(): void {
    this.#watched?.setLoad(this.#invocations.size, this.#oldestStartMs);
  }

  #findOldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { shareStartMs } of this.#invocations.values()) if (shareStartMs < oldest) oldest = shareStartMs;
    return oldest;
  }

  /**
   * Asks the event loop for a sign of life; the watchdog measures how much CPU passes until it comes. The answer costs CPU that the
   * requests in flight pay for, so a cell that only waits is hardly ever asked.
   */
  ping(): void {
    if (this.#pingOutstanding || this.#invocations.size === 0) return;
    const watched = this.#watched as WatchedCell;
    const now = performance.now();
    const isQuiet = watched.cpuMs - this.#pingCpuMs < PING_AFTER_CPU_MS && this.#sentEvents === this.#eventsAtPing;
    if (isQuiet && now - this.#pingedAtMs < PING_AFTER_MS) return;
    // What was sent before the last ping is not in the turn of this one.
    const events = this.#splitsTurns ? 1 : Math.min(this.#sentEvents - this.#eventsAtPing, this.#invocations.size);
    this.#eventsAtPing = this.#sentEvents;
    this.#pingCpuMs = watched.cpuMs;
    this.#pingedAtMs = now;
    this.#pingOutstanding = true;
    watched.pinged(events);
    this.#channel?.send(PING_FRAME);
  }
  #pingCpuMs = 0;
  #pingedAtMs = 0;
  #pingOutstanding = false;
  /** Frames sent that may make user code run, and how many there were at the last ping. */
  #sentEvents = 0;
  #eventsAtPing = 0;
  /** The harness says that it runs one event per turn. A lie costs or gains the worker's own requests only. */
  #splitsTurns = true;
  #reportedAllMs = 0;
  #reportedShareMs = 0;
  /** The least `shareStartMs` of those in flight: who has been charged most. */
  #oldestStartMs = 0;

  // --- frames from the cell ---

  /** Every frame. Throws CellMisbehaved (the channel then ends the cell) on what no honest harness sends. */
  receive(type: number, stream: number, payload: Uint8Array): void {
    if (stream !== 0) this.#receiveStream(type, stream, payload);
    else this.#receiveControl(type, payload);
  }

  #receiveControl(type: number, payload: Uint8Array): void {
    switch (type) {
      case PONG:
        this.#pingOutstanding = false;
        this.#watched?.ponged();
        this.#receiveReport(payload);
        return;
      case HELLO:
        return this.#settleAwaited('starting', payload);
      case LOADED:
        return this.#settleAwaited('loading', payload);
      case LOAD_FAILED: {
        if (this.#state !== 'loading') throw new CellMisbehaved(`LOAD_FAILED while ${this.#state}`);
        const failure = readFailure(payload);
        const text = failure.stack ?? `${failure.name}: ${failure.message}`;
        this.#awaiting?.reject(new LoadError('exception', text));
        return;
      }
      case LOG:
        return this.#log.receiveLog(payload);
      case EXCEPTION:
        return this.#log.receiveException(payload);
      case INVOCATION_END: {
        const invocation = this.#invocations.get(readObject<{ invocation: number }>(payload).invocation);
        if (invocation === undefined) return;
        // The word that nothing goes on may overtake the end of the response: they travel on different sockets.
        if (invocation.answered) this.end(invocation);
        else invocation.waitsSettled = true;
        return;
      }
      default:
        throw new CellMisbehaved(`Unknown control frame ${type}`);
    }
  }

  /**
   * Since the last report everybody in flight was charged alike; the harness tells whose the events were. What the kernel has
   * counted is divided by that: the harness may only shift CPU among requests of its own worker.
   */
  #receiveReport(payload: Uint8Array): void {
    const report = readReport(payload);
    this.#splitsTurns = report.isSplit;
    const watched = this.#watched;
    if (watched === undefined) return;
    const { shareMs, chargedMs: allMs } = watched;
    const usedMs = allMs - this.#reportedAllMs;
    const sinceMs = this.#reportedShareMs;
    this.#reportedAllMs = allMs;
    this.#reportedShareMs = shareMs;
    if (report.total === 0) return;
    for (const invocation of this.#invocations.values()) {
      const fairMs = (usedMs * (report.byInvocation.get(invocation.id) ?? 0)) / report.total;
      const chargedMs = shareMs - Math.max(invocation.shareStartMs, sinceMs);
      invocation.shareStartMs = Math.min(shareMs, invocation.shareStartMs + chargedMs - fairMs);
    }
    this.#oldestStartMs = this.#findOldest();
    this.#publishLoad();
  }

  #settleAwaited(state: CellState, payload: Uint8Array): void {
    const awaiting = this.#awaiting;
    if (this.#state !== state || awaiting === undefined) {
      throw new CellMisbehaved(`Message for ${state} while ${this.#state}`);
    }
    awaiting.resolve(checkedMessage(readObject(payload)) as never);
  }

  /** The first word counts, and is read only once. */
  #receiveAnswerError(invocation: Invocation | undefined, payload: Uint8Array): void {
    if (invocation === undefined || invocation.answerError !== undefined) return;
    invocation.answerError = readThrownFailure(readObject(payload));
    invocation.onAnswerError?.();
  }

  #receiveStream(type: number, stream: number, payload: Uint8Array): void {
    if (type === ANSWER_BROKE) {
      this.#receiveAnswerError(this.#invocations.get(stream), payload);
      return;
    }
    if (type === ANSWER || type === SERVICE_ANSWER || type === ANSWER_WAITS) {
      if (type !== ANSWER_WAITS) this.noteAnswer(false);
      // An answer to a request that was given up meanwhile is nobody's.
      this.#exchanges.get(stream)?.receive(type, payload);
      return;
    }
    if (type >= INBOUND_DATA && type <= INBOUND_FAIL) {
      this.#receiveInbound(type, stream, payload);
      return;
    }
    this.#streams.receive(type, stream, payload);
  }

  /** What the server keeps for the cell counts as the cell's own memory would. */
  #leftTooMuch(): void {
    if (this.#state === 'dead') return;
    this.#diedOfMemory = true;
    this.kill(`it left more than ${CHANNEL_LIMITS.maxHeldBytes / MiB} MiB of calls with the server`);
  }

  readonly #sendFrame = (frame: Uint8Array): void => {
    this.#sentEvents++;
    this.#channel?.send(frame);
  };

  /** Frames about a session that another cell has opened with this one. */
  #receiveInbound(type: number, stream: number, payload: Uint8Array): void {
    const session = this.#inbound.get(stream);
    // Frames that crossed with the caller's end.
    if (session === undefined) return;
    if (type === INBOUND_DATA) session.receiveInboundData(payload);
    else if (type === INBOUND_WINDOW) session.receiveInboundWindow(payload);
    else if (type === INBOUND_END) session.receiveInboundEnd(payload[0] === 1);
    else session.receiveInboundFail(readFailure(payload));
  }

  #send(type: number, message: unknown): void {
    this.#channel?.send(encodeFrame(type, 0, Buffer.from(JSON.stringify(message))));
  }

  // --- the end ---

  /** Visitors with a WebSocket hear that this end goes away: a Close is better than a connection that breaks. */
  goAway(): void {
    if (this.#state !== 'dead') this.#channel?.send(GO_AWAY_FRAME);
  }

  /** Takes no more invocations; ends when the last is over, or at the deadline. Visitors with a WebSocket hear of it before that. */
  drain(deadlineMs: number): void {
    if (this.#state !== 'serving') {
      this.kill(`drained while ${this.#state}`);
      return;
    }
    this.#state = 'draining';
    if (this.#invocations.size === 0) this.kill('drained');
    else {
      setTimeout(() => this.goAway(), deadlineMs - this.#context.timings.closeMs).unref();
      setTimeout(() => this.kill('its time to drain was over'), deadlineMs).unref();
    }
  }

  /** A dying process closes its channel first: then its exit is the reason, and what it did to the protocol otherwise. */
  channelEnded(error: Error): void {
    if (error instanceof CellMisbehaved || error.name === 'FrameError' || error.name === 'SyntaxError') {
      this.#killedFor ??= 'protocol';
      this.kill(`it broke the protocol: ${error.message}`);
    } else this.kill(undefined);
  }

  /** SIGKILL: the only signal a cell cannot swallow. Idempotent. Without a reason the way it exited is the reason. */
  kill(reason: string | undefined): void {
    this.#deathReason ??= reason;
    if (reason !== undefined) this.#killedFor ??= 'stopped';
    if (this.#state === 'serving') this.#state = 'draining';
    this.#process.child.kill('SIGKILL');
    void this.#process.pid.then(
      (pid) => {
        // The namespace outlives a killed bubblewrap by the moment its death signal takes.
        if (this.#state !== 'dead' && pid !== this.#process.child.pid) killQuietly(pid);
      },
      () => undefined,
    );
  }

  #died(how: string): void {
    if (this.#state === 'dead') return;
    const stderr = this.#process.stderr();
    this.#deathReason ??= `its process ended (${how})`;
    if (stderr !== '') this.#deathReason += `: ${stderr.slice(0, 2000)}`;
    this.#state = 'dead';
    this.#diedOfMemory ||= isMemoryDeath(this.#deathReason) || this.#context.groups.ranOutOfMemory(this.id);
    this.#context.groups.remove(this.id);
    this.#context.onCellEvent({ type: 'ended', reason: this.#endReason });
    this.inFlightAtDeath = this.#invocations.size;
    this.#channel?.close();
    const outcome = this.deathOutcome;
    this.#awaiting?.reject(new Error(this.#deathReason));
    this.#streams.abortAll();
    for (const exchange of [...this.#exchanges.values()]) exchange.lost();
    for (const session of [...this.#inbound.values()]) session.lost();
    for (const invocation of [...this.#invocations.values()]) {
      // A limit is the outcome also of those whose answer is out: it ended their `waitUntil` work.
      const isItsOutcome = !invocation.answered || outcome !== 'unknown';
      if (invocation.outcome === 'ok' && isItsOutcome) invocation.outcome = outcome;
      this.end(invocation);
    }
    this.http.close();
    this.#watched?.release();
    rmSync(this.directory, { recursive: true, force: true });
    this.onDead?.();
  }

  #transition(from: CellState, to: CellState): void {
    if (this.#state !== from)
      throw new LoadError('no-cell', `The cell is ${this.#state}, not ${from}: ${this.#deathReason ?? ''}`);
    this.#state = to;
  }
}

const callerOf = ({ version, invocationId }: CallParent) => ({
  workerName: version.workerName,
  versionId: version.id,
  invocationId,
});

/** Asks for the answer that waits in the cell. */
const collectRequest = (invocation: number): RequestHead => ({
  method: 'GET',
  url: 'http://cell/',
  headers: ['host', 'cell', INVOCATION_HEADER, `${invocation}${COLLECT_MARK}`],
  body: null,
  bodyBytes: null,
});

const PING_FRAME = encodeFrame(PING, 0, new Uint8Array(0));
const GO_AWAY_FRAME = encodeFrame(GO_AWAY, 0, new Uint8Array(0));

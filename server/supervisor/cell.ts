/**
 * One cell: a sandboxed Deno process that runs one version, and its life. What it is asked is in `cell-requests.ts`, what it asks in
 * `cell-streams.ts`, what it runs in `cell-invocations.ts`, who pays in `cpu-account.ts`, why it ended in `cell-end.ts`.
 *
 *   starting ──hello──► warm ──load──► loading ──loaded──► serving ──drain──► draining
 *      │                 │               │                   │                  │
 *      └─────────────────┴───────────────┴───────kill/exit───┴──────────────────┴──► dead
 *
 * A generic cell is `warm`; `load` gives it its one version for life. Only a `serving` cell takes new invocations; a `draining`
 * one finishes what it has. `dead` is final, and a dead cell's directory is gone. Calls that do not fit the state throw, naming it.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { encodeFrame } from '../../shared/frames.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  ANSWER_BROKE,
  BROKER_SOCKET,
  EXCEPTION,
  COLLECT,
  GO_AWAY,
  HELLO,
  type HelloMessage,
  IN_SOCKET,
  INVOCATION_END,
  LOAD_FAILED,
  LOADED,
  type LoadedMessage,
  LOG,
  PONG,
  PROTOCOL_VERSION,
} from '../../shared/protocol.ts';
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';
import type { Logger } from '../log/types.ts';
import { AwaitedMessage } from './awaited-message.ts';
import { CellEnd } from './cell-end.ts';
import { readCpuMs, verifySandbox } from './cell-facts.ts';
import { CellHttp } from './cell-http.ts';
import { CellInvocations } from './cell-invocations.ts';
import { CellLog } from './cell-log.ts';
import { CellMemory } from './cell-memory.ts';
import { checkedMessage, readFailure, readObject, readReport } from './cell-messages.ts';
import { CellRequests, isAnswer, isInbound } from './cell-requests.ts';
import { CellStreams } from './cell-streams.ts';
import type { CellGroups } from './cgroup.ts';
import { Channel } from './channel.ts';
import { CpuAccount } from './cpu-account.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Invocation } from './invocation.ts';
import { LoadError, startupError } from './load-error.ts';
import { loadFrames } from './load-message.ts';
import { CellMisbehaved } from './misbehaved.ts';
import { UntakenBytes } from './session.ts';
import { type CellProcess, type CellProgram, spawnCell } from './spawn.ts';
import type { Timings } from './timings.ts';
import type { Broker, CallParent, CellEvent, Outcome, WorkerEvent } from './types.ts';
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

const MiB = 1024 * 1024;
const GO_AWAY_FRAME = encodeFrame(GO_AWAY, 0, new Uint8Array(0));
const COLLECT_FRAME = encodeFrame(COLLECT, 0, new Uint8Array(0));

export class Cell {
  readonly id: string;
  readonly directory: string;
  readonly http: CellHttp;
  /** Of RPC sessions, in both directions. */
  readonly untaken = new UntakenBytes();
  readonly cpu: CpuAccount;
  readonly invocations: CellInvocations;
  readonly requests: CellRequests;
  /** Settles when the process is gone, and all that hung on it. */
  readonly exited: Promise<void>;
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
  readonly #running = new Map<number, Invocation>();
  readonly #streams: CellStreams;
  readonly #log: CellLog;
  readonly #memory: CellMemory;
  readonly #heartbeat = new Heartbeat((frame) => this.#channel?.send(frame));
  readonly #awaited = new AwaitedMessage();
  readonly #end = new CellEnd(() => this.#watched?.killReason);
  #channel: Channel | undefined;
  #watched: WatchedCell | undefined;
  #state: CellState = 'starting';
  #nonce = '';
  /** It was started when nobody waited for it, or for those who have cost enough. */
  #givesWay: boolean;

  private constructor(id: string, directory: string, context: CellContext, process: CellProcess, givesWay: boolean) {
    this.id = id;
    this.#givesWay = givesWay;
    this.directory = directory;
    this.#context = context;
    this.#process = process;
    this.#memory = new CellMemory(context.groups, id, process.pid, context.memoryMiB);
    this.http = new CellHttp(`${directory}/${IN_SOCKET}`);
    this.cpu = new CpuAccount(this.#running);
    this.requests = new CellRequests(this.http, this.#sendEvent, this.#sendControl);
    this.#log = new CellLog({
      version: () => this.version as WorkerVersion,
      running: this.#running,
      onEvent: context.onEvent,
    });
    this.invocations = new CellInvocations(this.#running, {
      cpu: this.cpu,
      waitUntilMs: context.timings.waitUntilMs,
      send: this.#sendControl,
      onEvent: context.onEvent,
      onEnding: (invocation) => {
        this.requests.loseSession(invocation);
        this.#log.remember(invocation);
      },
      onEnded: () => this.#invocationEnded(),
    });
    this.#streams = this.#openStreams();
    this.lastUsedMs = performance.now();
    this.exited = process.exited.then(({ how, stderr }) => {
      this.#died(how, stderr);
      for (const listener of this.exitListeners) listener();
    });
  }

  #openStreams(): CellStreams {
    const { broker, onCellEvent } = this.#context;
    return new CellStreams({
      cellId: this.id,
      broker,
      invocations: this.#running,
      exchanges: this.requests.exchanges,
      untaken: this.untaken,
      send: this.#sendEvent,
      onCarried: (invocation, size) => this.cpu.carried(invocation, size),
      onCarriedByRpc: (invocation, size) => this.cpu.carriedByRpc(invocation, size),
      onTooMuchHeld: () => this.#leftTooMuch(),
      onSessionEnd: (roundTrips) => onCellEvent({ type: 'session', roundTrips }),
    });
  }

  /** Starts a generic cell and waits until its sandbox is closed (`warm`). Throws LoadError('no-cell') with the reason. */
  static async start(
    id: string,
    directory: string,
    uid: number,
    context: CellContext,
    { givesWay }: { readonly givesWay: boolean },
  ): Promise<Cell> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    let cell: Cell | undefined;
    try {
      const channel = await Channel.listen(`${directory}/${BROKER_SOCKET}`, {
        onFrame: (type, stream, payload) => cell?.receive(type, stream, payload),
        onClosed: (error) => cell?.channelEnded(error),
      });
      cell = new Cell(id, directory, context, spawnCell(context.program, directory, uid, givesWay), givesWay);
      cell.#channel = channel;
      await cell.#awaitHello(uid);
      return cell;
    } catch (error) {
      const endedItself = cell?.state === 'dead';
      // What ended it says more than what broke here because of that.
      const reason = cell?.deathReason ?? (error as Error).message;
      cell?.kill('it did not start');
      if (cell === undefined) rmSync(directory, { recursive: true, force: true });
      else {
        await cell.exited;
        // Its group may have been made after its death.
        cell.#memory.release();
      }
      throw new LoadError('no-cell', `A cell did not start: ${reason}`, endedItself);
    }
  }

  get state(): CellState {
    return this.#state;
  }

  get inFlight(): number {
    return this.#running.size;
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
    return this.#end.reason;
  }

  /** How invocations ended that were in flight when the cell died. */
  get deathOutcome(): Outcome {
    return this.#end.outcome;
  }

  // --- starting and loading ---

  async #awaitHello(uid: number): Promise<void> {
    const hello = await this.#expect<HelloMessage>(this.#context.timings.helloMs, 'hello');
    if (hello.protocol !== PROTOCOL_VERSION)
      throw new Error(`it speaks protocol ${hello.protocol}, not ${PROTOCOL_VERSION}`);
    const pid = await this.#process.denoPid();
    this.pid = pid;
    await verifySandbox(pid, uid);
    await this.#memory.confine(pid);
    this.hello = hello;
    this.#watched = this.#context.watchdog.watch(pid, this.#givesWay);
    this.cpu.watch(this.#watched);
    this.#transition('starting', 'warm');
  }

  /** Whether the kernel runs the others first. */
  set givesWay(value: boolean) {
    this.#givesWay = value;
    if (this.#watched !== undefined) this.#watched.givesWay = value;
  }

  /** See `FairShare`. */
  set stepsBehind(value: number) {
    if (this.#watched !== undefined) this.#watched.stepsBehind = value;
  }

  /** Hands the cell its version and runs the top level, under the start-up limits. Throws LoadError. */
  async load(version: WorkerVersion, modules: readonly ModuleContent[], cpuMs: number): Promise<LoadedMessage> {
    this.#transition('warm', 'loading');
    this.version = version;
    this.#nonce = randomUUID();
    (this.#watched as WatchedCell).memoryLimitBytes = this.#memory.limitBytes;
    this.cpu.startupBegan();
    for (const frame of loadFrames(version, modules, this.#nonce)) this.#channel?.send(frame);
    try {
      this.loaded = await this.#expect<LoadedMessage>(this.#context.timings.startupMs, 'loaded');
    } catch (error) {
      const death = this.#state === 'dead' ? this.#end : undefined;
      const failure = error instanceof LoadError ? error : startupError(death, this.#context.timings.startupMs);
      this.kill(`its version did not start: ${failure.message}`);
      throw failure;
    }
    this.cpu.startupEnded(cpuMs, readCpuMs(this.pid as number));
    this.#transition('loading', 'serving');
    this.lastUsedMs = performance.now();
    return this.loaded;
  }

  /** Waits for the next hello/loaded message; rejects at the deadline or when the process dies. */
  #expect<T>(timeoutMs: number, what: string): Promise<T> {
    if (this.#state === 'dead') return Promise.reject(new Error(this.#end.reason));
    return this.#awaited.wait<T>(timeoutMs, what);
  }

  // --- invocations ---

  /** Begins an invocation. The caller must end it (`invocations.end`), whatever happens. */
  begin(parent: CallParent | undefined, publicHops = 0): Invocation {
    if (this.#state !== 'serving') throw new Error(`A cell that is ${this.#state} takes no invocation`);
    return this.invocations.begin(this.version as WorkerVersion, parent, publicHops);
  }

  /** A draining cell goes with its last. */
  #invocationEnded(): void {
    this.lastUsedMs = performance.now();
    if (this.#state === 'draining' && this.#running.size === 0) this.kill('drained');
    this.onInvocationEnd?.();
    // What it has left behind must not be the end of the next one.
    if (this.#running.size === 0) this.#relieveMemory();
  }

  /** Looks after a cell that is busy: asks its event loop for a sign of life and for its garbage, when it is time. */
  lookAfter(): void {
    this.#relieveMemory();
    this.#heartbeat.ping(this.#watched as WatchedCell, this.#running.size);
  }

  #relieveMemory(): void {
    if (this.#state === 'dead') return;
    if (this.#memory.shouldCollect(this.privateBytes, this.#running.size > 0)) this.#channel?.send(COLLECT_FRAME);
  }

  // --- frames to the cell ---

  readonly #sendEvent = (frame: Uint8Array): void => {
    this.#heartbeat.eventSent();
    this.#channel?.send(frame);
  };

  readonly #sendControl = (type: number, message: unknown): void => {
    this.#channel?.send(encodeFrame(type, 0, Buffer.from(JSON.stringify(message))));
  };

  // --- frames from the cell ---

  /** Every frame. Throws CellMisbehaved (the channel then ends the cell) on what no honest harness sends. */
  receive(type: number, stream: number, payload: Uint8Array): void {
    if (stream !== 0) this.#receiveStream(type, stream, payload);
    else this.#receiveControl(type, payload);
  }

  #receiveControl(type: number, payload: Uint8Array): void {
    switch (type) {
      case PONG:
        return this.#receivePong(payload);
      case HELLO:
        return this.#receiveAwaited('starting', payload);
      case LOADED:
        return this.#receiveAwaited('loading', payload);
      case LOAD_FAILED:
        return this.#receiveLoadFailure(payload);
      case LOG:
        return this.#log.receiveLog(payload);
      case EXCEPTION:
        return this.#log.receiveException(payload);
      case INVOCATION_END:
        return this.invocations.receiveEnd(payload);
      default:
        throw new CellMisbehaved(`Unknown control frame ${type}`);
    }
  }

  #receivePong(payload: Uint8Array): void {
    this.#heartbeat.answered();
    this.#watched?.ponged();
    const report = readReport(payload);
    this.#heartbeat.reported(report.isSplit);
    this.cpu.divide(report);
  }

  #receiveAwaited(state: CellState, payload: Uint8Array): void {
    if (this.#state !== state || !this.#awaited.isAwaited) {
      throw new CellMisbehaved(`Message for ${state} while ${this.#state}`);
    }
    this.#awaited.received(checkedMessage(readObject(payload)));
  }

  #receiveLoadFailure(payload: Uint8Array): void {
    if (this.#state !== 'loading') throw new CellMisbehaved(`LOAD_FAILED while ${this.#state}`);
    const failure = readFailure(payload);
    this.#awaited.failed(new LoadError('exception', failure.stack ?? `${failure.name}: ${failure.message}`));
  }

  #receiveStream(type: number, stream: number, payload: Uint8Array): void {
    if (isAnswer(type)) this.requests.receiveAnswer(type, stream, payload);
    else if (type === ANSWER_BROKE) this.invocations.receiveAnswerError(stream, payload);
    else if (isInbound(type)) this.requests.receiveInbound(type, stream, payload);
    else this.#streams.receive(type, stream, payload);
  }

  /** What the server keeps for the cell counts as the cell's own memory would. */
  #leftTooMuch(): void {
    if (this.#state === 'dead') return;
    this.#end.ranOutOfMemory();
    this.kill(`it left more than ${CHANNEL_LIMITS.maxHeldBytes / MiB} MiB of calls with the server`);
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
    if (this.#running.size === 0) this.kill('drained');
    else {
      setTimeout(() => this.goAway(), deadlineMs - this.#context.timings.closeMs).unref();
      setTimeout(() => this.kill('its time to drain was over'), deadlineMs).unref();
    }
  }

  /** A dying process closes its channel first: then its exit is the reason, and what it did to the protocol otherwise. */
  channelEnded(error: Error): void {
    if (error instanceof CellMisbehaved || error.name === 'FrameError' || error.name === 'SyntaxError') {
      this.#end.brokeProtocol();
      this.kill(`it broke the protocol: ${error.message}`);
    } else this.kill(undefined);
  }

  /** SIGKILL: the only signal a cell cannot swallow. Idempotent. Without a reason the way it exited is the reason. */
  kill(reason: string | undefined): void {
    this.#end.stopped(reason);
    if (this.#state === 'serving') this.#state = 'draining';
    this.#process.kill();
  }

  #died(how: string, stderr: string): void {
    if (this.#state === 'dead') return;
    this.#end.exited(how, stderr);
    this.#state = 'dead';
    if (this.#memory.release()) this.#end.ranOutOfMemory();
    this.#context.onCellEvent({ type: 'ended', reason: this.#end.metric });
    this.inFlightAtDeath = this.#running.size;
    this.#channel?.close();
    this.#awaited.failed(new Error(this.#end.reason));
    this.#streams.abortAll();
    this.requests.lost();
    this.invocations.lost(this.#end.outcome);
    this.http.close();
    this.#watched?.release();
    rmSync(this.directory, { recursive: true, force: true });
    this.onDead?.();
  }

  #transition(from: CellState, to: CellState): void {
    if (this.#state !== from) {
      const reason = `The cell is ${this.#state}, not ${from}: ${this.#end.reason ?? ''}`;
      throw new LoadError('no-cell', reason, this.#state === 'dead');
    }
    this.#state = to;
  }
}

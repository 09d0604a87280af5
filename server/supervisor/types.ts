/**
 * The supervisor as the gateway and the bindings see it: hand in one HTTP call for one version, get the answer streamed
 * into a sink. Which cell runs it, whether one must be started, retries and limits are not the caller's business.
 */
import type { Duplex, Readable } from 'node:stream';
import type { CacheTarget, DataOperation, Failure, InvocationTarget } from '../../shared/protocol.ts';
import type { Binding, WorkerVersion } from '../../shared/worker.ts';
import type { CallFailure } from './cell-duplex.ts';

/** The tree of invocations one outside request causes. Made by the gateway's call, handed on by service bindings. */
export interface Pipeline {
  readonly id: string;
  /** Milliseconds since the epoch; stands still while JavaScript runs, moves on at outside I/O only. */
  clockMs: number;
  /** Calls of the whole tree so far: to the internet, and to services and bindings. */
  externalSubrequests: number;
  internalSubrequests: number;
  /** CPU time of all its invocations that have ended: what the pipeline is charged with, once. */
  cpuMs: number;
  /** Invocations so far. */
  invocations: number;
  /** By worker: the version that was chosen for the first call. All later calls of the pipeline get the same. */
  versions: Map<string, string> | undefined;
  /** The version that the outside request came to. */
  readonly root: WorkerVersion;
  /** How many workers' visits to public names of workers led here, one after the other. */
  readonly publicHops: number;
}

/** Where a call from one worker to another comes from. */
export type CallParent = Pick<Caller, 'version' | 'invocationId' | 'pipeline' | 'depth'>;

/** A request with its whole body, as the calling cell has written it and the server has checked it. */
export interface RelayedRequest {
  /** `u32 head length | head | body`, see `shared/service-frames.ts`. A view of what was read until `keep` is called. */
  readonly content: Uint8Array;
  /** False: no body at all, which is not the same as an empty one. */
  readonly hasBody: boolean;
  /** It is needed longer than this turn. `sent`: the same bytes, where they are kept in any case. */
  keep(sent?: Uint8Array): void;
}

export interface FetchCall {
  /** Present: what the worker gets when it gets it over its channel. `body` is null then. */
  readonly relay?: RelayedRequest | undefined;
  readonly version: WorkerVersion;
  readonly method: string;
  /** Absolute, as the worker shall see it. */
  readonly url: string;
  /** Flat `[name, value, name, value …]` in the order received; hop-by-hop headers already taken out. */
  readonly headers: readonly string[];
  /** Null: no body. */
  readonly body: Readable | null;
  /** Bytes of the body when known in advance (content-length). */
  readonly bodyBytes: number | null;
  /** True when the client asked for a WebSocket upgrade. */
  readonly upgrade: boolean;
  /** Undefined: the default entrypoint, without props. */
  readonly target?: InvocationTarget | undefined;
  /** `request.cf` as a calling worker gave it, as JSON. */
  readonly cf?: string | undefined;
  /** Undefined starts a new pipeline (an outside request). */
  readonly parent?: CallParent;
  /** Of the new pipeline; absent: none. */
  readonly publicHops?: number;
}

/** Receives exactly one of: head… end, head… fail, fail, upgrade. Never called after `cancel()`. */
export interface FetchSink {
  /**
   * `headers` is flat like FetchCall.headers; hop-by-hop and Skep's own headers are already taken out. `ownLength`: the content-length that the
   * worker itself gave, null when it gave none and that in `headers` is framing's; undefined: what is in `headers` is the worker's.
   */
  head(status: number, statusText: string, headers: string[], ownLength?: string | null): void;
  /** False asks for a pause; the sink calls `resume()` of the control when it can take more. */
  data(chunk: Buffer): boolean;
  end(): void;
  /**
   * In place of head… end: an answer to a `relay` that is all there and may be passed on as it is. `content`: `u32 head length |
   * head | body`, only valid during the call.
   */
  whole?(status: number, content: Uint8Array): void;
  fail(failure: InvocationFailure): void;
  /** 101: `socket` carries raw WebSocket bytes from now on and belongs to the sink; `head` are bytes already read. */
  upgrade(headers: string[], socket: Duplex, head: Buffer): void;
}

export interface FetchControl {
  resume(): void;
  /** The client is gone or lost interest: aborts the worker's `request.signal`. Idempotent. */
  cancel(): void;
}

/** How an invocation ended; the names are those of Cloudflare's trace events. */
export type Outcome =
  | 'ok'
  | 'exception'
  | 'exceededCpu'
  | 'exceededMemory'
  | 'exceededWallTime'
  | 'canceled'
  | 'responseStreamDisconnected'
  | 'unknown';

/** Why there is no (whole) answer. The gateway turns `code` into Cloudflare's error page; `reason` is the operator's only. */
export interface InvocationFailure {
  /** `exception` → 1101; `limit` → 1102; `loop` → 1019; `no-cell` → 503 with Retry-After. */
  readonly kind: 'exception' | 'limit' | 'loop' | 'no-cell';
  readonly outcome: Outcome;
  readonly reason: string;
  /** The exception as user code threw it, for a calling worker to see. */
  readonly error?: Failure;
}

/** An RPC session to be opened with a version. */
export interface SessionCall {
  readonly version: WorkerVersion;
  /** Undefined: the default entrypoint, without props. */
  readonly target: InvocationTarget | undefined;
  /** What the caller is told when the callee cannot be reached or dies. */
  describe(failure: InvocationFailure): { name: string; message: string };
}

/** The data path's one way to run a worker. */
export interface FetchDispatcher {
  fetch(call: FetchCall, sink: FetchSink): FetchControl;
}

export interface Dispatcher extends FetchDispatcher {
  /** Joins a session that a cell has opened to a cell of the version. */
  openSession(call: SessionCall, session: BindingSession): void;
}

/** What came of running a version's top level in a real cell, before it goes live. */
export type StartupResult =
  | {
      readonly ok: true;
      readonly startupMs: number;
      readonly handlers: readonly string[];
      readonly entrypoints: readonly string[];
    }
  | {
      readonly ok: false;
      readonly kind: 'exception' | 'cpu' | 'memory' | 'hang' | 'no-cell';
      readonly message: string;
    };

export interface StartupChecker {
  checkStartup(
    version: WorkerVersion,
    modules: readonly import('../../shared/worker.ts').ModuleContent[],
  ): Promise<StartupResult>;
}

/** How a version does on this node. */
export interface VersionHealthStatus {
  /** `unhealthy`: its cells keep ending; requests are refused from memory until `retryAt`. `recovering`: after that, until it has been well for a while. */
  readonly state: 'healthy' | 'unhealthy' | 'recovering';
  readonly reason: string | null;
  readonly since: Date | null;
  readonly retryAt: Date | null;
}

export interface VersionHealthSource {
  healthOf(versionId: string): VersionHealthStatus;
}

/** A cell's side of a call to a binding: who asks, and for which invocation. Nothing in it comes from the cell's own words. */
export interface Caller {
  readonly version: WorkerVersion;
  readonly cellId: string;
  readonly invocationId: number;
  readonly pipeline: Pipeline;
  /** How many workers are on the way from the outside request to this invocation, itself included. */
  readonly depth: number;
}

/** How a call ended: answered whole, failed by the binding, or given up by the worker. */
export type CallEnding = 'answered' | 'failed' | 'canceled';

/** Hears how far a call is. */
export interface CallObserver {
  /** The head of the answer is there, or the connection. */
  answered(isConnection: boolean): void;
  /** Nothing is open any longer. Called once. */
  over(ending: CallEnding): void;
}

/**
 * One call a cell has opened, as a binding sees it. The binding answers with `respond` then `write`… `end`, or with `fail`; all are
 * ignored once the call is over. Head fields are validated (see `cell-call.ts`).
 */
export interface BindingCall {
  readonly caller: Caller;
  readonly binding: string | null;
  /** The caller's own worker, in place of a binding. */
  readonly loopback: InvocationTarget | undefined;
  /** `request.cf` for the callee, as JSON: the caller's words. */
  readonly cf: string | undefined;
  /** The account's cache, in place of a binding. */
  readonly cache?: CacheTarget | undefined;
  /** What is asked of a data binding. Its arguments are the worker's own words, of any shape. */
  readonly operation?: DataOperation | undefined;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  /** Null: no body. Reading grants the cell credit to send more. */
  readonly body: Readable | null;
  /** The whole body, when it came in one frame with the call: cheaper than reading it from `body`. Empty: there is none. */
  readonly wholeBody: Uint8Array | null;
  /** Known when the whole body came with the call. */
  readonly bodyBytes: number | null;
  /** The worker asks for a connection of its own: a WebSocket, or a TCP socket to the URL's host and port. */
  readonly upgrade: 'websocket' | 'socket' | null;
  /** What a service is handed when it is handed the call as it came; undefined: the call has to be written anew. */
  readonly relay?: RelayedRequest | undefined;
  respond(status: number, statusText: string, headers: readonly string[], bodyBytes?: number | null): void;
  /** The answer to a relayed call, in place of respond… end; `content` as `FetchSink.whole` has it. */
  respondWhole?(status: number, content: Uint8Array): void;
  /** The head of the answer to an operation; a body may follow, as after `respond`. `result`: JSON. */
  respondWith(result: unknown): void;
  /** All of the answer to an operation. False: it is larger than a frame and goes out as the worker takes it. */
  answer(result: unknown, body: Uint8Array): boolean;
  /** False: wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  fail(error: CallFailure): void;
  /** Answers with 101: the call is a stream of raw bytes both ways from now on. Undefined when the call is over. */
  switchProtocols(headers: readonly string[]): CallDuplex | undefined;
  /** Called with a `StartTlsMessage` when the worker asks for TLS on its socket. */
  onStartTls: ((payload: Uint8Array) => void) | undefined;
  /** Called when the cell took enough to send it more. */
  onDrain: (() => void) | undefined;
  /** Called once when the cell gave the call up, its invocation ended, the cell died, or the broker cancelled it. */
  onAbort: (() => void) | undefined;
  /** The broker's. */
  observer: CallObserver | undefined;
  /** Bytes of the answer wait for the worker to take them. */
  readonly isStalled: boolean;
  /** When a byte of the answer last went to the cell (`performance.now()`). */
  readonly movedAtMs: number;
  /** Ends the call for both sides: the worker hears the error, the binding `onAbort`. */
  cancel(error: CallFailure): void;
}

/** The worker's connection, as a binding sees it. */
export interface CallDuplex extends Duplex {
  /** A frame about this stream that is neither data nor flow control. */
  notify(type: number, payload: Uint8Array): void;
  /** Ends it with a reason that the worker hears. */
  fail(error: { name: string; message: string }): void;
}

/** A session a cell has opened with a binding, before it is joined to its other end (`Dispatcher.openSession`) or refused. */
export interface BindingSession {
  readonly caller: Caller;
  readonly binding: string | null;
  readonly loopback: InvocationTarget | undefined;
  fail(error: { name: string; message: string }): void;
}

/** The node's side of all bindings. Gets every call and session of every cell; must answer each. */
export interface Broker {
  call(call: BindingCall): void;
  openSession(session: BindingSession): void;
}

/** What a worker said or what became of it, for logs, tails and the trace store. */
export type WorkerEvent =
  | {
      readonly type: 'log';
      readonly version: WorkerVersion;
      readonly invocationId: number;
      readonly pipelineId: string;
      readonly level: string;
      readonly message: readonly string[];
    }
  | {
      readonly type: 'exception';
      readonly version: WorkerVersion;
      readonly invocationId: number;
      readonly pipelineId: string;
      readonly name: string;
      readonly message: string;
      readonly stack?: string;
    }
  /** A span: something was asked of a data binding, and is over. */
  | {
      readonly type: 'operation';
      readonly version: WorkerVersion;
      readonly invocationId: number;
      readonly pipelineId: string;
      readonly binding: string;
      readonly bindingType: Binding['type'];
      /** One of those the binding knows. */
      readonly operation: string;
      readonly ending: CallEnding;
      /** From the call to the end of its answer. */
      readonly ms: number;
    }
  | {
      readonly type: 'invocation';
      readonly version: WorkerVersion;
      readonly invocationId: number;
      readonly pipelineId: string;
      readonly depth: number;
      readonly outcome: Outcome;
      readonly wallMs: number;
      /** Until the answer was out: `waitUntil` work is not in it. */
      readonly answerMs: number;
      readonly cpuMs: number;
      /** Of the whole pipeline up to now: in the event that comes last, all of it. */
      readonly pipelineCpuMs: number;
      /** It logged more than it may; the rest was left out. */
      readonly truncated: boolean;
      /** The invocation that called this one through a binding; null: an outside request. */
      readonly caller: {
        readonly workerName: string;
        readonly versionId: string;
        readonly invocationId: number;
      } | null;
    };

/** What becomes of cells, for metrics. */
export type CellEvent =
  /** An RPC session is over; `roundTrips`: how often the callee answered something that the caller had said since. */
  | { readonly type: 'session'; readonly roundTrips: number }
  /** A process is up, its sandbox closed. */
  | { readonly type: 'started'; readonly ms: number }
  /** A version got a cell: from the wish to the end of its top level. */
  | { readonly type: 'loaded'; readonly ms: number; readonly prestarted: boolean }
  | { readonly type: 'ended'; readonly reason: CellEndReason }
  /** A request that found no free cell has one now, or has given up. */
  | { readonly type: 'waited'; readonly ms: number; readonly gotCell: boolean };

/** `stopped`: on purpose (idle, drained, the node stops). `protocol`: it said what no honest harness says. */
export type CellEndReason = 'cpu' | 'memory' | 'hang' | 'protocol' | 'crashed' | 'stopped';

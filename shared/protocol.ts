/**
 * The wire between a cell and its supervisor: one stream socket per cell, carrying frames.
 *
 *   frame   = u32 LE length of the rest | u8 type | u32 LE stream | payload
 *   stream  = 0 for messages about the cell itself; otherwise one call the cell has opened (the cell counts them up)
 *
 * The socket is the identity: nothing in a frame says who the cell is. What comes out of a cell is an attacker's;
 * `server/supervisor/channel.ts` checks every frame. Requests with small bodies travel here too, many in one system call; those with
 * large bodies and upgrades are HTTP on the cell's own socket (`IN_SOCKET`), see `docs/protocol.md`.
 */

/** Raised whenever a frame changes its meaning; both sides ship together, so a mismatch is a broken build. */
export const PROTOCOL_VERSION = 3;

/** Beside the harness: its parts that most workers never need. */
export const EXTRAS_FILE = 'extras.bin';
/** Sockets in a cell's own directory: the cell's HTTP server, and the channel to the supervisor. */
export const IN_SOCKET = 'in.sock';
export const BROKER_SOCKET = 'broker.sock';

/** Length, type and stream. */
export const FRAME_HEADER_BYTES = 9;

// A payload that is named by a type is JSON. "u32 head | `Head` | …" begins with the head's length in bytes.

// --- both directions, about one stream ---

/** Bytes of a body or a connection, under the window. */
export const DATA = 1;
/** The sender has nothing more to say. No payload. */
export const END = 2;
/** Ends the stream at once. Payload: a `Failure` for the other side to show, or nothing: an abort. */
export const FAIL = 3;
/** So many bytes of DATA were consumed, as many more may come. Payload: u32 LE. */
export const WINDOW = 4;

// --- sessions (RPC): bytes in both directions between two cells ---

/**
 * Under a window like bodies. Stream: the number the opening cell gave it; WINDOW, END and FAIL as for calls. Payload: f64 LE clock of the
 * sender in ms | bytes.
 */
export const SESSION_DATA = 8;
/** The same in the cell that was called; stream: the invocation. */
export const INBOUND_DATA = 9;
/** As WINDOW, in the cell that was called; stream: the invocation. */
export const INBOUND_WINDOW = 10;
/** From the cell: it has nothing more to say. Payload: u8, 1 when `waitUntil` work goes on (INVOCATION_END will follow). */
export const INBOUND_END = 11;
/** From the cell: the session broke. Payload: `Failure`. */
export const INBOUND_FAIL = 12;
export const SESSION_CLOCK_BYTES = 8;

// --- supervisor → cell ---

/** The version that the cell is to run. Payload: `LoadMessage`. */
export const LOAD = 16;
/** Bytes of its modules, one after the other; a frame may end in the middle of one. */
export const LOAD_BYTES = 17;
/** Asks the event loop for a sign of life. No payload; answered by PONG. */
export const PING = 18;
/** The invocation is over for the supervisor: stop its timers and calls. Payload: `CancelMessage`. */
export const CANCEL = 19;
/** The answer to a call; DATA and END follow. Payload: `ResponseHead`. */
export const RESPONSE = 20;
/** The whole answer to a call in one frame. Payload: u32 head | `ResponseHead` | body. */
export const RESPONSE_FULL = 21;
/** The visitor is gone: end the invocation when its `waitUntil` work has settled, and say so. Payload: `CancelMessage`. */
export const DISCONNECT = 22;
/** What does not fit into a request over the cell's HTTP socket; sent before the request. Payload: `RequestAheadMessage`. */
export const REQUEST_AHEAD = 23;
/** A request, whole. Stream: the invocation's id. Payload: u32 head | `InvokeHead` | body. */
export const INVOKE = 24;
/** A session is opened with the worker. Stream: the invocation. Payload: u32 head | `SessionAcceptHead` | first bytes. */
export const SESSION_ACCEPT = 25;
/** Visitors' connections are to be closed (1001), those that come later as well. No payload. */
export const GO_AWAY = 28;
/** Much of the worker's memory is used: garbage is to be collected now. No payload. */
export const COLLECT = 29;

// --- a call from worker to worker that is one frame each way; layouts in `service-frames.ts` ---

/** To the called cell. Stream: the invocation. */
export const SERVICE_INVOKE = 26;
/** To the calling cell: what it gets. Stream: the call's. */
export const SERVICE_RESPONSE = 27;
/** From the calling cell. Stream: the call's. */
export const SERVICE_CALL = 44;
/** From the called cell: its answer. Stream: the invocation. */
export const SERVICE_ANSWER = 45;

// --- cell → supervisor ---

/** The sandbox is closed and the cell ready for a version. Payload: `HelloMessage`. */
export const HELLO = 32;
/** The version's top level has run. Payload: `LoadedMessage`. */
export const LOADED = 33;
/** The version's top level has thrown. Payload: `Failure`. */
export const LOAD_FAILED = 34;
/**
 * The answer to PING. Payload: u8, 1 when the harness gives every event of the worker a turn of its own; u32 microseconds used since the last
 * PONG; then one entry per invocation that still runs and had a part in it: u32 invocation, u32 microseconds.
 */
export const PONG = 35;
export const TURN_REPORT_HEAD_BYTES = 5;
export const TURN_REPORT_ENTRY_BYTES = 8;
/** A call of `console`. Payload: `LogMessage`. */
export const LOG = 36;
/** An exception that nobody caught. Payload: `ExceptionMessage`. */
export const EXCEPTION = 37;
/** Everything an invocation started with `waitUntil` has settled. Payload: `InvocationEndMessage`. */
export const INVOCATION_END = 38;
/** Opens a stream: a call to a binding. DATA and END follow when `hasBody`. Payload: `CallHead`. */
export const CALL = 39;
/** The whole call in one frame. Payload: u32 head | `CallHead` | body. */
export const CALL_FULL = 40;
/** The whole answer to an INVOKE. Payload: u32 head | `AnswerHead` | body. */
export const ANSWER = 41;
/** The answer to an INVOKE is large or a stream: it waits on the cell's HTTP socket, to be collected with `COLLECT_MARK`. */
export const ANSWER_WAITS = 42;
/** Opens a session. Payload: u32 head | `SessionOpenHead` | first bytes. */
export const SESSION_OPEN = 43;
/** The stream of an answer has failed: the HTTP socket only says that it broke. Stream: the invocation. Payload: `Failure`. */
export const ANSWER_BROKE = 46;
/** The answer to an INVOKE that asked for an upgrade is one: opens the stream that carries the connection's bytes. Payload: `UpgradeHead`. */
export const UPGRADE = 60;
/** From here on the bytes of this socket's stream go through TLS. Answered by RESPONSE. Payload: `StartTlsMessage`. */
export const START_TLS = 61;

/** One entry of `env` as the cell is told. Everything else about a binding stays outside. */
export type EnvEntry =
  | { readonly kind: 'value'; readonly name: string; readonly value: unknown }
  | { readonly kind: 'service'; readonly name: string }
  /** An object that a part of the harness makes: `cell/extras/<extra>`. */
  | { readonly kind: 'data'; readonly name: string; readonly extra: DataExtra; readonly config: unknown }
  | { readonly kind: 'module'; readonly name: string; readonly module: string };

/** The parts of the harness that speak for data bindings. */
export type DataExtra = 'kv' | 'r2' | 'database';

export interface LoadMessage {
  readonly format: 'modules' | 'service-worker';
  readonly mainModule: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly env: readonly EnvEntry[];
  /** In the order in which their bytes follow in LOAD_BYTES frames. */
  readonly modules: readonly { readonly name: string; readonly type: string; readonly sizeBytes: number }[];
  /** Marks the harness's own response headers, so that user code cannot speak in its name by accident. */
  readonly nonce: string;
}

export interface HelloMessage {
  readonly protocol: number;
  readonly deno: string;
  readonly v8: string;
  /** Names of the layers the harness put on itself. */
  readonly sandbox: readonly string[];
}

export interface LoadedMessage {
  /** Handlers of the default export (or registered event types): `fetch`, `scheduled` … */
  readonly handlers: readonly string[];
  /** Named exports that are classes (entrypoints). */
  readonly entrypoints: readonly string[];
}

/** An exception as text: names and messages of user code, never trusted, always bounded. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** The connection was lost: the same again may succeed. */
  readonly retryable?: boolean;
  /** What another worker threw, for the calling worker to catch. */
  readonly thrown?: ThrownError;
}

/** What of an exception crosses from worker to worker besides its texts. */
export interface ThrownError {
  readonly kind: ErrorKind;
  /** Own properties that are texts, numbers, booleans or null, `name` among them. */
  readonly own: Readonly<Record<string, string | number | boolean | null>>;
  /**
   * All of what was thrown, in base64 of the format values of RPC travel in, where a class and plain properties do not say it: objects that are no
   * errors, causes, properties that are objects. At most `CHANNEL_LIMITS.maxThrownValueChars`.
   */
  readonly value?: string;
}

/** The built-in class nearest to an exception. */
export const ERROR_KINDS = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
  'AggregateError',
  'DOMException',
] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];
/** More own properties of an exception do not cross. */
export const MAX_THROWN_PROPERTIES = 32;

export interface CancelMessage {
  readonly invocation: number;
}

export interface InvokeHead {
  readonly method: string;
  readonly url: string;
  /** Flat `[name, value …]`, names in lower case. */
  readonly headers: readonly string[];
  readonly clockMs: number;
  readonly hasBody: boolean;
  /** Absent: the default entrypoint, without props. */
  readonly target?: InvocationTarget;
  /** `request.cf` as the calling worker gave it, as JSON. */
  readonly cf?: string;
}

/** Which entrypoint of a worker is called, and what its `ctx.props` are. */
export interface InvocationTarget {
  /** Null: the default export. */
  readonly entrypoint: string | null;
  readonly props: WireProps | null;
}

/** Props from a binding's configuration are JSON; those a worker gave to a loopback are any cloneable value, encoded by the harness. */
export type WireProps = { readonly json: unknown } | { readonly encoded: string };

/** A request that was answered with a WebSocket. */
export interface UpgradeHead {
  readonly invocation: number;
  /** Flat `[name, value …]`. */
  readonly headers: readonly string[];
}

export interface StartTlsMessage {
  /** The name that the certificate must be for; null: the host that was connected to. */
  readonly expectedServerHostname: string | null;
}

/** As the HTTP response would be, `OUTCOME_HEADER` included. */
export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
}

export interface RequestAheadMessage {
  readonly invocation: number;
  /** Flat `[name, value …]`; null: the HTTP request has them. */
  readonly headers: readonly string[] | null;
  readonly target?: InvocationTarget;
  readonly cf?: string;
}

export interface InvocationEndMessage {
  readonly invocation: number;
}

export interface LogMessage {
  /** 0: outside any invocation (top level). */
  readonly invocation: number;
  readonly level: 'debug' | 'error' | 'info' | 'log' | 'warn';
  readonly message: readonly string[];
  /** The invocation's clock, milliseconds since the epoch. */
  readonly timestampMs: number;
}

export interface ExceptionMessage extends Failure {
  readonly invocation: number;
  readonly timestampMs: number;
}

export interface CallHead {
  readonly invocation: number;
  /** Which binding; null: `fetch()` to the internet, or the worker itself when there is a `loopback`. */
  readonly binding: string | null;
  /** An entrypoint of the worker itself (`ctx.exports`). */
  readonly loopback?: InvocationTarget;
  /** `request.cf` for the worker that is called, as JSON. */
  readonly cf?: string;
  /** The Cache API: GET matches, PUT stores (`headers` are those of the response), PURGE deletes. */
  readonly cache?: CacheTarget;
  /** What is asked of a data binding (KV, objects, databases), in place of an HTTP request: `method`, `url` and `headers` say nothing then. */
  readonly operation?: DataOperation;
  readonly method: string;
  readonly url: string;
  /** Flat `[name, value …]`. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
  /** How long the body will be when that is known before it is sent. The supervisor holds the cell to it. */
  readonly bodyBytes: number | null;
  /** After an answer with status 101 the stream carries raw bytes both ways, until both sides have sent END. */
  readonly upgrade: 'websocket' | 'socket' | null;
  /** The caller's clock, milliseconds since the epoch: what the callee's starts from. */
  readonly clockMs: number;
}

/** What a worker asks of a data binding. What is too large for a call's head goes as its body. */
export interface DataOperation {
  /** The binding's own word for it, e.g. `get`. */
  readonly name: string;
  /** JSON. Its shape is the operation's, and the binding checks it. */
  readonly args: unknown;
}

/** Which cache of the account, and what is to be stored in it. */
export interface CacheTarget {
  /** Null: `caches.default`. */
  readonly name: string | null;
  readonly put?: { readonly status: number; readonly statusText: string };
}

export interface SessionOpenHead {
  readonly invocation: number;
  /** Which binding; null: the worker itself, by `loopback`. */
  readonly binding: string | null;
  readonly loopback?: InvocationTarget;
  readonly clockMs: number;
}

export interface SessionAcceptHead {
  readonly clockMs: number;
  /** Absent: the default entrypoint, without props. */
  readonly target?: InvocationTarget;
}

export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly string[];
  /** What the caller's clock reads from now on. */
  readonly clockMs: number;
  /** How long the body is (null: not known), where `headers` need not say it: to the worker a length is only what the other worker said. */
  readonly bodyBytes?: number | null;
  /** The answer to a `DataOperation`, beside its body. JSON. */
  readonly result?: unknown;
}

/**
 * Headers between supervisor and harness on the cell's HTTP socket. Neither side lets anything with this prefix pass in
 * from outside or out to it.
 */
export const INTERNAL_HEADER_PREFIX = 'x-skep-';
/** Request: `<invocation id>;<clock in ms>`, and `AHEAD_MARK` when more about it comes as a REQUEST_AHEAD frame. */
export const INVOCATION_HEADER = 'x-skep-invocation';
export const AHEAD_MARK = ';h';
/** In place of the clock: no request of its own, but the answer to an INVOKE is asked for. */
export const COLLECT_MARK = ';collect';
/** Deno's server takes 128 header lines and just under 64 KB; a margin is left for our own. */
export const MAX_HTTP_HEADER_LINES = 120;
export const MAX_HTTP_HEADER_BYTES = 60_000;
/**
 * Response: `<nonce>;<flags>`, see `OUTCOME_FLAGS`, or `<nonce>;<flags>;<clock in ms>` when the clock has moved on. Only present when
 * there is something to say.
 */
export const OUTCOME_HEADER = 'x-skep-outcome';
/** Response over HTTP: the status text, which Deno's server does not send. The bytes of UTF-8 as they are. */
export const STATUS_TEXT_HEADER = 'x-skep-status-text';
/** Response over HTTP: the worker's own `date`. A plain one is that of Deno's server, and goes no further. */
export const DATE_HEADER = 'x-skep-date';
/** Response over HTTP: the `content-length` that the worker itself gave. A plain one may be framing's. */
export const LENGTH_HEADER = 'x-skep-length';
/** Request over HTTP: a `host` for a call that has none, which Deno's server would refuse. No name of a host looks like it. */
export const NO_HOST = '-';
export const OUTCOME_FLAGS = {
  /** The handler threw: the body is a `Failure` as JSON. */
  exception: 'x',
  /** Work under `waitUntil` goes on: an INVOCATION_END frame will follow. */
  waiting: 'w',
} as const;

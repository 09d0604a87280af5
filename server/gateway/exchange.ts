/**
 * One request and its answer: the sink that a worker's response is streamed into.
 *
 * queued ──start──► waiting ──head──► streaming ──end──► ended ──► gone
 *                      ├──refuse, fail, timeout: page────► ended
 *                      └──upgrade──► tunnel          streaming ──fail, limit: connection cut──► gone
 * From every state the client may leave: gone. `cancel` is called exactly when a worker's answer is no longer wanted
 * before it ended. Exactly one answer is written, and never a page after the first byte of a worker's.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Duplex } from 'node:stream';
import { readResponseHead, type ResponseHead } from '../routing/headers.ts';
import { renderErrorPage } from '../routing/error-page.ts';
import { statusPhrase } from '../../shared/status-phrases.ts';
import { VISITOR_ERRORS, type VisitorError } from '../../shared/visitor-errors.ts';
import type { FetchCall, FetchControl, FetchSink, InvocationFailure } from '../supervisor/types.ts';
import { admit } from './admission.ts';
import type { Connection } from './connection.ts';
import type { GatewayCore } from './core.ts';
import type { ClientSocket, GatewayRequest, GatewayResponse } from './request.ts';
import type { EarlyBytes } from './tunnel.ts';

const NO_BYTES = Buffer.alloc(0);
/** Above this copying costs more than the second buffer. */
const MAX_JOINED_BYTES = 16 * 1024;

type Phase = 'queued' | 'waiting' | 'streaming' | 'ended' | 'tunnel' | 'gone';

const FAILURE_PAGES = {
  exception: VISITOR_ERRORS.exception,
  limit: VISITOR_ERRORS.limit,
  loop: VISITOR_ERRORS.loop,
  'no-cell': VISITOR_ERRORS.noCell,
} as const satisfies Record<InvocationFailure['kind'], VisitorError>;

export class Exchange implements FetchSink {
  readonly core: GatewayCore;
  readonly connection: Connection;
  readonly req: GatewayRequest;
  readonly res: GatewayResponse;
  ray = '';
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false;
  #phase: Phase = 'queued';
  #control: FetchControl | null = null;
  /** No cancel is due (any more): it was asked for, or the invocation is over. */
  #isOver = false;
  /** Cancel was asked for while the dispatcher's `fetch` was still on the stack. */
  #cancelsLater = false;
  /** Set when the client asked for an upgrade; the socket then belongs to this exchange alone. */
  readonly #early: EarlyBytes | null;
  /** False for HEAD, 204 and 304. */
  #sendsBody = true;
  /** Body bytes the worker still owes by its content-length; -1: it named none. */
  #owed = -1;
  #isHeadFlushed = false;
  /** A body that came whole with its head: leaves in one write with it. */
  #wholeBody: Buffer | null = null;
  #isDrainHooked = false;
  /** What went wrong with the request while it was queued. */
  #refusal: VisitorError | null = null;
  #call: FetchCall | null = null;

  constructor(
    core: GatewayCore,
    connection: Connection,
    req: GatewayRequest,
    res: GatewayResponse,
    early: EarlyBytes | null = null,
  ) {
    this.core = core;
    this.connection = connection;
    this.req = req;
    this.res = res;
    this.#early = early;
    req.exchange = this;
    res.exchange = this;
    const { maxBodyBytes } = core.limits;
    if (maxBodyBytes > 0) req.maxBodyBytes = maxBodyBytes;
    res.on('close', onClose);
    res.on('error', ignoreError);
  }

  /** Runs the request; its turn on the connection has come. */
  start(): void {
    const { core } = this;
    this.#phase = 'waiting';
    this.ray = core.newRay();
    core.counters.requests++;
    core.counters.inFlight++;
    const call = this.#refusal === null ? admit(this) : this.refuse(this.#refusal);
    if (call === null) return;
    if (this.#early !== null && core.tunnels.isFull) this.refuse(VISITOR_ERRORS.tooManyUpgrades);
    else this.#dispatch(call);
  }

  #dispatch(call: FetchCall): void {
    this.#call = call;
    if (this.expectsContinue) this.res.writeContinue();
    if (this.req.isBodyPending) this.core.watchdog.watchReading(this);
    try {
      this.#control = this.core.dispatcher.fetch(call, this);
    } catch (error) {
      this.core.log.error('Dispatching a request failed', { ray: this.ray, url: call.url, error });
      this.#giveUp(VISITOR_ERRORS.internal);
    }
    if (this.#cancelsLater) this.#control?.cancel();
  }

  // --- FetchSink: called by the dispatcher with whatever a hostile worker made it say ---

  head(status: number, statusText: string, headers: string[]): void {
    if (this.#phase !== 'waiting') return;
    const answer = readResponseHead(headers, status, this.core.limits.maxResponseHeaderBytes);
    if (!Number.isInteger(status) || status < 200 || status > 599) answer.problem = `status ${status}`;
    if (!this.#writeHead(status, statusText, answer)) return;
    this.#phase = 'streaming';
    this.#sendsBody = this.req.method !== 'HEAD' && status !== 204 && status !== 304;
    if (this.#sendsBody) this.#owed = answer.contentLength;
    this.core.flushSoon(this);
  }

  data(chunk: Buffer): boolean {
    if (this.#phase !== 'streaming') return false;
    if (!this.#sendsBody || chunk.length === 0) return true;
    if (this.#owed !== -1) {
      this.#owed -= chunk.length;
      if (this.#owed < 0) {
        this.#cutOff('The worker sent more bytes than its content-length says');
        return false;
      }
    }
    if (!this.#isHeadFlushed && this.#owed === 0 && chunk.length <= MAX_JOINED_BYTES) {
      this.#isHeadFlushed = true;
      this.#wholeBody = chunk;
      return true;
    }
    this.#isHeadFlushed = true;
    if (this.res.write(chunk)) return true;
    if (!this.#isDrainHooked) {
      this.#isDrainHooked = true;
      this.res.on('drain', onDrain);
    }
    this.core.watchdog.watchWriting(this);
    return false;
  }

  end(): void {
    if (this.#phase !== 'streaming') return;
    if (this.#owed > 0) {
      this.#cutOff('The worker sent fewer bytes than its content-length says');
      return;
    }
    this.#isOver = true;
    this.#finish(this.#wholeBody ?? undefined);
  }

  fail(failure: InvocationFailure): void {
    if (this.#phase !== 'waiting' && this.#phase !== 'streaming') return;
    const { kind, outcome, reason } = failure;
    // What user code threw is in the log already, as the worker's own exception.
    if (outcome === 'exception') this.core.log.debug('A worker threw', { ...this.#describe(), reason });
    else this.core.report('A worker gave no whole answer', { ...this.#describe(), kind, outcome, reason });
    this.#isOver = true;
    if (this.#phase === 'waiting') this.#page(FAILURE_PAGES[kind], null);
    else this.#cut();
  }

  upgrade(headers: string[], upstream: Duplex, upstreamHead: Buffer): void {
    upstream.on('error', ignoreError);
    if (this.#phase !== 'waiting' || this.#early === null) {
      upstream.destroy();
      if (this.#phase === 'waiting') this.#reject('it switched protocols without being asked to');
      return;
    }
    const answer = readResponseHead(headers, 101, this.core.limits.maxResponseHeaderBytes);
    answer.headers.push('connection', 'Upgrade', 'upgrade', 'websocket');
    if (!this.#writeHead(101, 'Switching Protocols', answer)) {
      upstream.destroy();
      return;
    }
    this.res.flushHeaders();
    this.#phase = 'tunnel';
    const { socket } = this.connection;
    this.res.detachSocket(socket);
    this.core.tunnels.open(socket, upstream, this.#early.take(), upstreamHead);
    this.#leave();
  }

  // --- answers of the gateway itself ---

  /** An error page for a request that reached no worker. Returns null for the convenience of `admit`. */
  refuse(error: VisitorError, host: string | null = null): null {
    this.#page(error, host);
    return null;
  }

  answerJson(status: number, value: unknown): void {
    const body = JSON.stringify(value);
    this.#writeOwn(status, undefined, 'application/json', body, []);
  }

  #page(error: VisitorError, host: string | null): void {
    const { contentType, body } = renderErrorPage(error, { ray: this.ray, host, accept: this.req.head.accept });
    const extra = ['x-content-type-options', 'nosniff'];
    if (error.retryAfterSeconds !== undefined) extra.push('retry-after', String(error.retryAfterSeconds));
    if (error.status === 405) extra.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
    // After a request that breaks the protocol nobody can say where the next one starts.
    if (error.status >= 400 && error.status !== 404 && error.code === null) this.res.shouldKeepAlive = false;
    this.#writeOwn(error.status, error.title, contentType, body, extra);
  }

  #writeOwn(status: number, title: string | undefined, contentType: string, body: string, extra: string[]): void {
    const length = String(Buffer.byteLength(body));
    const headers = ['content-type', contentType, 'content-length', length, 'cache-control', 'no-store', ...extra];
    // Tells a client in the middle of an upload that it may stop.
    if (this.req.isBodyPending) this.res.shouldKeepAlive = false;
    this.#addOwnHeaders(headers);
    this.core.counters.answered(status);
    // An answer of the worker that Node refused may have left its reason phrase behind.
    this.res.statusMessage = '';
    if (title === undefined) this.res.writeHead(status, headers);
    else this.res.writeHead(status, title, headers);
    this.#finish(body);
  }

  // --- what can go wrong ---

  /** The rest of a body that nobody wants has arrived: the connection is as good as new, or can close. */
  bodyDiscarded(): void {
    const { socket } = this.connection;
    this.core.watchdog.discarded(this);
    this.req.exchange = null;
    delete (socket as Partial<ClientSocket>).destroySoon;
    if (socket.writableEnded) socket.destroySoon();
  }

  bodyTooLarge(): void {
    this.#giveUp(VISITOR_ERRORS.bodyTooLarge);
  }

  bodyTimedOut(): void {
    this.#giveUp(VISITOR_ERRORS.timeout);
  }

  /** Nothing can come of this request: its body is no HTTP, or it expects what is not to be had. Also before its turn. */
  spoil(error: VisitorError): void {
    this.#giveUp(error);
  }

  /** The client has not taken a byte for too long. */
  readerTimedOut(): void {
    this.core.counters.truncated++;
    this.#cancel();
    this.#phase = 'ended';
    // Not `destroy`: the kernel would hold on to megabytes that nobody reads.
    this.connection.socket.resetAndDestroy();
  }

  /** True while the worker, not the client, is what the request body waits for. */
  isWorkerBehind(): boolean {
    return this.req.isPaused() || this.req.readableLength > 0;
  }

  /** A number that changes whenever the client has taken bytes. */
  writeBacklog(): number {
    const { socket } = this.connection;
    // libuv's queue also shrinks within one large write; `writableLength` alone would not.
    const handle = (socket as { _handle?: { writeQueueSize?: number } | null })._handle;
    return socket.writableLength + (handle?.writeQueueSize ?? 0);
  }

  /** Sends the head that no body byte has taken along yet. */
  flushHead(): void {
    if (this.#phase !== 'streaming' || this.#isHeadFlushed) return;
    this.#isHeadFlushed = true;
    // `flushHeaders` would write header values as UTF-8; they are Latin-1, and go along with bytes as such.
    if (this.#sendsBody) this.res.write(NO_BYTES);
    else this.res.flushHeaders();
  }

  /** The response is done, or its connection is. Called once, by Node's `close`. */
  closed(): void {
    if (this.#phase === 'tunnel' || this.#phase === 'gone') return;
    if (this.#phase !== 'ended') {
      this.core.counters.aborted++;
      this.#cancel();
    }
    this.#leave();
  }

  drained(): void {
    if (this.#phase !== 'streaming') return;
    this.core.watchdog.wroteAll(this);
    this.#control?.resume();
  }

  // --- helpers ---

  /** False: the head cannot be sent, an error page was. */
  #writeHead(status: number, statusText: string, answer: ResponseHead): boolean {
    if (answer.problem !== undefined) return this.#reject(answer.problem);
    const { res } = this;
    this.#addOwnHeaders(answer.headers);
    try {
      if (status < 200 || status === 204 || status === 304) checkHead(statusText, answer.headers);
      res.writeHead(status, statusText === '' ? statusPhrase(status) : statusText, answer.headers);
    } catch (error) {
      // Node found a character that would have become a header, or a response, of its own.
      return this.#reject(error instanceof Error ? error.message : String(error));
    }
    this.core.counters.answered(status);
    return true;
  }

  #addOwnHeaders(headers: string[]): void {
    headers.push('server', 'skep', 'cf-ray', this.ray);
    // Node drops what follows an Upgrade header it was told to ignore, so nothing may follow.
    if (this.connection.endsHere || this.req.upgradeAsked) this.res.shouldKeepAlive = false;
  }

  #reject(problem: string): false {
    this.core.report('A worker answered what HTTP cannot carry', { ...this.#describe(), reason: problem });
    this.#giveUp(VISITOR_ERRORS.exception);
    return false;
  }

  /** The worker's answer is no longer wanted: say so with a page, or by cutting the connection when bytes were sent. */
  #giveUp(error: VisitorError): void {
    if (this.#phase === 'queued') this.#refusal = error;
    if (this.#phase !== 'waiting' && this.#phase !== 'streaming') return;
    this.#cancel();
    if (this.#phase === 'waiting') this.#page(error, null);
    else this.#cut();
  }

  #cutOff(reason: string): void {
    this.core.report('A worker broke off its answer', { ...this.#describe(), reason });
    this.#cancel();
    this.#cut();
  }

  /** The client must see that the answer is not whole: neither a last chunk nor an orderly end of the connection. */
  #cut(): void {
    this.#phase = 'ended';
    this.core.counters.truncated++;
    const { socket } = this.connection;
    // To HTTP/1.0 without a length the end of the connection is the end of the answer, unless it is a reset.
    if (this.req.httpVersionMinor === 0) socket.resetAndDestroy();
    else socket.destroy();
  }

  #cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#control === null) this.#cancelsLater = true;
    else this.#control.cancel();
  }

  #finish(body: string | Buffer | undefined): void {
    this.#phase = 'ended';
    const { socket } = this.connection;
    // Before the end: that is when Node closes the connection of a last answer.
    if (this.req.isBodyPending) this.#discardBody();
    // As text of one byte a character Node joins it with the head: one system call instead of two buffers.
    if (typeof body === 'object') this.res.end(body.toString('latin1'), 'latin1');
    else this.res.end(body);
    if (socket.writableLength > 0) this.core.watchdog.watchWriting(this);
  }

  /**
   * The client is still sending. Closing now would make its system throw away the answer (a reset overtakes it), so it
   * gets a while to read it: nginx calls that a lingering close.
   */
  #discardBody(): void {
    this.core.watchdog.watchDiscarding(this);
    this.connection.socket.destroySoon = endWriting;
    this.req.discard(this.core.limits.maxDiscardedBytes);
  }

  #leave(): void {
    this.#phase = this.#phase === 'tunnel' ? 'tunnel' : 'gone';
    this.core.counters.inFlight--;
    this.core.watchdog.forget(this);
    // An idle connection keeps its last request; it shall keep nothing else alive.
    if (!this.req.isBodyPending) this.req.exchange = null;
    this.connection.finished(this);
  }

  #describe(): Record<string, unknown> {
    const version = this.#call?.version;
    return { ray: this.ray, worker: version?.workerName, version: version?.id, url: this.#call?.url.slice(0, 500) };
  }
}

/**
 * Throws what `writeHead` would throw. After a status without body Node has forgotten, by the time it refuses a header,
 * that the error page sent instead has one; so these are checked before it sees them.
 */
function checkHead(statusText: string, headers: readonly string[]): void {
  validateHeaderValue('reason', statusText);
  for (let index = 0; index + 1 < headers.length; index += 2) {
    validateHeaderName(headers[index] as string);
    validateHeaderValue(headers[index] as string, headers[index + 1] as string);
  }
}

function endWriting(this: ClientSocket): void {
  this.end();
}

function onClose(this: GatewayResponse): void {
  this.exchange?.closed();
}

function onDrain(this: GatewayResponse): void {
  this.exchange?.drained();
}

function ignoreError(): void {}

/**
 * One HTTP call on its way through a cell: finds a cell, sends the request, reads what the harness says of the outcome, and decides what
 * happens when the cell dies under it.
 */
import type { Duplex, Readable } from 'node:stream';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  INTERNAL_HEADER_PREFIX,
  AHEAD_MARK,
  INVOCATION_HEADER,
  LENGTH_HEADER,
  OUTCOME_FLAGS,
  OUTCOME_HEADER,
  STATUS_TEXT_HEADER,
} from '../../shared/protocol.ts';
import type { Cell } from './cell.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import { ConnectionLost, type Exchange } from './cell-http.ts';
import { CellProtocolError } from './cell-http-heads.ts';
import type { AnswerHandler } from './channel-exchange.ts';
import { deathFailure, exceptionFailure, toFailure } from './dispatch-failure.ts';
import { addAccept, areLarge, hostOf, isLargeOrStream, passableOf, valueOf, withHost } from './dispatch-headers.ts';
import type { Invocation } from './invocation.ts';
import type { ServiceAnswerIn } from './service-call.ts';
import { hasExited, Repetitions } from './repetitions.ts';
import type { IsolatedCell } from './suspects.ts';
import type { FetchCall, FetchControl, FetchSink, InvocationFailure } from './types.ts';

/** Where a dispatch gets cells from. */
export interface CellSource {
  /** A cell that can take one more right now. */
  pick(): Cell | undefined;
  /** Waits for one. Rejects with DispatchFailure. */
  wait(): Promise<Cell>;
  /** Waits for a cell that serves nobody but suspects of the death of `dead`. */
  isolate(dead: Cell): Promise<IsolatedCell>;
}

export class Dispatch implements FetchControl, AnswerHandler {
  readonly #call: FetchCall;
  readonly #sink: FetchSink;
  readonly #source: CellSource;
  readonly #connections: ConnectionCounts;
  readonly #repetitions = new Repetitions();
  #cell: Cell | undefined;
  #invocation: Invocation | undefined;
  #exchange: Exchange | undefined;
  #headSent = false;
  #over = false;
  #waiting = false;
  #failureBody: Buffer[] | undefined;
  #failureBytes = 0;
  #release: (() => void) | undefined;
  #smallBody: Buffer | null = null;
  #overHttp = false;
  #stopRenewing: (() => void) | undefined;

  constructor(call: FetchCall, sink: FetchSink, source: CellSource, connections: ConnectionCounts) {
    this.#connections = connections;
    this.#call = call;
    this.#sink = sink;
    this.#source = source;
  }

  start(): this {
    const { body, bodyBytes, upgrade, version } = this.#call;
    // Most calls between workers: all of it is there.
    if (this.#call.relay !== undefined) {
      this.#findCell();
      return this;
    }
    const refusal = upgrade ? this.#connections.refusal(version) : undefined;
    if (refusal !== undefined) setImmediate(() => this.#fail({ kind: 'no-cell', outcome: 'unknown', reason: refusal }));
    else if (body === null || bodyBytes === null || bodyBytes > CHANNEL_LIMITS.maxInlineBodyBytes) this.#findCell();
    else {
      // A small body mostly comes with its head; at the end of this turn Node has read that far. Nobody waits for one that does not.
      setImmediate(() => {
        if (this.#over) return;
        if ((body as { complete?: boolean }).complete === false) this.#findCell();
        else this.#collectBody(body);
      });
    }
    return this;
  }

  #findCell(): void {
    const cell = this.#source.pick();
    if (cell !== undefined) this.#send(cell);
    else {
      this.#call.relay?.keep();
      this.#sendWhenReady(this.#source.wait());
    }
  }

  /** The whole body is there: it travels with its head. */
  #collectBody(body: Readable): void {
    const chunks: Buffer[] = [];
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    body.once('end', () => {
      if (this.#over) return;
      this.#smallBody = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      this.#findCell();
    });
    body.once('error', (error) =>
      this.#fail({ kind: 'exception', outcome: 'canceled', reason: `The request broke off: ${error.message}` }),
    );
  }

  resume(): void {
    this.#exchange?.resume();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopRenewing?.();
    this.#exchange?.abort();
    if (this.#cell !== undefined && this.#invocation !== undefined) {
      this.#cell.invocations.disconnect(this.#invocation, this.#headSent ? 'responseStreamDisconnected' : 'canceled');
    }
    this.#release?.();
  }

  #sendWhenReady(ready: Promise<Cell>): void {
    ready.then(
      (cell) => {
        if (this.#over) return;
        // Between the promise and this line it may have been told to drain.
        if (cell.state === 'serving') this.#send(cell);
        else this.#sendWhenReady(this.#source.wait());
      },
      (error: unknown) => this.#fail(toFailure(error)),
    );
  }

  #send(cell: Cell): void {
    const { method, url, headers, body, bodyBytes, upgrade, parent, target, cf, relay } = this.#call;
    this.#cell = cell;
    const invocation = cell.begin(parent, this.#call.publicHops);
    this.#invocation = invocation;
    if (relay !== undefined && (relay.hasBody || !cell.requests.prefersHttp)) {
      this.#overHttp = false;
      this.#exchange = cell.requests.relay(invocation, target, relay, this);
      return;
    }
    this.#overHttp =
      (body !== null && this.#smallBody === null) || (body === null && !upgrade && cell.requests.prefersHttp);
    if (this.#overHttp) {
      this.#exchange = this.#sendOverHttp(cell, invocation);
      return;
    }
    const { clockMs } = invocation.pipeline;
    const whole = this.#smallBody;
    let sent = whole === null ? headers : headers.concat('content-length', String(whole.length));
    if (upgrade) sent = sent.concat('upgrade', 'websocket');
    const hasBody = whole !== null || bodyBytes === 0;
    const head = {
      method,
      url,
      headers: sent,
      clockMs,
      hasBody,
      ...(target && { target }),
      ...(cf !== undefined && { cf }),
    };
    this.#exchange = cell.requests.invoke(invocation, head, whole, this);
  }

  #sendOverHttp(cell: Cell, invocation: Invocation): Exchange {
    const { method, url, headers, body, bodyBytes, target, cf } = this.#call;
    const token = `${invocation.id};${invocation.pipeline.clockMs}`;
    const large = areLarge(headers);
    const ahead = large || target !== undefined || cf !== undefined;
    if (ahead) cell.requests.sendAhead(invocation, large ? headers : null, target, cf);
    const sent = (large ? hostOf(headers) : withHost(headers)).concat(
      INVOCATION_HEADER,
      ahead ? token + AHEAD_MARK : token,
    );
    return cell.http.send({ method, url, headers: sent, body, bodyBytes }, this);
  }

  // --- the response ---

  onHead(status: number, statusText: string, headers: string[], isOneFrame = false): void {
    const text = valueOf(headers, STATUS_TEXT_HEADER) ?? statusText;
    const ownLength = isOneFrame ? undefined : (valueOf(headers, LENGTH_HEADER) ?? null);
    const flags = this.#takeFlags(headers);
    if (this.#overHttp) (this.#cell as Cell).requests.noteAnswer(isLargeOrStream(headers));
    this.#waiting = flags.includes(OUTCOME_FLAGS.waiting);
    if (flags.includes(OUTCOME_FLAGS.exception)) {
      this.#failureBody = [];
      return;
    }
    this.#headSent = true;
    if (this.#overHttp || isLargeOrStream(headers)) this.#keepRenewing();
    this.#sink.head(status, text, headers, ownLength);
  }

  onBodySent(bytes: number): void {
    this.#carried(bytes);
  }

  #carried(bytes: number): void {
    const invocation = this.#invocation;
    if (invocation !== undefined) this.#cell?.cpu.carried(invocation, bytes);
  }

  onData(chunk: Buffer): boolean {
    this.#carried(chunk.length);
    if (this.#failureBody === undefined) return this.#over || this.#sink.data(chunk);
    this.#failureBytes += chunk.length;
    if (this.#failureBytes <= CHANNEL_LIMITS.maxExceptionBytes) this.#failureBody.push(chunk);
    return true;
  }

  onEnd(): void {
    if (this.#over) return;
    if (this.#failureBody !== undefined) {
      (this.#invocation as Invocation).outcome = 'exception';
      this.#endInvocation();
      this.#fail(exceptionFailure(Buffer.concat(this.#failureBody).toString('utf8')));
      return;
    }
    this.#over = true;
    this.#stopRenewing?.();
    this.#endInvocation();
    this.#release?.();
    this.#sink.end();
  }

  onServiceAnswer(answer: ServiceAnswerIn): void {
    if (this.#over) return;
    this.#advanceClock(answer.clockMs);
    this.#waiting = answer.isWaiting;
    if (answer.isException) {
      this.#failureBody = [answer.body.subarray(0, CHANNEL_LIMITS.maxExceptionBytes)];
      this.onEnd();
    } else if (answer.isPassable && this.#sink.whole !== undefined) {
      this.#over = true;
      this.#endInvocation();
      this.#release?.();
      this.#sink.whole(answer.status, answer.content);
    } else {
      const { statusText, headers } = answer.readHead();
      this.#headSent = true;
      this.#sink.head(answer.status, statusText, passableOf(headers));
      const { body } = answer;
      if (body.length > 0) this.#sink.data(body);
      this.onEnd();
    }
  }

  onUpgrade(headers: string[], socket: Duplex, head: Buffer): void {
    if (this.#over) {
      socket.destroy();
      return;
    }
    this.#over = true;
    this.#takeFlags(headers);
    addAccept(headers, this.#call.headers);
    const cell = this.#cell as Cell;
    const invocation = this.#invocation as Invocation;
    this.#keepRenewing();
    const closed = this.#connections.open(this.#call.version);
    socket.once('close', () => {
      closed();
      this.#stopRenewing?.();
      cell.invocations.connectionEnded(invocation);
      this.#release?.();
    });
    this.#sink.upgrade(headers, socket, head);
  }

  onFailure(error: Error): void {
    if (this.#over) return;
    const cell = this.#cell as Cell;
    if (this.#headSent) {
      void this.#breakOff(cell, error);
      return;
    }
    if (error instanceof ConnectionLost) void this.#afterDeath(cell, error);
    else this.#afterBreach(cell, error);
  }

  /** An answer that streams, and a connection, may last. */
  #keepRenewing(): void {
    this.#stopRenewing = (this.#cell as Cell).cpu.keepRenewing(this.#invocation as Invocation);
  }

  /** The answer broke off in the middle: by the worker's stream, or by the end of its cell. Whoever waits is to know why. */
  async #breakOff(cell: Cell, error: Error): Promise<void> {
    const invocation = this.#invocation as Invocation;
    // The watchdog knows of its kills before the process is gone.
    const died = cell.deathOutcome !== 'unknown' || (await hasExited(cell, invocation));
    if (this.#over) return;
    // With the process all its invocations end, with what ended it.
    if (died) this.#fail(deathFailure(cell.deathOutcome, cell.deathReason ?? error.message));
    else {
      cell.invocations.disconnect(invocation, 'exception');
      const { answerError: thrown } = invocation;
      const reason = thrown === undefined ? error.message : `${thrown.name}: ${thrown.message}`;
      this.#fail({ kind: 'exception', outcome: 'exception', reason, ...(thrown && { error: thrown }) });
    }
  }

  /** What came was no HTTP, or the client broke off its body: nobody waits any longer, and the cell hears of it. */
  #afterBreach(cell: Cell, error: Error): void {
    const invocation = this.#invocation as Invocation;
    cell.invocations.disconnect(invocation);
    const isBreach = error instanceof CellProtocolError;
    if (isBreach) invocation.outcome = 'unknown';
    const outcome = invocation.outcome;
    const reason = `${isBreach ? 'The cell broke the HTTP protocol' : 'The request broke off'}: ${error.message}`;
    this.#fail({ kind: 'exception', outcome, reason });
  }

  /** The connection broke before any answer: finds out why, then repeats the request or gives it up. */
  async #afterDeath(cell: Cell, error: Error): Promise<void> {
    const died = await hasExited(cell);
    cell.invocations.end(this.#invocation as Invocation);
    this.#release?.();
    this.#release = undefined;
    if (this.#over) return;
    if (!died) {
      this.#fail({ kind: 'exception', outcome: 'unknown', reason: `The cell broke its connection: ${error.message}` });
      return;
    }
    const next = this.#repetitions.after(cell, this.#call, this.#invocation as Invocation);
    if (next === 'none') this.#fail(deathFailure(cell.deathOutcome, cell.deathReason ?? error.message));
    else if (next === 'among suspects') this.#repeatIsolated(cell);
    else this.#sendWhenReady(this.#source.wait());
  }

  #repeatIsolated(dead: Cell): void {
    this.#source.isolate(dead).then(
      ({ cell, done }) => {
        this.#release = done;
        if (this.#over) done();
        // It may have died again before this one got to it.
        else if (cell.state === 'serving') this.#send(cell);
        else this.#sendWhenReady(this.#source.wait());
      },
      (error: unknown) => this.#fail(toFailure(error)),
    );
  }

  #endInvocation(): void {
    const cell = this.#cell as Cell;
    const invocation = this.#invocation as Invocation;
    if (this.#waiting) cell.invocations.keepForWaitUntil(invocation);
    else cell.invocations.end(invocation);
  }

  #fail(failure: InvocationFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopRenewing?.();
    this.#release?.();
    this.#sink.fail(failure);
  }

  /** The callee's timers moved its clock: whoever waited for it waited as long. Never ahead of the real one, whatever the cell says. */
  #advanceClock(toMs: number): void {
    const { pipeline } = this.#invocation as Invocation;
    if (toMs > pipeline.clockMs) pipeline.clockMs = Math.min(toMs, Date.now());
  }

  /** Reads the harness's own header and takes everything with our prefix out of what goes on. */
  #takeFlags(headers: string[]): string {
    let flags = '';
    for (let index = headers.length - 2; index >= 0; index -= 2) {
      const name = headers[index] as string;
      if (!name.startsWith(INTERNAL_HEADER_PREFIX)) continue;
      const [nonce, value, clock] = (headers[index + 1] as string).split(';');
      if (name === OUTCOME_HEADER && nonce === (this.#cell as Cell).nonce) {
        flags = value ?? '';
        this.#advanceClock(Number(clock));
      }
      headers.splice(index, 2);
    }
    return flags;
  }
}

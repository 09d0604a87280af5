/**
 * Cuts off clients that send or take nothing for too long. One sweep over the exchanges that are waiting for their client
 * right now replaces a timer per request; an ordinary request with a quick answer is never in here.
 * Time a worker takes is never counted: only what the client owes.
 */
import type { GatewayLimits } from './core.ts';
import type { Exchange } from './exchange.ts';

const MAX_SWEEP_INTERVAL_MS = 1_000;
const MIN_SWEEP_INTERVAL_MS = 10;

interface Mark {
  progress: number;
  since: number;
}

/** Of a body: when its last byte came, and what had come when the span began in which it owes its least number of bytes. */
interface BodyMark extends Mark {
  windowStart: number;
  windowSince: number;
}

export class Watchdog {
  readonly #limits: GatewayLimits;
  readonly #reading = new Map<Exchange, BodyMark>();
  readonly #writing = new Map<Exchange, Mark>();
  readonly #discarding = new Map<Exchange, Mark>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
  }

  start(): void {
    const { bodyIdleTimeoutMs, bodyWindowMs, writeIdleTimeoutMs, discardTimeoutMs } = this.#limits;
    const shortest = Math.min(bodyIdleTimeoutMs, bodyWindowMs, writeIdleTimeoutMs, discardTimeoutMs);
    const interval = Math.max(MIN_SWEEP_INTERVAL_MS, Math.min(MAX_SWEEP_INTERVAL_MS, shortest / 4));
    this.#timer = setInterval(() => this.#sweep(performance.now()), interval);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The rest of a request body is to come. */
  watchReading(exchange: Exchange): void {
    const { received } = exchange.req;
    const now = performance.now();
    this.#reading.set(exchange, { progress: received, since: now, windowStart: received, windowSince: now });
  }

  /** Bytes of the answer wait for the client to take them. */
  watchWriting(exchange: Exchange): void {
    if (!this.#writing.has(exchange)) {
      this.#writing.set(exchange, { progress: exchange.writeBacklog(), since: performance.now() });
    }
  }

  wroteAll(exchange: Exchange): void {
    this.#writing.delete(exchange);
  }

  /** The answer is complete but the request is not: the client gets a while to notice. */
  watchDiscarding(exchange: Exchange): void {
    this.#reading.delete(exchange);
    this.#discarding.set(exchange, { progress: 0, since: performance.now() });
  }

  discarded(exchange: Exchange): void {
    this.#discarding.delete(exchange);
  }

  /** The exchange is over. What is being discarded stays: it belongs to the connection. */
  forget(exchange: Exchange): void {
    this.#reading.delete(exchange);
    this.#writing.delete(exchange);
  }

  #sweep(now: number): void {
    for (const [exchange, mark] of this.#reading) this.#checkReading(exchange, mark, now);
    for (const [exchange, mark] of this.#writing) this.#checkWriting(exchange, mark, now);
    for (const [exchange, mark] of this.#discarding) {
      const { socket } = exchange.connection;
      if (!socket.destroyed && now - mark.since < this.#limits.discardTimeoutMs) continue;
      this.#discarding.delete(exchange);
      socket.destroy();
    }
  }

  #checkReading(exchange: Exchange, mark: BodyMark, now: number): void {
    const { received, complete } = exchange.req;
    if (complete) {
      this.#reading.delete(exchange);
      return;
    }
    const isWorkerBehind = exchange.isWorkerBehind();
    if (received !== mark.progress || isWorkerBehind) {
      mark.progress = received;
      mark.since = now;
    }
    const { bodyIdleTimeoutMs, bodyWindowMs, minBodyBytesPerWindow } = this.#limits;
    if (isWorkerBehind || received - mark.windowStart >= minBodyBytesPerWindow) {
      mark.windowStart = received;
      mark.windowSince = now;
    }
    if (now - mark.since < bodyIdleTimeoutMs && now - mark.windowSince < bodyWindowMs) return;
    this.#reading.delete(exchange);
    exchange.bodyTimedOut();
  }

  #checkWriting(exchange: Exchange, mark: Mark, now: number): void {
    const backlog = exchange.writeBacklog();
    if (backlog !== mark.progress) {
      mark.progress = backlog;
      mark.since = now;
    } else if (now - mark.since >= this.#limits.writeIdleTimeoutMs) {
      this.#writing.delete(exchange);
      exchange.readerTimedOut();
    }
  }
}

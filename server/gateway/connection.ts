/**
 * One client connection. Pipelined requests are answered one after the other: RFC 9112 §9.3.2 allows running them at once
 * only when all are safe to repeat, and one connection shall not get more than its share of cells.
 */
import type { Sender } from '../routing/headers.ts';
import { addressText, parseAddress } from '../routing/address.ts';
import type { VisitorError } from '../../shared/visitor-errors.ts';
import type { GatewayCore } from './core.ts';
import type { Exchange } from './exchange.ts';
import type { ClientSocket } from './request.ts';

export class Connection {
  readonly socket: ClientSocket;
  readonly sender: Sender;
  /** No further request is taken; the connection ends with the last answer. */
  isClosing = false;
  current: Exchange | null = null;
  readonly #core: GatewayCore;
  readonly #queue: Exchange[] = [];

  constructor(core: GatewayCore, socket: ClientSocket) {
    this.#core = core;
    this.socket = socket;
    // Undefined when the client has already gone.
    const peer = addressText(socket.remoteAddress ?? '');
    const bytes = parseAddress(peer);
    this.sender = { peer, isTrustedPeer: bytes !== null && core.isTrusted(bytes), isTrusted: core.isTrusted };
  }

  take(exchange: Exchange): void {
    if (this.isClosing) return;
    if (this.current === null) {
      this.current = exchange;
      exchange.start();
    } else if (this.#queue.length < this.#core.limits.maxPipelinedRequests) {
      this.#queue.push(exchange);
    } else {
      this.#core.counters.rejectedConnections++;
      this.socket.destroy();
    }
  }

  /** True when the answer under way is the connection's last: say so with `Connection: close`. */
  get endsHere(): boolean {
    return (this.isClosing || this.#core.isDraining) && this.#queue.length === 0;
  }

  /** The exchange has its answer, or its client is gone. */
  finished(exchange: Exchange): void {
    if (this.current !== exchange) return;
    this.current = null;
    if (this.socket.destroyed || !this.socket.writable) {
      this.#queue.length = 0;
      return;
    }
    const next = this.#queue.shift();
    if (next !== undefined) {
      this.current = next;
      next.start();
    } else if (this.isClosing || this.#core.isDraining) {
      this.socket.destroySoon();
    }
  }

  /**
   * What comes next from the client cannot be read. It belongs to the newest request when that still lacks some of its
   * body; all others are answered, then the connection closes.
   */
  stopReading(error: VisitorError): void {
    this.isClosing = true;
    const newest = this.#queue.at(-1) ?? this.current;
    if (newest?.req.isBodyPending === true) newest.spoil(error);
  }
}

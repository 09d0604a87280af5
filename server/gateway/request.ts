/**
 * Node's request and response objects with what the gateway needs on its hot path.
 *
 * Node builds a header object for every HTTP/1.1 request only to look for Expect, Host and TE. `headers` is replaced by
 * our own single pass over the raw headers, which the gateway needs anyway. Node also hands every request with an Upgrade
 * header to the `upgrade` event and stops parsing its connection; `upgrade` is replaced so that it only happens for
 * WebSockets and anything else (h2c, say) is an ordinary request, as RFC 9110 §7.8 allows.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { asksForWebSocket, readRequestHead, type RequestHead } from '../routing/headers.ts';
import type { Connection } from './connection.ts';
import type { Exchange } from './exchange.ts';

/** A client's socket; the gateway puts its own state on it when it is accepted. */
export interface ClientSocket extends Socket {
  skepConnection?: Connection;
}

/** A visitor's request. Its headers are read once into `head`; its body is counted and can be thrown away. */
export class GatewayRequest extends IncomingMessage {
  /** Set by the exchange; cleared at its end. */
  exchange: Exchange | null = null;
  /** Body bytes that have arrived. */
  received = 0;
  /** The body may be this long. */
  maxBodyBytes = Infinity;
  /** The client sent an Upgrade header. */
  upgradeAsked = false;
  #head: RequestHead | undefined = undefined;
  /** Where `received` must not get to; -1 unless the body is being dropped. */
  #discardUpTo = -1;

  get head(): RequestHead {
    this.#head ??= readRequestHead(
      this.rawHeaders,
      (this.socket as ClientSocket).skepConnection?.sender.isTrustedPeer ?? false,
    );
    return this.#head;
  }

  /** True when a body was announced (RFC 9112 §6.3) that has not fully arrived. */
  get isBodyPending(): boolean {
    return !this.complete && hasBody(this.head);
  }

  /**
   * Drops what is still to come of the body, at most `maxBytes` of it: beyond, the connection is cut. Who reads the body
   * gets an error and never an end: a part must not pass for the whole, and bytes short of a content-length would make
   * the next request on a connection to a cell part of this one.
   */
  discard(maxBytes: number): void {
    if (this.#discardUpTo !== -1 || this.complete) return;
    this.#discardUpTo = this.received + maxBytes;
    if (this.listenerCount('error') > 0)
      this.emit('error', new Error('The answer was complete before the request body was'));
    // A full buffer stopped the socket; nobody empties it any more.
    this.socket.resume();
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (chunk === null) {
      if (this.#discardUpTo === -1) return super.push(null);
      this.exchange?.bodyDiscarded();
      return false;
    }
    this.received += chunk.length;
    if (this.#discardUpTo !== -1) {
      if (this.received > this.#discardUpTo) this.socket.destroy();
      return true;
    }
    if (this.received <= this.maxBodyBytes) return super.push(chunk, encoding);
    this.exchange?.bodyTooLarge();
    return true;
  }

  /**
   * Node calls this at the end of an answer whose request nobody read. Its own would read a body of any length; the
   * exchange has already begun to discard what is pending, and without a body there is nothing to do.
   */
  _dump(): void {}
}

/** Whether the head announces a body (RFC 9112 §6.3). */
export function hasBody(head: RequestHead): boolean {
  return head.transferEncoding !== undefined || (head.contentLength !== undefined && Number(head.contentLength) > 0);
}

Object.defineProperties(GatewayRequest.prototype, {
  headers: {
    configurable: true,
    get(this: GatewayRequest) {
      return this.head;
    },
  },
  upgrade: {
    configurable: true,
    get(this: GatewayRequest) {
      return this.upgradeAsked && (this.method === 'CONNECT' || asksForWebSocket(this.method, this.head));
    },
    set(this: GatewayRequest, asked: boolean | null) {
      // Called first by the parser with what it saw, then by the server with its decision.
      this.upgradeAsked ||= asked === true;
    },
  },
});

/** The answer to a visitor, which knows the exchange it belongs to. */
export class GatewayResponse extends ServerResponse<GatewayRequest> {
  exchange: Exchange | null = null;
}

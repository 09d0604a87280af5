/**
 * Upgraded connections: raw bytes both ways between a client and a cell. The gateway does not look into WebSocket frames;
 * it bounds how many tunnels there are and how long one may be silent, and passes half-close and back-pressure on.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { GatewayCounters } from './counters.ts';
import type { GatewayLimits } from './core.ts';

/** One side is gone for good: the other gets this long to take what was already on its way. */
const FLUSH_MS = 5_000;

/** All upgraded connections of a gateway. */
export class Tunnels {
  readonly #limits: GatewayLimits;
  readonly #counters: GatewayCounters;
  readonly #open = new Set<Socket>();

  constructor(limits: GatewayLimits, counters: GatewayCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#limits.maxUpgrades;
  }

  /** `fromClient` and `fromUpstream`: bytes that were read before the tunnel was there. Takes over both sockets. */
  open(client: Socket, upstream: Duplex, fromClient: Buffer, fromUpstream: Buffer): void {
    const destroy = (): void => {
      client.destroy();
      upstream.destroy();
    };
    this.#open.add(client);
    this.#counters.openTunnels++;
    client.once('close', () => {
      this.#open.delete(client);
      this.#counters.openTunnels--;
    });
    // Reset by a read or a write on the client's side, which every byte of the tunnel crosses.
    client.setTimeout(this.#limits.upgradeIdleTimeoutMs, destroy);
    closeTogether(client, upstream);
    closeTogether(upstream, client);
    if (fromClient.length > 0) upstream.write(fromClient);
    if (fromUpstream.length > 0) client.write(fromUpstream);
    client.pipe(upstream);
    writeTogether(upstream, client);
    upstream.pipe(client);
  }

  has(client: Socket): boolean {
    return this.#open.has(client);
  }
}

/** What a worker sends in one go arrives as many small chunks: they leave in one system call, not one each. Call it before `pipe`. */
function writeTogether(from: Duplex, to: Socket): void {
  let isCorked = false;
  const uncork = (): void => {
    isCorked = false;
    to.uncork();
  };
  from.on('data', () => {
    if (isCorked) return;
    isCorked = true;
    to.cork();
    process.nextTick(uncork);
  });
}

/** `pipe` passes on an orderly end, but neither an error nor a connection cut in the middle. */
function closeTogether(side: Duplex, other: Duplex): void {
  side.on('error', () => other.destroy());
  side.once('close', () => {
    if (other.destroyed) return;
    if (!side.readableEnded) {
      other.destroy();
      return;
    }
    other.end();
    const timer = setTimeout(() => other.destroy(), FLUSH_MS);
    timer.unref();
    other.once('close', () => clearTimeout(timer));
  });
}

/** Holds what a client sends between asking for an upgrade and getting it, and notices when it leaves meanwhile. */
export class EarlyBytes {
  readonly #socket: Socket;
  readonly #maxBytes: number;
  readonly #chunks: Buffer[];
  #bytes: number;

  constructor(socket: Socket, head: Buffer, maxBytes: number) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
    this.#chunks = head.length > 0 ? [head] : [];
    this.#bytes = head.length;
    socket.on('data', this.#collect);
    socket.on('end', this.#clientLeft);
    socket.resume();
  }

  /** What came so far, in order. The socket is paused and free for its next owner. */
  take(): Buffer {
    this.#socket.off('data', this.#collect);
    this.#socket.off('end', this.#clientLeft);
    this.#socket.pause();
    return Buffer.concat(this.#chunks);
  }

  readonly #collect = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= this.#maxBytes) this.#socket.pause();
  };

  /** A half-closed handshake has no use: the client could never answer a ping. */
  readonly #clientLeft = (): void => {
    this.#socket.destroy();
  };
}

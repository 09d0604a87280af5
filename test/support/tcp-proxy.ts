/** A TCP port in front of a server, that a test makes behave as bad networks and broken servers do, and well again. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `refuse`: connections break, and new ones are not taken. `stall`: they stay and are taken, and nothing comes through.
 * `garbage`: connections break, and whatever is sent over new ones is answered with bytes of no protocol.
 */
export type ProxyMode = 'through' | 'refuse' | 'stall' | 'garbage';

export interface TcpProxy {
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** The most that were open at once, since the start or `forgetPeak`. */
  readonly peak: number;
  forgetPeak(): void;
  /** From now on, for old connections and new ones. */
  behave(mode: ProxyMode): Promise<void>;
  /** Nothing comes through those that are open now any more, whatever the mode. */
  forgetOpenOnes(): void;
  close(): Promise<void>;
}

/** Below those that Linux gives to connections that go out, and above those of well-known servers. */
const LASTING_PORTS = [10_240, 32_767] as const;

/** A port that is still free when it was not listened at for a while: one that the kernel chooses may be some connection's by then. */
async function listenOnLasting(listen: (port: number) => Promise<void>): Promise<number> {
  for (;;) {
    const port = randomInt(...LASTING_PORTS);
    try {
      await listen(port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/**
 * @param upstream a port of this machine, or the path of a unix socket
 * @param lateMs how long what a client sent is under way; for 0 it goes on at once
 */
export async function startTcpProxy(
  upstream: number | string,
  lateMs: (sent: Buffer) => number = () => 0,
): Promise<TcpProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  let mode: ProxyMode = 'through';
  let peak = 0;
  const accept = (client: Socket): void => {
    const server = typeof upstream === 'number' ? connect(upstream, '127.0.0.1') : connect(upstream);
    const pair = { client, server };
    pairs.add(pair);
    peak = Math.max(peak, pairs.size);
    const end = (): void => {
      client.destroy();
      server.destroy();
      pairs.delete(pair);
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    let underWay = 0;
    const sendLate = (data: Buffer, ms: number): void => {
      underWay++;
      setTimeout(() => {
        underWay--;
        server.write(data);
      }, ms);
    };
    client.on('data', (data) => {
      if (mode === 'garbage') return void client.write('\u0000no protocol\r\n\r\n');
      const late = lateMs(data);
      if (late > 0) sendLate(data, late);
      else if (!server.write(data)) client.pause();
    });
    // Who hangs up with something under way has said all, and waits for the server to hang up.
    client.on('end', () => underWay === 0 && client.end());
    server.on('drain', () => mode !== 'stall' && client.resume());
    server.on('data', (data) => {
      if (mode !== 'garbage' && !client.write(data)) server.pause();
    });
    client.on('drain', () => mode !== 'stall' && server.resume());
    if (mode === 'stall') for (const socket of [client, server]) socket.pause();
  };
  const listener: Server = createServer({ allowHalfOpen: true }, accept);
  const listen = async (at: number): Promise<void> => {
    listener.listen(at, '127.0.0.1');
    await once(listener, 'listening');
  };
  const breakAll = (): void => {
    for (const { client } of pairs) client.destroy();
  };
  const stopListening = async (): Promise<void> => {
    const closed = once(listener, 'close');
    listener.close();
    breakAll();
    await closed;
  };
  const port = await listenOnLasting(listen);
  return {
    port,
    get connections() {
      return pairs.size;
    },
    get peak() {
      return peak;
    },
    forgetPeak() {
      peak = pairs.size;
    },
    async behave(wanted) {
      mode = wanted;
      if (wanted === 'refuse') return await stopListening();
      // Answers that are under way would else be lost without a word.
      if (wanted === 'garbage') breakAll();
      if (!listener.listening) await listen(port);
      for (const { client, server } of pairs) {
        for (const socket of [client, server]) socket[wanted === 'stall' ? 'pause' : 'resume']();
      }
    },
    forgetOpenOnes() {
      for (const { client, server } of pairs) {
        for (const socket of [client, server]) socket.removeAllListeners('data').removeAllListeners('drain').pause();
      }
    },
    async close() {
      if (listener.listening) await stopListening();
    },
  };
}

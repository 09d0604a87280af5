/** A PostgreSQL on a TCP port, as users have it: a way through to the embedded one, which a test can cut. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface TcpPostgres {
  readonly port: number;
  /** Connections that are open. */
  readonly connections: number;
  /** The most that were open at once since `forgetPeak`. */
  readonly peak: number;
  forgetPeak(): void;
  /** Closes all, and accepts none until `mend`. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** `socketPath`: of the server's unix socket. */
export async function tcpPostgres(socketPath: string): Promise<TcpPostgres> {
  const open = new Set<Socket>();
  let peak = 0;
  const server: Server = createServer((client) => {
    open.add(client);
    peak = Math.max(peak, open.size);
    client.on('error', () => client.destroy());
    client.on('close', () => open.delete(client));
    const upstream = connect(socketPath);
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.on('data', (chunk) => {
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      client.write(chunk);
    });
  });
  const listen = (port: number): Promise<void> => new Promise((done) => server.listen(port, '127.0.0.1', done));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = async (): Promise<void> => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    for (const socket of open) socket.destroy();
    await closed;
  };
  return {
    port,
    get connections() {
      return open.size;
    },
    get peak() {
      return peak;
    },
    forgetPeak: () => {
      peak = open.size;
    },
    cut,
    mend: async () => {
      if (!server.listening) await listen(port);
    },
    close: async () => {
      if (server.listening) await cut();
    },
  };
}

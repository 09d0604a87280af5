/** A TCP port in front of a PostgreSQL, to take the database away: refusing, or silent as behind a network that swallows everything. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface DatabaseProxy {
  /** The same database, through the port. */
  readonly url: string;
  /** `refuse`: connections break, and new ones are not taken. `stall`: they stay, and nothing comes through. */
  take(how: 'refuse' | 'stall'): Promise<void>;
  giveBack(): Promise<void>;
  close(): Promise<void>;
}

/** @param url of a PostgreSQL on a socket or a port of this machine */
export async function startDatabaseProxy(url: string): Promise<DatabaseProxy> {
  const [, credentials = '', host = '', database = ''] = /^postgres(?:ql)?:\/\/(.*)@([^/?]+)\/([^?]*)/.exec(url) ?? [];
  const address = decodeURIComponent(host);
  const upstream = (): Socket =>
    address.startsWith('/')
      ? connect(`${address}/.s.PGSQL.5432`)
      : connect(Number(address.split(':')[1] ?? 5432), address.split(':')[0]);
  const pairs = new Set<readonly [Socket, Socket]>();
  let isStalled = false;
  const accept = (client: Socket): void => {
    const server = upstream();
    const pair = [client, server] as const;
    pairs.add(pair);
    const end = (): void => {
      client.destroy();
      server.destroy();
      pairs.delete(pair);
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    client.on('data', (data) => server.write(data));
    server.on('data', (data) => client.write(data));
    if (isStalled) for (const socket of pair) socket.pause();
  };
  let listener = createServer(accept);
  const listen = async (port: number): Promise<void> => {
    listener = createServer(accept);
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  };
  await listen(0);
  const { port } = listener.address() as AddressInfo;
  const breakAll = (): void => {
    for (const [client] of pairs) client.destroy();
  };
  return {
    url: `postgresql://${credentials}@127.0.0.1:${port}/${database}`,
    async take(how) {
      if (how === 'stall') {
        isStalled = true;
        for (const pair of pairs) for (const socket of pair) socket.pause();
        return;
      }
      const closed = once(listener, 'close');
      listener.close();
      breakAll();
      await closed;
    },
    async giveBack() {
      if (isStalled) {
        isStalled = false;
        for (const pair of pairs) for (const socket of pair) socket.resume();
        return;
      }
      await listen(port);
    },
    async close() {
      listener.close();
      breakAll();
    },
  };
}

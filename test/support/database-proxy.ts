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

/** The number that begins a request to cancel what another connection does. */
const CANCEL_REQUEST = 80_877_102;

/**
 * @param url of a PostgreSQL on a socket or a port of this machine
 * @param cancelDelayMs how long requests to cancel something are under way
 */
export async function startDatabaseProxy(url: string, { cancelDelayMs = 0 } = {}): Promise<DatabaseProxy> {
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
    let isCancel = false;
    client.on('data', (data) => {
      isCancel = data.length === 16 && data.readUInt32BE(4) === CANCEL_REQUEST;
      if (isCancel) setTimeout(() => server.write(data), cancelDelayMs);
      else server.write(data);
    });
    client.on('end', () => {
      // Who cancels has said all it has to say, and waits for the server to hang up.
      if (!isCancel) client.end();
    });
    server.on('data', (data) => client.write(data));
    if (isStalled) for (const socket of pair) socket.pause();
  };
  let listener = createServer({ allowHalfOpen: true }, accept);
  const listen = async (port: number): Promise<void> => {
    listener = createServer({ allowHalfOpen: true }, accept);
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

/** A TCP port in front of a PostgreSQL, to take the database away: refusing, or silent as behind a network that swallows everything. */
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export interface DatabaseProxy extends Pick<TcpProxy, 'behave' | 'close'> {
  /** The same database, through the port. */
  readonly url: string;
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
  const upstream = address.startsWith('/') ? `${address}/.s.PGSQL.5432` : Number(address.split(':')[1] ?? 5432);
  const isCancel = (sent: Buffer): boolean => sent.length === 16 && sent.readUInt32BE(4) === CANCEL_REQUEST;
  const proxy = await startTcpProxy(upstream, (sent) => (isCancel(sent) ? cancelDelayMs : 0));
  return {
    url: `postgresql://${credentials}@127.0.0.1:${proxy.port}/${database}`,
    behave: (mode) => proxy.behave(mode),
    close: () => proxy.close(),
  };
}

/** The port of the control API: how long a client may take, and an end that lets requests under way finish. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { GATEWAY_LIMITS, UPLOAD_LIMITS } from '../../shared/limits.ts';
import { ListenError } from '../../shared/listen-error.ts';
import type { Env } from './context.ts';
import type { ApiOptions } from './router.ts';

/** How often the API looks whose request takes too long: so much later than its limit one ends at most. */
const CONNECTION_CHECK_MS = 5_000;

export interface ApiServer {
  readonly host: string;
  /** The real port, also when 0 was asked for. */
  readonly port: number;
  /** Stops listening, lets requests under way finish for at most `graceMs`, then closes their connections. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

/** Rejects with a ListenError when the address cannot be listened on (EADDRINUSE, EACCES …). */
export async function listen(app: Hono<Env>, options: ApiOptions, host: string, port: number): Promise<ApiServer> {
  // The global Request and Response stay Node's own: other parts of the process use them.
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const requestTimeout = options.requestTimeoutMs ?? UPLOAD_LIMITS.requestTimeoutMs;
  const server = createServer(
    {
      requestTimeout,
      headersTimeout: Math.min(GATEWAY_LIMITS.headersTimeoutMs, requestTimeout),
      keepAliveTimeout: GATEWAY_LIMITS.keepAliveTimeoutMs,
      // Node looks every 30 s by default: so much later than its time a request would end.
      connectionsCheckingInterval: Math.min(CONNECTION_CHECK_MS, requestTimeout / 10),
    },
    (incoming, outgoing) => {
      const { s3 } = options;
      if (s3?.isFor(incoming.headers.authorization, incoming.url) === true) {
        s3.handle(incoming, outgoing);
        return;
      }
      handle(incoming, outgoing).catch((error: unknown) => {
        options.log.error('An API answer could not be sent', { error });
        outgoing.destroy();
      });
    },
  );
  server.maxConnections = UPLOAD_LIMITS.maxConnections;
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void =>
      reject(new ListenError({ what: 'The control API', host, port, setting: 'SKEP_API_PORT' }, error));
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
  server.on('error', (error) => options.log.error('The API server has an error', { error }));
  let closing: Promise<void> | undefined;
  return {
    host,
    port: (server.address() as AddressInfo).port,
    close(graceMs = 5_000) {
      closing ??= closeServer(server, graceMs);
      return closing;
    },
  };
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose last request ends later is idle only then, and would stay open for its keep-alive time.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}

/**
 * The public entrance of a node: Node's HTTP server in front, a dispatcher behind. It reads who serves a host from memory
 * and nothing from a database. Everything that crosses it is streamed, both ways, with back-pressure.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Catalog } from '../catalog/types.ts';
import type { Logger } from '../log/types.ts';
import { trustedProxies } from '../routing/address.ts';
import { parseHostHeader, type HostName } from '../routing/host.ts';
import { rayIds } from '../routing/ray.ts';
import type { FetchDispatcher } from '../supervisor/types.ts';
import { ListenError } from '../../shared/listen-error.ts';
import { GATEWAY_LIMITS } from '../../shared/limits.ts';
import { VISITOR_ERRORS } from '../../shared/visitor-errors.ts';
import { AddressPlaces } from './address-places.ts';
import { answerRaw, handleClientError } from './bad-bytes.ts';
import { Connection } from './connection.ts';
import type { GatewayCore, GatewayLimits, Readiness } from './core.ts';
import { GatewayCounters } from './counters.ts';
import { Exchange } from './exchange.ts';
import { GatewayRequest, GatewayResponse, type ClientSocket } from './request.ts';
import { EarlyBytes, Tunnels } from './tunnel.ts';
import { Watchdog } from './watchdog.ts';

export type { GatewayLimits, Readiness } from './core.ts';

export interface GatewayOptions {
  readonly catalog: Pick<Catalog, 'findByHost'>;
  readonly dispatcher: FetchDispatcher;
  readonly log: Logger;
  /** Address to listen on. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Ends every request id. */
  readonly nodeName: string;
  /** Addresses and CIDR networks whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[];
  /** What /readyz says; called for each such request. */
  readonly readyz: () => Readiness;
  /** In place of the defaults in `shared/limits.ts`. */
  readonly limits?: Partial<GatewayLimits>;
}

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
}

export interface Gateway {
  /** Starts to listen. Rejects with a ListenError. */
  listen(): Promise<GatewayAddress>;
  /**
   * Stops taking connections and waits for the answers under way, WebSockets included, at most `graceMs`; then cuts what
   * is left. Safe to call twice: both calls wait for the same end, the shorter grace counts.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
  readonly counters: Readonly<GatewayCounters>;
}

/** Makes a gateway. Throws an Error when an entry of `trustedProxies` is no address or network. */
export function createGateway(options: GatewayOptions): Gateway {
  const core = makeCore(options);
  const server = makeServer(core);
  const connections = new Set<ClientSocket>();
  const addresses = new AddressPlaces(core.limits.maxConnectionsPerAddress);
  server.on('connection', (socket: ClientSocket) => {
    const connection = new Connection(core, socket);
    socket.skepConnection = connection;
    if (!connection.sender.isTrustedPeer && !addresses.take(connection.sender.peer, socket)) {
      core.counters.rejectedConnections++;
      socket.destroy();
      return;
    }
    core.counters.connections++;
    connections.add(socket);
    socket.once('close', () => {
      core.counters.connections--;
      connections.delete(socket);
    });
  });
  server.on('request', (req, res) => takeExchange(newExchange(core, req, res)));
  server.on('checkContinue', (req, res) => {
    const exchange = newExchange(core, req, res);
    exchange.expectsContinue = true;
    takeExchange(exchange);
  });
  server.on('checkExpectation', (req, res) => {
    const exchange = newExchange(core, req, res);
    exchange.spoil(VISITOR_ERRORS.expectationFailed);
    takeExchange(exchange);
  });
  server.on('upgrade', (req, socket, head) => takeUpgrade(core, req, socket as ClientSocket, head));
  server.on('connect', (_req, socket) => refuseConnect(core, socket as ClientSocket));
  server.on('clientError', (error, socket) => handleClientError(core, error, socket as ClientSocket));
  return {
    listen: () => listen(core, server, options),
    close: closer(core, server, connections),
    counters: core.counters,
  };
}

function makeCore(options: GatewayOptions): GatewayCore {
  const limits: GatewayLimits = { ...GATEWAY_LIMITS, ...options.limits };
  const counters = new GatewayCounters();
  const log = options.log.child({ component: 'gateway' });
  return {
    catalog: options.catalog,
    dispatcher: options.dispatcher,
    log,
    limits,
    counters,
    watchdog: new Watchdog(limits),
    tunnels: new Tunnels(limits, counters),
    isTrusted: trustedProxies(options.trustedProxies),
    newRay: rayIds(options.nodeName, (bytes) => randomBytes(bytes).toString('hex')),
    parseHost: cachedHostParser(),
    readyz: options.readyz,
    flushSoon: headFlusher(),
    report: limitedReporter(log),
    isDraining: false,
  };
}

function makeServer(core: GatewayCore): Server<typeof GatewayRequest, typeof GatewayResponse> {
  const { limits } = core;
  const server = createServer({
    IncomingMessage: GatewayRequest,
    ServerResponse: GatewayResponse,
    insecureHTTPParser: false,
    // The gateway answers these cases itself, with a page.
    requireHostHeader: false,
    // Node counts the URL and all headers together.
    maxHeaderSize: limits.maxHeaderBytes + limits.maxUrlBytes,
    headersTimeout: limits.headersTimeoutMs,
    // The watchdog looks after bodies: a long upload that moves is welcome.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(10, Math.min(1_000, Math.floor(limits.headersTimeoutMs / 4))),
    highWaterMark: 64 * 1024,
    noDelay: true,
    // Finds WebSocket clients whose machine is gone.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  // One more than allowed, so that a request with too many can be told from one with just enough.
  server.maxHeadersCount = limits.maxHeaderLines + 1;
  server.maxConnections = limits.maxConnections;
  return server;
}

function newExchange(core: GatewayCore, req: GatewayRequest, res: GatewayResponse): Exchange {
  return new Exchange(core, (req.socket as ClientSocket).skepConnection as Connection, req, res);
}

function takeExchange(exchange: Exchange): void {
  exchange.connection.take(exchange);
}

/** Node has taken its parser off the socket: whatever is answered, this is the connection's last exchange. */
function takeUpgrade(core: GatewayCore, req: GatewayRequest, socket: ClientSocket, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  const connection = socket.skepConnection as Connection;
  // Sent behind requests that are not answered yet; no WebSocket client does that.
  if (connection.current !== null || connection.isClosing) {
    socket.destroy();
    return;
  }
  const res = new GatewayResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  socket.on('drain', () => res.emit('drain'));
  res.on('finish', () => socket.destroySoon());
  const early = new EarlyBytes(socket, head, core.limits.maxEarlyUpgradeBytes);
  connection.take(new Exchange(core, connection, req, res, early));
}

function refuseConnect(core: GatewayCore, socket: ClientSocket): void {
  if (socket.skepConnection?.current !== null) socket.destroy();
  else answerRaw(core, socket, VISITOR_ERRORS.methodNotAllowed);
}

/** The same few hosts come again and again; what strangers make up must not fill the memory. */
function cachedHostParser(): (host: string) => HostName | null {
  const cache = new Map<string, HostName | null>();
  return (host) => {
    const known = cache.get(host);
    if (known !== undefined) return known;
    const parsed = parseHostHeader(host);
    if (host.length > GATEWAY_LIMITS.maxCachedHostLength) return parsed;
    if (cache.size >= GATEWAY_LIMITS.maxCachedHosts) cache.clear();
    cache.set(host, parsed);
    return parsed;
  };
}

/** Node sends a head with the first byte of the body; an event stream's head must not wait for its first event. */
function headFlusher(): (exchange: Exchange) => void {
  let waiting: Exchange[] = [];
  const flush = (): void => {
    const due = waiting;
    waiting = [];
    for (const exchange of due) exchange.flushHead();
  };
  return (exchange) => {
    if (waiting.length === 0) setImmediate(flush);
    waiting.push(exchange);
  };
}

function limitedReporter(log: Logger): GatewayCore['report'] {
  let second = 0;
  let count = 0;
  return (message, fields) => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) {
      const dropped = count - GATEWAY_LIMITS.maxReportsPerSecond;
      if (dropped > 0) log.warn('More failures than the log takes were left out', { dropped });
      second = now;
      count = 0;
    }
    if (++count <= GATEWAY_LIMITS.maxReportsPerSecond) log.warn(message, fields);
  };
}

function listen(
  core: GatewayCore,
  server: Server<typeof GatewayRequest, typeof GatewayResponse>,
  options: GatewayOptions,
): Promise<GatewayAddress> {
  return new Promise((resolve, reject) => {
    const { host, port } = options;
    const onError = (error: Error): void =>
      reject(new ListenError({ what: 'The gateway', host, port, setting: 'SKEP_GATEWAY_PORT' }, error));
    server.once('error', onError);
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', onError);
      server.on('error', (error) => core.log.error('The gateway cannot accept a connection', { error }));
      core.watchdog.start();
      const { address, port } = server.address() as AddressInfo;
      resolve({ host: address, port });
    });
  });
}

/** A client that has just connected gets this long to send the request it connected for. */
const FIRST_REQUEST_GRACE_MS = 1_000;
/** WebSocket clients are told that the node goes away; those that have not answered by then are cut. */
const CLOSE_HANDSHAKE_MS = 5_000;

function closer(
  core: GatewayCore,
  server: Server<typeof GatewayRequest, typeof GatewayResponse>,
  connections: ReadonlySet<ClientSocket>,
): Gateway['close'] {
  let closed: Promise<void> | undefined;
  const destroyIf = (test: (socket: ClientSocket) => boolean): void => {
    for (const socket of connections) if (test(socket)) socket.destroy();
  };
  const start = (): Promise<void> => {
    core.isDraining = true;
    return new Promise((resolve) => {
      // Also closes the connections that are between two requests.
      server.close(() => {
        core.watchdog.stop();
        // Node says so before the last sockets have told their exchanges.
        const last = [...connections].map((socket) => once(socket, 'close'));
        void Promise.allSettled(last).then(() => resolve());
      });
    });
  };
  return async ({ graceMs }) => {
    closed ??= start();
    const isIdle = (socket: Socket & ClientSocket): boolean => socket.skepConnection?.current === null;
    const isNoTunnel = (socket: ClientSocket): boolean => isIdle(socket) && !core.tunnels.has(socket);
    const timers = [
      setTimeout(() => destroyIf(isNoTunnel), Math.min(graceMs, FIRST_REQUEST_GRACE_MS)),
      setTimeout(() => destroyIf((socket) => core.tunnels.has(socket)), Math.min(graceMs, CLOSE_HANDSHAKE_MS)),
      setTimeout(() => destroyIf(() => true), graceMs),
    ];
    await closed;
    for (const timer of timers) clearTimeout(timer);
  };
}

/** TCP and TLS connections of `cloudflare:sockets`: addresses are judged like those of `fetch()`, TLS is done and verified here. */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { RESPONSE, type ResponseHead, type StartTlsMessage } from '../../../shared/protocol.ts';
import { cannotConnect } from '../connect-errors.ts';
import { joinDuplexes } from '../join-duplexes.ts';
import type { BindingCall, CallDuplex } from '../../supervisor/types.ts';

/** Cloudflare: no mail from workers. */
const REFUSED_PORTS: ReadonlySet<number> = new Set([25]);
const MAX_HOSTNAME_LENGTH = 255;

export interface SocketOptions {
  /** Answers with the addresses that were judged; rejects when none may be reached. */
  readonly resolve: (hostname: string, port: number) => Promise<LookupFunction>;
  readonly connectTimeoutMs: number;
  /** Why it failed: for the log. */
  readonly onRefused: (error: Error) => void;
}

/** Connects to the call's `tcp://` or `tls://` address and joins the worker's stream to it. */
export async function connectSocket(call: BindingCall, options: SocketOptions): Promise<void> {
  const target = parseTarget(call.url);
  if (target === undefined) {
    call.fail({ name: 'TypeError', message: 'Specified address could not be parsed.' });
    return;
  }
  const { hostname, port } = target;
  const refuse = (error: Error): void => {
    options.onRefused(error);
    call.fail(cannotConnect(port));
  };
  if (REFUSED_PORTS.has(port)) {
    refuse(new Error(`Connections to port ${port} are not allowed`));
    return;
  }
  try {
    const lookup = await options.resolve(hostname, port);
    open(call, target, lookup, options.connectTimeoutMs, refuse);
  } catch (error) {
    refuse(error as Error);
  }
}

interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly tls: boolean;
}

function parseTarget(text: string): Target | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port } = new URL(text);
  if (protocol !== 'tcp:' && protocol !== 'tls:') return undefined;
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port), tls: protocol === 'tls:' };
}

function open(
  call: BindingCall,
  target: Target,
  lookup: LookupFunction,
  timeoutMs: number,
  refuse: (error: Error) => void,
): void {
  const { hostname, port } = target;
  const socket = connectTcp({ host: hostname, port, lookup, allowHalfOpen: true, noDelay: true });
  call.onAbort = () => socket.destroy();
  socket.setTimeout(timeoutMs, () =>
    socket.destroy(new Error(`No connection came about within ${timeoutMs / 1000} s`)),
  );
  socket.once('error', refuse);
  const ready = (connection: Duplex): void => {
    socket.setTimeout(0);
    socket.off('error', refuse);
    call.caller.pipeline.clockMs = Math.max(call.caller.pipeline.clockMs, Date.now());
    const duplex = call.switchProtocols([]);
    if (duplex === undefined) socket.destroy();
    else serve(call, duplex, connection, socket, target, timeoutMs);
  };
  socket.once('connect', () => {
    if (!target.tls) ready(socket);
    else startTls(socket, hostname, ready, refuse);
  });
}

/** TLS over an open connection, its certificate verified for `hostname`. */
function startTls(
  socket: Socket,
  hostname: string,
  onReady: (connection: TLSSocket) => void,
  onError: (error: Error) => void,
): void {
  const connection = connectTls({
    socket,
    host: hostname,
    ...(isIP(hostname) === 0 && { servername: hostname }),
  });
  connection.once('error', onError);
  connection.once('secureConnect', () => {
    connection.off('error', onError);
    onReady(connection);
  });
}

/** Joins the two, and takes the plain connection into TLS when the worker asks for it. */
function serve(
  call: BindingCall,
  duplex: CallDuplex,
  connection: Duplex,
  socket: Socket,
  target: Target,
  timeoutMs: number,
): void {
  const unjoin = joinDuplexes(duplex, connection);
  call.onAbort = () => socket.destroy();
  if (target.tls) return;
  call.onStartTls = (payload) => {
    call.onStartTls = undefined;
    const hostname = expectedHostname(payload) ?? target.hostname;
    afterFlush(duplex, socket, () => {
      unjoin();
      upgrade(call, duplex, socket, hostname, timeoutMs);
    });
  };
}

function upgrade(call: BindingCall, duplex: CallDuplex, socket: Socket, hostname: string, timeoutMs: number): void {
  const fail = (): void => {
    duplex.fail({ name: 'Error', message: 'The TLS handshake failed.' });
    socket.destroy();
  };
  const onGone = (): void => {
    socket.destroy();
  };
  duplex.once('close', onGone);
  socket.setTimeout(timeoutMs, fail);
  startTls(
    socket,
    hostname,
    (connection) => {
      duplex.off('close', onGone);
      socket.setTimeout(0);
      socket.off('timeout', fail);
      const head: ResponseHead = { status: 200, statusText: '', headers: [], clockMs: call.caller.pipeline.clockMs };
      duplex.notify(RESPONSE, Buffer.from(JSON.stringify(head)));
      joinDuplexes(duplex, connection);
    },
    fail,
  );
}

/** What the worker wrote before it asked for TLS leaves as plain bytes. */
function afterFlush(duplex: Duplex, socket: Socket, then: () => void): void {
  if (duplex.destroyed || socket.destroyed) return;
  if (duplex.readableLength === 0 && socket.writableLength === 0) then();
  else setTimeout(() => afterFlush(duplex, socket, then), 5);
}

/** The payload is the cell's. */
function expectedHostname(payload: Uint8Array): string | null {
  try {
    const { expectedServerHostname } = JSON.parse(Buffer.from(payload).toString('utf8')) as StartTlsMessage;
    const isName = typeof expectedServerHostname === 'string' && expectedServerHostname.length <= MAX_HOSTNAME_LENGTH;
    return isName ? expectedServerHostname : null;
  } catch {
    return null;
  }
}

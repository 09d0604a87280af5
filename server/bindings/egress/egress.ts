/**
 * `fetch()` from a worker to the internet. One hop at a time: redirects come back to the cell, which asks again, so every hop passes the
 * address policy. The name is resolved here, every address is judged, and the connection goes to the very address that was judged.
 */
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, buildConnector } from 'undici';
import { HOP_BY_HOP } from '../../../shared/http.ts';
import { INTERNAL_HEADER_PREFIX } from '../../../shared/protocol.ts';
import type { Logger } from '../../log/types.ts';
import type { BindingCall } from '../../supervisor/types.ts';
import type { AddressPolicy } from './address-policy.ts';
import type { Address, ResolveName } from './names.ts';
import { connectSocket } from './socket.ts';
import { upgradeToOrigin } from './upgrade.ts';
import { EGRESS_LIMITS } from '../../../shared/limits.ts';

/** What decides where a connection goes. */
interface Judges {
  readonly policy: AddressPolicy;
  readonly resolveName: ResolveName;
}

export interface EgressOptions extends Judges {
  readonly log: Logger;
}

export interface Egress {
  call(call: BindingCall): void;
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 10_000;

/** The policy said no. The worker hears that much; the addresses stay in the log. */
class EgressRefused extends Error {
  override readonly name = 'EgressRefused';
}

export function createEgress({ log, ...judges }: EgressOptions): Egress {
  const agent = new Agent({
    connections: EGRESS_LIMITS.connectionsPerOrigin,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: EGRESS_LIMITS.headersMs,
    bodyTimeout: EGRESS_LIMITS.bodyIdleMs,
    maxHeaderSize: EGRESS_LIMITS.maxResponseHeaderBytes,
    connect: (options, callback) => {
      judge(judges, options).then(
        (addresses) =>
          buildConnector({ timeout: EGRESS_LIMITS.connectMs, lookup: answerWith(addresses) })(options, callback),
        (error: Error) => callback(error, null),
      );
    },
  });
  return {
    call: (call) => {
      forward(call, agent, judges, log).catch((error: unknown) => fail(call, error, log));
    },
    close: () => agent.destroy(),
  };
}

/** Resolves the name and keeps the addresses that may be reached. Throws EgressRefused when none may. */
async function judge(
  { policy, resolveName }: Judges,
  target: Pick<buildConnector.Options, 'hostname' | 'port' | 'protocol'>,
): Promise<Address[]> {
  const host = target.hostname.replace(/^\[|\]$/g, '');
  const defaultPort = target.protocol === 'https:' ? 443 : 80;
  const port = target.protocol === 'tcp:' ? Number(target.port) : Number(target.port) || defaultPort;
  const family = isIP(host);
  const addresses = family === 4 || family === 6 ? [{ address: host, family } as const] : await resolveName(host);
  const allowed = addresses.filter(({ address }) => policy.allows(host, port, address));
  if (allowed.length > 0) return allowed;
  throw new EgressRefused(`${host}:${port} is ${addresses.map(({ address }) => address).join(', ')}`);
}

/** The connection asks for the name again: it gets what was judged, and nothing is resolved a second time. */
const answerWith =
  (addresses: readonly Address[]): LookupFunction =>
  (_hostname, options, callback) => {
    const [first] = addresses as [Address];
    if (options.all) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };

async function forward(call: BindingCall, agent: Agent, judges: Judges, log: Logger): Promise<void> {
  if (call.upgrade === 'socket') {
    await forwardSocket(call, judges, log);
    return;
  }
  const url = parseTarget(call.url);
  if (call.upgrade === 'websocket') {
    await forwardUpgrade(call, url, judges, log);
    return;
  }
  const abort = new AbortController();
  call.onAbort = () => abort.abort();
  const { statusCode, statusText, headers, body } = await agent.request({
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    method: call.method,
    headers: requestHeaders(call),
    body: call.body,
    signal: abort.signal,
    responseHeaders: 'raw',
  });
  moveClock(call);
  call.respond(statusCode, statusText, responseHeaders(headers as unknown as readonly (string | Buffer)[]));
  pipeBody(body, call, log);
}

function forwardSocket(call: BindingCall, judges: Judges, log: Logger): Promise<void> {
  return connectSocket(call, {
    resolve: async (hostname, port) =>
      answerWith(await judge(judges, { hostname, port: String(port), protocol: 'tcp:' })),
    connectTimeoutMs: EGRESS_LIMITS.connectMs,
    onRefused: (error) =>
      log[error instanceof EgressRefused ? 'warn' : 'debug']('A socket could not be connected', {
        worker: call.caller.version.workerName,
        target: call.url,
        error: error.message,
      }),
  });
}

async function forwardUpgrade(call: BindingCall, url: URL, judges: Judges, log: Logger): Promise<void> {
  const addresses = await judge(judges, { hostname: url.hostname, port: url.port, protocol: url.protocol });
  upgradeToOrigin(call, {
    url,
    headers: call.headers,
    lookup: answerWith(addresses),
    timeoutMs: EGRESS_LIMITS.headersMs,
    maxHeaderBytes: EGRESS_LIMITS.maxResponseHeaderBytes,
    onResponse: (response) => {
      moveClock(call);
      call.respond(response.statusCode ?? 502, response.statusMessage ?? '', responseHeaders(response.rawHeaders));
      pipeBody(response, call, log);
    },
    onError: (error) => fail(call, error, log),
  });
}

/** I/O from outside has arrived. */
function moveClock({ caller: { pipeline } }: BindingCall): void {
  pipeline.clockMs = Math.max(pipeline.clockMs, Date.now());
}

/** Throws TypeError on what is no http(s) URL: `file:` and `data:` targets arrive here like any other. */
function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError(`Fetch API cannot load: ${text.slice(0, 200)}`);
  }
  return url;
}

function requestHeaders(call: BindingCall): string[] {
  const headers: string[] = [];
  for (let index = 0; index < call.headers.length; index += 2) {
    const name = call.headers[index] as string;
    if (name !== 'expect') headers.push(name, call.headers[index + 1] as string);
  }
  if (call.body !== null && call.bodyBytes !== null) headers.push('content-length', String(call.bodyBytes));
  return headers;
}

function responseHeaders(raw: readonly (string | Buffer)[]): string[] {
  const headers: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = text(raw[index] as string | Buffer).toLowerCase();
    if (!HOP_BY_HOP.has(name) && !name.startsWith(INTERNAL_HEADER_PREFIX))
      headers.push(name, text(raw[index + 1] as string | Buffer));
  }
  return headers;
}

const text = (value: string | Buffer): string => (typeof value === 'string' ? value : value.toString('latin1'));

function pipeBody(body: Readable, call: BindingCall, log: Logger): void {
  call.onDrain = () => body.resume();
  call.onAbort = () => body.destroy();
  body.on('data', (chunk: Buffer) => {
    if (!call.write(chunk)) body.pause();
  });
  body.on('end', () => call.end());
  body.on('error', (error) => fail(call, error, log));
}

function fail(call: BindingCall, error: unknown, log: Logger): void {
  const cause = error as Error & { code?: string };
  log.debug('A fetch failed', { worker: call.caller.version.workerName, url: call.url, error: cause.message });
  if (cause instanceof TypeError) call.fail(cause);
  else if (cause instanceof EgressRefused) {
    log.warn('A fetch to a private address was refused', {
      worker: call.caller.version.workerName,
      target: cause.message,
    });
    const message = `Fetch to ${hostOf(call.url)} was refused: the address is not public. The operator can allow it with SKEP_EGRESS_ALLOW.`;
    call.fail({ name: 'Error', message });
  } else if (cause.code === 'ENOTFOUND' || cause.code === 'EAI_AGAIN') {
    call.fail({ name: 'Error', message: `Network connection lost: the name ${hostOf(call.url)} does not resolve.` });
  } else call.fail({ name: 'Error', message: 'Network connection lost.', retryable: true });
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'the target');

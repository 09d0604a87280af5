/** From a parsed request to a call of a worker, or to the reason why there is none. */
import { addIdentity, asksForWebSocket, replaceHost, requestScheme, type RequestHead } from '../routing/headers.ts';
import { isPlainPath, parseRequestTarget, urlAuthority, type HostName } from '../routing/host.ts';
import { pickVersion } from '../routing/version-choice.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import { VISITOR_ERRORS, type VisitorError } from '../../shared/visitor-errors.ts';
import type { FetchCall } from '../supervisor/types.ts';
import type { GatewayLimits } from './core.ts';
import type { Exchange } from './exchange.ts';
import { hasBody, type GatewayRequest } from './request.ts';

/** Returns the call to make. Null: the exchange has been answered here, with an error page or by a health check. */
export function admit(exchange: Exchange): FetchCall | null {
  const { core, req } = exchange;
  const { head } = req;
  const refusal = refuseProtocol(req, head, core.limits);
  if (refusal !== null) return exchange.refuse(refusal);

  const url = req.url as string;
  let path = url;
  if (!isPlainPath(url)) {
    const target = parseRequestTarget(req.method as string, url);
    if (target === null) return exchange.refuse(VISITOR_ERRORS.targetInvalid);
    ({ path } = target);
    if (target.authority !== null) useAuthority(head, target.authority);
  }
  if (head.host === undefined) return answerHealth(exchange, path) ? null : exchange.refuse(VISITOR_ERRORS.hostMissing);
  const host = core.parseHost(head.host);
  if (host === null) return exchange.refuse(VISITOR_ERRORS.hostInvalid, head.host);
  const version = chooseVersion(exchange, host, path);
  return version === undefined ? null : makeCall(exchange, version, host, path);
}

/** Answers the exchange itself when no version serves the host. */
function chooseVersion(exchange: Exchange, host: HostName, path: string): WorkerVersion | undefined {
  const worker = exchange.core.catalog.findByHost(host.name);
  if (worker === undefined && answerHealth(exchange, path)) return undefined;
  // A worker that is not published must look like one that does not exist.
  const version = worker?.workersDev === true ? pickVersion(worker, Math.random()) : undefined;
  if (version === undefined) exchange.refuse(VISITOR_ERRORS.unknownHost, exchange.req.head.host);
  return version;
}

function makeCall(exchange: Exchange, version: WorkerVersion, host: HostName, path: string): FetchCall {
  const { req, connection } = exchange;
  const { head } = req;
  const scheme = requestScheme(head);
  const bodyBytes = head.contentLength === undefined ? null : Number(head.contentLength);
  const headers = head.kept;
  // No body will be framed, but the client said so, and the worker may look.
  if (bodyBytes === 0) headers.push('content-length', '0');
  addIdentity(headers, head, connection.sender, exchange.ray);
  return {
    version,
    method: req.method as string,
    url: `${scheme}://${urlAuthority(host, scheme)}${path}`,
    headers,
    body: hasBody(head) ? req : null,
    bodyBytes,
    upgrade: req.upgradeAsked && asksForWebSocket(req.method, head),
  };
}

/** RFC 9112 §3.2.2: the Host header must be ignored when the target names an authority. */
function useAuthority(head: RequestHead, authority: string): void {
  head.host = authority;
  replaceHost(head.kept, authority);
}

/**
 * What a request must keep to before anybody looks at where it goes. Node's parser has already refused most of what
 * could be read in two ways (its strict mode); these are the cases it lets pass.
 */
function refuseProtocol(req: GatewayRequest, head: RequestHead, limits: GatewayLimits): VisitorError | null {
  if (req.httpVersionMajor !== 1 || req.httpVersionMinor > 1) return VISITOR_ERRORS.httpVersion;
  if (req.method === undefined || req.method === 'TRACE' || req.method === 'CONNECT') {
    return VISITOR_ERRORS.methodNotAllowed;
  }
  if ((req.url as string).length > limits.maxUrlBytes) return VISITOR_ERRORS.urlTooLong;
  if (head.bytes > limits.maxHeaderBytes || req.rawHeaders.length > 2 * limits.maxHeaderLines) {
    return VISITOR_ERRORS.headersTooLarge;
  }
  if (head.hostCount > 1 || (head.hostCount === 0 && req.httpVersionMinor === 1)) return VISITOR_ERRORS.hostMissing;
  return refuseBody(req, head, limits);
}

function refuseBody(req: GatewayRequest, head: RequestHead, limits: GatewayLimits): VisitorError | null {
  if (head.transferEncoding !== undefined) {
    // RFC 9112 §6.1: a length beside it, or HTTP/1.0 that does not know it, is an attempt at smuggling.
    if (req.httpVersionMinor === 0 || head.contentLength !== undefined) return VISITOR_ERRORS.malformed;
    if (head.transferEncoding.toLowerCase() !== 'chunked') return VISITOR_ERRORS.transferEncoding;
  }
  if (head.contentLength !== undefined && limits.maxBodyBytes > 0 && Number(head.contentLength) > limits.maxBodyBytes) {
    return VISITOR_ERRORS.bodyTooLarge;
  }
  return null;
}

/** `/healthz`: the process answers. `/readyz`: it can serve workers. Only on hosts that are no worker's. */
function answerHealth(exchange: Exchange, path: string): boolean {
  const { core, req } = exchange;
  if ((path !== '/healthz' && path !== '/readyz') || (req.method !== 'GET' && req.method !== 'HEAD')) return false;
  if (path === '/healthz') {
    exchange.answerJson(200, { status: 'ok' });
    return true;
  }
  const { ready, detail } = core.readyz();
  const isReady = ready && !core.isDraining;
  exchange.answerJson(isReady ? 200 : 503, { ready: isReady, draining: core.isDraining, ...detail });
  return true;
}

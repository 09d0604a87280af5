/**
 * The control API: Cloudflare's paths in Cloudflare's envelope, so that unmodified wrangler works, and what Skep adds.
 *
 * Every request: id and log line → token → account → body → handler → envelope. Nothing a client sends can make it answer
 * with a stack; what is unexpected is logged under the request id that the client sees.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ReadableStream } from 'node:stream/web';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { DATABASE_LIMITS, GATEWAY_LIMITS, UPLOAD_LIMITS } from '../../shared/limits.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../shared/cloudflare-errors.ts';
import { ListenError } from '../../shared/listen-error.ts';
import type { Logger } from '../log/types.ts';
import { AccountSlots } from '../storage/account-slots.ts';
import { isUnavailable } from '../storage/errors.ts';
import { R2Error } from '../storage/objects/types.ts';
import type { Account, TokenIdentity } from '../storage/store.ts';
import { readBytes } from './body.ts';
import { ApiError, fail, ofObjectStore, unavailable } from './errors.ts';
import { openApiDocument } from './openapi.ts';
import {
  type AccountRequest,
  type ApiOptions,
  type ApiRequest,
  type ApiResult,
  readJsonBody,
  type Route,
} from './router.ts';
import { DatabaseExports } from './database-exports.ts';
import { DatabaseImports } from './database-imports.ts';
import { databaseRoutes, EXPORT_PATH, IMPORT_PATH } from './routes/databases.ts';
import { hyperdriveRoutes } from './routes/hyperdrive.ts';
import { identityRoutes } from './routes/identity.ts';
import { kvRoutes } from './routes/kv.ts';
import { linkRoutes } from './routes/links.ts';
import { platformRoutes } from './routes/platform.ts';
import { r2BucketRoutes } from './routes/r2-buckets.ts';
import { r2CorsRoutes } from './routes/r2-cors.ts';
import { r2KeyRoutes } from './routes/r2-keys.ts';
import { r2ObjectRoutes } from './routes/r2-objects.ts';
import { secretRoutes } from './routes/secrets.ts';
import { triggerRoutes } from './routes/triggers.ts';
import { versionRoutes } from './routes/versions.ts';
import { workerRoutes } from './routes/workers.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { unsupportedFeature } from './unsupported.ts';

const PREFIX = '/client/v4';
const API_VERSION = '4';
/** How often the API looks whose request takes too long: so much later than its limit one ends at most. */
const CONNECTION_CHECK_MS = 5_000;

/** Problems in one answer; a hostile upload could cause one per binding. */
const MAX_PROBLEMS = 50;

interface Variables {
  requestId: string;
  log: Logger;
  identity: TokenIdentity;
}
type Env = { Variables: Variables };
type ApiContext = Context<Env>;

export interface ApiServer {
  readonly host: string;
  /** The real port, also when 0 was asked for. */
  readonly port: number;
  /** Stops listening, lets requests under way finish for at most `graceMs`, then closes their connections. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

export interface Api {
  /** For tests (`app.request(…)`) and for mounting the dashboard beside it. */
  readonly app: Hono<Env>;
  readonly routes: readonly Route[];
  /** Rejects with a ListenError when the address cannot be listened on (EADDRINUSE, EACCES …). */
  listen(host: string, port: number): Promise<ApiServer>;
}

/** Builds the API. Opens nothing by itself. */
export function createApi(options: ApiOptions): Api {
  const imports = new DatabaseImports();
  const exports = new DatabaseExports();
  const routes: readonly Route[] = [
    ...identityRoutes,
    ...workerRoutes,
    ...versionRoutes(),
    ...secretRoutes,
    ...triggerRoutes,
    ...r2BucketRoutes,
    ...r2ObjectRoutes,
    ...r2CorsRoutes,
    ...r2KeyRoutes,
    ...linkRoutes,
    ...analyticsRoutes,
    ...databaseRoutes(imports, exports),
    ...hyperdriveRoutes,
    ...kvRoutes,
    ...platformRoutes,
  ];
  const largeBodies = new AccountSlots(
    UPLOAD_LIMITS.maxConcurrentUploads,
    UPLOAD_LIMITS.maxConcurrentUploadsPerAccount,
  );
  const app = new Hono<Env>({ getPath: routingPath });
  app.use(withRequestId(options.log));
  app.onError((error, context) => errorAnswer(error, context));
  addHealth(app, options);
  let document: Record<string, unknown> | undefined;
  app.get(`${PREFIX}/openapi.json`, (context) => {
    document ??= openApiDocument(routes, API_VERSION);
    return context.json(document);
  });
  app.put(`${PREFIX}${IMPORT_PATH}/:token`, (context) => receiveImport(context, imports));
  app.get(`${PREFIX}${EXPORT_PATH}/:token`, async (context) => {
    const { outgoing } = (context.env ?? {}) as { outgoing?: ServerResponse };
    const content = await exports.open(options.databases, context.req.param('token'), (error) => {
      context.get('log').warn('An export of a database was cut off', { error });
      outgoing?.destroy();
    });
    return context.body(content, 200, { 'content-type': 'application/sql; charset=utf-8' });
  });
  app.use(`${PREFIX}/*`, async (context, next) => {
    context.set('identity', await authenticate(context, options));
    await next();
  });
  for (const route of routes) {
    app.on(route.method, PREFIX + route.path, (context) => runRoute(route, context, options, largeBodies));
  }
  app.notFound((context) => notFound(context, routes));
  return { app, routes, listen: (host, port) => listen(app, options, host, port) };
}

/**
 * The path that routes are matched on: still percent-encoded, so that `%2F` in a key is no separator, and with runs of slashes
 * taken together (a base URL with a trailing slash gives `//accounts`). A slash at the end stays, and makes it another path: clients
 * resolve the name `..` before they send it, so that `wrangler secret delete ..` asks to delete `/workers/scripts/<worker>/`.
 */
function routingPath(request: Request): string {
  const start = request.url.indexOf('/', request.url.indexOf('://') + 3);
  const path = start === -1 ? '/' : request.url.slice(start).replace(/[?#].*$/s, '');
  return path.replace(/\/{2,}/g, '/');
}

function withRequestId(log: Logger) {
  return async (context: ApiContext, next: () => Promise<void>): Promise<void> => {
    const requestId = randomBytes(8).toString('hex');
    const started = performance.now();
    context.set('requestId', requestId);
    context.set('log', log.child({ requestId }));
    context.header('cf-ray', requestId);
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
    await next();
    context.get('log').debug('API request', {
      method: context.req.method,
      path: pathForLog(context),
      status: context.res.status,
      ms: Math.round(performance.now() - started),
    });
  };
}

function addHealth(app: Hono<Env>, options: ApiOptions): void {
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/readyz', async (context) => {
    const readiness = await options.readiness();
    return context.json(readiness, readiness.ready ? 200 : 503);
  });
  const { metrics } = options;
  if (metrics === undefined) return;
  app.get('/metrics', async (context) => {
    // They name the workers of all accounts.
    if (!isLocal(context)) {
      const { accountId } = await authenticate(context, options);
      if (accountId !== null) throw fail('forbidden', { account: 'all' });
    }
    return context.text(metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
}

/** Addresses of imports and exports open a database to whoever knows them. */
const pathForLog = (context: ApiContext): string =>
  context.req.path.slice(0, 300).replace(/(\/skep\/database-(?:im|ex)ports\/).*$/, '$1…');

/** Asked from this machine, and not through a proxy on it. */
function isLocal(context: ApiContext): boolean {
  const { incoming } = (context.env ?? {}) as { incoming?: IncomingMessage };
  const address = incoming?.socket.remoteAddress ?? '';
  const isProxied = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some(
    (name) => context.req.header(name) !== undefined,
  );
  return !isProxied && /^(?:127\.|::1$|::ffff:127\.)/.test(address);
}

/** Tokens are stored as SHA-256; the look-up by hash leaks nothing through its timing that would help to guess one. */
async function authenticate(context: ApiContext, options: ApiOptions): Promise<TokenIdentity> {
  const token = readToken(context);
  if (token === undefined) {
    throw fail('unauthenticated', { reason: 'it has no API token (Authorization: Bearer, or X-Auth-Key)' });
  }
  const identity = await options.store.findToken(createHash('sha256').update(token, 'utf8').digest());
  if (identity === null) throw fail('unauthenticated', { reason: 'the API token is not known here' });
  return identity;
}

function readToken(context: ApiContext): string | undefined {
  const authorization = context.req.header('authorization');
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)\s*$/i.exec(authorization)?.[1];
  const token = bearer ?? context.req.header('x-auth-key')?.trim();
  return token === '' ? undefined : token;
}

async function runRoute(
  route: Route,
  context: ApiContext,
  options: ApiOptions,
  largeBodies: AccountSlots,
): Promise<Response> {
  // Access first: whoever may not use the account has no body read for him.
  const account = route.scope === 'account' ? await resolveAccount(context, options) : undefined;
  const run = async (): Promise<ApiResult> => {
    const request = await buildRequest(route, context, options);
    return route.scope === 'account' && account !== undefined
      ? await route.handle({ ...request, account } as AccountRequest<never>)
      : await route.handle(request as AccountRequest<never>);
  };
  // A body beyond the usual size is in memory until the handler is done with it: few at a time.
  const isLarge = account !== undefined && route.maxBodyBytes !== undefined;
  const { result, resultInfo, raw } = isLarge ? await largeBodies.run(account.id, run) : await run();
  if (raw !== undefined) return raw;
  return context.json({
    success: true,
    errors: [],
    messages: [],
    result,
    ...(resultInfo === undefined ? {} : { result_info: resultInfo }),
  });
}

/** Without a token of the account: who knows the address was given it a moment ago, for this one file. */
async function receiveImport(context: ApiContext, imports: DatabaseImports): Promise<Response> {
  const token = context.req.param('token') ?? '';
  const unknown = fail('bodyUnreadable', { reason: 'no file is expected here, or no longer' });
  if (!imports.isKnown(token)) throw unknown;
  const body = context.req.raw.body as ReadableStream<Uint8Array> | null;
  const received = imports.receive(token, await readBytes(body, DATABASE_LIMITS.maxOperationBytes));
  if ('etag' in received) return context.body(null, 200, { etag: `"${received.etag}"` });
  throw received.refusal === 'unknown'
    ? unknown
    : fail('bodyUnreadable', { reason: 'the file is not the one announced' });
}

/** Access is checked before existence: a token of one account must not learn which others exist. */
async function resolveAccount(context: ApiContext, options: ApiOptions): Promise<Account> {
  const accountId = context.req.param('account') ?? '';
  const shown = accountId.slice(0, 64);
  const { accountId: own } = context.get('identity');
  if (own !== null && own !== accountId) throw fail('forbidden', { account: shown });
  const account = /^[A-Za-z0-9_-]{1,64}$/.test(accountId) ? await options.store.findAccount(accountId) : null;
  if (account === null) throw fail('accountNotFound', { account: shown });
  return account;
}

/** A proxy in front that speaks TLS says so. Whoever lies gets addresses that are no use to himself. */
function originOf(context: ApiContext): string {
  const { origin } = new URL(context.req.url);
  return context.req.header('x-forwarded-proto') === 'https' ? origin.replace(/^http:/, 'https:') : origin;
}

async function buildRequest(route: Route, context: ApiContext, options: ApiOptions): Promise<ApiRequest<unknown>> {
  const stream = context.req.raw.body as ReadableStream<Uint8Array> | null;
  const isJson = route.body !== undefined && route.body !== 'multipart' && route.body !== 'bytes';
  return {
    options,
    log: context.get('log'),
    identity: context.get('identity'),
    query: new URL(context.req.url).searchParams,
    origin: originOf(context),
    contentType: context.req.header('content-type') ?? '',
    source: context.req.header('user-agent')?.startsWith('wrangler/') === true ? 'wrangler' : 'api',
    url: context.req.raw.url,
    header: (name) => context.req.header(name),
    param(name) {
      const value = context.req.param(name);
      if (value === undefined) throw new Error(`Route ${route.path} has no parameter '${name}'`);
      return value;
    },
    body: isJson ? await readJsonBody(route.body, stream, route.maxBodyBytes) : undefined,
    stream: isJson ? null : stream,
  };
}

const OUTSIDE = `The API is below ${PREFIX}: CLOUDFLARE_API_BASE_URL has to end with that.`;

function notFound(context: ApiContext, routes: readonly Route[]): Response {
  return envelope(context, [notFoundProblem(context.req.method, context.req.path, routes)]);
}

function notFoundProblem(method: string, path: string, routes: readonly Route[]): CloudflareProblem {
  const shown = { path: path.slice(0, 300) };
  if (!path.startsWith(`${PREFIX}/`)) return { ...cloudflareProblem('noRoute', shown), remedy: OUTSIDE };
  const below = path.slice(PREFIX.length);
  if (below.endsWith('/')) return cloudflareProblem('pathEndsWithSlash', shown);
  const unsupported = unsupportedFeature(below);
  if (unsupported !== undefined) return unsupported;
  const methods = routes.filter((route) => matches(route.path, below)).map((route) => route.method);
  const problem = cloudflareProblem('noRoute', shown);
  if (methods.length === 0) return problem;
  return { ...problem, remedy: `This path answers ${methods.join(' and ')}, not ${method.slice(0, 20)}.` };
}

/** Whether the pattern of a route stands for the path, whatever the method. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const isLong = pattern.endsWith('{.+}') && given.length > wanted.length;
  return (
    (isLong || wanted.length === given.length) &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  );
}

function errorAnswer(error: unknown, context: ApiContext): Response {
  const log = context.get('log');
  if (error instanceof ApiError) {
    if (error.retryAfterS !== undefined) {
      context.header('retry-after', String(error.retryAfterS));
      log.warn('The API could not serve a request now', { path: pathForLog(context), error });
    }
    return envelope(context, error.problems);
  }
  if (error instanceof R2Error) return errorAnswer(ofObjectStore(error), context);
  if (isUnavailable(error))
    return errorAnswer(unavailable('the database of this platform cannot be reached', 2, error), context);
  log.error('An API request failed unexpectedly', {
    method: context.req.method,
    path: pathForLog(context),
    error,
  });
  return envelope(context, [cloudflareProblem('internal', { requestId: context.get('requestId') })]);
}

function envelope(context: ApiContext, problems: readonly CloudflareProblem[]): Response {
  const shown = problems.slice(0, MAX_PROBLEMS);
  // The most serious decides: a 5xx among 4xx means that trying again may help.
  const status = Math.max(...shown.map((problem) => problem.status));
  // The rest of a body that came too slowly is not waited for.
  if (status === 408) context.header('connection', 'close');
  const remedies = [...new Set(shown.map((problem) => problem.remedy))];
  const body = {
    success: false,
    errors: shown.map(({ code, message }) => ({ code, message })),
    messages: remedies.map((message) => ({ message })),
    result: null,
  };
  return context.json(body, status as 400);
}

async function listen(app: Hono<Env>, options: ApiOptions, host: string, port: number): Promise<ApiServer> {
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

/**
 * The control API: Cloudflare's paths in Cloudflare's envelope, so that unmodified wrangler works, and what Skep adds.
 *
 * Every request: id and log line → token → account → body → handler → envelope. Nothing a client sends can make it answer
 * with a stack; what is unexpected is logged under the request id that the client sees.
 */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ReadableStream } from 'node:stream/web';
import { Hono } from 'hono';
import { DATABASE_LIMITS, UPLOAD_LIMITS } from '../../shared/limits.ts';
import type { Logger } from '../log/types.ts';
import { AccountSlots } from '../storage/account-slots.ts';
import { authenticate, isLocal, resolveAccount } from './access.ts';
import { errorAnswer, notFound } from './answers.ts';
import { readBytes } from './body.ts';
import { type ApiContext, type Env, pathForLog, PREFIX } from './context.ts';
import { fail } from './errors.ts';
import { type ApiServer, listen } from './listen.ts';
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

const API_VERSION = '4';
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

/** Hyperdrive: databases of the users' own. The password goes in and never comes out. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type {
  HyperdriveCaching,
  HyperdriveConfig,
  NewHyperdriveConfig,
  SslMode,
} from '../../storage/hyperdrive/hyperdrive.ts';
import { fail, isStoreConflict } from '../errors.ts';
import { printableName } from '../json.ts';
import { paginate } from '../pages.ts';
import { accountBodyRoute, accountRoute, type AccountRequest, type ApiResult, type Route } from '../router.ts';

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const { maxCacheAgeS, maxOriginConnections } = DATABASE_LIMITS;

/** A name or an address; a path would be a socket of this machine. */
const host = printableName.regex(/^[^/\\@?#\s]+$/, 'has to be a host name or an address');
/** A field of Cloudflare's that means something which is not here: dropped silently, the connection would be another one. */
const unsupported = (what: string) => z.undefined(`is not supported: ${what}`).optional();

const origin = z.object({
  access_client_id: unsupported('Hyperdrive over Access. Give host and port of the database'),
  access_client_secret: unsupported('Hyperdrive over Access'),
  service_id: unsupported('databases behind Workers VPC. Give host and port of the database'),
  scheme: z.enum(['postgres', 'postgresql'], 'has to be postgres or postgresql: other databases are not supported'),
  host,
  port: z.int().min(1).max(65_535),
  database: printableName,
  user: printableName,
  password: z.string().min(1).max(1024),
});
const caching = z.object({
  disabled: z.boolean().optional(),
  max_age: z.int().min(0).max(maxCacheAgeS).optional(),
  stale_while_revalidate: z.int().min(0).max(maxCacheAgeS).optional(),
});
const fields = {
  name: printableName,
  caching: caching.nullish(),
  origin_connection_limit: z.int().min(1).max(maxOriginConnections).nullish(),
  mtls: z
    .looseObject({
      sslmode: z.enum(SSL_MODES).optional(),
      ca_certificate_id: unsupported('certificates of your own; verify-ca and verify-full take those that Node knows'),
      mtls_certificate_id: unsupported('client certificates. Let the user have a password'),
    })
    .nullish(),
};
const newConfig = z.object({ ...fields, origin });
const change = z.object({ ...fields, name: fields.name.optional(), origin: origin.partial().optional() });
type Change = z.infer<typeof change>;

export const hyperdriveRoutes: readonly Route[] = [
  accountBodyRoute('POST', '/hyperdrive/configs', {
    summary: 'Make a Hyperdrive configuration; the database is connected to once',
    body: newConfig,
    handle: create,
  }),
  accountRoute('GET', '/hyperdrive/configs', {
    summary: 'The Hyperdrive configurations of the account',
    handle: async ({ options, account, query }) =>
      paginate((await options.hyperdrive.list(account.id)).map(present), query),
  }),
  accountRoute('GET', '/hyperdrive/configs/:id', {
    summary: 'A Hyperdrive configuration, with this node’s connections to its database',
    handle: async (request) => {
      const config = await requireConfig(request);
      const { connections, waiting } = request.options.hyperdrive.usage(config);
      return { result: { ...present(config), connections, waiting_operations: waiting } };
    },
  }),
  accountBodyRoute('PATCH', '/hyperdrive/configs/:id', {
    summary: 'Change parts of a Hyperdrive configuration',
    body: change,
    handle: update,
  }),
  accountBodyRoute('PUT', '/hyperdrive/configs/:id', {
    summary: 'Change a Hyperdrive configuration',
    body: newConfig,
    handle: update,
  }),
  accountRoute('DELETE', '/hyperdrive/configs/:id', {
    summary: 'Delete a Hyperdrive configuration; the database stays',
    handle: async (request) => {
      const { id } = await requireConfig(request);
      await request.options.hyperdrive.delete(request.account.id, id);
      return { result: null };
    },
  }),
];

async function create(request: AccountRequest<z.infer<typeof newConfig>>): Promise<ApiResult> {
  const { options, account, body } = request;
  const existing = await options.hyperdrive.list(account.id);
  const { hyperdriveConfigsPerAccount: limit } = DATABASE_LIMITS;
  if (existing.length >= limit) {
    throw fail('validation', {
      reason: `The account has ${existing.length} Hyperdrive configurations; ${limit} are allowed.`,
    });
  }
  const { password, ...where } = body.origin;
  const config: NewHyperdriveConfig = {
    name: body.name,
    origin: { ...where, sslMode: body.mtls?.sslmode ?? 'prefer' },
    password,
    caching: cachingOf(body, NO_CACHING_SAID),
    connectionLimit: body.origin_connection_limit ?? DATABASE_LIMITS.originConnections,
  };
  await asReachable(() => options.hyperdrive.check(config));
  return { result: present(await named(body.name, () => options.hyperdrive.create(account.id, config))) };
}

async function update(request: AccountRequest<Change>): Promise<ApiResult> {
  const { options, account, body } = request;
  const before = await requireConfig(request);
  const { password, ...where } = body.origin ?? {};
  const changed: Partial<NewHyperdriveConfig> = {
    ...(body.name === undefined ? {} : { name: body.name }),
    origin: { ...before.origin, ...defined(where), sslMode: body.mtls?.sslmode ?? before.origin.sslMode },
    ...(password === undefined ? {} : { password }),
    caching: cachingOf(body, before.caching),
    connectionLimit: body.origin_connection_limit ?? before.connectionLimit,
  };
  // With another address the password that is kept would go to whoever is there.
  const isElsewhere = changed.origin?.host !== before.origin.host || changed.origin.port !== before.origin.port;
  if (isElsewhere && password === undefined) {
    throw fail('validation', { reason: 'Another host or port needs the password again.' });
  }
  if (password !== undefined || !isDeepStrictEqual(changed.origin, before.origin)) {
    await asReachable(() => options.hyperdrive.checkChange(account.id, before.id, changed));
  }
  const updated = await named(body.name ?? before.name, () =>
    options.hyperdrive.update(account.id, before.id, changed),
  );
  if (updated === null) throw fail('hyperdriveNotFound', { id: before.id });
  return { result: present(updated) };
}

async function requireConfig(request: AccountRequest<unknown>): Promise<HyperdriveConfig> {
  const id = request.param('id');
  const found = await request.options.hyperdrive.find(request.account.id, id);
  if (found === null) throw fail('hyperdriveNotFound', { id: id.slice(0, 100) });
  return found;
}

async function asReachable(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    const { message } = error as Error;
    throw fail('hyperdriveUnreachable', { reason: message.replace(/\.$/, '').slice(0, 500) });
  }
}

async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (isStoreConflict(error)) throw fail('hyperdriveExists', { name });
    throw error;
  }
}

const NO_CACHING_SAID: HyperdriveCaching = {
  disabled: false,
  maxAgeS: DATABASE_LIMITS.cacheMaxAgeS,
  staleWhileRevalidateS: DATABASE_LIMITS.cacheStaleS,
};

function cachingOf({ caching: given }: Pick<Change, 'caching'>, before: HyperdriveCaching): HyperdriveCaching {
  if (given === undefined || given === null) return before;
  return {
    disabled: given.disabled ?? (given.max_age === undefined && before.disabled),
    maxAgeS: given.max_age ?? before.maxAgeS,
    staleWhileRevalidateS: given.stale_while_revalidate ?? before.staleWhileRevalidateS,
  };
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

function present(config: HyperdriveConfig): Record<string, unknown> {
  const { sslMode, ...where } = config.origin;
  const { disabled, maxAgeS, staleWhileRevalidateS } = config.caching;
  return {
    id: config.id,
    name: config.name,
    origin: where,
    caching: disabled ? { disabled } : { disabled, max_age: maxAgeS, stale_while_revalidate: staleWhileRevalidateS },
    mtls: { sslmode: sslMode satisfies SslMode },
    origin_connection_limit: config.connectionLimit,
    created_on: config.createdAt.toISOString(),
    modified_on: config.modifiedAt.toISOString(),
  };
}

/**
 * Every setting of the server, once: the loader, `--help`, docs/configuration.md and the type `Config` come from this table.
 * A setting called `data-dir` is the flag `--data-dir`, the variable `SKEP_DATA_DIR` and the key `data_dir` of skep.toml.
 */
import { hostname } from 'node:os';
import { z } from 'zod';
import {
  CACHE_LIMITS,
  CELL_LIMITS,
  DATABASE_LIMITS,
  DISK_LIMITS,
  GATEWAY_LIMITS,
  KV_LIMITS,
  R2_LIMITS,
} from '../../shared/limits.ts';
import {
  accountId,
  destinations,
  dnsLabel,
  domain,
  key32,
  listenHost,
  networks,
  nodeName,
  oneOf,
  optionalNumber,
  path,
  postgresUrl,
  s3Url,
  token,
  truth,
  wholeNumber,
} from './values.ts';
import type { ValueType } from './values.ts';

/** Parts of the server that one process may run. */
export type Role = 'gateway' | 'api';

export interface Setting<T> {
  /** Kebab case; flag and TOML key follow from it. */
  readonly name: string;
  /** The environment variable; follows from the name unless the outside world has a standard one. */
  readonly env: string;
  readonly type: ValueType<T>;
  readonly default: T;
  /** How the default is shown when its value says little. */
  readonly defaultText?: string;
  readonly doc: string;
  /** Never shown, not even in an error message. */
  readonly secret: boolean;
}

type SettingInput<T> = Omit<Setting<T>, 'env' | 'secret'> & { readonly env?: string; readonly secret?: boolean };

function setting<T>(input: SettingInput<T>): Setting<T> {
  return { env: `SKEP_${input.name.toUpperCase().replaceAll('-', '_')}`, secret: false, ...input };
}

const ALL_ROLES: readonly Role[] = ['gateway', 'api'];

const roles: ValueType<readonly Role[]> = {
  kind: 'list',
  schema: z
    .array(z.enum(['all', 'gateway', 'api']))
    .min(1)
    .transform((names) => ALL_ROLES.filter((role) => names.includes('all') || names.includes(role))),
  allowed: 'all, or a list of gateway and api (scheduler and logs come with a later version of Skep)',
};

const natsUrl: ValueType<null> = {
  kind: 'text',
  schema: z.never(),
  allowed:
    'nothing in this version: nodes exchange messages through PostgreSQL, NATS comes with a later version of Skep',
};

export const SETTINGS = {
  dataDir: setting({
    name: 'data-dir',
    type: path,
    default: './.skep',
    doc: 'Embedded database, module cache, sockets and generated keys. A relative path counts from the working directory, in skep.toml from the file.',
  }),
  gatewayPort: setting({
    name: 'gateway-port',
    type: wholeNumber(0, 65_535, '0 = any free port'),
    default: 8787,
    doc: 'Port of the public entrance: workers answer here.',
  }),
  apiPort: setting({
    name: 'api-port',
    type: wholeNumber(0, 65_535, '0 = any free port'),
    default: 8788,
    doc: 'Port of the control API, the one wrangler talks to.',
  }),
  s3Port: setting({
    name: 's3-port',
    type: optionalNumber(0, 65_535, '0 = any free port'),
    default: null,
    defaultText: 'none',
    doc: 'A port of its own for the S3 interface of R2 buckets, for clients that are not to reach the control API. The control API answers S3 requests too.',
  }),
  host: setting({
    name: 'host',
    type: listenHost,
    default: '127.0.0.1',
    doc: 'Address that gateway and API listen on.',
  }),
  baseDomain: setting({
    name: 'base-domain',
    type: domain,
    default: 'localhost',
    doc: 'Workers answer at `<worker>.<subdomain>.<base domain>`.',
  }),
  subdomain: setting({
    name: 'subdomain',
    type: dnsLabel,
    default: 'dev',
    doc: 'Subdomain given to the first account when it is created.',
  }),
  adminToken: setting({
    name: 'admin-token',
    type: token,
    default: null,
    defaultText: 'generated, shown once',
    secret: true,
    doc: 'The first API token. Take at least 32 random characters. Only its SHA-256 is stored.',
  }),
  accountId: setting({
    name: 'account-id',
    type: accountId,
    default: null,
    defaultText: 'generated',
    doc: 'Id of the first account.',
  }),
  databaseUrl: setting({
    name: 'database-url',
    env: 'DATABASE_URL',
    type: postgresUrl,
    default: null,
    defaultText: 'embedded PostgreSQL',
    secret: true,
    doc: 'A PostgreSQL of your own, version 15 or newer.',
  }),
  workerDatabaseUrl: setting({
    name: 'worker-database-url',
    type: postgresUrl,
    default: null,
    defaultText: "the platform's own",
    secret: true,
    doc: 'The PostgreSQL on which databases of workers are made, as a user who may create roles and databases. As superuser more walls stand between tenants, see `docs/security.md`.',
  }),
  limitDatabaseMiB: setting({
    name: 'limit-database-mib',
    type: wholeNumber(1, 100_000_000),
    default: DATABASE_LIMITS.databaseMiB,
    doc: 'Size of one database of workers, in MiB. A larger one can be read and made smaller, nothing else.',
  }),
  limitStatementMs: setting({
    name: 'limit-statement-ms',
    type: wholeNumber(100, 3_600_000),
    default: DATABASE_LIMITS.statementMs,
    doc: 'How long one SQL statement of a worker may run, in milliseconds.',
  }),
  limitTransactionMs: setting({
    name: 'limit-transaction-ms',
    type: wholeNumber(100, 3_600_000),
    default: DATABASE_LIMITS.transactionMs,
    doc: 'How long a worker may hold a transaction open, whatever it does meanwhile, in milliseconds.',
  }),
  natsUrl: setting({
    name: 'nats-url',
    env: 'NATS_URL',
    type: natsUrl,
    default: null,
    defaultText: 'none',
    secret: true,
    doc: 'Reserved for NATS.',
  }),
  roles: setting({
    name: 'roles',
    type: roles,
    default: ALL_ROLES,
    defaultText: 'all',
    doc: 'Which parts this process runs.',
  }),
  masterKey: setting({
    name: 'master-key',
    type: key32,
    default: null,
    defaultText: 'the file `master.key` in the data directory',
    secret: true,
    doc: 'Encrypts the secrets of workers in the database. All nodes of one database need the same key.',
  }),
  sandbox: setting<'auto' | 'require-strong' | 'bubblewrap' | 'unshare' | 'none'>({
    name: 'sandbox',
    type: oneOf('auto', 'require-strong', 'bubblewrap', 'unshare', 'none'),
    default: 'auto',
    doc: '`auto` takes the strongest sandbox this machine offers and says which; `require-strong` refuses to start with less than all layers. `bubblewrap`, `unshare` and `none` take just that wall around the process, even where a better one is to be had.',
  }),
  egressAllow: setting({
    name: 'egress-allow',
    type: destinations,
    default: [],
    defaultText: 'none',
    doc: 'Private destinations that `fetch` of workers may reach all the same.',
  }),
  limitCpuMs: setting({
    name: 'limit-cpu-ms',
    type: wholeNumber(1, 300_000),
    default: CELL_LIMITS.cpuMs,
    doc: 'CPU time of one invocation, in milliseconds, for workers that ask for nothing else.',
  }),
  limitCpuMaxMs: setting({
    name: 'limit-cpu-max-ms',
    type: wholeNumber(1, 300_000),
    default: CELL_LIMITS.maxCpuMs,
    doc: 'The most a worker may ask for in `limits.cpu_ms`, in milliseconds.',
  }),
  limitMemoryMiB: setting({
    name: 'limit-memory-mib',
    type: wholeNumber(32, 16_384),
    default: CELL_LIMITS.memoryMiB,
    doc: 'Memory of one cell, in MiB.',
  }),
  limitBodyBytes: setting({
    name: 'limit-body-bytes',
    type: wholeNumber(0, Number.MAX_SAFE_INTEGER, '0 = no limit'),
    default: GATEWAY_LIMITS.maxBodyBytes,
    doc: 'Largest request body the gateway lets through, in bytes.',
  }),
  limitSubrequests: setting({
    name: 'limit-subrequests',
    type: wholeNumber(0, 1_000_000),
    default: CELL_LIMITS.subrequests,
    doc: 'Requests to the internet that one incoming request may cause, for workers that ask for nothing else.',
  }),
  limitSubrequestsMax: setting({
    name: 'limit-subrequests-max',
    type: wholeNumber(0, 10_000_000),
    default: CELL_LIMITS.maxSubrequests,
    doc: 'The most a worker may ask for in `limits.subrequests`.',
  }),
  limitCells: setting({
    name: 'limit-cells',
    type: wholeNumber(1, 100_000),
    default: 200,
    doc: 'Cells running at once on this node.',
  }),
  limitCellsPerAccount: setting({
    name: 'limit-cells-per-account',
    type: wholeNumber(1, 100_000),
    default: 200,
    doc: 'Cells of one account running at once on this node. When the node is full, the account that has most gives one up first.',
  }),
  cacheMiB: setting({
    name: 'cache-mib',
    type: wholeNumber(0, 100_000_000, '0 = nothing is kept'),
    default: CACHE_LIMITS.totalMiB,
    doc: 'Disk space for the Cache API of workers on this node, in the data directory, in MiB. What was not used for longest goes first.',
  }),
  kvCacheMiB: setting({
    name: 'kv-cache-mib',
    type: wholeNumber(0, 1_000_000, '0 = every read asks the database'),
    default: KV_LIMITS.cacheMiB,
    doc: 'Memory for the values of KV that this node has read lately, in MiB. When it is full, the account that has most of it gives up what was not used for longest.',
  }),
  limitCacheObjectMiB: setting({
    name: 'limit-cache-object-mib',
    type: wholeNumber(1, 100_000),
    default: CACHE_LIMITS.objectMiB,
    doc: 'The largest response that workers may put into the cache, in MiB.',
  }),
  s3Backend: setting({
    name: 's3-backend',
    type: s3Url,
    default: null,
    defaultText: 'embedded store',
    secret: true,
    doc: 'An S3-compatible store for the objects of all R2 buckets, in place of the disk of this node. Needed when several nodes serve one platform.',
  }),
  limitBucketGiB: setting({
    name: 'limit-bucket-gib',
    type: wholeNumber(0, 1_000_000, '0 = no limit'),
    default: R2_LIMITS.bucketGiB,
    doc: 'What one R2 bucket of the embedded object store may hold, unfinished uploads included, in GiB. A bucket may be given another quota over the API.',
  }),
  diskReserveMiB: setting({
    name: 'disk-reserve-mib',
    type: wholeNumber(0, 1_000_000, '0 = none'),
    default: DISK_LIMITS.reserveMiB,
    doc: 'What stays free for the platform itself on the disk of the data directory, in MiB: below it, what accounts store (KV, objects, databases of the embedded PostgreSQL) is refused.',
  }),
  limitKvGiB: setting({
    name: 'limit-kv-gib',
    type: wholeNumber(0, 1_000_000, '0 = no limit'),
    default: KV_LIMITS.accountGiB,
    doc: 'What all KV namespaces of one account may take together (keys, values, metadata), in GiB.',
  }),
  prestartedCells: setting({
    name: 'prestarted-cells',
    type: wholeNumber(0, 100),
    default: 2,
    doc: 'Empty cells kept ready, so that a cold start is short.',
  }),
  idleCellSeconds: setting({
    name: 'idle-cell-seconds',
    type: wholeNumber(1, 604_800),
    default: 300,
    doc: 'A cell without requests is stopped after this many seconds.',
  }),
  trustedProxies: setting({
    name: 'trusted-proxies',
    type: networks,
    default: [],
    defaultText: 'none',
    doc: 'Proxies in front of the gateway whose `x-forwarded-*` and `cf-connecting-ip` are believed.',
  }),
  nodeName: setting({
    name: 'node-name',
    type: nodeName,
    default: hostAsNodeName(),
    defaultText: "the machine's host name",
    doc: 'Name of this node in logs and request ids.',
  }),
  verbose: setting({
    name: 'verbose',
    type: truth,
    default: false,
    doc: 'Log more.',
  }),
  logFormat: setting<'auto' | 'text' | 'json'>({
    name: 'log-format',
    type: oneOf('auto', 'text', 'json'),
    default: 'auto',
    doc: '`auto`: text on a terminal, JSON lines otherwise.',
  }),
} as const;

export type SettingKey = keyof typeof SETTINGS;

/** What the server runs by. Frozen; units are in the names. */
export type Config = {
  readonly [K in SettingKey]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
};

/** The settings in the order of the documentation. */
export const SETTING_LIST: readonly (readonly [SettingKey, Setting<unknown>])[] = Object.entries(SETTINGS) as never;

/** The name that a setting has on the command line. */
export function flagOf(entry: Setting<unknown>): string {
  return `--${entry.name}`;
}

/** The name that a setting has in skep.toml. */
export function tomlKeyOf(entry: Setting<unknown>): string {
  return entry.name.replaceAll('-', '_');
}

/** The default as a person reads it. */
export function defaultTextOf(entry: Setting<unknown>): string {
  return entry.defaultText ?? String(entry.default);
}

function hostAsNodeName(): string {
  const cleaned = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63);
  return cleaned.replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '') || 'node';
}

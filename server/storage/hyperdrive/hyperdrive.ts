/** Databases of the users' own: their configurations, and the node's connections to them. */
import { isIP } from 'node:net';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { Database } from '../database.ts';
import { Backend, type BackendTarget } from '../wire/backend.ts';
import type { BackendPool } from '../wire/pool.ts';
import { type MessageRoom, MessageRooms } from '../wire/message-room.ts';
import { BackendPools } from '../wire/pools.ts';
import {
  findConfig,
  type HyperdriveConfig,
  insertConfig,
  listConfigs,
  type NewHyperdriveConfig,
  removeConfig,
  type SslMode,
  updateConfig,
} from './records.ts';

export type { HyperdriveCaching, HyperdriveConfig, HyperdriveOrigin, NewHyperdriveConfig, SslMode } from './records.ts';

export interface HyperdriveOptions {
  readonly database: Database;
  readonly masterKey: Uint8Array;
  /** The address to connect to for a host. Rejects, with a sentence for the user, when it may not be reached. */
  readonly resolve: (host: string, port: number) => Promise<string>;
}

/** An origin as a connection of a worker finds it. */
export interface EnteredOrigin {
  readonly pool: BackendPool;
  readonly config: HyperdriveConfig;
  /** Another one after every change of the configuration. */
  readonly key: string;
}

export interface OriginUsage {
  /** Of this node. */
  readonly connections: number;
  readonly waiting: number;
}

/** Every method may reject with StoreUnavailable. */
export interface Hyperdrive {
  /** Throws StoreConflict when the account has one of that name. */
  create(accountId: string, config: NewHyperdriveConfig): Promise<HyperdriveConfig>;
  /** What is not given stays. Null: there is none. Throws StoreConflict as above. */
  update(accountId: string, id: string, change: Partial<NewHyperdriveConfig>): Promise<HyperdriveConfig | null>;
  list(accountId: string): Promise<HyperdriveConfig[]>;
  find(accountId: string, id: string): Promise<HyperdriveConfig | null>;
  /** False: there is none. */
  delete(accountId: string, id: string): Promise<boolean>;
  usage(config: HyperdriveConfig): OriginUsage;
  /** Connects once. Rejects with what the network, the policy or the server says. */
  check(config: NewHyperdriveConfig): Promise<void>;
  /** The same for a configuration as it would be after a change: what is not given, the password too, is as it is kept. */
  checkChange(accountId: string, id: string, change: Partial<NewHyperdriveConfig>): Promise<void>;
  /** Null: there is no such configuration. */
  enter(accountId: string, id: string): Promise<EnteredOrigin | null>;
  /** Where an account's large messages are counted. */
  roomOf(accountId: string): MessageRoom;
  close(): void;
}

const KNOWN_MS = 5_000;

interface Known {
  readonly found: ReturnType<typeof findConfig>;
  readonly sinceMs: number;
}

export function createHyperdrive({ database: db, masterKey, resolve }: HyperdriveOptions): Hyperdrive {
  const pools = new BackendPools(DATABASE_LIMITS.originConnectionsPerNode, DATABASE_LIMITS.originConnectionsPerAccount);
  const rooms = new MessageRooms();
  const known = new Map<string, Known>();
  /** The newest key of each configuration that has a pool. */
  const current = new Map<string, string>();

  const findKnown = async (accountId: string, id: string): ReturnType<typeof findConfig> => {
    const key = `${accountId}/${id}`;
    const before = known.get(key);
    if (before !== undefined && performance.now() - before.sinceMs < KNOWN_MS) return before.found;
    const found = findConfig(db, masterKey, accountId, id).catch((error: unknown) => {
      // While the platform's own database is away, what was known of this one is good.
      if (before !== undefined) return before.found;
      known.delete(key);
      throw error;
    });
    known.set(key, { found, sinceMs: performance.now() });
    const config = await found;
    if (config === null) {
      known.delete(key);
      retire(id);
    }
    return config;
  };
  const retire = (id: string): void => {
    const key = current.get(id);
    if (key !== undefined) pools.drop(key, { isDraining: true });
    current.delete(id);
  };

  const check = async (config: NewHyperdriveConfig): Promise<void> => {
    const backend = await connect(await targetOf(config, resolve), config.origin.sslMode);
    backend.end();
  };

  return {
    create: (accountId, config) => insertConfig(db, masterKey, accountId, config),
    async update(accountId, id, change) {
      const before = await findConfig(db, masterKey, accountId, id);
      if (before === null) return null;
      known.delete(`${accountId}/${id}`);
      return await updateConfig(db, masterKey, accountId, id, {
        ...before.config,
        password: before.password,
        ...change,
      });
    },
    list: (accountId) => listConfigs(db, accountId),
    find: async (accountId, id) => (await findConfig(db, masterKey, accountId, id))?.config ?? null,
    async delete(accountId, id) {
      const isDeleted = await removeConfig(db, accountId, id);
      known.delete(`${accountId}/${id}`);
      retire(id);
      return isDeleted;
    },
    usage({ id }) {
      const key = current.get(id);
      const count = [...pools.counts()].find((entry) => entry.key === key);
      return { connections: count?.connections ?? 0, waiting: count?.waiting ?? 0 };
    },
    check,
    async checkChange(accountId, id, change) {
      const before = await findConfig(db, masterKey, accountId, id);
      if (before !== null) await check({ ...before.config, password: before.password, ...change });
    },
    async enter(accountId, id) {
      const found = await findKnown(accountId, id);
      if (found === null) return null;
      const { config, password } = found;
      const key = `${id}/${config.modifiedAt.getTime()}`;
      if (current.get(id) !== key) {
        retire(id);
        current.set(id, key);
      }
      const pool = pools.of(key, accountId, () => ({
        target: async () => ({ ...(await targetOf({ ...config, password }, resolve)), room: rooms.of(accountId) }),
        connect: (target) => connect(target, config.origin.sslMode),
        maxConnections: config.connectionLimit,
      }));
      return { pool, config, key };
    },
    roomOf: (accountId) => rooms.of(accountId),
    close: () => pools.close(),
  };
}

async function targetOf(
  { origin, password }: Pick<NewHyperdriveConfig, 'origin' | 'password'>,
  resolve: HyperdriveOptions['resolve'],
): Promise<BackendTarget> {
  const { host, port, user, database, sslMode } = origin;
  return { host: await resolve(host, port), port, user, password, database, tls: tlsOf(sslMode, host), settings: {} };
}

/** The connection goes to an address that was judged; the certificate is for the name. */
function tlsOf(mode: SslMode, host: string): BackendTarget['tls'] {
  const named = isIP(host) === 0 ? { servername: host } : {};
  if (mode === 'disable') return false;
  if (mode === 'verify-full') return { ...named, ...(isIP(host) === 0 ? {} : { host }), rejectUnauthorized: true };
  if (mode === 'verify-ca') return { ...named, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  return { ...named, rejectUnauthorized: false };
}

const NO_TLS_THERE = /does not support SSL/i;

async function connect(target: BackendTarget, mode: SslMode): Promise<Backend> {
  try {
    return await Backend.connect(target, DATABASE_LIMITS.connectTimeoutMs);
  } catch (error) {
    if (mode !== 'prefer' || !NO_TLS_THERE.test((error as Error).message)) throw error;
    return await Backend.connect({ ...target, tls: false }, DATABASE_LIMITS.connectTimeoutMs);
  }
}

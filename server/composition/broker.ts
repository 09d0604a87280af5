/** Joins what cells can reach with what answers them. */
import { join } from 'node:path';
import { createCache } from '../bindings/cache/cache.ts';
import { CacheStore } from '../bindings/cache/store.ts';
import { createDatabaseBinding } from '../bindings/database/database.ts';
import { createAddressPolicy } from '../bindings/egress/address-policy.ts';
import { createEgress } from '../bindings/egress/egress.ts';
import { createHyperdriveBinding } from '../bindings/hyperdrive/hyperdrive.ts';
import { createKvBinding } from '../bindings/kv/kv.ts';
import { createR2Binding } from '../bindings/r2/r2.ts';
import { createPublicFetch } from '../bindings/service/public.ts';
import { createServiceBinding } from '../bindings/service/service.ts';
import { createBroker } from '../broker/broker.ts';
import type { RunningCatalog } from '../catalog/catalog.ts';
import type { ConnectionCounts } from '../supervisor/connection-counts.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { Broker } from '../supervisor/types.ts';
import type { Observers } from './observers.ts';
import type { Running } from './running.ts';
import type { Stores } from './stores.ts';

/** What is asked for when all of it runs: the parts know one another in a ring. */
export interface Late {
  readonly supervisor: () => Supervisor;
  readonly catalog: () => RunningCatalog;
}

/** Everything that cells can reach. */
export async function openBroker(
  running: Running,
  opened: Stores,
  { metrics, onEvent }: Observers,
  { supervisor, catalog }: Late,
  connections: ConnectionCounts,
): Promise<Broker> {
  const { config, log, resources } = running;
  const egress = createEgress({
    resolveName: running.resolveName,
    policy: createAddressPolicy(config.egressAllow),
    log: log.child({ component: 'egress' }),
  });
  resources.use('egress', egress, (open) => open.close());
  const cacheLog = log.child({ component: 'cache' });
  const cacheStore = await CacheStore.open({
    dir: join(config.dataDir, 'cache'),
    maxBytes: config.cacheMiB * 1024 * 1024,
    maxObjectBytes: config.limitCacheObjectMiB * 1024 * 1024,
    log: cacheLog,
  });
  resources.use('the cache', cacheStore, (open) => open.close());
  const services = createServiceBinding({
    catalog: { findByName: (accountId, name) => catalog().findByName(accountId, name) },
    dispatcher: supervisor,
  });
  return createBroker({
    connections,
    bindings: {
      service: services.call,
      d1: createDatabaseBinding({
        databases: opened.databases,
        onEvent,
        log: log.child({ component: 'databases' }),
      }),
      hyperdrive: createHyperdriveBinding({
        databases: opened.databases,
        hyperdrive: opened.hyperdrive,
        onEvent,
        log: log.child({ component: 'hyperdrive' }),
      }),
      kv_namespace: createKvBinding({ ...opened.kv, onEvent, log: log.child({ component: 'kv' }) }),
      r2_bucket: createR2Binding({ storage: opened.objects, onEvent, log: log.child({ component: 'objects' }) }),
    },
    loopback: services.loopback,
    cache: createCache({ store: cacheStore, log: cacheLog }),
    session: services.session,
    egress: createPublicFetch({
      catalog: { findByHost: (host) => catalog().findByHost(host) },
      dispatcher: supervisor,
      isPublicPort: (port) => port === 80 || port === 443 || port === running.gatewayPort,
      egress: (call) => egress.call(call),
    }),
    externalSubrequests: config.limitSubrequests,
    maxExternalSubrequests: config.limitSubrequestsMax,
    onSubrequest: (caller, kind, isRefused) => metrics.onSubrequest(caller, kind, isRefused),
  });
}

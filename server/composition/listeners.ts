/** Opens the ports: for visitors, for the control API, and for S3 where it has its own. */
import { createApi } from '../api/api.ts';
import type { RunningCatalog } from '../catalog/catalog.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import { workerHost } from '../routing/host.ts';
import { createS3, listenS3, looksSigned } from '../s3/s3.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import { shownHost } from './announce.ts';
import type { Cells } from './cells.ts';
import { drainLeftMs, type Running } from './running.ts';
import type { Stores } from './stores.ts';

/** Resolves with the port. */
export async function startGateway(running: Running, supervisor: Supervisor, catalog: RunningCatalog): Promise<number> {
  const { config, log, resources } = running;
  const gateway: Gateway = createGateway({
    catalog,
    dispatcher: supervisor,
    log,
    host: config.host,
    port: config.gatewayPort,
    nodeName: config.nodeName,
    trustedProxies: config.trustedProxies,
    readyz: () => ({ ready: true, detail: cellReport(supervisor) }),
    limits: { maxBodyBytes: config.limitBodyBytes === 0 ? Number.POSITIVE_INFINITY : config.limitBodyBytes },
  });
  running.gateway = gateway;
  resources.use('the gateway', gateway, (open) => {
    supervisor.goAway();
    return open.close({ graceMs: drainLeftMs(running) });
  });
  running.gatewayPort = (await gateway.listen()).port;
  return running.gatewayPort;
}

/** Resolves with the port of the control API. `gatewayPort`: null where this node has no gateway. */
export async function startApi(
  { config, log, resources }: Running,
  opened: Stores,
  { supervisor, catalog, metrics, links }: Cells,
  gatewayPort: number | null,
): Promise<number> {
  const s3 = createS3({ storage: opened.objects, log: log.child({ component: 's3' }) });
  const api = createApi({
    store: opened.store,
    databases: opened.databases,
    hyperdrive: opened.hyperdrive,
    kv: opened.kv.store,
    catalog,
    objects: opened.objects,
    s3: { isFor: looksSigned, handle: s3 },
    startup: supervisor,
    health: supervisor,
    log: log.child({ component: 'api' }),
    maxLimits: { cpuMs: config.limitCpuMaxMs, subrequests: config.limitSubrequestsMax },
    publicUrl: (worker, subdomain) =>
      `http://${workerHost(worker, subdomain, config.baseDomain)}:${gatewayPort ?? config.gatewayPort}`,
    metrics: () => metrics.render(),
    links: (accountId, workerName, minutes) => links.of(accountId, workerName, minutes),
    readiness: async () => {
      const database = await opened.store.ping().then(
        () => ({ ok: true }),
        (error: Error) => ({ ok: false, message: error.message }),
      );
      const { cells, sandbox } = cellReport(supervisor);
      return { ready: database.ok, parts: { database, cells: { ok: true, ...cells } }, sandbox };
    },
  });
  const server = await api.listen(config.host, config.apiPort);
  resources.use('the API', server, (open) => open.close());
  if (config.s3Port !== null) {
    const own = await listenS3(s3, { host: config.host, port: config.s3Port, log });
    resources.use('the S3 interface', own, (open) => open.close());
    log.info('S3 listens', { url: `http://${shownHost(config.host)}:${own.port}` });
  }
  return server.port;
}

const cellReport = (supervisor: Supervisor) => ({
  cells: supervisor.counts(),
  sandbox: { strong: supervisor.sandbox.strong, layers: supervisor.sandbox.layers },
});

/** Workers as a whole: list, read, switch on and off, delete; and the reads that wrangler makes around every deploy. */
import { z } from 'zod';
import type { WorkerRecord } from '../../storage/store.ts';
import { fail } from '../errors.ts';
import { paginate } from '../pages.ts';
import { presentHealth, presentScript, presentService, presentSettings, presentWorker } from '../present.ts';
import { accountBodyRoute, accountRoute, type AccountRequest, type ApiResult, type Route } from '../router.ts';
import { namesTailWorkers, pickSettings, TAIL_WORKERS } from '../upload/metadata.ts';
import { latestVersion, requireWorker, waitUntilServed } from '../workers.ts';

const workerSettings = z.looseObject({
  observability: z.looseObject({}).nullish(),
  logpush: z.boolean().nullish(),
  tags: z.array(z.string().max(256)).max(100).nullish(),
  tail_consumers: z
    .array(z.looseObject({ service: z.string() }))
    .max(100)
    .nullish(),
  streaming_tail_consumers: z
    .array(z.looseObject({ service: z.string() }))
    .max(100)
    .nullish(),
});

const subdomainSwitch = z.object({ enabled: z.boolean(), previews_enabled: z.boolean().optional() });

export const workerRoutes: readonly Route[] = [
  accountRoute('GET', '/workers/scripts', {
    summary: 'The Workers of the account',
    handle: async ({ options, account }) => {
      const workers = await options.store.listWorkers(account.id);
      const scripts = await Promise.all(
        workers.map(async (worker) => presentScript(worker, await latestVersion(options, worker))),
      );
      return { result: scripts };
    },
  }),
  accountRoute('GET', '/workers/services/:name', {
    summary: 'One Worker, as the service with one environment that wrangler looks up first',
    handle: async (request) => {
      const worker = await requireWorker(request);
      return { result: presentService(worker, await latestVersion(request.options, worker)) };
    },
  }),
  accountRoute('GET', '/workers/workers/:name', {
    summary: 'One Worker with the address it answers at, and the health of what is deployed on this node',
    handle: async (request) => {
      const worker = await requireWorker(request);
      const health = await deployedHealth(request, worker);
      return { result: { ...presentWorker(worker, request.account.subdomain, request.options), health } };
    },
  }),
  accountRoute('DELETE', '/workers/services/:name', {
    summary: 'Delete a Worker with all its versions; `force=true` also when other Workers are bound to it',
    handle: deleteWorker,
  }),
  accountRoute('DELETE', '/workers/scripts/:name', {
    summary: 'The same as deleting the service',
    handle: deleteWorker,
  }),
  accountRoute('GET', '/workers/scripts/:name/references', {
    summary: 'What would break if the Worker were deleted',
    handle: async (request) => {
      const callers = await callersOf(request, (await requireWorker(request)).name);
      const incoming = callers.map((service) => ({ service, environment: 'production' }));
      return { result: { services: { incoming, outgoing: [] }, durable_objects: [], dispatch_outbounds: [] } };
    },
  }),
  accountRoute('GET', '/workers/tails/by-consumer/:name', {
    summary: 'Workers whose logs this one consumes: none, tail Workers are not supported yet',
    handle: async () => ({ result: [] }),
  }),
  accountRoute('GET', '/workers/durable_objects/namespaces', {
    summary: 'Durable Object namespaces: none, they are not supported yet (wrangler asks when it deletes a Worker)',
    handle: async ({ query }) => paginate([], query),
  }),
  accountRoute('GET', '/workers/scripts/:name/settings', {
    summary: 'Bindings and settings of the latest version',
    handle: readSettings,
  }),
  accountRoute('GET', '/workers/scripts/:name/script-settings', {
    summary: 'Settings that are not versioned',
    handle: async (request) => ({ result: pickSettings(presentSettings(await requireWorker(request), null)) }),
  }),
  accountBodyRoute('PATCH', '/workers/scripts/:name/script-settings', {
    summary: 'Change settings that are not versioned; null takes one away',
    body: workerSettings,
    handle: async (request) => {
      const { name } = await requireWorker(request);
      if (namesTailWorkers(request.body)) throw fail('unsupportedFeature', { feature: TAIL_WORKERS });
      const settings = pickSettings(request.body);
      const { worker, changeSeq } = await request.options.store.updateWorker(request.account.id, name, { settings });
      await waitUntilServed(request, changeSeq);
      return { result: pickSettings(presentSettings(worker, null)) };
    },
  }),
  accountRoute('GET', '/workers/scripts/:name/subdomain', {
    summary: 'Whether the Worker answers at its own address under the base domain',
    handle: async (request) => {
      const worker = await requireWorker(request);
      return { result: { enabled: worker.workersDev, previews_enabled: worker.previewsEnabled } };
    },
  }),
  accountBodyRoute('POST', '/workers/scripts/:name/subdomain', {
    summary: 'Switch that address on or off (`workers_dev`)',
    body: subdomainSwitch,
    handle: async (request) => {
      const { name } = await requireWorker(request);
      const { enabled, previews_enabled: previewsEnabled } = request.body;
      const change = { workersDev: enabled, ...(previewsEnabled === undefined ? {} : { previewsEnabled }) };
      const { worker, changeSeq } = await request.options.store.updateWorker(request.account.id, name, change);
      await waitUntilServed(request, changeSeq);
      return { result: { enabled: worker.workersDev, previews_enabled: worker.previewsEnabled } };
    },
  }),
];

async function readSettings(request: AccountRequest): Promise<ApiResult> {
  const worker = await requireWorker(request);
  return { result: presentSettings(worker, await latestVersion(request.options, worker)) };
}

/** Names of the other workers that are bound to this one. */
async function callersOf(request: AccountRequest, workerName: string): Promise<string[]> {
  const callers = await request.options.store.listCallers(request.account.id, workerName);
  return callers.filter((caller) => caller !== workerName);
}

async function deleteWorker(request: AccountRequest): Promise<ApiResult> {
  const { name } = await requireWorker(request);
  if (request.query.get('force') !== 'true') {
    const callers = await callersOf(request, name);
    if (callers.length > 0) throw fail('workerInUse', { name, callers: callers.slice(0, 20).join(', ') });
  }
  const { deleted, changeSeq } = await request.options.store.deleteWorker(request.account.id, name);
  if (!deleted) throw fail('workerNotFound', { name });
  await waitUntilServed(request, changeSeq);
  return { result: null };
}

/** The health of the deployed version; of several, the one that is worst off. */
async function deployedHealth(request: AccountRequest, worker: WorkerRecord): Promise<Record<string, unknown> | null> {
  const { store, health } = request.options;
  const [deployment] = await store.listDeployments(request.account.id, worker.name, 1);
  const all = (deployment?.versions ?? []).map(({ versionId }) => ({ versionId, status: health.healthOf(versionId) }));
  const worst =
    all.find(({ status }) => status.state === 'unhealthy') ??
    all.find(({ status }) => status.state === 'recovering') ??
    all[0];
  return worst === undefined ? null : { ...presentHealth(worst.status), version_id: worst.versionId };
}

/** What Cloudflare has no endpoint for. Lives under `/accounts/:account/skep`. */
import { accountRoute, type Route } from '../router.ts';

export const platformRoutes: readonly Route[] = [
  accountRoute('GET', '/skep/status', {
    summary: 'The account on this platform: its label, its Workers, and whether this server can serve',
    handle: async ({ options, account }) => {
      const [workers, readiness] = await Promise.all([options.store.listWorkers(account.id), options.readiness()]);
      return {
        result: {
          account: { id: account.id, name: account.name, subdomain: account.subdomain },
          workers: workers.map((worker) => ({
            name: worker.name,
            workers_dev: worker.workersDev,
            url: worker.workersDev ? options.publicUrl(worker.name, account.subdomain) : null,
            deployed: worker.latestDeploymentId !== null,
          })),
          limits: { cpu_ms: options.maxLimits.cpuMs, subrequests: options.maxLimits.subrequests },
          ...readiness,
        },
      };
    },
  }),
];

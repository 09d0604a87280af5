/** Which workers a worker is bound to, and which are bound to it: with calls, errors and latency. */
import { SERVICE_CALL_LIMITS } from '../../../shared/limits.ts';
import type { ServiceBinding } from '../../../shared/worker.ts';
import type { Link } from '../../metrics/links.ts';
import { readCount } from '../pages.ts';
import { accountRoute, type AccountRequest, type Route } from '../router.ts';
import { findWorker, latestVersion, requireWorker } from '../workers.ts';

const DEFAULT_MINUTES = 60;

export const linkRoutes: readonly Route[] = [
  accountRoute('GET', '/skep/workers/:name/services', {
    summary:
      'Service bindings of a Worker in both directions, with calls, errors and latency by minute, of all nodes: of the last hour, or of `minutes` (at most 1,440)',
    query: { minutes: 'How many minutes back: 60 when it is not given, at most 1,440' },
    handle: async (request) => {
      const { name } = await requireWorker(request);
      const minutes = readCount(request.query.get('minutes'), DEFAULT_MINUTES, SERVICE_CALL_LIMITS.keptMinutes);
      const links = (await request.options.links?.(request.account.id, name, minutes)) ?? [];
      const own = await servicesOf(request, name);
      const outgoing = groupBy(own, ({ service }) => service);
      const callers = await request.options.store.listCallers(request.account.id, name);
      const incoming = await Promise.all(
        callers.map(async (caller) => {
          const bindings = (await servicesOf(request, caller)).filter(({ service }) => service === name);
          return { service: caller, bindings: bindings.map(presentBinding), ...callsOf(links, caller, name) };
        }),
      );
      return {
        result: {
          outgoing: await Promise.all(
            [...outgoing].map(async ([service, bindings]) => ({
              service,
              exists: (await findWorker(request, service)) !== null,
              bindings: bindings.map(presentBinding),
              ...callsOf(links, name, service),
            })),
          ),
          incoming,
        },
      };
    },
  }),
];

/** Of the latest version. */
async function servicesOf(request: AccountRequest, name: string): Promise<ServiceBinding[]> {
  const version = await latestVersion(request.options, await findWorker(request, name));
  return (version?.bindings ?? []).filter((binding): binding is ServiceBinding => binding.type === 'service');
}

const presentBinding = ({ name, entrypoint }: ServiceBinding) => ({ name, entrypoint: entrypoint ?? null });

function groupBy(bindings: readonly ServiceBinding[], keyOf: (one: ServiceBinding) => string) {
  const groups = new Map<string, ServiceBinding[]>();
  for (const binding of bindings) groups.set(keyOf(binding), [...(groups.get(keyOf(binding)) ?? []), binding]);
  return groups;
}

function callsOf(links: readonly Link[], caller: string, callee: string) {
  const minutes = links.find((link) => link.caller === caller && link.callee === callee)?.minutes ?? [];
  const sum = (read: (minute: Link['minutes'][number]) => number): number =>
    minutes.reduce((total, minute) => total + read(minute), 0);
  const calls = sum((minute) => minute.calls);
  const totalMs = sum((minute) => minute.totalMs);
  return {
    calls,
    errors: sum((minute) => minute.errors),
    average_ms: calls === 0 ? null : totalMs / calls,
    minutes: minutes.map(({ atMs, calls: count, errors, totalMs: ms, longestMs }) => ({
      at: new Date(atMs).toISOString(),
      calls: count,
      errors,
      average_ms: ms / count,
      longest_ms: longestMs,
    })),
  };
}

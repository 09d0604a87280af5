/** Addresses and schedules: the account's subdomain, and the triggers that Skep does not have yet, refused by name. */
import { z } from 'zod';
import { fail, isStoreConflict } from '../errors.ts';
import { accountBodyRoute, accountRoute, type AccountRequest, type ApiResult, type Route } from '../router.ts';
import { requireWorker, waitUntilServed } from '../workers.ts';

/** A DNS label (RFC 1123): it stands between the worker's name and the base domain. */
const subdomainLabel = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'has to be 1 to 63 lowercase letters, digits and dashes, no dash at either end',
  );

export const triggerRoutes: readonly Route[] = [
  accountRoute('GET', '/workers/subdomain', {
    summary: "The account's label under the base domain",
    handle: async ({ account }) => ({ result: { subdomain: account.subdomain } }),
  }),
  accountBodyRoute('PUT', '/workers/subdomain', {
    summary: 'Change that label',
    body: z.object({ subdomain: subdomainLabel }),
    handle: changeSubdomain,
  }),
  accountRoute('GET', '/workers/subdomains/:subdomain', {
    summary: 'Whether a label is taken (an answer) or free (error 10032)',
    handle: async (request) => {
      const subdomain = request.param('subdomain').slice(0, 100);
      const accounts = await request.options.store.listAccounts();
      if (!accounts.some((account) => account.subdomain === subdomain)) throw fail('subdomainFree', { subdomain });
      if (subdomain === request.account.subdomain) return { result: { subdomain } };
      throw fail('subdomainTaken', { subdomain });
    },
  }),
  accountRoute('GET', '/workers/scripts/:name/schedules', {
    summary: 'Cron triggers: none, they are not supported yet',
    handle: async (request) => {
      await requireWorker(request);
      return { result: { schedules: [] } };
    },
  }),
  accountBodyRoute('PUT', '/workers/scripts/:name/schedules', {
    summary: 'Replace the cron triggers; only the empty list is accepted so far',
    body: z.array(z.looseObject({ cron: z.string() })),
    handle: async (request) => {
      await requireWorker(request);
      const crons = request.body.map(({ cron }) => `'${cron.slice(0, 50)}'`);
      if (crons.length > 0)
        throw fail('unsupportedFeature', { feature: `Cron triggers (${crons.slice(0, 10).join(', ')})` });
      return { result: { schedules: [] } };
    },
  }),
  accountBodyRoute('PUT', '/workers/scripts/:name/routes', {
    summary: 'Replace the routes; only the empty list is accepted so far',
    body: z.array(z.looseObject({ pattern: z.string() })),
    handle: async (request) => {
      await requireWorker(request);
      const patterns = request.body.map(({ pattern }) => `'${pattern.slice(0, 100)}'`);
      if (patterns.length > 0)
        throw fail('unsupportedFeature', { feature: `Routes (${patterns.slice(0, 10).join(', ')})` });
      return { result: [] };
    },
  }),
];

async function changeSubdomain(request: AccountRequest<{ subdomain: string }>): Promise<ApiResult> {
  const { subdomain } = request.body;
  try {
    const { changeSeq } = await request.options.store.setSubdomain(request.account.id, subdomain);
    await waitUntilServed(request, changeSeq);
  } catch (error) {
    if (isStoreConflict(error)) throw fail('subdomainTaken', { subdomain });
    throw error;
  }
  return { result: { subdomain } };
}

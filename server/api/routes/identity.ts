/** Who am I, and which accounts may I use: what `wrangler whoami` and the account look-up of every command ask. */
import type { Account } from '../../storage/store.ts';
import { fail } from '../errors.ts';
import { paginate } from '../pages.ts';
import { accountRoute, type ApiRequest, type Route, userRoute } from '../router.ts';

export const identityRoutes: readonly Route[] = [
  userRoute('GET', '/user/tokens/verify', {
    summary: "Whether the token is valid (an invalid one never gets here); error 1000 for an account's token",
    handle: async ({ identity }) => {
      if (identity.accountId !== null) throw fail('accountToken', { account: identity.accountId });
      return { result: { id: identity.tokenId, status: 'active' } };
    },
  }),
  userRoute('GET', '/user', {
    summary:
      "The owner of the token. Skep knows tokens, not people: the token's name stands where the e-mail address would",
    handle: async ({ identity }) => ({ result: { id: identity.tokenId, email: identity.name } }),
  }),
  userRoute('GET', '/accounts', {
    summary: 'The accounts that the token may use',
    handle: async (request) => paginate((await accountsOf(request)).map(presentAccount), request.query),
  }),
  userRoute('GET', '/memberships', {
    summary: 'The same accounts as memberships',
    handle: async (request) => paginate((await accountsOf(request)).map(presentMembership), request.query),
  }),
  userRoute('GET', '/zones', {
    summary: 'Zones: there are none, routes and custom domains are not supported yet',
    handle: async ({ query }) => {
      // wrangler looks a zone up for every route. An empty answer would make it blame the user's DNS.
      if (query.has('name'))
        throw fail('unsupportedFeature', { feature: `Routes and custom domains ('${query.get('name')}')` });
      return { result: [], resultInfo: { page: 1, per_page: 50, count: 0, total_count: 0 } };
    },
  }),
  accountRoute('GET', '/tokens/verify', {
    summary: "Whether an account's token is valid (an invalid one never gets here)",
    handle: async ({ identity }) => ({ result: { id: identity.tokenId, status: 'active' } }),
  }),
  accountRoute('GET', '', {
    summary: 'One account',
    handle: async ({ account }) => ({ result: presentAccount(account) }),
  }),
];

async function accountsOf(request: ApiRequest): Promise<Account[]> {
  const { accountId } = request.identity;
  if (accountId === null) return await request.options.store.listAccounts();
  const account = await request.options.store.findAccount(accountId);
  return account === null ? [] : [account];
}

function presentAccount(account: Account): Record<string, unknown> {
  return { id: account.id, name: account.name, type: 'standard', created_on: account.createdAt.toISOString() };
}

function presentMembership(account: Account): Record<string, unknown> {
  return {
    id: account.id,
    status: 'accepted',
    account: presentAccount(account),
    roles: ['Administrator'],
  };
}

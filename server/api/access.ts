/** Who asks, and what he may: tokens, accounts, and what is open to this machine without either. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Account, TokenIdentity } from '../storage/store.ts';
import type { ApiContext } from './context.ts';
import { fail } from './errors.ts';
import type { ApiOptions } from './router.ts';

/** Asked from this machine, and not through a proxy on it. */
export function isLocal(context: ApiContext): boolean {
  const { incoming } = (context.env ?? {}) as { incoming?: IncomingMessage };
  const address = incoming?.socket.remoteAddress ?? '';
  const isProxied = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some(
    (name) => context.req.header(name) !== undefined,
  );
  return !isProxied && /^(?:127\.|::1$|::ffff:127\.)/.test(address);
}

/** Tokens are stored as SHA-256; the look-up by hash leaks nothing through its timing that would help to guess one. */
export async function authenticate(context: ApiContext, options: ApiOptions): Promise<TokenIdentity> {
  const token = readToken(context);
  if (token === undefined) {
    throw fail('unauthenticated', { reason: 'it has no API token (Authorization: Bearer, or X-Auth-Key)' });
  }
  const identity = await options.store.findToken(createHash('sha256').update(token, 'utf8').digest());
  if (identity === null) throw fail('unauthenticated', { reason: 'the API token is not known here' });
  return identity;
}

function readToken(context: ApiContext): string | undefined {
  const authorization = context.req.header('authorization');
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)\s*$/i.exec(authorization)?.[1];
  const token = bearer ?? context.req.header('x-auth-key')?.trim();
  return token === '' ? undefined : token;
}

/** Access is checked before existence: a token of one account must not learn which others exist. */
export async function resolveAccount(context: ApiContext, options: ApiOptions): Promise<Account> {
  const accountId = context.req.param('account') ?? '';
  const shown = accountId.slice(0, 64);
  const { accountId: own } = context.get('identity');
  if (own !== null && own !== accountId) throw fail('forbidden', { account: shown });
  const account = /^[A-Za-z0-9_-]{1,64}$/.test(accountId) ? await options.store.findAccount(accountId) : null;
  if (account === null) throw fail('accountNotFound', { account: shown });
  return account;
}

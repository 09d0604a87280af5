/** What every part of the API knows of the request that it answers. */
import type { Context } from 'hono';
import type { Logger } from '../log/types.ts';
import type { TokenIdentity } from '../storage/store.ts';

/** All that Cloudflare's clients ask for is below this path. */
export const PREFIX = '/client/v4';

interface Variables {
  requestId: string;
  log: Logger;
  identity: TokenIdentity;
}
export type Env = { Variables: Variables };
export type ApiContext = Context<Env>;

/** Addresses of imports and exports open a database to whoever knows them. */
export const pathForLog = (context: ApiContext): string =>
  context.req.path.slice(0, 300).replace(/(\/skep\/database-(?:im|ex)ports\/).*$/, '$1…');

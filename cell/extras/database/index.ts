/** Databases in `env`: D1's shape over PostgreSQL, and Hyperdrive's. */
import { D1Database } from './d1.ts';

/** `config`: what `server/supervisor/load-message.ts` says of the binding. */
export function createBinding(name: string): object {
  return D1Database.create(name);
}

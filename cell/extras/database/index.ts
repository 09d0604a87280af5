/** Databases in `env`: D1's shape over PostgreSQL, and Hyperdrive's. */
import { D1Database } from './d1.ts';
import { Hyperdrive } from './hyperdrive.ts';

/** `config`: what `server/supervisor/load-message.ts` says of the binding. */
export function createBinding(name: string, config: unknown): object {
  const { shape } = config as { shape: 'd1' | 'hyperdrive' };
  return shape === 'd1' ? D1Database.create(name) : Hyperdrive.create(name);
}

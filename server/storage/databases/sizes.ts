/**
 * How large databases are. PostgreSQL knows no quota, so the size is looked at from outside: of databases in use, every few seconds.
 */
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { Logger } from '../../log/types.ts';
import type { DiskRoom } from '../disk-room.ts';

export interface DatabaseSizes {
  /** The last size seen, in bytes; undefined: not looked at yet. */
  of(name: string): number | undefined;
  /** Marks a database as in use until the returned function is called. `onExceeded`: it is over its limit by more than a tenth, or the disk is nearly full. */
  use(name: string, onExceeded: () => void): () => void;
  /** Also when the disk has no room for what it would grow by. */
  isOver(name: string): boolean;
  close(): void;
}

interface Watched {
  readonly users: Set<() => void>;
  bytes: number | undefined;
  checkedMs: number;
  isAsking: boolean;
}

/** A database that is over its limit is given this much more before statements under way are ended. */
const TOLERANCE = 1.1;

/** `room`: of the disk they are all on. `ask`: the size of these databases, in bytes, by name. */
export function watchSizes(
  maxBytes: number,
  room: DiskRoom,
  ask: (name: string) => Promise<number>,
  log: Logger,
): DatabaseSizes {
  const databases = new Map<string, Watched>();
  const look = (name: string, watched: Watched): void => {
    if (watched.isAsking || performance.now() - watched.checkedMs < DATABASE_LIMITS.sizeCheckMs) return;
    watched.isAsking = true;
    ask(name)
      .then(
        (bytes) => {
          watched.bytes = bytes;
          if (bytes > maxBytes * TOLERANCE) for (const onExceeded of watched.users) onExceeded();
        },
        (error: unknown) => log.debug('The size of a database could not be read', { error }),
      )
      .finally(() => {
        watched.isAsking = false;
        watched.checkedMs = performance.now();
      });
  };
  const timer = setInterval(() => {
    for (const [name, watched] of databases) {
      if (room.isShort) for (const onExceeded of watched.users) onExceeded();
      if (watched.users.size > 0) look(name, watched);
      else if (performance.now() - watched.checkedMs > FORGET_MS) databases.delete(name);
    }
  }, 1_000).unref();
  return {
    of: (name) => databases.get(name)?.bytes,
    isOver: (name) => room.isShort || (databases.get(name)?.bytes ?? 0) > maxBytes,
    use(name, onExceeded) {
      let watched = databases.get(name);
      if (watched === undefined) {
        watched = { users: new Set(), bytes: undefined, checkedMs: Number.NEGATIVE_INFINITY, isAsking: false };
        databases.set(name, watched);
      }
      const { users } = watched;
      users.add(onExceeded);
      look(name, watched);
      return () => users.delete(onExceeded);
    },
    close: () => clearInterval(timer),
  };
}

const FORGET_MS = 10 * 60_000;

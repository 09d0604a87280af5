/**
 * A PostgreSQL that a killed Skep left behind on our directory. Usually it is going down by itself already; we make sure.
 * Only call it while holding the lock of the data directory: then no running Skep can own that PostgreSQL.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../log/types.ts';
import { DatabaseError, codeOf } from '../errors.ts';

/** Signals in the order of growing force, and how long each may take. */
const STEPS = [
  ['SIGINT', 5_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;
const POLL_MS = 10;

/** Ends the PostgreSQL that runs on `pgData`, if there is one. Throws DatabaseError when it will not end. */
export async function stopOrphan(pgData: string, log: Logger): Promise<void> {
  const pid = postmasterOf(pgData);
  if (pid === null) return;
  log.info('Waiting for the PostgreSQL of an earlier run to end', { pid });
  for (const [signal, waitMs] of STEPS) {
    if (!send(pid, signal)) return;
    for (const deadline = performance.now() + waitMs; performance.now() < deadline; ) {
      if (postmasterOf(pgData) !== pid) return;
      await sleep(POLL_MS);
    }
  }
  throw new DatabaseError(
    `Cannot start the embedded PostgreSQL: process ${pid} of an earlier run still uses "${pgData}" and does not end. End it by hand.`,
  );
}

/**
 * Ends the sessions that a killed PostgreSQL has left on `pgData`, at once: one that waits sees by itself that the server is gone, but one that is
 * busy with a statement would hold the shared memory, and so keep everybody out, until that has ended. Only call it when no server runs on it.
 */
export function killLeftSessions(pgData: string, log: Logger): void {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !isPostgresOn(pgData, pid)) continue;
    log.warn('Ending a session that a killed PostgreSQL has left behind', { pid });
    send(pid, 'SIGKILL');
  }
}

function isPostgresOn(pgData: string, pid: number): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(pgData)) return false;
    return /\/postgres(?: \(deleted\))?$/.test(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return false;
  }
}

/** The first line of postmaster.pid is its pid; pids are reused, so its working directory must be ours, too. */
function postmasterOf(pgData: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(`${pgData}/postmaster.pid`, 'utf8'), 10);
    return pid > 0 && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(pgData) ? pid : null;
  } catch {
    return null;
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

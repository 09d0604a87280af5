/** What several routes need of workers: names, look-ups, retries of optimistic writes, waiting until a change is served. */
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import type { VersionRecord, WorkerRecord } from '../storage/store.ts';
import { fail, isStoreConflict } from './errors.ts';
import type { AccountRequest, ApiOptions } from './router.ts';

/** How often an optimistic write is tried again when somebody else wrote in between. */
const WRITE_ATTEMPTS = 5;

/** Milliseconds that an answer waits for this node to serve the change it made. */
const SERVE_WAIT_MS = 10_000;

/** Cloudflare's rule for worker names, and a DNS label's (the name is one: `<name>.<subdomain>.<base domain>`). */
const WORKER_NAME = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;

/** Throws ApiError 10016 for a name that no worker can have. */
export function checkWorkerName(name: string): void {
  const limit = UPLOAD_LIMITS.maxWorkerNameLength;
  if (WORKER_NAME.test(name) && name.length <= limit) return;
  const shown = name.slice(0, 100).replace(/[\u0000-\u001f\u007f]/g, '\uFFFD');
  throw fail('invalidWorkerName', { name: shown, limit });
}

/** A worker of the account by name; null also for names that no worker can have, and that a query could not carry. */
export async function findWorker(request: AccountRequest<unknown>, name: string): Promise<WorkerRecord | null> {
  return WORKER_NAME.test(name) ? await request.options.store.findWorker(request.account.id, name) : null;
}

/** The worker that `:name` names. Throws ApiError 10007, which makes wrangler go on as for a new one. */
export async function requireWorker(request: AccountRequest<unknown>): Promise<WorkerRecord> {
  const name = request.param('name');
  const worker = await findWorker(request, name);
  if (worker === null) throw fail('workerNotFound', { name: name.slice(0, 100) });
  return worker;
}

/** Its newest version, or null: a worker that has none yet. */
export async function latestVersion(options: ApiOptions, worker: WorkerRecord | null): Promise<VersionRecord | null> {
  if (worker === null || worker.latestVersionId === null) return null;
  return await options.store.findVersion(worker.accountId, worker.name, worker.latestVersionId);
}

/** Version ids are UUIDs; anything else cannot exist and is not worth a query that PostgreSQL would reject. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A version of a worker by id. Throws ApiError 10025. */
export async function requireVersion(options: ApiOptions, worker: WorkerRecord, id: string): Promise<VersionRecord> {
  const found = UUID.test(id) ? await options.store.findVersion(worker.accountId, worker.name, id.toLowerCase()) : null;
  if (found === null) throw fail('versionNotFound', { version: id.slice(0, 100), name: worker.name });
  return found;
}

/**
 * Runs an optimistic write, again from its start (so that it reads afresh) when another writer came first. Throws ApiError
 * 10035 when that happens five times in a row.
 */
export async function retryConflicts<T>(workerName: string, write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (!isStoreConflict(error)) throw error;
      if (attempt === WRITE_ATTEMPTS) throw fail('concurrentChange', { name: workerName });
      // Two writers in step would collide again at once.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt));
    }
  }
}

/**
 * Waits until this node serves the change, so that whoever sees "deployed" also sees the new version. The change is
 * stored by now: when the wait fails, the answer is still success.
 */
export async function waitUntilServed(request: AccountRequest<unknown>, changeSeq: bigint): Promise<void> {
  try {
    await request.options.catalog.waitForChange(changeSeq, SERVE_WAIT_MS);
  } catch (error) {
    request.log.warn('A change was stored but is not served by this node yet', { changeSeq: String(changeSeq), error });
  }
}

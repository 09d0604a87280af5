/**
 * From a request with an upload to a stored version: read, check, resolve against the version before, run the top level in a
 * real cell, store. Nothing is written before everything has been checked.
 */
import { randomUUID } from 'node:crypto';
import { type AccountSlots } from '../../storage/account-slots.ts';
import type { Binding, ModuleContent, WorkerVersion } from '../../../shared/worker.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../../shared/cloudflare-errors.ts';
import type { NewVersion, PublishedVersion, WorkerRecord } from '../../storage/store.ts';
import type { StartupResult } from '../../supervisor/types.ts';
import { AUTHOR_ANNOTATION } from '../present.ts';
import { fail, throwProblems, unavailable } from '../errors.ts';
import { KV_NAMESPACE_ID } from '../kv-names.ts';
import type { AccountRequest } from '../router.ts';
import { checkWorkerName, findWorker, latestVersion, retryConflicts, waitUntilServed } from '../workers.ts';
import { resolveBindings } from './bindings.ts';
import { readMetadata, type UploadMetadata } from './metadata.ts';
import { collectModules, type UploadedModules } from './modules.ts';
import { readMultipart } from './multipart.ts';

interface Upload {
  readonly workerName: string;
  readonly metadata: UploadMetadata;
  readonly uploaded: UploadedModules;
}

type StartedUp = Extract<StartupResult, { readonly ok: true }>;

/**
 * Handles `PUT scripts/:name` (`deploy: true`) and `POST scripts/:name/versions`. With `mustExist` a missing worker is 10007.
 * Resolves when the version is stored and, if deployed, served by this node. Throws ApiError.
 */
export async function publishUpload(
  request: AccountRequest,
  slots: AccountSlots,
  how: { readonly deploy: boolean; readonly mustExist: boolean },
): Promise<PublishedVersion> {
  const workerName = request.param('name');
  checkWorkerName(workerName);
  return await slots.run(request.account.id, async () => {
    const parts = await readMultipart(request.stream, request.contentType);
    const metadata = readMetadata(parts, request.options.maxLimits, new Date());
    const upload: Upload = { workerName, metadata, uploaded: collectModules(parts, metadata.entry) };
    // The run in a cell does not depend on who wins a race for the next version number: once is enough.
    let started: Promise<StartedUp> | undefined;
    const published = await retryConflicts(workerName, async () => {
      const { store } = request.options;
      const worker = await store.findWorker(request.account.id, workerName);
      if (worker === null && how.mustExist) throw fail('workerNotFound', { name: workerName });
      const bindings = await resolveAll(request, upload, worker);
      started ??= startUp(request, upload, worker, bindings);
      const startup = await started;
      checkOwnEntrypoints(upload, bindings, startup);
      return await store.publishVersion(newVersion(request, upload, worker, bindings, startup, how.deploy));
    });
    if (published.deployment !== null) await waitUntilServed(request, published.changeSeq);
    return published;
  });
}

async function resolveAll(request: AccountRequest, upload: Upload, worker: WorkerRecord | null): Promise<Binding[]> {
  const { metadata, uploaded } = upload;
  const previous = await latestVersion(request.options, worker);
  const { bindings, problems } = resolveBindings({
    declared: metadata.bindings,
    keepTypes: metadata.keepBindingTypes,
    previous: previous?.bindings ?? [],
    format: uploaded.format,
    modules: uploaded.modules,
  });
  throwProblems([
    ...problems,
    ...(await checkServices(request, upload.workerName, bindings)),
    ...(await checkDatabases(request, bindings)),
    ...(await checkNamespaces(request, bindings)),
    ...(await checkBuckets(request, bindings)),
  ]);
  return bindings;
}

/** Cloudflare's rule: the target of a service binding exists when the caller is deployed. A worker may call itself. */
async function checkServices(
  request: AccountRequest,
  workerName: string,
  bindings: readonly Binding[],
): Promise<CloudflareProblem[]> {
  const problems: CloudflareProblem[] = [];
  for (const binding of bindings) {
    if (binding.type !== 'service' || binding.service === workerName) continue;
    const target = await findWorker(request, binding.service);
    if (target === null) {
      problems.push(cloudflareProblem('serviceNotFound', { binding: binding.name, service: binding.service }));
    } else if (binding.entrypoint !== undefined) {
      const known = (await latestVersion(request.options, target))?.kept[ENTRYPOINTS];
      if (Array.isArray(known) && !known.includes(binding.entrypoint))
        problems.push(missingEntrypoint(binding, binding.entrypoint));
    }
  }
  return problems;
}

async function checkDatabases(request: AccountRequest, bindings: readonly Binding[]): Promise<CloudflareProblem[]> {
  const problems: CloudflareProblem[] = [];
  for (const binding of bindings) {
    if (binding.type !== 'd1' && binding.type !== 'hyperdrive') continue;
    const id = binding.type === 'd1' ? binding.databaseId : binding.id;
    if (await hasDatabase(request, binding.type, id)) continue;
    problems.push(
      binding.type === 'd1'
        ? cloudflareProblem('boundDatabaseNotFound', { binding: binding.name, database: id })
        : cloudflareProblem('boundHyperdriveNotFound', { binding: binding.name, id }),
    );
  }
  return problems;
}

/** A KV binding names a namespace of the account. */
async function checkNamespaces(request: AccountRequest, bindings: readonly Binding[]): Promise<CloudflareProblem[]> {
  const problems: CloudflareProblem[] = [];
  for (const binding of bindings) {
    if (binding.type !== 'kv_namespace') continue;
    const { namespaceId } = binding;
    if (!KV_NAMESPACE_ID.test(namespaceId)) {
      problems.push(
        cloudflareProblem('kvNamespaceInvalid', {
          namespace: namespaceId.replaceAll(/[^\w-]/g, '\uFFFD').slice(0, 100),
        }),
      );
    } else if ((await request.options.kv.findNamespace(request.account.id, namespaceId)) === null) {
      problems.push(cloudflareProblem('kvNamespaceNotBound', { namespace: namespaceId }));
    }
  }
  return problems;
}

async function checkBuckets(request: AccountRequest, bindings: readonly Binding[]): Promise<CloudflareProblem[]> {
  const problems: CloudflareProblem[] = [];
  for (const binding of bindings) {
    if (binding.type !== 'r2_bucket') continue;
    const bucket = await request.options.objects.findBucket(request.account.id, binding.bucketName);
    if (bucket !== null) continue;
    problems.push(cloudflareProblem('r2BindingBucketNotFound', { binding: binding.name, bucket: binding.bucketName }));
  }
  return problems;
}

/** What `hyperdrive` binds is a configuration, or a database that Skep made. */
async function hasDatabase(
  { options, account }: AccountRequest,
  type: 'd1' | 'hyperdrive',
  id: string,
): Promise<boolean> {
  if (type === 'hyperdrive' && (await options.hyperdrive.find(account.id, id)) !== null) return true;
  return (await options.databases.find(account.id, id)) !== null;
}

/** A worker's binding to an entrypoint of its own can be checked only once its top level has run. */
function checkOwnEntrypoints(upload: Upload, bindings: readonly Binding[], startup: StartedUp): void {
  const problems: CloudflareProblem[] = [];
  for (const binding of bindings) {
    if (binding.type !== 'service' || binding.service !== upload.workerName || binding.entrypoint === undefined)
      continue;
    if (!startup.entrypoints.includes(binding.entrypoint))
      problems.push(missingEntrypoint(binding, binding.entrypoint));
  }
  throwProblems(problems);
}

function missingEntrypoint(
  binding: { readonly name: string; readonly service: string },
  entrypoint: string,
): CloudflareProblem {
  return cloudflareProblem('serviceEntrypointNotFound', {
    binding: binding.name,
    service: binding.service,
    entrypoint,
  });
}

/** Key under which a version's `kept` holds the names of its entrypoints, for the check of later service bindings. */
const ENTRYPOINTS = 'skep_entrypoints';

/** Runs the top level in a cell. Throws ApiError: 10021, 10068, or 503 when no cell can be had. */
async function startUp(
  request: AccountRequest,
  upload: Upload,
  worker: WorkerRecord | null,
  bindings: readonly Binding[],
): Promise<StartedUp> {
  const { modules } = upload.uploaded;
  const version = provisional(request, upload, worker, bindings);
  const result = await request.options.startup.checkStartup(version, modules).catch((error: unknown) => {
    // Wrapped, so that a system error of the supervisor is not taken for one of the database.
    throw new Error('The start-up check of an upload failed', { cause: error });
  });
  if (!result.ok) throw startupError(result);
  if (result.handlers.length === 0 && result.entrypoints.length === 0) throw fail('noEventHandlers');
  return result;
}

/** What runs, and how. */
function programOf({ metadata, uploaded }: Upload) {
  const { format, mainModule } = uploaded;
  const { compatibilityDate, compatibilityFlags, limits } = metadata;
  return { format, mainModule, compatibilityDate, compatibilityFlags, limits };
}

/** The version as a cell is to see it, before it has a number and an id of its own. */
function provisional(
  request: AccountRequest,
  upload: Upload,
  worker: WorkerRecord | null,
  bindings: readonly Binding[],
): WorkerVersion {
  const { metadata, uploaded } = upload;
  return {
    id: randomUUID(),
    accountId: request.account.id,
    workerId: worker?.id ?? randomUUID(),
    workerName: upload.workerName,
    number: 0,
    createdAt: new Date(),
    ...programOf(upload),
    bindings,
    modules: uploaded.modules.map(({ name, type, hash, sizeBytes }) => ({ name, type, hash, sizeBytes })),
    annotations: metadata.annotations,
  };
}

function startupError(result: Extract<StartupResult, { readonly ok: false }>): Error {
  switch (result.kind) {
    case 'exception':
      // wrangler maps `at index.js:2:3` frames back to the user's files.
      return fail('validation', { reason: asUncaught(result.message) });
    case 'cpu':
      return fail('validation', { reason: 'Script startup exceeded CPU time limit.' });
    case 'memory':
      return fail('validation', { reason: 'Script startup exceeded memory limits.' });
    case 'hang':
      return fail('validation', { reason: `Script startup timed out: ${result.message}` });
    case 'no-cell':
      return unavailable(`no cell could be started to check the Worker (${result.message})`, 5);
  }
}

/** Cloudflare's form of an exception at the top level: `Uncaught TypeError: …`. Other sentences stay as they are. */
function asUncaught(message: string): string {
  return /^[A-Z]\w*(Error|Exception): /.test(message) || message.startsWith('Error: ')
    ? `Uncaught ${message}`
    : message;
}

function newVersion(
  request: AccountRequest,
  upload: Upload,
  worker: WorkerRecord | null,
  bindings: readonly Binding[],
  startup: StartedUp,
  deploy: boolean,
): NewVersion {
  const { metadata, uploaded, workerName } = upload;
  const modules: readonly ModuleContent[] = uploaded.modules;
  return {
    accountId: request.account.id,
    workerName,
    expectedLatestVersionId: worker?.latestVersionId ?? null,
    ...programOf(upload),
    bindings,
    modules,
    annotations: {
      'workers/triggered_by': 'upload',
      ...metadata.annotations,
      [AUTHOR_ANNOTATION]: request.identity.name,
    },
    source: request.source,
    startupMs: startup.startupMs,
    handlers: startup.handlers,
    kept: { ...metadata.kept, [ENTRYPOINTS]: startup.entrypoints },
    // A version that is only uploaded must not change how the deployed one runs.
    ...(deploy ? { settings: metadata.settings } : {}),
    deploy,
  };
}

/**
 * Secrets. A version is immutable, so a changed secret is a new version with the same modules: deployed at once
 * (`wrangler secret`), or only uploaded (`wrangler versions secret`).
 */
import { z } from 'zod';
import type { Binding } from '../../../shared/worker.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../../shared/cloudflare-errors.ts';
import type { NewVersion, PublishedVersion, VersionRecord, WorkerRecord } from '../../storage/store.ts';
import { fail, throwProblems } from '../errors.ts';
import { printableName } from '../json.ts';
import { AUTHOR_ANNOTATION, presentVersion } from '../present.ts';
import { accountBodyRoute, accountRoute, type AccountRequest, type Route } from '../router.ts';
import { checkVariables } from '../upload/bindings.ts';
import { readAnnotations } from '../upload/metadata.ts';
import { latestVersion, requireWorker, retryConflicts, waitUntilServed } from '../workers.ts';

const secretName = printableName;
/** `secret_key` (a CryptoKey) is another type of Cloudflare's; the literal makes the refusal name the type. */
const secretValue = z.object({ type: z.literal('secret_text').optional(), text: z.string() });
const secretChanges = z.record(secretName, secretValue.nullable());

/** Name → new text, or null to take it away. */
type SecretChanges = ReadonlyMap<string, string | null>;

export const secretRoutes: readonly Route[] = [
  accountRoute('GET', '/workers/scripts/:name/secrets', {
    summary: 'Names of the secrets; values never leave',
    handle: async (request) => {
      const worker = await requireWorker(request);
      return { result: listSecrets((await latestVersion(request.options, worker))?.bindings ?? []) };
    },
  }),
  accountBodyRoute('PUT', '/workers/scripts/:name/secrets', {
    summary: 'Set one secret and deploy',
    body: secretValue.extend({ name: secretName }),
    handle: async (request) => {
      const { name, text } = request.body;
      await changeDeployed(request, new Map([[name, text]]));
      return { result: { name, type: 'secret_text' } };
    },
  }),
  accountRoute('DELETE', '/workers/scripts/:name/secrets/:secret', {
    summary: 'Remove one secret and deploy',
    handle: async (request) => {
      await changeDeployed(request, new Map([[request.param('secret'), null]]), { mustExist: true });
      return { result: null };
    },
  }),
  accountBodyRoute('PATCH', '/workers/scripts/:name/secrets-bulk', {
    summary: 'Set and remove several secrets and deploy (JSON merge patch, RFC 7396)',
    body: z.object({ secrets: secretChanges }),
    handle: async (request) => {
      const { version } = await changeDeployed(request, toChanges(request.body.secrets));
      return { result: listSecrets(version.bindings) };
    },
  }),
  accountBodyRoute('PATCH', '/workers/workers/:name/versions/latest', {
    summary: 'A new version, not deployed, with other secrets than the latest one (JSON merge patch, RFC 7396)',
    body: z.looseObject({ env: secretChanges.optional(), annotations: z.record(z.string(), z.unknown()).nullish() }),
    handle: async (request) => {
      const problems: CloudflareProblem[] = [];
      const annotations = readAnnotations(request.body.annotations ?? {}, problems);
      throwProblems(problems);
      const changes = toChanges(request.body.env ?? {});
      const { version } = await retryConflicts(request.param('name'), async () => {
        const worker = await requireWorker(request);
        const latest = await requireLatest(request, worker);
        return await publishChanged(request, latest, changes, { annotations, deploy: false });
      });
      return { result: presentVersion(version) };
    },
  }),
];

function toChanges(secrets: z.infer<typeof secretChanges>): SecretChanges {
  return new Map(Object.entries(secrets).map(([name, value]) => [name, value === null ? null : value.text]));
}

function listSecrets(bindings: readonly Binding[]): { name: string; type: string }[] {
  return bindings.filter(({ type }) => type === 'secret_text').map(({ name, type }) => ({ name, type }));
}

async function requireLatest(request: AccountRequest<unknown>, worker: WorkerRecord): Promise<VersionRecord> {
  const latest = await latestVersion(request.options, worker);
  if (latest === null) throw fail('noVersions', { name: worker.name });
  return latest;
}

/** Throws ApiError: 10007 no worker, 10215 its latest version is not deployed, 10053, 10054, 10055, 10056. */
async function changeDeployed(
  request: AccountRequest<unknown>,
  changes: SecretChanges,
  how: { readonly mustExist?: boolean } = {},
): Promise<PublishedVersion> {
  const published = await retryConflicts(request.param('name'), async () => {
    const worker = await requireWorker(request);
    const latest = await requireLatest(request, worker);
    await requireDeployed(request, worker, latest);
    if (how.mustExist === true) requireSecrets(worker, latest, changes);
    return await publishChanged(request, latest, changes, { annotations: {}, deploy: true });
  });
  await waitUntilServed(request, published.changeSeq);
  return published;
}

/** Otherwise setting a secret would put code live that somebody chose not to deploy. */
async function requireDeployed(
  request: AccountRequest<unknown>,
  worker: WorkerRecord,
  latest: VersionRecord,
): Promise<void> {
  const live = (await request.options.store.listDeployments(request.account.id, worker.name, 1))[0];
  const isLive = live?.versions.length === 1 && live.versions[0]?.versionId === latest.id;
  if (!isLive) throw fail('latestNotDeployed', { name: worker.name });
}

function requireSecrets(worker: WorkerRecord, latest: VersionRecord, changes: SecretChanges): void {
  const existing = new Set(listSecrets(latest.bindings).map(({ name }) => name));
  for (const name of changes.keys()) {
    if (!existing.has(name)) throw fail('secretNotFound', { name: name.slice(0, 100), worker: worker.name });
  }
}

async function publishChanged(
  request: AccountRequest<unknown>,
  latest: VersionRecord,
  changes: SecretChanges,
  how: { readonly annotations: Readonly<Record<string, string>>; readonly deploy: boolean },
): Promise<PublishedVersion> {
  const version: NewVersion = {
    accountId: latest.accountId,
    workerName: latest.workerName,
    expectedLatestVersionId: latest.id,
    format: latest.format,
    mainModule: latest.mainModule,
    compatibilityDate: latest.compatibilityDate,
    compatibilityFlags: latest.compatibilityFlags,
    bindings: applySecrets(latest.bindings, changes),
    limits: latest.limits,
    modules: { copyFromVersionId: latest.id },
    annotations: {
      'workers/triggered_by': 'secret',
      ...how.annotations,
      [AUTHOR_ANNOTATION]: request.identity.name,
    },
    source: request.source,
    // The same code: it has been run already.
    startupMs: latest.startupMs,
    handlers: latest.handlers,
    kept: latest.kept,
    deploy: how.deploy,
  };
  return await request.options.store.publishVersion(version);
}

/** Throws ApiError when a name belongs to another kind of binding, or a limit would be passed. */
function applySecrets(bindings: readonly Binding[], changes: SecretChanges): Binding[] {
  const problems: CloudflareProblem[] = [];
  const changed = new Map(bindings.map((binding) => [binding.name, binding]));
  for (const [name, text] of changes) {
    const existing = changed.get(name);
    if (existing !== undefined && existing.type !== 'secret_text') {
      // Removing something that is no secret is nothing to do; overwriting it would lose a binding.
      if (text !== null) problems.push(cloudflareProblem('bindingNameTaken', { name }));
    } else if (text === null) {
      changed.delete(name);
    } else {
      changed.set(name, { type: 'secret_text', name, text });
    }
  }
  const result = [...changed.values()];
  throwProblems([...problems, ...checkVariables(result)]);
  return result;
}

/** Uploads, versions and deployments. */
import { z } from 'zod';
import { AccountSlots } from '../../storage/account-slots.ts';
import { UPLOAD_LIMITS } from '../../../shared/limits.ts';
import type { Binding } from '../../../shared/worker.ts';
import type { CloudflareProblem } from '../../../shared/cloudflare-errors.ts';
import type { DeploymentRecord, VersionRecord, WorkerRecord } from '../../storage/store.ts';
import { ApiError, fail, throwProblems } from '../errors.ts';
import { paginate } from '../pages.ts';
import { AUTHOR_ANNOTATION, presentDeployment, presentHealth, presentScript, presentVersion } from '../present.ts';
import {
  accountBodyRoute,
  accountRoute,
  type AccountRequest,
  accountUploadRoute,
  type ApiResult,
  type Route,
} from '../router.ts';
import { readAnnotations } from '../upload/metadata.ts';
import { publishUpload } from '../upload/publish.ts';
import { requireVersion, requireWorker, retryConflicts, waitUntilServed } from '../workers.ts';

/** wrangler reads every version that the listed deployments name, one request each. */
const LISTED_DEPLOYMENTS = 10;
const LISTED_VERSIONS = 100;

/** Percentages of at most two decimals: counted in hundredths, so that sums are exact. */
const percentage = z
  .number()
  .min(0)
  .max(100)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, 'has more than two decimals');

const newDeployment = z.looseObject({
  strategy: z.literal('percentage').optional(),
  versions: z
    .array(z.object({ version_id: z.string(), percentage }))
    .min(1)
    .max(UPLOAD_LIMITS.maxDeploymentVersions),
  annotations: z.record(z.string(), z.unknown()).nullish(),
});
type NewDeployment = z.infer<typeof newDeployment>;

/** One set per API: the places for uploads are shared by both upload routes. */
export function versionRoutes(): readonly Route[] {
  const slots = new AccountSlots(UPLOAD_LIMITS.maxConcurrentUploads, UPLOAD_LIMITS.maxConcurrentUploadsPerAccount);
  return [
    accountUploadRoute('PUT', '/workers/scripts/:name', {
      summary: 'Upload a Worker and deploy it at once; creates it when it does not exist',
      handle: async (request) => {
        const { worker, version } = await publishUpload(request, slots, { deploy: true, mustExist: false });
        return { result: { ...presentScript(worker, version), deployment_id: version.id.replaceAll('-', '') } };
      },
    }),
    accountUploadRoute('POST', '/workers/scripts/:name/versions', {
      summary: 'Upload a version without deploying it',
      handle: async (request) => {
        const { version } = await publishUpload(request, slots, { deploy: false, mustExist: true });
        return { result: presentVersion(version) };
      },
    }),
    ...readRoutes,
  ];
}

const readRoutes: readonly Route[] = [
  accountRoute('GET', '/workers/scripts/:name/versions', {
    summary: 'The newest versions',
    handle: async (request) => {
      const worker = await requireWorker(request);
      const versions = await request.options.store.listVersions(request.account.id, worker.name, LISTED_VERSIONS);
      const { result, resultInfo } = paginate(versions.map(presentVersion), request.query);
      return { result: { items: result }, ...(resultInfo === undefined ? {} : { resultInfo }) };
    },
  }),
  accountRoute('GET', '/workers/scripts/:name/versions/:version', {
    summary: 'One version, with its health on this node',
    handle: async (request) => {
      const worker = await requireWorker(request);
      const version = await requireVersion(request.options, worker, request.param('version'));
      const health = presentHealth(request.options.health.healthOf(version.id));
      return { result: { ...presentVersion(version), health } };
    },
  }),
  accountRoute('GET', '/workers/scripts/:name/deployments', {
    summary: 'The newest deployments; the first one is live',
    handle: async (request) => {
      const worker = await requireWorker(request);
      const deployments = await request.options.store.listDeployments(
        request.account.id,
        worker.name,
        LISTED_DEPLOYMENTS,
      );
      return { result: { deployments: deployments.map(presentDeployment) } };
    },
  }),
  accountBodyRoute('POST', '/workers/scripts/:name/deployments', {
    summary:
      'Deploy one version, or two with shares of the traffic; `force=true` also when secrets differ from those deployed',
    body: newDeployment,
    handle: createDeployment,
  }),
];

async function createDeployment(request: AccountRequest<NewDeployment>): Promise<ApiResult> {
  const { body, options, account } = request;
  const problems: CloudflareProblem[] = [];
  const annotations = readAnnotations(body.annotations ?? {}, problems);
  throwProblems(problems);
  checkShares(body);
  const name = request.param('name');
  const { deployment, changeSeq } = await retryConflicts(name, async () => {
    const worker = await requireWorker(request);
    const versions = await Promise.all(body.versions.map((share) => requireVersion(options, worker, share.version_id)));
    const live = await liveVersion(request, worker);
    const isRollback =
      versions.length === 1 && live !== null && versions[0] !== undefined && versions[0].number < live.number;
    if (isRollback && request.query.get('force') !== 'true') checkSecrets(live.bindings, versions[0]?.bindings ?? []);
    return await options.store.createDeployment(account.id, worker.name, {
      versions: body.versions.map((share) => ({
        versionId: share.version_id.toLowerCase(),
        percentage: share.percentage,
      })),
      annotations: {
        'workers/triggered_by': isRollback ? 'rollback' : 'promotion',
        ...annotations,
        [AUTHOR_ANNOTATION]: request.identity.name,
      },
      source: request.source,
    });
  });
  await waitUntilServed(request, changeSeq);
  return { result: presentDeployment(deployment) };
}

function checkShares(body: NewDeployment): void {
  const hundredths = body.versions.reduce((sum, share) => sum + Math.round(share.percentage * 100), 0);
  if (hundredths !== 10_000) {
    throw fail('validation', {
      reason: `The percentages of a deployment add up to ${hundredths / 100}; they have to add up to 100.`,
    });
  }
  const ids = new Set(body.versions.map((share) => share.version_id.toLowerCase()));
  if (ids.size !== body.versions.length)
    throw fail('validation', { reason: 'A deployment names the same version twice.' });
}

/** The version that most of the traffic goes to now; null when nothing is deployed. */
async function liveVersion(request: AccountRequest<unknown>, worker: WorkerRecord): Promise<VersionRecord | null> {
  const { store } = request.options;
  const deployment: DeploymentRecord | undefined = (await store.listDeployments(request.account.id, worker.name, 1))[0];
  const share = [...(deployment?.versions ?? [])].sort((a, b) => b.percentage - a.percentage)[0];
  return share === undefined ? null : await store.findVersion(request.account.id, worker.name, share.versionId);
}

/** Going back must not silently bring back old secrets (Cloudflare: 10220, which wrangler asks about and then forces). */
function checkSecrets(live: readonly Binding[], target: readonly Binding[]): void {
  const now = secretsOf(live);
  const then = secretsOf(target);
  const changed = [...new Set([...now.keys(), ...then.keys()])].filter((key) => now.get(key) !== then.get(key));
  if (changed.length === 0) return;
  const problem = fail('secretsChanged', { secrets: changed.sort().join(', ') });
  throw new ApiError(problem.problems);
}

function secretsOf(bindings: readonly Binding[]): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>();
  for (const binding of bindings) if (binding.type === 'secret_text') secrets.set(binding.name, binding.text);
  return secrets;
}

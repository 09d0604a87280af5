/** Our records in the shapes of Cloudflare's API. Only fields that wrangler, the SDK or the dashboard read. */
import type { Binding } from '../../shared/worker.ts';
import type { DeploymentRecord, ListedVersion, SecretName, VersionRecord, WorkerRecord } from '../storage/store.ts';
import type { VersionHealthStatus } from '../supervisor/types.ts';
import type { ApiOptions } from './router.ts';

/** Our own annotation: the name of the token that made a version or deployment. Shown as the author. */
export const AUTHOR_ANNOTATION = 'skep/author';

const USAGE_MODEL = 'standard';

/** A binding as upload metadata has it, without the value of a secret. */
export function presentBinding(binding: Binding | SecretName): Record<string, unknown> {
  if (binding.type === 'secret_text') return { name: binding.name, type: binding.type };
  if (binding.type === 'kv_namespace') {
    return { name: binding.name, type: binding.type, namespace_id: binding.namespaceId };
  }
  if (binding.type === 'service') return { ...binding, environment: 'production' };
  if (binding.type === 'd1') {
    return { name: binding.name, type: binding.type, id: binding.databaseId, database_id: binding.databaseId };
  }
  if (binding.type === 'r2_bucket') return { type: binding.type, name: binding.name, bucket_name: binding.bucketName };
  return { ...binding };
}

function presentAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== AUTHOR_ANNOTATION));
}

function author(annotations: Readonly<Record<string, string>>): string {
  return annotations[AUTHOR_ANNOTATION] ?? 'unknown';
}

function presentLimits(version: Pick<VersionRecord, 'limits'>): Record<string, number> {
  const { cpuMs, subrequests } = version.limits;
  return { ...(cpuMs === undefined ? {} : { cpu_ms: cpuMs }), ...(subrequests === undefined ? {} : { subrequests }) };
}

/** A version as `versions/:id` shows it. */
export function presentVersion(version: VersionRecord | ListedVersion): Record<string, unknown> {
  const createdOn = version.createdAt.toISOString();
  return {
    id: version.id,
    number: version.number,
    metadata: {
      created_on: createdOn,
      modified_on: createdOn,
      source: version.source,
      author_id: '',
      author_email: author(version.annotations),
      has_preview: false,
    },
    annotations: presentAnnotations(version.annotations),
    resources: {
      script: { etag: version.etag, handlers: version.handlers, last_deployed_from: lastDeployedFrom(version) },
      script_runtime: {
        usage_model: USAGE_MODEL,
        compatibility_date: version.compatibilityDate,
        compatibility_flags: version.compatibilityFlags,
        limits: presentLimits(version),
      },
      bindings: version.bindings.map(presentBinding),
    },
    startup_time_ms: Math.round(version.startupMs),
  };
}

/** `dash` would make wrangler ask six more questions about routes and domains; `api` makes it warn, rightly. */
function lastDeployedFrom(version: Pick<VersionRecord, 'source'> | null): string {
  return version?.source === 'api' ? 'api' : 'wrangler';
}

/** A deployment in the shape of Cloudflare's `deployments` endpoints. */
export function presentDeployment(deployment: DeploymentRecord): Record<string, unknown> {
  return {
    id: deployment.id,
    source: deployment.source,
    strategy: deployment.strategy,
    author_email: author(deployment.annotations),
    created_on: deployment.createdAt.toISOString(),
    annotations: presentAnnotations(deployment.annotations),
    versions: deployment.versions.map((share) => ({ version_id: share.versionId, percentage: share.percentage })),
  };
}

function tagsOf(worker: WorkerRecord): unknown[] {
  const tags = worker.settings.tags;
  return Array.isArray(tags) ? tags : [];
}

/** A worker as `scripts` lists it and as `PUT scripts/:name` answers. */
export function presentScript(worker: WorkerRecord, version: VersionRecord | null): Record<string, unknown> {
  return {
    id: worker.name,
    tag: worker.id.replaceAll('-', ''),
    tags: tagsOf(worker),
    etag: version?.etag ?? '',
    created_on: worker.createdAt.toISOString(),
    modified_on: worker.modifiedAt.toISOString(),
    usage_model: USAGE_MODEL,
    logpush: worker.settings.logpush === true,
    has_assets: false,
    has_modules: version?.format === 'modules',
    handlers: version?.handlers ?? [],
    last_deployed_from: lastDeployedFrom(version),
    ...(version === null
      ? {}
      : {
          compatibility_date: version.compatibilityDate,
          compatibility_flags: version.compatibilityFlags,
          startup_time_ms: Math.round(version.startupMs),
        }),
  };
}

/** Our own addition to a version and a worker: whether it keeps ending its cells on this node, and until when it is left alone. */
export const presentHealth = ({ state, reason, since, retryAt }: VersionHealthStatus): Record<string, unknown> => ({
  state,
  reason,
  since: since?.toISOString() ?? null,
  retry_at: retryAt?.toISOString() ?? null,
});

/** A worker as `workers/services/:name` shows it: one service with the one environment `production`. */
export function presentService(worker: WorkerRecord, version: VersionRecord | null): Record<string, unknown> {
  const created = worker.createdAt.toISOString();
  const modified = worker.modifiedAt.toISOString();
  return {
    id: worker.name,
    created_on: created,
    modified_on: modified,
    usage_model: USAGE_MODEL,
    default_environment: {
      environment: 'production',
      created_on: created,
      modified_on: modified,
      script: presentScript(worker, version),
    },
    environments: [{ environment: 'production', created_on: created, modified_on: modified }],
  };
}

/** A worker as `workers/workers/:name` shows it. wrangler prints the host name of `subdomain.url` after a deploy. */
export function presentWorker(
  worker: WorkerRecord,
  accountSubdomain: string,
  options: ApiOptions,
): Record<string, unknown> {
  const { observability, logpush, tail_consumers: tailConsumers } = worker.settings;
  return {
    id: worker.id.replaceAll('-', ''),
    name: worker.name,
    created_on: worker.createdAt.toISOString(),
    updated_on: worker.modifiedAt.toISOString(),
    tags: tagsOf(worker),
    logpush: logpush === true,
    observability: observability ?? { enabled: false },
    tail_consumers: tailConsumers ?? [],
    subdomain: {
      enabled: worker.workersDev,
      previews_enabled: worker.previewsEnabled,
      url: options.publicUrl(worker.name, accountSubdomain),
    },
  };
}

/** What is set for a worker beside its code: `scripts/:name/settings` and `script-settings`. */
export function presentSettings(worker: WorkerRecord, version: VersionRecord | null): Record<string, unknown> {
  const { tags: _tags, ...settings } = worker.settings;
  return {
    ...settings,
    logpush: worker.settings.logpush === true,
    tags: tagsOf(worker),
    usage_model: USAGE_MODEL,
    ...(version === null
      ? { bindings: [] }
      : {
          bindings: version.bindings.map(presentBinding),
          compatibility_date: version.compatibilityDate,
          compatibility_flags: version.compatibilityFlags,
          limits: presentLimits(version),
          ...(version.kept.placement === undefined ? {} : { placement: version.kept.placement }),
        }),
  };
}

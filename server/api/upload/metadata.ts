/** The `metadata` part of an upload: its shape, what of it Skep acts on, what it keeps, and what it refuses by name. */
import { z } from 'zod';
import { UPLOAD_LIMITS } from '../../../shared/limits.ts';
import type { VersionLimits, WorkerFormat } from '../../../shared/worker.ts';
import { flagProblem } from '../../../shared/compatibility.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../../shared/cloudflare-errors.ts';
import { formatBytes } from '../body.ts';
import { fail, throwProblems } from '../errors.ts';
import { checkShape, parseJson } from '../json.ts';
import { METADATA_PART, type UploadPart } from './multipart.ts';

/** Cloudflare: an upload without a compatibility date behaves as on this day. */
const DEFAULT_COMPATIBILITY_DATE = '2021-11-02';

/** Binding as sent: only what every type has. The rest is checked per type. */
const rawBinding = z.looseObject({ type: z.string().min(1).max(100), name: z.string().max(512).optional() });
export type RawBinding = z.infer<typeof rawBinding>;

const flagList = z.array(z.string().min(1).max(100)).max(100);

const metadataShape = z.looseObject({
  main_module: z.string().min(1).optional(),
  body_part: z.string().min(1).optional(),
  bindings: z.array(rawBinding).max(UPLOAD_LIMITS.maxBindings).optional(),
  keep_bindings: z.array(z.string()).max(100).optional(),
  compatibility_date: z.string().optional(),
  compatibility_flags: flagList.optional(),
  annotations: z.record(z.string(), z.unknown()).optional(),
  limits: z.looseObject({}).nullish(),
  migrations: z.unknown().optional(),
  exports: z.record(z.string(), z.unknown()).nullish(),
  assets: z.unknown().optional(),
  keep_assets: z.boolean().optional(),
  containers: z.array(z.unknown()).nullish(),
  observability: z.looseObject({}).nullish(),
  placement: z.looseObject({}).nullish(),
  tail_consumers: z.array(z.looseObject({ service: z.string() })).nullish(),
  streaming_tail_consumers: z.array(z.looseObject({ service: z.string() })).nullish(),
  logpush: z.boolean().nullish(),
  tags: z.array(z.string()).nullish(),
});
type RawMetadata = z.infer<typeof metadataShape>;

/** Kept with the Worker, not with the version: the same keys that `PATCH script-settings` changes. */
const WORKER_SETTINGS = ['observability', 'tail_consumers', 'streaming_tail_consumers', 'logpush', 'tags'] as const;

/** Acted on above, meaningless once the upload is done, or (`package_dependencies`) of no use to us. */
const NOT_KEPT = new Set<string>([
  'main_module',
  'body_part',
  'bindings',
  'keep_bindings',
  'compatibility_date',
  'compatibility_flags',
  'annotations',
  'limits',
  'migrations',
  'exports',
  'assets',
  'keep_assets',
  'containers',
  'code_update_strategy',
  'package_dependencies',
  ...WORKER_SETTINGS,
]);

export interface UploadMetadata {
  readonly entry: { readonly format: WorkerFormat; readonly part: string };
  readonly bindings: readonly RawBinding[];
  readonly keepBindingTypes: ReadonlySet<string>;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly limits: VersionLimits;
  readonly annotations: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly kept: Readonly<Record<string, unknown>>;
}

/**
 * Checks the `metadata` part. `now` decides whether a compatibility date lies in the future (UTC, as on Cloudflare).
 * Throws one ApiError (10026, 10021, 7003) with all problems.
 */
export function readMetadata(
  parts: readonly UploadPart[],
  maxLimits: { readonly cpuMs: number; readonly subrequests: number },
  now: Date,
): UploadMetadata {
  const raw = parseMetadataPart(parts);
  const problems: CloudflareProblem[] = [...refusedFeatures(raw)];
  const compatibilityDate = raw.compatibility_date ?? DEFAULT_COMPATIBILITY_DATE;
  problems.push(...checkCompatibilityDate(compatibilityDate, now));
  const flagIssue = flagProblem(raw.compatibility_flags ?? []);
  if (flagIssue !== null) problems.push(invalid(`Validation failed: ${flagIssue}`));
  const limits = readLimits(raw.limits ?? {}, maxLimits, problems);
  const annotations = readAnnotations(raw.annotations ?? {}, problems);
  const entry = readEntry(raw, problems);
  throwProblems(problems);
  if (entry === undefined) throw new Error('An upload without an entry passed the checks');
  return {
    entry,
    bindings: raw.bindings ?? [],
    keepBindingTypes: new Set(raw.keep_bindings ?? []),
    compatibilityDate,
    compatibilityFlags: raw.compatibility_flags ?? [],
    limits,
    annotations,
    settings: pickSettings(raw),
    kept: Object.fromEntries(Object.entries(raw).filter(([key]) => !NOT_KEPT.has(key))),
  };
}

function parseMetadataPart(parts: readonly UploadPart[]): RawMetadata {
  const found = parts.filter((part) => part.name === METADATA_PART);
  const part = found[0];
  if (part === undefined || found.length > 1) {
    const reason =
      part === undefined ? "it has no part named 'metadata'" : "it has more than one part named 'metadata'";
    throw fail('bodyUnreadable', { reason: `the upload is incomplete, ${reason}` });
  }
  if (part.content.byteLength > UPLOAD_LIMITS.maxMetadataBytes) {
    const limit = formatBytes(UPLOAD_LIMITS.maxMetadataBytes);
    throw fail('bodyTooLarge', { limit: `${limit} (the metadata part)` });
  }
  return checkShape(metadataShape, parseJson(part.content, 'metadata'), 'metadata');
}

/** Worker-level settings among these keys; only those that were sent. Null is kept: it means "take it away". */
export function pickSettings(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const sent = WORKER_SETTINGS.filter((key) => values[key] !== undefined);
  return Object.fromEntries(sent.map((key) => [key, values[key]]));
}

function readEntry(raw: RawMetadata, problems: CloudflareProblem[]): UploadMetadata['entry'] | undefined {
  if (raw.main_module !== undefined && raw.body_part !== undefined) {
    problems.push(invalid('Validation failed: metadata has both main_module and body_part; a Worker has one of them.'));
  } else if (raw.main_module !== undefined) {
    return { format: 'modules', part: raw.main_module };
  } else if (raw.body_part !== undefined) {
    return { format: 'service-worker', part: raw.body_part };
  } else if (problems.length === 0) {
    // With refused assets there is no entry either, and saying both would mislead.
    problems.push(
      invalid('Validation failed: metadata names neither main_module (ES modules) nor body_part (service worker).'),
    );
  }
  return undefined;
}

/** Workers that are to be told of this one's events: Skep does not do that yet, and nobody may believe that it does. */
export const namesTailWorkers = (raw: {
  readonly tail_consumers?: readonly unknown[] | null | undefined;
  readonly streaming_tail_consumers?: readonly unknown[] | null | undefined;
}): boolean => (raw.tail_consumers?.length ?? 0) > 0 || (raw.streaming_tail_consumers?.length ?? 0) > 0;

export const TAIL_WORKERS = 'Tail Workers (`tail_consumers`)';

/** Parts of an upload that Skep does not have yet and whose silent absence would change what the Worker does. */
function refusedFeatures(raw: RawMetadata): CloudflareProblem[] {
  const refused: string[] = [];
  if (raw.migrations !== undefined && raw.migrations !== null) refused.push('Durable Objects (`migrations`)');
  if (raw.assets !== undefined && raw.assets !== null) refused.push('Static assets (`assets`)');
  if (raw.keep_assets === true) refused.push('Static assets (`keep_assets`)');
  if (raw.containers !== undefined && raw.containers !== null && raw.containers.length > 0)
    refused.push('Containers (`containers`)');
  if (namesTailWorkers(raw)) refused.push(TAIL_WORKERS);
  if (raw.annotations?.['workers/alias'] !== undefined) refused.push('Preview URLs of versions (`--preview-alias`)');
  for (const [name, value] of Object.entries(raw.exports ?? {})) {
    const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined;
    refused.push(`Export '${name}' of type '${String(type).slice(0, 50)}' (\`exports\`)`);
  }
  return refused.slice(0, 20).map((feature) => cloudflareProblem('unsupportedFeature', { feature }));
}

/** workerd's rule: a real date, not later than today in UTC. */
function checkCompatibilityDate(date: string, now: Date): CloudflareProblem[] {
  const parsed = /^\d{4}-\d{2}-\d{2}$/.test(date) ? new Date(`${date}T00:00:00Z`) : new Date(Number.NaN);
  // The round trip refuses 2023-02-30, which Date would turn into March.
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString().slice(0, 10) !== date) {
    return [
      invalid(
        `Invalid compatibility date: '${date.slice(0, 50)}'. It has to be a day of the calendar, written YYYY-MM-DD.`,
      ),
    ];
  }
  if (parsed.getTime() > now.getTime()) return [invalid(`Can't set compatibility date in the future: ${date}.`)];
  return [];
}

function readLimits(
  raw: Readonly<Record<string, unknown>>,
  max: { readonly cpuMs: number; readonly subrequests: number },
  problems: CloudflareProblem[],
): VersionLimits {
  const read = (key: string, maximum: number): number | undefined => {
    const value = raw[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maximum) return value;
    const seen = JSON.stringify(value).slice(0, 50);
    problems.push(
      invalid(`Validation failed: limits.${key} is ${seen}; this platform allows whole numbers from 1 to ${maximum}.`),
    );
    return undefined;
  };
  for (const key of Object.keys(raw)) {
    if (key !== 'cpu_ms' && key !== 'subrequests') {
      problems.push(
        invalid(`Validation failed: limits.${key.slice(0, 50)} is not a limit; there are cpu_ms and subrequests.`),
      );
    }
  }
  const cpuMs = read('cpu_ms', max.cpuMs);
  const subrequests = read('subrequests', max.subrequests);
  return { ...(cpuMs === undefined ? {} : { cpuMs }), ...(subrequests === undefined ? {} : { subrequests }) };
}

/** Strings only, bounded; null and undefined values (wrangler sends `"workers/message": undefined`) are left out. */
export function readAnnotations(
  raw: Readonly<Record<string, unknown>>,
  problems: CloudflareProblem[],
): Readonly<Record<string, string>> {
  const entries = Object.entries(raw).filter(([, value]) => value !== null && value !== undefined);
  if (entries.length > UPLOAD_LIMITS.maxAnnotations) {
    problems.push(
      invalid(`Validation failed: ${entries.length} annotations; ${UPLOAD_LIMITS.maxAnnotations} are allowed.`),
    );
    return {};
  }
  const annotations: Record<string, string> = {};
  for (const [key, value] of entries) {
    const name = key.slice(0, 100);
    if (!key.startsWith('workers/') || key.length > 100) {
      problems.push(
        invalid(`Validation failed: annotation '${name}' is not allowed; their names start with 'workers/'.`),
      );
    } else if (typeof value !== 'string' || Buffer.byteLength(value) > UPLOAD_LIMITS.maxAnnotationBytes) {
      const limit = formatBytes(UPLOAD_LIMITS.maxAnnotationBytes);
      problems.push(invalid(`Validation failed: annotation '${name}' has to be text of at most ${limit}.`));
    } else {
      annotations[key] = value;
    }
  }
  return annotations;
}

function invalid(reason: string): CloudflareProblem {
  return cloudflareProblem('validation', { reason });
}

/**
 * Bindings: from what the metadata declares, and the bindings of the version before, to those of the new version. Pure: data
 * in, data out. Whether the targets of service bindings exist is checked elsewhere, since that needs the store.
 */
import { z } from 'zod';
import { UPLOAD_LIMITS } from '../../../shared/limits.ts';
import type { Binding, ModuleRef, ModuleType, WorkerFormat } from '../../../shared/worker.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../../shared/cloudflare-errors.ts';
import { formatBytes } from '../body.ts';
import { printableName, shapeProblems } from '../json.ts';
import type { RawBinding } from './metadata.ts';

const name = printableName;

/** What each supported type has to look like. Unknown extra fields are dropped: a binding means what its type says. */
const SUPPORTED = {
  plain_text: z.object({ type: z.literal('plain_text'), name, text: z.string() }),
  secret_text: z.object({ type: z.literal('secret_text'), name, text: z.string() }),
  json: z.object({
    type: z.literal('json'),
    name,
    json: z.unknown().refine((value) => value !== undefined, 'has to be there'),
  }),
  service: z.object({
    type: z.literal('service'),
    name,
    service: z.string().min(1).max(255),
    environment: z.string().max(255).optional(),
    entrypoint: z.string().min(1).max(512).optional(),
    props: z.record(z.string(), z.unknown()).optional(),
  }),
  kv_namespace: z.object({ type: z.literal('kv_namespace'), name, namespace_id: z.string().max(255) }),
  r2_bucket: z.object({
    type: z.literal('r2_bucket'),
    name,
    bucket_name: z.string().min(1).max(255),
    jurisdiction: z.literal('default', 'is not supported: this platform keeps all objects in one place').optional(),
  }),
  version_metadata: z.object({ type: z.literal('version_metadata'), name }),
  d1: z.object({ type: z.literal('d1'), name, id: z.string().min(1).max(64) }),
  hyperdrive: z.object({ type: z.literal('hyperdrive'), name, id: z.string().min(1).max(64) }),
  text_blob: z.object({ type: z.literal('text_blob'), name, part: z.string().min(1).max(512) }),
  data_blob: z.object({ type: z.literal('data_blob'), name, part: z.string().min(1).max(512) }),
  wasm_module: z.object({ type: z.literal('wasm_module'), name, part: z.string().min(1).max(512) }),
} as const;
type SupportedType = keyof typeof SUPPORTED;

/** What people call the types that Skep does not have yet. A type that is not here is named by its type alone. */
const PRODUCTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    queue: 'Queues',
    durable_object_namespace: 'Durable Objects',
    workflow: 'Workflows',
    assets: 'Static assets',
    ai: 'Workers AI',
    browser: 'Browser Rendering',
    images: 'Images',
    media: 'Media',
    stream: 'Stream',
    worker_loader: 'Worker Loaders',
    analytics_engine: 'Analytics Engine',
    vectorize: 'Vectorize',
    send_email: 'Email',
    ratelimit: 'Rate Limiting',
    dispatch_namespace: 'Workers for Platforms',
    mtls_certificate: 'mTLS certificates',
    secrets_store_secret: 'Secrets Store',
    secret_key: 'Web Crypto keys',
    pipelines: 'Pipelines',
    vpc_service: 'Workers VPC',
    vpc_network: 'Workers VPC',
    logfwdr: 'Logfwdr',
  }),
);

/** What may be asked for, in the words of wrangler's configuration. */
const CONFIG_KEYS =
  'vars, secrets, services, kv_namespaces, r2_buckets, d1_databases (PostgreSQL), hyperdrive and version_metadata';

/** What does the same here. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  [
    'secrets_store_secret',
    'Take it out of secrets_store_secrets and give the Worker a secret of its own: wrangler secret put. It is read as env.NAME, without .get().',
  ],
]);

/** The module type that the part of a blob binding has to be of. */
const BLOB_MODULES: Readonly<Record<'text_blob' | 'data_blob' | 'wasm_module', ModuleType>> = {
  text_blob: 'text',
  data_blob: 'data',
  wasm_module: 'wasm',
};

export interface BindingInput {
  readonly declared: readonly RawBinding[];
  /** Types of which bindings of the previous version survive when the upload does not name them (`keep_bindings`). */
  readonly keepTypes: ReadonlySet<string>;
  /** Bindings of the version before; empty for the first one. */
  readonly previous: readonly Binding[];
  readonly format: WorkerFormat;
  readonly modules: readonly ModuleRef[];
}

/** The bindings of the new version, or every reason why there can be none. Limits: `UPLOAD_LIMITS`. */
export function resolveBindings(input: BindingInput): {
  readonly bindings: Binding[];
  readonly problems: CloudflareProblem[];
} {
  const problems: CloudflareProblem[] = [];
  const resolved = new Map<string, Binding>();
  const previous = new Map(input.previous.map((binding) => [binding.name, binding]));
  const taken = new Set<string>();
  input.declared.forEach((raw, index) => {
    const rawName = raw.name;
    if (rawName === undefined || rawName === '') {
      problems.push(cloudflareProblem('bindingWithoutName', { index: index + 1, type: raw.type }));
      return;
    }
    if (taken.has(rawName)) problems.push(cloudflareProblem('bindingNameTaken', { name: rawName }));
    taken.add(rawName);
    const binding = resolveOne({ ...raw, name: rawName }, previous, problems);
    if (binding !== undefined) resolved.set(rawName, binding);
  });
  for (const binding of input.previous) {
    if (!taken.has(binding.name) && input.keepTypes.has(binding.type)) resolved.set(binding.name, binding);
  }
  const bindings = [...resolved.values()];
  problems.push(...checkVariables(bindings), ...checkParts(bindings, input));
  return { bindings, problems };
}

function resolveOne(
  raw: RawBinding & { readonly name: string },
  previous: ReadonlyMap<string, Binding>,
  problems: CloudflareProblem[],
): Binding | undefined {
  if (raw.type === 'inherit') {
    const inherited = previous.get(raw.name);
    if (inherited === undefined) problems.push(cloudflareProblem('invalidInherit', { name: raw.name }));
    return inherited;
  }
  if (!Object.hasOwn(SUPPORTED, raw.type)) {
    problems.push(unsupportedType(raw.name, raw.type));
    return undefined;
  }
  const parsed = SUPPORTED[raw.type as SupportedType].safeParse(raw, { reportInput: true });
  if (!parsed.success) {
    problems.push(...shapeProblems(parsed.error, `binding '${raw.name}' of type ${raw.type}`));
    return undefined;
  }
  return toBinding(parsed.data, problems);
}

type ParsedBinding = z.infer<(typeof SUPPORTED)[SupportedType]>;

function toBinding(parsed: ParsedBinding, problems: CloudflareProblem[]): Binding {
  if (parsed.type === 'd1') return { type: 'd1', name: parsed.name, databaseId: parsed.id };
  if (parsed.type === 'kv_namespace') {
    return { type: parsed.type, name: parsed.name, namespaceId: parsed.namespace_id };
  }
  if (parsed.type === 'r2_bucket') return { type: parsed.type, name: parsed.name, bucketName: parsed.bucket_name };
  if (parsed.type !== 'service') return parsed;
  const { type, name: bindingName, service, environment, entrypoint, props } = parsed;
  // Every Worker has the one environment that Cloudflare's API calls production.
  if (environment !== undefined && environment !== 'production') {
    problems.push(cloudflareProblem('serviceEnvironmentNotFound', { binding: bindingName, service, environment }));
  }
  return {
    type,
    name: bindingName,
    service,
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(props === undefined ? {} : { props }),
  };
}

function unsupportedType(bindingName: string, type: string): CloudflareProblem {
  const product = PRODUCTS.get(type);
  const what =
    product === undefined
      ? `type '${type}', which Skep does not know`
      : `type '${type}' (${product}), which this version of Skep does not support yet`;
  const advice = INSTEAD.get(type) ?? `Supported are ${CONFIG_KEYS}.`;
  return cloudflareProblem('validation', { reason: `Binding '${bindingName}' has ${what}. ${advice}` });
}

/** Cloudflare counts variables and secrets together (10055) and limits the bytes of each (10054); their sum is our limit. */
export function checkVariables(bindings: readonly Binding[]): CloudflareProblem[] {
  const problems: CloudflareProblem[] = [];
  let count = 0;
  let totalBytes = 0;
  for (const binding of bindings) {
    const bytes = variableBytes(binding);
    if (bytes === undefined) continue;
    count += 1;
    totalBytes += bytes;
    const maxBytes = binding.type === 'secret_text' ? UPLOAD_LIMITS.maxSecretBytes : UPLOAD_LIMITS.maxVariableBytes;
    if (bytes > maxBytes) {
      const limit = formatBytes(maxBytes);
      problems.push(cloudflareProblem('variableTooLarge', { name: binding.name, size: formatBytes(bytes), limit }));
    }
  }
  if (problems.length === 0 && totalBytes > UPLOAD_LIMITS.maxVariablesTotalBytes) {
    const limit = formatBytes(UPLOAD_LIMITS.maxVariablesTotalBytes);
    problems.push(cloudflareProblem('variablesTooLarge', { size: formatBytes(totalBytes), limit }));
  }
  if (count > UPLOAD_LIMITS.maxVariables) {
    problems.push(cloudflareProblem('tooManyVariables', { count, limit: UPLOAD_LIMITS.maxVariables }));
  }
  if (bindings.length > UPLOAD_LIMITS.maxBindings) {
    const reason = `The Worker has ${bindings.length} bindings; ${UPLOAD_LIMITS.maxBindings} are allowed.`;
    problems.push(cloudflareProblem('validation', { reason }));
  }
  return problems;
}

function variableBytes(binding: Binding): number | undefined {
  if (binding.type === 'plain_text' || binding.type === 'secret_text') return Buffer.byteLength(binding.text);
  // `json` may be absent: JSON.stringify(undefined) is undefined.
  if (binding.type === 'json') return Buffer.byteLength(JSON.stringify(binding.json) ?? '');
  return undefined;
}

/** Blob bindings point at a part of the same upload, and exist in service-worker format only (as on Cloudflare). */
function checkParts(bindings: readonly Binding[], input: BindingInput): CloudflareProblem[] {
  const problems: CloudflareProblem[] = [];
  for (const binding of bindings) {
    if (binding.type !== 'text_blob' && binding.type !== 'data_blob' && binding.type !== 'wasm_module') continue;
    const wanted = BLOB_MODULES[binding.type];
    const module = input.modules.find((candidate) => candidate.name === binding.part);
    const reason =
      input.format === 'modules'
        ? `Binding '${binding.name}' of type ${binding.type} needs the service-worker format; an ES module imports the file instead.`
        : module === undefined
          ? `Binding '${binding.name}' of type ${binding.type} names part '${binding.part}', which was not uploaded.`
          : module.type === wanted
            ? undefined
            : `Binding '${binding.name}' of type ${binding.type} names part '${binding.part}' of type '${module.type}'; it has to be '${wanted}'.`;
    if (reason !== undefined) problems.push(cloudflareProblem('validation', { reason }));
  }
  return problems;
}

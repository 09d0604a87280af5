/**
 * What a worker is made of, as every part of Skep speaks of it: the storage keeps it, the API checks it,
 * the supervisor hands it to a cell. Shapes follow Cloudflare's upload metadata.
 */

/** How the bytes of a module are presented to the program that imports it. */
export type ModuleType = 'esm' | 'commonjs' | 'text' | 'data' | 'json' | 'wasm';

/** `modules`: ES modules with an exported default. `service-worker`: one classic script that calls `addEventListener`. */
export type WorkerFormat = 'modules' | 'service-worker';

/** One module of a version, by the SHA-256 (hex) of its bytes. `name` is normalised: no leading `./`. */
export interface ModuleRef {
  readonly name: string;
  readonly type: ModuleType;
  readonly hash: string;
  readonly sizeBytes: number;
}

export interface ModuleContent extends ModuleRef {
  readonly content: Uint8Array;
}

/**
 * Source maps are kept with a version as modules of type `text` under this prefix. No import can name them: uploads may not
 * use names that look like URLs. A cell does not need them.
 */
export const SOURCE_MAP_PREFIX = 'sourcemap:';

/** True for the source map of another module, which never runs. */
export function isSourceMap(module: ModuleRef): boolean {
  return module.name.startsWith(SOURCE_MAP_PREFIX);
}

/** A named capability in `env`. In memory secrets are in clear; storage encrypts them at rest. */
export type Binding =
  | { readonly type: 'plain_text'; readonly name: string; readonly text: string }
  | { readonly type: 'json'; readonly name: string; readonly json: unknown }
  | { readonly type: 'secret_text'; readonly name: string; readonly text: string }
  | ServiceBinding
  | KvNamespaceBinding
  | { readonly type: 'r2_bucket'; readonly name: string; readonly bucketName: string }
  | { readonly type: 'version_metadata'; readonly name: string }
  | D1Binding
  | HyperdriveBinding
  | { readonly type: 'text_blob' | 'data_blob' | 'wasm_module'; readonly name: string; readonly part: string };

/** A database that Skep made for workers. */
export interface D1Binding {
  readonly type: 'd1';
  readonly name: string;
  /** A UUID. */
  readonly databaseId: string;
}

/** A database of the user's own, or one of those above, spoken to with any PostgreSQL driver. */
export interface HyperdriveBinding {
  readonly type: 'hyperdrive';
  readonly name: string;
  /** 32 hex digits of a Hyperdrive configuration, or the id of a database in either spelling. */
  readonly id: string;
}

export interface ServiceBinding {
  readonly type: 'service';
  readonly name: string;
  /** The name of the worker of the same account that is called. */
  readonly service: string;
  readonly entrypoint?: string;
  readonly props?: Readonly<Record<string, unknown>>;
}

export interface KvNamespaceBinding {
  readonly type: 'kv_namespace';
  readonly name: string;
  readonly namespaceId: string;
}

/** What the worker's own configuration asks for (`limits` in wrangler's config). Absent: the platform's default. */
export interface VersionLimits {
  readonly cpuMs?: number;
  readonly subrequests?: number;
}

/** One immutable upload, all that is needed to run it except the bytes of its modules. */
export interface WorkerVersion {
  readonly id: string;
  readonly accountId: string;
  readonly workerId: string;
  readonly workerName: string;
  /** 1 for the first version of a worker, then counting up. */
  readonly number: number;
  readonly createdAt: Date;
  readonly format: WorkerFormat;
  readonly mainModule: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly bindings: readonly Binding[];
  readonly limits: VersionLimits;
  readonly modules: readonly ModuleRef[];
  /** `workers/message`, `workers/tag`, `workers/triggered_by` … */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface DeploymentShare {
  readonly versionId: string;
  /** 0–100, two decimals at most; the shares of a deployment add up to 100. */
  readonly percentage: number;
}

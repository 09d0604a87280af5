/**
 * The cases: what is on disk under `cases/<area>/<case>/`, and how a case is to be deployed. The format is described in README.md.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseResult } from './compare.ts';

const CASES = join(dirname(fileURLToPath(import.meta.url)), 'cases');
const DEFAULT_DATE = '2026-05-01';

export type CaseModuleType = 'esm' | 'commonjs' | 'text' | 'data' | 'wasm' | 'json' | 'service-worker';

export interface CaseModule {
  readonly name: string;
  readonly type: CaseModuleType;
  readonly path: string;
}

export interface CaseBinding {
  readonly type: 'plain_text' | 'secret_text' | 'json' | 'service' | 'kv_namespace' | 'r2_bucket' | 'd1';
  readonly name: string;
  /** Of a namespace, bucket or database: those of one case that name the same one share it. Default: the binding's name. */
  readonly resource?: string;
  readonly [key: string]: unknown;
}

/** One worker of a case: its own, or a helper that it is bound to. */
export interface CaseWorker {
  readonly scriptName: string;
  readonly main: string;
  readonly format: 'modules' | 'service-worker';
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly bindings: readonly CaseBinding[];
  readonly modules: readonly CaseModule[];
}

export interface Comparison {
  readonly headers?: readonly string[];
  readonly ignoreHeaders?: readonly string[];
  readonly body?: 'auto' | 'json' | 'text' | 'bytes' | 'none';
  readonly streamed?: number;
  readonly decode?: boolean;
  readonly statusText?: boolean;
  readonly normalise?: readonly ('uuid' | readonly [pattern: string, flags: string, to: string])[];
}

export type WebSocketStep =
  | { readonly send: string }
  | { readonly sendBase64: string }
  | { readonly recv: number }
  | { readonly close: readonly [code?: number, reason?: string] }
  | { readonly terminate: true }
  | { readonly waitClose: true }
  | { readonly sleep: number };

export interface CaseRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body?: string;
  readonly bodyJson?: unknown;
  readonly bodyBase64?: string;
  readonly bodyRepeat?: readonly [text: string, times: number];
  /** Texts to send, and milliseconds to wait between them. */
  readonly bodyChunks?: readonly (string | number)[];
  readonly delayMs?: number;
  readonly timeoutMs?: number;
  /** In a parallel case: sent when those without it are answered, one by one. */
  readonly after?: boolean;
  readonly compare?: Comparison;
  readonly ws?: readonly WebSocketStep[];
  readonly wsProtocols?: readonly string[];
}

/** What the reference answered (`expected.json`): workerd, or Miniflare where data bindings take part. */
export interface Expected {
  readonly oracle: string;
  /** False: workerd's own answers differ from run to run, so there is nothing to compare with. */
  readonly stable: boolean;
  readonly startup: 'ok' | 'error';
  readonly startup_message?: string;
  readonly requests?: readonly CaseResult[];
}

export interface ConformanceCase {
  /** `<area>/<case>` */
  readonly id: string;
  readonly area: string;
  /** The name of the case's own worker: `<area>-<case>`. */
  readonly name: string;
  readonly directory: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly parallel: boolean;
  readonly breaksConnection: boolean;
  readonly expectsStartupFailure: boolean;
  readonly compare: Comparison;
  /** In the order of deployment: a worker comes after those it is bound to; the case's own is the last. */
  readonly workers: readonly CaseWorker[];
  readonly requests: readonly CaseRequest[];
  readonly expected: Expected | undefined;
  /** By request: what Cloudflare's documentation says where the simulators answer otherwise, and why that is preferred. */
  readonly docs: Readonly<Record<string, { readonly value: unknown; readonly why: string }>>;
}

export interface CaseFilter {
  readonly areas?: readonly string[] | undefined;
  /** Parts of case ids. */
  readonly names?: readonly string[] | undefined;
}

/** All cases that the filter lets through, in the order of their ids. */
export function loadCases(filter: CaseFilter = {}): ConformanceCase[] {
  return readdirSync(CASES)
    .sort()
    .filter((area) => filter.areas?.includes(area) ?? true)
    .flatMap((area) => casesOfArea(area))
    .filter(({ id }) => filter.names?.some((name) => id.includes(name)) ?? true);
}

const casesOfArea = (area: string): ConformanceCase[] =>
  readdirSync(join(CASES, area))
    .sort()
    .map((name) => join(CASES, area, name))
    .filter((directory) => existsSync(join(directory, 'case.json')))
    .map(loadCase);

interface WorkerSpec {
  readonly compatibility_date?: string;
  readonly compatibility_flags?: readonly string[];
  readonly format?: 'modules' | 'service-worker';
  readonly main?: string;
  readonly modules?: Readonly<Record<string, CaseModuleType>>;
  readonly bindings?: readonly CaseBinding[];
}

interface CaseSpec extends WorkerSpec {
  readonly title?: string;
  readonly tags?: readonly string[];
  readonly parallel?: boolean;
  readonly breaks_connection?: boolean;
  readonly startup_failure?: boolean;
  readonly compare?: Comparison;
  readonly workers?: Readonly<Record<string, WorkerSpec>>;
  readonly requests?: readonly Partial<CaseRequest>[];
  readonly docs?: ConformanceCase['docs'];
}

function loadCase(directory: string): ConformanceCase {
  const area = basename(dirname(directory));
  const name = `${area}-${basename(directory)}`;
  // It becomes a host name.
  if (!/^[a-z0-9][a-z0-9-]{0,50}$/.test(name)) throw new Error(`A case cannot be called "${name}"`);
  const spec = readJson(join(directory, 'case.json')) as CaseSpec;
  const expectedFile = join(directory, 'expected.json');
  return {
    id: `${area}/${basename(directory)}`,
    area,
    name,
    directory,
    title: spec.title ?? '',
    tags: spec.tags ?? [],
    parallel: spec.parallel === true,
    breaksConnection: spec.breaks_connection === true,
    expectsStartupFailure: spec.startup_failure === true,
    compare: spec.compare ?? {},
    workers: workersOf(name, directory, spec),
    requests: (spec.requests ?? [{}]).map((request, index) => ({
      id: `r${index + 1}`,
      method: 'GET',
      path: '/',
      ...request,
    })),
    docs: spec.docs ?? {},
    expected: existsSync(expectedFile) ? (readJson(expectedFile) as Expected) : undefined,
  };
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

function workersOf(caseName: string, directory: string, spec: CaseSpec): CaseWorker[] {
  const helpers = Object.entries(spec.workers ?? {}).map(([key, helper]) =>
    makeWorker(caseName, key, join(directory, 'workers', key), helper),
  );
  const ordered: CaseWorker[] = [];
  const add = (worker: CaseWorker, path: readonly CaseWorker[]): void => {
    if (ordered.includes(worker) || path.includes(worker)) return;
    for (const { type, service } of worker.bindings) {
      const bound = type === 'service' ? helpers.find(({ scriptName }) => scriptName === service) : undefined;
      if (bound !== undefined) add(bound, [...path, worker]);
    }
    ordered.push(worker);
  };
  for (const helper of helpers) add(helper, []);
  return [...ordered, makeWorker(caseName, null, directory, spec)];
}

function makeWorker(caseName: string, key: string | null, directory: string, spec: WorkerSpec): CaseWorker {
  const format = spec.format ?? 'modules';
  const main = spec.main ?? 'worker.js';
  const modules = listModules(directory, spec.modules ?? {}).map((module) =>
    format === 'service-worker' && module.name === main ? { ...module, type: 'service-worker' as const } : module,
  );
  return {
    scriptName: key === null ? caseName : `${caseName}-${key}`,
    main,
    format,
    compatibilityDate: spec.compatibility_date ?? DEFAULT_DATE,
    compatibilityFlags: spec.compatibility_flags ?? [],
    bindings: (spec.bindings ?? []).map((binding) => resolveService(binding, caseName, key)),
    // wrangler sends the main module first, and workerd takes the first for it.
    modules: modules.sort((a, b) => Number(b.name === main) - Number(a.name === main)),
  };
}

/** In a case a service binding names a worker of the same case: a key, "self" or "main". */
function resolveService(binding: CaseBinding, caseName: string, ownKey: string | null): CaseBinding {
  if (binding.type !== 'service') return binding;
  const { worker, ...rest } = binding as CaseBinding & { worker: string };
  const key = worker === 'main' ? null : worker === 'self' ? ownKey : worker;
  return { ...rest, type: 'service', name: binding.name, service: key === null ? caseName : `${caseName}-${key}` };
}

const TYPE_BY_EXTENSION: Readonly<Record<string, CaseModuleType>> = {
  '.js': 'esm',
  '.mjs': 'esm',
  '.cjs': 'commonjs',
  '.txt': 'text',
  '.html': 'text',
  '.sql': 'text',
  '.md': 'text',
  '.css': 'text',
  '.bin': 'data',
  '.dat': 'data',
  '.wasm': 'wasm',
  '.json': 'json',
};

/** Every other file of a worker's folder is one of its modules. */
const NOT_MODULES: ReadonlySet<string> = new Set(['case.json', 'expected.json', 'workers', 'src']);

function listModules(root: string, types: Readonly<Record<string, CaseModuleType>>): CaseModule[] {
  const walk = (folder: string, prefix: string): CaseModule[] =>
    readdirSync(folder)
      .sort()
      .filter((entry) => prefix !== '' || !NOT_MODULES.has(entry))
      .flatMap((entry) => {
        const path = join(folder, entry);
        const name = prefix + entry;
        if (statSync(path).isDirectory()) return walk(path, `${name}/`);
        return [{ name, path, type: types[name] ?? TYPE_BY_EXTENSION[extname(entry)] ?? 'data' }];
      });
  return walk(root, '');
}

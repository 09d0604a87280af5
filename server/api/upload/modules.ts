/** From the parts of an upload to the modules of a version: names, types, and which one is the entry. */
import { UPLOAD_LIMITS } from '../../../shared/limits.ts';
import { type ModuleContent, type ModuleType, SOURCE_MAP_PREFIX, type WorkerFormat } from '../../../shared/worker.ts';
import { type CloudflareProblem, cloudflareProblem } from '../../../shared/cloudflare-errors.ts';
import { ApiError, throwProblems } from '../errors.ts';
import { METADATA_PART, SOURCE_MAP_TYPE, type UploadPart } from './multipart.ts';

/** Cloudflare's content types of modules. JavaScript without `+module` depends on the format of the Worker. */
const MODULE_TYPES: ReadonlyMap<string, ModuleType> = new Map([
  ['application/javascript+module', 'esm'],
  ['text/javascript+module', 'esm'],
  ['application/javascript', 'commonjs'],
  ['text/javascript', 'commonjs'],
  ['text/plain', 'text'],
  ['application/octet-stream', 'data'],
  ['application/json', 'json'],
  ['application/wasm', 'wasm'],
]);

export interface UploadedModules {
  readonly format: WorkerFormat;
  readonly mainModule: string;
  /** Main module first, then as sent; source maps last, under `sourcemap:` names that no import can reach. */
  readonly modules: readonly ModuleContent[];
}

/**
 * Checks and normalises. In a service-worker upload the script counts as `commonjs` (a classic script, not an ES module).
 * Throws one ApiError (10021, 10162) with all problems.
 */
export function collectModules(
  parts: readonly UploadPart[],
  entry: { readonly format: WorkerFormat; readonly part: string },
): UploadedModules {
  const problems: CloudflareProblem[] = [];
  const modules = new Map<string, ModuleContent>();
  const namesByPart = new Map<string, string>();
  for (const part of parts) {
    if (part.name === METADATA_PART) continue;
    const module = toModule(part, entry.format, problems);
    if (module === undefined) continue;
    if (modules.has(module.name)) problems.push(invalid(`Module '${module.name}' was uploaded twice.`));
    modules.set(module.name, module);
    namesByPart.set(part.name, module.name);
  }
  const count = modules.size;
  if (count > UPLOAD_LIMITS.maxModules * 2) {
    problems.push(invalid(`The Worker has ${count} modules; ${UPLOAD_LIMITS.maxModules} are allowed.`));
  }
  throwProblems(problems);
  const main = findEntry(entry, modules, namesByPart);
  return {
    format: entry.format,
    mainModule: main.name,
    modules: [main, ...[...modules.values()].filter((module) => module !== main)],
  };
}

function toModule(part: UploadPart, format: WorkerFormat, problems: CloudflareProblem[]): ModuleContent | undefined {
  // Modules are imported by file name: wrangler names part and file alike, the official SDK sends every file under one
  // field name. In service-worker format nothing is imported; bindings point at parts, whose files have other names.
  const sentName = format === 'modules' ? (part.filename ?? part.name) : part.name;
  const name = normaliseModuleName(sentName);
  if (!name.ok) {
    problems.push(invalid(`Module name ${quote(sentName)} is not allowed: ${name.reason}.`));
    return undefined;
  }
  const { content, hash } = part;
  if (part.contentType === SOURCE_MAP_TYPE) {
    return { name: `${SOURCE_MAP_PREFIX}${name.value}`, type: 'text', hash, sizeBytes: content.byteLength, content };
  }
  const type = MODULE_TYPES.get(part.contentType);
  if (type === undefined) {
    const python = part.contentType.startsWith('text/x-python') ? ' (Python Workers)' : '';
    problems.push(
      cloudflareProblem('unsupportedModuleType', { name: name.value, type: `${part.contentType}${python}` }),
    );
    return undefined;
  }
  return { name: name.value, type, hash, sizeBytes: content.byteLength, content };
}

type Normalised = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly reason: string };

/**
 * `./sub/a.mjs` and `sub/a.mjs` are one module (wrangler sends both forms). What could leave the root, shadow a built-in
 * (`node:fs`, `cloudflare:workers`) or differ between systems is refused.
 */
export function normaliseModuleName(sent: string): Normalised {
  const value = sent.replace(/^(?:\.\/)+/, '');
  const refuse = (reason: string): Normalised => ({ ok: false, reason });
  if (value === '') return refuse('it is empty');
  if (Buffer.byteLength(value) > UPLOAD_LIMITS.maxModuleNameBytes) {
    return refuse(`it is longer than ${UPLOAD_LIMITS.maxModuleNameBytes} bytes`);
  }
  if (/[\u0000-\u001f\u007f]/.test(value)) return refuse('it holds control characters');
  if (value.includes('\\')) return refuse('it holds a backslash; folders are separated by /');
  if (value.startsWith('/')) return refuse('it starts with /; names are relative to the main module');
  if (/^[a-z][a-z0-9+.-]*:/i.test(value)) return refuse('it looks like a URL or a built-in module');
  const segments = value.split('/');
  if (segments.includes('..')) return refuse("it holds '..'");
  if (segments.includes('.') || segments.includes('')) return refuse("it holds an empty folder name or '.'");
  return { ok: true, value };
}

function findEntry(
  entry: { readonly format: WorkerFormat; readonly part: string },
  modules: ReadonlyMap<string, ModuleContent>,
  namesByPart: ReadonlyMap<string, string>,
): ModuleContent {
  const field = entry.format === 'modules' ? 'main_module' : 'body_part';
  const normalised = normaliseModuleName(entry.part);
  const byName = normalised.ok ? modules.get(normalised.value) : undefined;
  const byPart = namesByPart.get(entry.part);
  const main = byName ?? (byPart === undefined ? undefined : modules.get(byPart));
  if (main === undefined) {
    const sent = [...modules.keys()].slice(0, 5).map(quote).join(', ');
    const reason = `No such module ${quote(entry.part)}: ${field} names no uploaded part (uploaded: ${sent || 'none'}).`;
    throw new ApiError([invalid(reason)]);
  }
  const wanted: ModuleType = entry.format === 'modules' ? 'esm' : 'commonjs';
  if (main.type !== wanted) {
    const should =
      wanted === 'esm' ? 'application/javascript+module (an ES module)' : 'application/javascript (a classic script)';
    throwProblems([invalid(`${field} ${quote(entry.part)} is of type '${main.type}'; it has to be ${should}.`)]);
  }
  return main;
}

function quote(text: string): string {
  return `'${text.slice(0, 100).replace(/[\u0000-\u001f\u007f]/g, '\uFFFD')}'`;
}

function invalid(reason: string): CloudflareProblem {
  return cloudflareProblem('validation', { reason });
}

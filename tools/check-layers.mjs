// Checks the walls between the folders: who may import whom, which npm packages and node: modules each folder may
// use, where process.env and SQL may stand, and that no files import one another in a ring. The table is layers.json.
//
//   node tools/check-layers.mjs [--root DIR]
//
// TypeScript checks that a name exists, not that the gateway may know it; this does.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findImports, findProcessEnv, tokenize } from './lib/tokens.mjs';

const SOURCE_FILE = /\.(ts|tsx|mts|mjs|js)$/;
const SQL =
  /\b(SELECT\s+[\w*("'$]|INSERT\s+INTO\b|UPDATE\s+[\w."]+\s+SET\b|DELETE\s+FROM\b|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|DATABASE|ROLE)\b)/;
const BUILTINS = new Set(builtinModules);

/**
 * @typedef {object} Layer
 * @property {string} path         folder (or file) from the project root; the longest match wins
 * @property {string[]} imports    folders or files it may import, besides itself
 * @property {string[]} [types]    folders or files of which it may import types only
 * @property {string[]} packages   npm packages it may import; "*" = any
 * @property {string[]} builtins   node: modules it may import; "*" = any that `restrictedBuiltins` does not name
 */

const inside = (file, place) => file === place || file.startsWith(`${place}/`);
const insideAny = (file, places) => places.some((place) => inside(file, place));
const list = (items) => (items.length === 0 ? 'nothing' : items.join(', '));

function readSources(root, folders) {
  const files = folders.flatMap((folder) => {
    try {
      return readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
    } catch (error) {
      if (error.code === 'ENOENT') return []; // A reserved folder nobody has filled yet.
      throw error;
    }
  });
  return files
    .filter(
      (entry) =>
        entry.isFile() &&
        SOURCE_FILE.test(entry.name) &&
        !/node_modules|conformance\/cases/.test(entry.parentPath ?? entry.path),
    )
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
    .map((file) => {
      const tokens = tokenize(readFileSync(join(root, file), 'utf8'));
      return { file, tokens, imports: findImports(tokens) };
    });
}

/** @returns {{ kind: 'file' | 'package' | 'builtin', name: string }} what a specifier in `file` stands for */
function resolveSpecifier(file, specifier) {
  if (specifier.startsWith('.')) return { kind: 'file', name: posix.normalize(posix.join(dirname(file), specifier)) };
  if (specifier.startsWith('node:')) return { kind: 'builtin', name: specifier };
  if (BUILTINS.has(specifier)) return { kind: 'builtin', name: `node:${specifier}` };
  const parts = specifier.split('/');
  return { kind: 'package', name: specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0] };
}

/** @param {Layer} layer */
function checkFileImport(layer, target, typeOnly) {
  const types = layer.types ?? [];
  if (inside(target, layer.path) || insideAny(target, layer.imports)) return undefined;
  if (typeOnly && insideAny(target, types)) return undefined;
  const hint = insideAny(target, types)
    ? 'only its types: write `import type`'
    : `${list(layer.imports)}; types only of: ${list(types)}`;
  return `${layer.path} must not import ${target}. Allowed: ${hint}.`;
}

/** @param {Layer} layer */
function checkBuiltin(layer, file, name, restricted) {
  const module = name.replace(/^(node:[^/]+)\/.*/, '$1');
  const places = restricted[module];
  if (places !== undefined && !insideAny(file, places)) {
    return `${name} is only for: ${list(places)}. Call a function of that folder instead.`;
  }
  if (layer.builtins.includes('*') || layer.builtins.includes(module)) return undefined;
  return `${layer.path} must not import ${name}. Allowed node: modules: ${list(layer.builtins)}.`;
}

/** @param {Layer} layer */
function checkPackage(layer, name) {
  if (layer.packages.includes('*') || layer.packages.includes(name)) return undefined;
  return `${layer.path} must not import the package ${name}. Allowed packages: ${list(layer.packages)}.`;
}

function checkImport(table, layer, file, { specifier, typeOnly }) {
  const target = resolveSpecifier(file, specifier);
  if (target.kind === 'file') return checkFileImport(layer, target.name, typeOnly);
  if (target.kind === 'builtin') return checkBuiltin(layer, file, target.name, table.restrictedBuiltins);
  return checkPackage(layer, target.name);
}

function checkText(table, { file, tokens }) {
  const problems = [];
  if (!insideAny(file, table.processEnv)) {
    for (const line of findProcessEnv(tokens)) {
      problems.push({
        file,
        line,
        text: `process.env is only for: ${list(table.processEnv)}. Take the value as a parameter.`,
      });
    }
  }
  if (insideAny(file, table.sql)) return problems;
  for (const token of tokens) {
    if ((token.type === 'template' || token.type === 'string') && SQL.test(token.value)) {
      problems.push({
        file,
        line: token.line,
        text: `SQL is only for: ${list(table.sql)}. Add a method to its Store.`,
      });
    }
  }
  return problems;
}

function checkSource(table, source) {
  const layer = table.layers
    .filter((candidate) => inside(source.file, candidate.path))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (layer === undefined) {
    return [{ file: source.file, line: 1, text: 'No layer covers this file. Add its folder to layers.json.' }];
  }
  const wrong = source.imports.map((entry) => ({
    file: source.file,
    line: entry.line,
    text: checkImport(table, layer, source.file, entry),
  }));
  const free = layer.unchecked === true;
  return [...wrong.filter((problem) => problem.text !== undefined), ...(free ? [] : checkText(table, source))];
}

/** Value imports between source files; type-only imports are erased and may cross. */
function importGraph(sources) {
  const known = new Set(sources.map((source) => source.file));
  return new Map(
    sources.map((source) => [
      source.file,
      source.imports
        .filter((entry) => !entry.typeOnly)
        .map((entry) => ({ line: entry.line, name: resolveSpecifier(source.file, entry.specifier).name }))
        .filter((target) => known.has(target.name)),
    ]),
  );
}

/** Depth-first search; each ring is reported once, at the import that closes it. */
function findRings(graph) {
  const done = new Set();
  const path = [];
  const problems = [];
  const visit = (file) => {
    path.push(file);
    for (const { name, line } of graph.get(file)) {
      const start = path.indexOf(name);
      if (start !== -1) {
        const ring = [...path.slice(start), name].join(' → ');
        problems.push({
          file,
          line,
          text: `Import ring: ${ring}. Move what both need into a third file, or import the type only.`,
        });
      } else if (!done.has(name)) visit(name);
    }
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) if (!done.has(file)) visit(file);
  return problems;
}

function main() {
  const rootFlag = process.argv.indexOf('--root');
  const root =
    rootFlag === -1 ? resolve(dirname(fileURLToPath(import.meta.url)), '..') : resolve(process.argv[rootFlag + 1]);
  const table = JSON.parse(readFileSync(join(root, 'layers.json'), 'utf8'));
  const sources = readSources(root, table.folders);
  if (sources.length === 0) {
    console.error(`check-layers: no source files under ${list(table.folders)} in ${root}; is --root right?`);
    process.exit(1);
  }
  const problems = [...sources.flatMap((source) => checkSource(table, source)), ...findRings(importGraph(sources))];
  for (const { file, line, text } of problems) console.error(`${file}:${line}: ${text}`);
  if (problems.length > 0) {
    console.error(
      `check-layers: ${problems.length} problem${problems.length === 1 ? '' : 's'} in ${sources.length} files. The table is layers.json.`,
    );
    process.exit(1);
  }
}

main();

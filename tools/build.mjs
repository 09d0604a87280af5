// Builds dist/ from the TypeScript sources. Runs before every `npm start`, so it does nothing when nothing changed.
//
//   node tools/build.mjs                  build, or return at once when dist/ is up to date
//   node tools/build.mjs --force          build in any case
//   node tools/build.mjs --allow-missing  leave out entry points that do not exist yet (with a notice)
//
// Output: dist/server/main.js, dist/server/doctor.js, dist/server/backup.js, dist/server/watchdog-thread.js,
// dist/server/spawner.js, dist/server/source-map-thread.js (+ chunks), dist/server/migrations/*.sql,
// dist/cell/harness.js, dist/cell/extras.bin. Files are written beside their place and renamed, so a server that starts while a build
// runs (tests do that) sees the old file or the new one, never half of one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.stamp');
const MIGRATIONS = 'server/storage/migrations';

/** Everything whose change makes dist/ stale. Paths from the project root; folders are read recursively. */
const INPUTS = ['server', 'shared', 'cell', 'tools/build.mjs', 'package-lock.json', 'tsconfig.base.json'];

const SERVER_ENTRIES = [
  { in: 'server/main.ts', out: 'server/main' },
  { in: 'server/doctor.ts', out: 'server/doctor' },
  { in: 'server/backup.ts', out: 'server/backup' },
  { in: 'server/supervisor/watchdog-thread.ts', out: 'server/watchdog-thread' },
  { in: 'server/supervisor/spawner-process.ts', out: 'server/spawner' },
  { in: 'server/source-map-thread.ts', out: 'server/source-map-thread' },
];
/** What Deno starts, and the script it runs: see cell/boot.ts. */
const BOOT_ENTRY = { in: 'cell/boot.ts', out: 'cell/harness' };
const HARNESS_ENTRY = { in: 'cell/main.ts', out: 'harness' };

/** Bundles that share chunks; npm packages stay imports because node_modules is there at run time. */
const SERVER_OPTIONS = {
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  // Chunks lie beside main.js, so `new URL('./migrations/', import.meta.url)` means the same in every one of them.
  chunkNames: 'server/chunk-[hash]',
};

/** One plain file: the cell's sandbox has no file system to import a second one from. */
const BOOT_OPTIONS = {
  bundle: true,
  splitting: false,
  format: 'esm',
  platform: 'neutral',
  target: 'esnext',
  external: ['node:*'],
  sourcemap: false,
  legalComments: 'none',
};

/** Not minified: the code cache spares the engine the reading, and people read its stack traces. */
const HARNESS_OPTIONS = { ...BOOT_OPTIONS, format: 'cjs' };

const EXTRAS = 'cell/extras';

/** A script for `cell/extras.ts` to run: what it uses of the harness stays a `require`, so that there is one copy of it, and its `.wasm` files lie beside it. */
const extraOptions = (name, assets) => ({
  bundle: true,
  format: 'cjs',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'esnext',
  external: ['node:*'],
  // Parsed at a worker's first use: every byte counts there.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: false,
  legalComments: 'none',
  plugins: [harnessStaysOutside(), assetsByName(name, assets)],
});

const harnessStaysOutside = () => ({
  name: 'harness-stays-outside',
  setup(builder) {
    builder.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const target = relative(ROOT, join(resolveDir, path));
      if (!target.startsWith('cell/') || target.startsWith(`${EXTRAS}/`)) return undefined;
      return { path: target.replace(/\.ts$/, ''), external: true };
    });
  },
});

const assetsByName = (name, assets) => ({
  name: 'assets-by-name',
  setup(builder) {
    builder.onLoad({ filter: /\.wasm$/ }, ({ path }) => {
      const asset = `${name}/${basename(path)}`;
      assets.set(asset, readFileSync(path));
      return { contents: `export default ${JSON.stringify(asset)};` };
    });
  },
});

/** The two files that a cell is started from. */
async function cellFiles(esbuild) {
  const [[boot], [harness]] = await Promise.all([
    bundle(esbuild, [BOOT_ENTRY], BOOT_OPTIONS),
    bundle(esbuild, [HARNESS_ENTRY], HARNESS_OPTIONS),
  ]);
  return [boot, await extrasFile(esbuild, harness.contents, boot.contents)];
}

/** The harness, its code cache and all of `cell/extras/` in one file; the format is described in `cell/boot.ts`. */
async function extrasFile(esbuild, harness, boot) {
  const folders = existsSync(join(ROOT, EXTRAS)) ? readdirSync(join(ROOT, EXTRAS)).sort() : [];
  const contents = new Map([['harness.js', harness]]);
  for (const name of folders) {
    const entry = { in: `${EXTRAS}/${name}/index.ts`, out: name };
    for (const file of await bundle(esbuild, [entry], extraOptions(name, contents))) {
      contents.set(`${name}.js`, file.contents);
    }
  }
  const cache = makeCodeCache(boot, packExtras(contents));
  if (cache !== null) contents.set('harness.cache', cache);
  return { path: 'cell/extras.bin', contents: packExtras(contents) };
}

/** Flags that make a difference to the engine's code must be those of cells (`server/supervisor/spawn.ts`), or it takes no notice of the cache. */
const ENGINE_FLAGS = [
  '--no-prompt',
  '--no-remote',
  '--no-npm',
  '--no-config',
  '--no-lock',
  '--cached-only',
  '--no-code-cache',
  '--unsafe-proto',
  '--unstable-no-legacy-abort',
  '--v8-flags=--max-heap-size=128,--disallow-code-generation-from-strings',
];

/** What the engine has compiled of the harness once it is set up. Null where there is no Deno to ask: cells then compile it themselves. */
function makeCodeCache(boot, extras) {
  let deno;
  try {
    deno = join(dirname(createRequire(import.meta.url).resolve('@deno/linux-x64-glibc/package.json')), 'deno');
  } catch {
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), 'skep-build-'));
  try {
    writeFileSync(join(folder, 'boot.js'), boot);
    writeFileSync(join(folder, 'extras.bin'), extras);
    const args = ['run', ...ENGINE_FLAGS, `--allow-read=${folder}`, join(folder, 'boot.js'), 'make-code-cache'];
    const env = { DENO_DIR: join(folder, 'deno'), NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' };
    const made = spawnSync(deno, [...args, join(folder, 'extras.bin')], { env, maxBuffer: 64 * 1024 * 1024 });
    if (made.status === 0 && made.stdout.length > 0) return made.stdout;
    console.error(`build: no code cache of the harness, cells start slower: ${made.error?.message ?? made.stderr}`);
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function packExtras(contents) {
  const index = {};
  let offset = 0;
  for (const [name, bytes] of contents) {
    index[name] = [offset, bytes.length];
    offset += bytes.length;
  }
  const head = Buffer.from(JSON.stringify(index));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...contents.values()]);
}

/** @returns {string[]} every file under `path` (or `path` itself), relative to the root, in a stable order */
function listFiles(path) {
  const absolute = join(ROOT, path);
  if (!existsSync(absolute)) return [];
  if (!statSync(absolute).isDirectory()) return [path];
  return readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Path, size and modification time of every input: a few milliseconds, where reading the contents would be more. */
function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const { size, mtimeMs } = statSync(join(ROOT, path));
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** The stamp names the outputs too, so that a dist/ somebody deleted half of is rebuilt. */
function isFresh(print) {
  if (!existsSync(STAMP)) return false;
  const [stamped, ...outputs] = readFileSync(STAMP, 'utf8').trimEnd().split('\n');
  return stamped === print && outputs.every((path) => existsSync(join(DIST, path)));
}

function writeAtomically(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}

/** @returns {{ in: string, out: string }[]} the entries that exist; ends the process when one is missing */
function existingEntries(entries, allowMissing) {
  const missing = entries.filter((entry) => !existsSync(join(ROOT, entry.in)));
  if (missing.length > 0 && !allowMissing) {
    const names = missing.map((entry) => entry.in).join(', ');
    console.error(`build: entry point missing: ${names}. Restore it, or pass --allow-missing to build the rest.`);
    process.exit(1);
  }
  for (const entry of missing) console.error(`build: ${entry.in} does not exist yet, left out`);
  return entries.filter((entry) => !missing.includes(entry));
}

async function bundle(esbuild, entryPoints, options) {
  if (entryPoints.length === 0) return [];
  const result = await esbuild.build({
    ...options,
    entryPoints,
    absWorkingDir: ROOT,
    outdir: 'dist',
    write: false,
    charset: 'utf8',
    logLevel: 'warning',
  });
  return result.outputFiles.map((file) => ({ path: relative(DIST, file.path), contents: file.contents }));
}

function migrationFiles() {
  return listFiles(MIGRATIONS)
    .filter((path) => path.endsWith('.sql'))
    .map((path) => ({
      path: join('server/migrations', relative(MIGRATIONS, path)),
      contents: readFileSync(join(ROOT, path)),
    }));
}

/** Old chunks are removed only after the new files are in place. Stray .tmp files belong to a build that runs now. */
function removeStale(written) {
  for (const path of listFiles('dist').map((file) => relative('dist', file))) {
    if (path !== '.stamp' && !written.includes(path) && !path.endsWith('.tmp'))
      rmSync(join(DIST, path), { force: true });
  }
}

async function build(print, allowMissing) {
  const serverEntries = existingEntries(SERVER_ENTRIES, allowMissing);
  const cellEntries = existingEntries([BOOT_ENTRY, HARNESS_ENTRY], allowMissing);
  const esbuild = await import('esbuild');
  const bundles = await Promise.all([
    bundle(esbuild, serverEntries, SERVER_OPTIONS),
    cellEntries.length === 2 ? cellFiles(esbuild) : [],
  ]);
  const outputs = [...bundles.flat(), ...migrationFiles()];
  for (const { path, contents } of outputs) writeAtomically(join(DIST, path), contents);
  const paths = outputs.map((output) => output.path);
  removeStale(paths);
  // Last, so that a build that was cut off is never taken for a finished one.
  writeAtomically(STAMP, `${[print, ...paths].join('\n')}\n`);
}

const args = process.argv.slice(2);
const unknown = args.filter((arg) => arg !== '--force' && arg !== '--allow-missing');
if (unknown.length > 0) {
  console.error(`build: unknown argument ${unknown[0]}; allowed are --force and --allow-missing`);
  process.exit(1);
}
const print = fingerprint(INPUTS.flatMap(listFiles));
if (args.includes('--force') || !isFresh(print)) {
  try {
    await build(print, args.includes('--allow-missing'));
  } catch (error) {
    // esbuild has printed its own messages with file and line; anything else must be shown.
    if (!Array.isArray(error.errors)) console.error(error);
    process.exit(1);
  }
}

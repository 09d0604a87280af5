import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isSourceMap } from '../../shared/worker.ts';
import { collectModules, normaliseModuleName, type UploadedModules } from '../../server/api/upload/modules.ts';
import type { UploadPart } from '../../server/api/upload/multipart.ts';
import { ESM } from '../support/multipart.ts';
import { refusals } from '../support/refusals.ts';

function part(name: string, contentType = ESM, text = 'x', filename: string | undefined = name): UploadPart {
  const content = Buffer.from(text);
  return { name, filename, contentType, content, hash: createHash('sha256').update(content).digest('hex') };
}

function collect(parts: UploadPart[], main = 'index.js'): UploadedModules {
  return collectModules(parts, { format: 'modules', part: main });
}

test('module names lose a leading ./ and keep their folders', () => {
  for (const [sent, name] of [
    ['./a.txt', 'a.txt'],
    ['././a.txt', 'a.txt'],
    ['sub/dir/a.mjs', 'sub/dir/a.mjs'],
    ['weird name (1).js', 'weird name (1).js'],
    ['.hidden', '.hidden'],
    ['..a/b..c', '..a/b..c'],
    ['ü.js', 'ü.js'],
  ] as const) {
    assert.deepEqual(normaliseModuleName(sent), { ok: true, value: name });
  }
});

test('module names that leave the root, shadow built-ins or garble terminals are refused with the reason', () => {
  for (const [sent, reason] of [
    ['', /empty/],
    ['./', /empty/],
    ['../a.js', /'\.\.'/],
    ['a/../../b.js', /'\.\.'/],
    ['./../a.js', /'\.\.'/],
    ['/etc/passwd', /starts with \//],
    ['.//etc/passwd', /starts with \//],
    ['a\\b.js', /backslash/],
    ['a\0b.js', /control/],
    ['a\nb.js', /control/],
    ['a//b.js', /empty folder/],
    ['a/./b.js', /'\.'/],
    ['a/', /empty folder/],
    ['node:fs', /built-in/],
    ['cloudflare:workers', /built-in/],
    ['sourcemap:index.js', /built-in/],
    ['https://x/y.js', /built-in/],
    ['x'.repeat(513), /longer than 512/],
  ] as const) {
    const result = normaliseModuleName(sent);
    assert.ok(!result.ok, JSON.stringify(sent));
    assert.match(result.reason, reason);
  }
});

test('every content type of wrangler becomes its module type, the main module comes first', () => {
  const { modules, mainModule } = collect([
    part('./1-a.txt', 'text/plain'),
    part('b.bin', 'application/octet-stream'),
    part('c.json', 'application/json'),
    part('d.wasm', 'application/wasm'),
    part('e.cjs', 'application/javascript'),
    part('metadata', 'text/plain', '{}', undefined),
    part('index.js'),
  ]);
  assert.equal(mainModule, 'index.js');
  assert.deepEqual(
    modules.map(({ name, type }) => `${name} ${type}`),
    ['index.js esm', '1-a.txt text', 'b.bin data', 'c.json json', 'd.wasm wasm', 'e.cjs commonjs'],
  );
});

test('a source map is kept under a name that no import can reach', () => {
  const { modules } = collect([part('index.js'), part('index.js.map', 'application/source-map', '{}')]);
  assert.deepEqual(
    modules.map((module) => [module.name, module.type, isSourceMap(module)]),
    [
      ['index.js', 'esm', false],
      ['sourcemap:index.js.map', 'text', true],
    ],
  );
});

test('./x and x are the same module: both in one upload are refused', () => {
  assert.deepEqual(
    refusals(() => collect([part('index.js'), part('./a.js'), part('a.js')])),
    ["10021 Module 'a.js' was uploaded twice."],
  );
});

test('the entry may be named with or without ./, by part name or by file name', () => {
  assert.equal(collect([part('./index.js')], 'index.js').mainModule, 'index.js');
  assert.equal(collect([part('index.js')], './index.js').mainModule, 'index.js');
  assert.equal(collect([part('files', ESM, 'x', 'worker.mjs')], 'worker.mjs').mainModule, 'worker.mjs');
  assert.equal(collect([part('script', ESM, 'x', 'worker.mjs')], 'script').mainModule, 'worker.mjs');
});

test('a missing entry is "No such module" with what was uploaded', () => {
  const [message] = refusals(() => collect([part('index.js')], 'main.js'));
  assert.match(
    message ?? '',
    /^10021 No such module 'main\.js': main_module names no uploaded part \(uploaded: 'index\.js'\)/,
  );
  assert.match(refusals(() => collect([], 'main.js'))[0] ?? '', /uploaded: none/);
});

test('the entry has to be of the kind that its format needs', () => {
  const classic = part('index.js', 'application/javascript');
  assert.match(
    refusals(() => collect([classic]))[0] ?? '',
    /of type 'commonjs'; it has to be application\/javascript\+module/,
  );
  const worker = collectModules([classic], { format: 'service-worker', part: 'index.js' });
  assert.deepEqual([worker.format, worker.modules[0]?.type], ['service-worker', 'commonjs']);
  assert.match(
    refusals(() => collectModules([part('index.js')], { format: 'service-worker', part: 'index.js' }))[0] ?? '',
    /body_part 'index\.js' is of type 'esm'/,
  );
});

test('unsupported content types are refused by name, all of them in one answer', () => {
  const messages = refusals(() =>
    collect([part('index.js'), part('a.py', 'text/x-python'), part('b.xyz', 'application/x-xyz'), part('../c.js')]),
  );
  assert.equal(messages.length, 3);
  assert.match(
    messages[0] ?? '',
    /^10162 Module 'a\.py' has an unsupported content type 'text\/x-python \(Python Workers\)'/,
  );
  assert.match(messages[1] ?? '', /^10162 .*'application\/x-xyz'/);
  assert.match(messages[2] ?? '', /^10021 Module name '\.\.\/c\.js' is not allowed/);
});

test('in service-worker format parts keep their part names, whatever the file was called', () => {
  const parts = [
    part('worker.js', 'application/javascript'),
    part('TXT', 'text/plain', 'x', './files/a.txt'),
    part('OTHER', 'text/plain', 'y', './files/a.txt'),
  ];
  const { modules } = collectModules(parts, { format: 'service-worker', part: 'worker.js' });
  assert.deepEqual(
    modules.map(({ name }) => name),
    ['worker.js', 'TXT', 'OTHER'],
  );
});

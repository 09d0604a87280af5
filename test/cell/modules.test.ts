/** What a version may be made of, and what its top level may do: real cells. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2 });
});
after(() => cells.close());

const MAIN = 'export default { fetch: () => new Response("ok") };';

/** (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)) */
const ADD_WASM = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1,
  7, 0, 32, 0, 32, 1, 106, 11,
]);

test('ES modules import one another by relative path, by uploaded name and dynamically', async () => {
  cells.deploy({
    name: 'graph',
    modules: {
      'index.js': `
        import { a } from './lib/a.js';
        import { b } from 'lib/b.js';
        export default { async fetch() {
          const { late } = await import('./late.js');
          return Response.json({ a, b, late, meta: import.meta.url });
        } };`,
      'lib/a.js': `import { b } from './b.js'; export const a = 'a+' + b;`,
      'lib/b.js': `export const b = 'b';`,
      'late.js': `export const late = 'late';`,
    },
  });
  const { a, b, late } = await cells.json('graph');
  assert.deepEqual({ a, b, late }, { a: 'a+b', b: 'b', late: 'late' });
});

test('text, data, JSON, WebAssembly and CommonJS modules arrive as the values Workers gives them', async () => {
  cells.deploy({
    name: 'types',
    modules: {
      'index.js': `
        import text from './note.txt';
        import data from './bytes.bin';
        import json from './value.json';
        import wasm from './add.wasm';
        import common from './common.cjs';
        export default { async fetch() {
          const instance = await WebAssembly.instantiate(wasm, {});
          return Response.json({
            text, json,
            data: data instanceof ArrayBuffer && [...new Uint8Array(data)],
            wasm: wasm instanceof WebAssembly.Module && instance.exports.add(40, 2),
            common,
          });
        } };`,
      'note.txt': 'Grüße',
      'bytes.bin': Uint8Array.from([0, 255, 7]),
      'value.json': '{"deep":{"n":1}}',
      'add.wasm': ADD_WASM,
      'common.cjs': `const other = require('./other.cjs'); module.exports = { other: other.name, text: require('./note.txt') };`,
      'other.cjs': `exports.name = 'other';`,
    },
  });
  assert.deepEqual(await cells.json('types'), {
    text: 'Grüße',
    json: { deep: { n: 1 } },
    data: [0, 255, 7],
    wasm: 42,
    common: { other: 'other', text: 'Grüße' },
  });
});

test('a service-worker script answers through addEventListener, with its bindings as globals', async () => {
  cells.deploy({
    name: 'classic',
    format: 'service-worker',
    modules: {
      'index.js': `
        addEventListener('fetch', (event) => {
          event.waitUntil(Promise.resolve());
          event.respondWith(new Response(GREETING + ' ' + NOTE + ' ' + new URL(event.request.url).pathname + ' ' + (this === globalThis)));
        });`,
      'note.txt': 'blob text',
    },
    bindings: [
      { type: 'plain_text', name: 'GREETING', text: 'hello' },
      { type: 'text_blob', name: 'NOTE', part: 'note.txt' },
    ],
  });
  assert.equal((await cells.fetch('classic', '/path')).body, 'hello blob text /path true');
});

test('a service-worker script whose listener answers nothing fails the request', async () => {
  cells.deploy({
    name: 'silent',
    format: 'service-worker',
    modules: { 'index.js': `addEventListener('fetch', () => {});` },
  });
  const { failure } = await cells.fetch('silent');
  assert.equal(failure?.kind, 'exception');
  assert.match(failure?.reason ?? '', /No event handler responded/);
});

test('a class with fetch() as default export gets ctx and env in its constructor', async () => {
  cells.deploy({
    name: 'class',
    modules: {
      'index.js': `
        import { WorkerEntrypoint } from 'cloudflare:workers';
        export default class extends WorkerEntrypoint {
          constructor(ctx, env) { super(ctx, env); }
          async fetch(request) { return Response.json({ word: this.env.WORD, wait: typeof this.ctx.waitUntil, method: request.method }); }
        }`,
    },
    bindings: [{ type: 'plain_text', name: 'WORD', text: 'w' }],
  });
  assert.deepEqual(await cells.json('class', { method: 'PUT' }), { word: 'w', wait: 'function', method: 'PUT' });
});

test('the start-up run tells the handlers and the entrypoint classes of a version', async () => {
  const result = await cells.check({
    name: 'handlers',
    modules: { 'index.js': `export class Named {} export default { fetch() {}, scheduled() {}, other() {} };` },
  });
  assert.equal(result.ok, true);
  assert.deepEqual(result.ok && result.handlers, ['fetch', 'scheduled']);
  assert.deepEqual(result.ok && result.entrypoints, ['Named']);
});

test('env holds every kind of value, also under names that objects treat specially', async () => {
  cells.deploy({
    name: 'env',
    modules: {
      'index.js': `
        export default { fetch(request, env) {
          return Response.json({
            keys: Object.keys(env).sort(),
            proto: env['__proto__'],
            own: Object.hasOwn(env, '__proto__'),
            list: env.LIST,
            secret: env.SECRET,
            constructor: env.constructor,
            version: env.VERSION,
          });
        } };`,
    },
    bindings: [
      { type: 'plain_text', name: '__proto__', text: 'polluted?' },
      { type: 'plain_text', name: 'constructor', text: 'mine' },
      { type: 'json', name: 'LIST', json: [1, { two: null }] },
      { type: 'secret_text', name: 'SECRET', text: 's3cret' },
      { type: 'version_metadata', name: 'VERSION' },
    ],
    annotations: { 'workers/tag': 'v1' },
  });
  const env = await cells.json('env');
  assert.deepEqual(env.keys, ['LIST', 'SECRET', 'VERSION', '__proto__', 'constructor']);
  assert.equal(env.proto, 'polluted?');
  assert.equal(env.own, true);
  assert.deepEqual(env.list, [1, { two: null }]);
  assert.equal(env.secret, 's3cret');
  assert.equal(env.constructor, 'mine');
  assert.deepEqual(env.version, { id: cells.versionOf('env').id, tag: 'v1', timestamp: '1970-01-01T00:00:00.000Z' });
});

test('an exception at the top level refuses the version with message, file and line', async () => {
  const result = await cells.check({
    name: 'throws',
    modules: {
      'index.js': `import './lib/broken.js';\n${MAIN}`,
      'lib/broken.js': `\n\n  throw new RangeError('no such fruit');`,
    },
  });
  assert.deepEqual({ ok: result.ok, kind: result.ok ? '' : result.kind }, { ok: false, kind: 'exception' });
  assert.match(result.ok ? '' : result.message, /RangeError: no such fruit\n {4}at lib\/broken\.js:3:9/);
  assert.doesNotMatch(result.ok ? '' : result.message, /harness|ext:|cell:/);
});

test('a rejected top-level await refuses the version like an exception', async () => {
  const result = await cells.check({
    name: 'rejects',
    modules: { 'index.js': `await Promise.reject(new Error('later'));\n${MAIN}` },
  });
  assert.equal(result.ok ? '' : result.kind, 'exception');
  assert.match(result.ok ? '' : result.message, /Error: later/);
});

test('something thrown that is no Error refuses the version and is shown', async () => {
  const result = await cells.check({ name: 'string', modules: { 'index.js': `throw 'just text';\n${MAIN}` } });
  assert.equal(result.ok ? '' : result.kind, 'exception');
  assert.match(result.ok ? '' : result.message, /just text/);
});

test('a syntax error refuses the version with file and line', async () => {
  const result = await cells.check({
    name: 'syntax',
    modules: { 'index.js': `import './bad.js';\n${MAIN}`, 'bad.js': `const fine = 1;\nconst broken = ;\n` },
  });
  assert.equal(result.ok ? '' : result.kind, 'exception');
  assert.match(result.ok ? '' : result.message, /SyntaxError: .* at bad\.js:2:16/);
});

test('an import that leads nowhere refuses the version and names both modules', async () => {
  // As in workerd, the message has the specifier as a path from the importing module.
  const specifiers = {
    './gone.js': 'lib/gone.js',
    'left-pad': 'lib/left-pad',
    '../../etc/passwd': 'etc/passwd',
    'https://example.com/x.js': 'lib/https:/example.com/x.js',
    'node:nothing': 'node:nothing',
    'npm:lodash': 'lib/npm:lodash',
  };
  for (const [specifier, named] of Object.entries(specifiers)) {
    const result = await cells.check({
      name: 'unresolved',
      modules: { 'index.js': `import './lib/a.js';\n${MAIN}`, 'lib/a.js': `import '${specifier}';` },
    });
    assert.equal(result.ok ? 'started' : result.kind, 'exception', specifier);
    assert.ok(!result.ok && result.message.includes(`No such module "${named}"`), result.ok ? '' : result.message);
    assert.ok(!result.ok && result.message.includes('imported from "lib/a.js"'), result.ok ? '' : result.message);
  }
});

test('a top-level await that never settles refuses the version at once', async () => {
  const result = await cells.check({ name: 'hangs', modules: { 'index.js': `await new Promise(() => {});\n${MAIN}` } });
  assert.equal(result.ok ? '' : result.kind, 'exception');
  assert.match(result.ok ? '' : result.message, /Top-level await in module is unsettled\./);
});

test('I/O, timers and fetch at the top level are refused in Cloudflare’s words', async () => {
  for (const source of [`await fetch('http://example.com/');`, `setTimeout(() => {}, 1);`]) {
    const result = await cells.check({ name: 'io', modules: { 'index.js': `${source}\n${MAIN}` } });
    assert.match(result.ok ? 'started' : result.message, /Disallowed operation called within global scope/, source);
  }
});

test('the clock reads zero at the top level', async () => {
  cells.deploy({
    name: 'epoch',
    modules: {
      'index.js': `const at = [Date.now(), new Date().getTime(), performance.now()]; export default { fetch: () => Response.json(at) };`,
    },
  });
  assert.deepEqual(await cells.json('epoch'), [0, 0, 0]);
});

test('a version without a fetch handler starts, and a request to it is an exception', async () => {
  const spec = { name: 'no-fetch', modules: { 'index.js': 'export default { scheduled() {} };' } };
  const result = await cells.check(spec);
  assert.deepEqual(result.ok && result.handlers, ['scheduled']);
  cells.deploy(spec);
  const { failure } = await cells.fetch('no-fetch');
  assert.equal(failure?.kind, 'exception');
  assert.match(failure?.reason ?? '', /does not export a fetch\(\) function/);
});

test('a large version (8 MB in 200 modules) loads whole', async () => {
  const modules: Record<string, string | Uint8Array> = { 'index.js': '' };
  let imports = '';
  for (let index = 0; index < 199; index++) {
    modules[`part${index}.js`] = `export default ${index};`;
    imports += `import p${index} from './part${index}.js'; total += p${index};\n`;
  }
  const big = new Uint8Array(8_000_000).fill(7);
  modules['big.bin'] = big;
  modules['index.js'] = `import big from './big.bin'; let total = 0; ${imports}
    const bytes = new Uint8Array(big);
    export default { fetch: () => Response.json({ total, length: bytes.length, first: bytes[0], last: bytes.at(-1) }) };`;
  cells.deploy({ name: 'large', modules });
  assert.deepEqual(await cells.json('large'), { total: (198 * 199) / 2, length: 8_000_000, first: 7, last: 7 });
});

/** With the first letter as an escape. */
const escaped = (name: string, spell: (hex: string) => string): string =>
  spell(name.charCodeAt(0).toString(16)) + name.slice(1);

test('no built-in module of the engine can be imported, by any spelling of an import', async () => {
  // Deno ignores a resolve hook that throws when a static import names a built-in: each spelling takes another way through it.
  const spellings = [
    (name: string) => `import '${name}';`,
    (name: string) => `import * as all from '${name}'; globalThis.got = all;`,
    (name: string) => `export * from '${name}';`,
    (name: string) => `await import('${name}');`,
    (name: string) => `const name = '${name}'; await import(name);`,
    // As no reader expects it: escapes, strange white space, and slashes that only a parser can tell apart.
    (name: string) => `import '${escaped(name, (hex) => `\\u00${hex}`)}';`,
    (name: string) => `import '${escaped(name, (hex) => `\\u{000${hex}}`)}';`,
    (name: string) => `import '${escaped(name, (hex) => `\\x${hex}`)}';`,
    (name: string) => `import 'no\\\nde:${name.replace('node:', '')}';`,
    (name: string) => `import 'no\\\r\n\\de:${name.replace('node:', '')}';`,
    (name: string) => `import * as all from\u00a0'${name}';`,
    (name: string) => `import\ufeff'${name}';`,
    (name: string) => `// line\u2028import '${name}';`,
    (name: string) => `#!\`\nimport '${name}';//\``,
    (name: string) => `if (0) /"/.test(''); import '${name}';`,
    (name: string) => `if (0) /\`/.test(''); import '${name}';//\``,
    (name: string) => `{} /\`/.test(''); import '${name}';//\``,
    (name: string) => `let a = 0; a++ / 2; "/"; import '${name}';`,
    (name: string) => `const of = 1; of / 2; "/"; import '${name}';`,
    (name: string) => `({ return: 1 }).return / 2; "/"; import '${name}';`,
    (name: string) => `'\\\r\n"'; import '${name}';`,
  ];
  const names = [
    'node:fs',
    'node:module',
    'node:vm',
    'node:child_process',
    'node:async_hooks',
    // Deno has these loaded when the harness starts: then it asks no resolve hook.
    'node:url',
    'node:util',
    'node:worker_threads',
    'node:zlib',
    'fs',
    'ext:core/mod.js',
  ];
  // All in one version: one cell instead of forty.
  const modules: Record<string, string> = {};
  const expected: string[] = [];
  for (const name of names) {
    for (const [index, spell] of spellings.entries()) {
      const file = `try-${name.replaceAll(/\W/g, '-')}-${index}.js`;
      modules[file] = spell(name);
      expected.push(file);
    }
  }
  cells.deploy({
    name: 'doors',
    limits: { cpuMs: 1_000 },
    mainModule: 'index.js',
    modules: {
      ...modules,
      'index.js': `
        export default { async fetch() {
          const refused = [];
          for (const file of ${JSON.stringify(expected)}) {
            await import('./' + file).then(() => refused.push(file + ' WAS IMPORTED'), (error) => {
              refused.push(/No such module/.test(error.message) ? file : file + ': ' + error.message);
            });
          }
          return Response.json(refused);
        } };`,
    },
  });
  assert.deepEqual(await cells.json('doors'), expected);
});

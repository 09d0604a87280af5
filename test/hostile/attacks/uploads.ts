/** Uploads that try to leave their place: names that are paths, shapes that confuse, sizes that lie. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { ESM, MULTIPART_TYPE, multipartBody, type TestPart } from '../../support/multipart.ts';
import { namesBelow } from '../../support/names-below.ts';
import type { Arena, ClientAttacks } from '../arena.ts';

const CODE = `export default { fetch: () => new Response('fine') };`;
const MARK = 'owned-by-an-upload';
const metadata = (more: Record<string, unknown> = {}): TestPart => ({
  name: 'metadata',
  content: JSON.stringify({ main_module: 'index.js', compatibility_date: '2026-01-01', ...more }),
});
const main: TestPart = { name: 'index.js', content: CODE, type: ESM };

async function put(arena: Arena, parts: readonly TestPart[], path = '/workers/scripts/upload'): Promise<number> {
  const answer = await arena.skep.api('PUT', path, multipartBody(parts), { 'content-type': MULTIPART_TYPE });
  arena.assertNoSecretIn(answer.text, 'the answer to an upload');
  assert.ok(answer.status < 500, `${answer.status} ${answer.text.slice(0, 300)}`);
  assertNothingMade(arena);
  return answer.status;
}

/** No file of the attacker's name lies anywhere in or beside the data directory. */
function assertNothingMade(arena: Arena): void {
  const { dataDir, folder } = arena.aim;
  for (const root of [`${dataDir}/..`, folder, '/tmp', '/']) {
    const isDeep = root.startsWith(dataDir);
    const names = isDeep ? namesBelow(root) : readdirSync(root);
    assert.deepEqual(
      names.filter((name) => name.includes(MARK) && !name.includes('postgres/')),
      [],
    );
  }
}

const PATHS: Readonly<Record<string, string>> = {
  'a path upwards': `../../../../${MARK}.js`,
  'an absolute path': `/tmp/${MARK}.js`,
  'a path with backslashes': `..\\..\\${MARK}.js`,
  'a path in percent signs': `%2e%2e%2f%2e%2e%2f${MARK}.js`,
  'a path with full-width dots': `．．/．．/${MARK}.js`,
  'a NUL': `${MARK}.js\u0000.txt`,
  'a URL of a file': `file:///tmp/${MARK}.js`,
  'the name of a module of Node': 'node:fs',
  'the name of a module of Cloudflare': 'cloudflare:workers',
  'the name of the harness': 'skep:harness.js',
  'a URL of the cell': 'cell:/index.js',
  'a URL of a built-in module': 'builtin:/node:fs',
  'the name of a source map': 'sourcemap:index.js',
  'the name of a prototype': '__proto__',
  'ten thousand characters': 'a/'.repeat(5_000),
  'characters that turn the direction of writing': `\u202e${MARK}sj.`,
};

export const attacks: Record<string, ClientAttacks[string]> = {};

for (const [what, name] of Object.entries(PATHS)) {
  attacks[`a module named with ${what} lands nowhere but in its version`] = async (arena) => {
    const hostile = { name, content: `export const value = '${MARK}';`, type: ESM };
    await put(arena, [metadata(), main, hostile]);
    await put(arena, [metadata({ main_module: name }), hostile]);
    await put(arena, [metadata(), main, { ...hostile, name: 'b.js', filename: name }]);
  };
}

const NAMES = [
  '..',
  '.',
  '../neighbour',
  '..%2fneighbour',
  '%2e%2e',
  `..%5c${MARK}`,
  'a%00b',
  '__proto__',
  'constructor',
  'neighbour%20',
  'NEIGHBOUR',
  '-a',
  'a'.repeat(64),
  'ne\u0456ghbour',
  "a';DROP TABLE workers;--",
];
attacks['names of workers that are paths, other names or statements touch no other worker'] = async (arena) => {
  for (const name of NAMES) await put(arena, [metadata(), main], `/workers/scripts/${encodeURI(name)}`);
  for (const name of NAMES.slice(0, 8)) {
    const answer = await arena.skep.api('DELETE', `/workers/scripts/${encodeURI(name)}`);
    assert.ok(answer.status < 500, answer.text);
  }
};

const METADATA: Readonly<Record<string, unknown>> = {
  'settings of prototypes': JSON.parse('{"__proto__":{"main_module":"x"},"constructor":{"prototype":{}}}'),
  'limits below nothing': { limits: { cpu_ms: -1, subrequests: -1 } },
  'limits beyond everything': { limits: { cpu_ms: 1e308, subrequests: 2 ** 53 } },
  'limits that are text': { limits: { cpu_ms: '1e9' } },
  'a flag that nobody knows': { compatibility_flags: ['allow_everything', '../..', '\u0000'] },
  'a date that is none': { compatibility_date: '9999-99-99' },
  'a binding called like a global of the harness': {
    bindings: [
      { type: 'plain_text', name: '__proto__', text: 'x' },
      { type: 'plain_text', name: 'constructor', text: 'x' },
    ],
  },
  'a binding to files': { bindings: [{ type: 'text_blob', name: 'A', part: '/etc/passwd' }] },
  'a binding to the server’s own parts': { bindings: [{ type: 'service', name: 'A', service: '../../api' }] },
  'a binding of a type that is a prototype': { bindings: [{ type: '__proto__', name: 'A' }] },
  'a thousand bindings': {
    bindings: Array.from({ length: 1_000 }, (_, index) => ({ type: 'plain_text', name: `A${index}`, text: 'x' })),
  },
  'annotations that are large': { annotations: { 'workers/message': 'x'.repeat(100_000) } },
  'a body named instead of a module': { body_part: 'metadata' },
};
for (const [what, more] of Object.entries(METADATA)) {
  attacks[`metadata with ${what} is refused or harmless`] = async (arena) => {
    await put(arena, [metadata(more as Record<string, unknown>), main]);
  };
}

const STARTS: Readonly<Record<string, string>> = {
  'never ends': 'for (;;);',
  'takes all memory': 'const kept = []; for (;;) kept.push(new Array(1e6).fill(1));',
  'waits for ever': 'await new Promise(() => {});',
  'ends the process': "import process from 'node:process'; process.exit(0);",
  fetches: "await fetch('http://127.0.0.1/');",
  'overflows the stack': '(function dive() { dive(); })();',
  'throws what cannot be shown': 'throw new Proxy({}, { get() { throw 1; } });',
  'logs without end': "for (let turn = 0; turn < 1e6; turn++) console.log('x'.repeat(1000));",
  'is nested a hundred thousand deep': `export const a = ${'['.repeat(100_000)}${']'.repeat(100_000)};`,
};
for (const [what, code] of Object.entries(STARTS)) {
  attacks[`a top level that ${what} is refused, or fails alone`] = async (arena) => {
    const flags = { compatibility_flags: ['nodejs_compat'] };
    await put(arena, [metadata(flags), { ...main, content: `${code}\n${CODE}` }]);
  };
}

const raw = async (arena: Arena, body: Buffer, type: string, headers: Record<string, string> = {}): Promise<number> => {
  const answer = await arena.skep
    .api('PUT', '/workers/scripts/upload', body, { 'content-type': type, ...headers })
    .catch((error: Error) => ({ status: 0, text: error.message }));
  assert.ok(answer.status < 500, `${answer.status} ${answer.text.slice(0, 300)}`);
  return answer.status;
};

Object.assign(attacks, {
  'a gzip bomb as upload is not opened': async (arena) => {
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    const status = await raw(arena, bomb, MULTIPART_TYPE, { 'content-encoding': 'gzip' });
    assert.ok(status === 0 || status >= 400);
  },
  'a hundred thousand empty parts are refused early': async (arena) => {
    const part = '--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n\r\n';
    const status = await raw(arena, Buffer.from(`${part.repeat(100_000)}--x--\r\n`), 'multipart/form-data; boundary=x');
    assert.ok(status === 0 || (status >= 400 && status < 500));
  },
  'headers of a part without end are refused early': async (arena) => {
    const status = await raw(
      arena,
      Buffer.from(`--x\r\n${`X-A: ${'y'.repeat(1_000)}\r\n`.repeat(5_000)}`),
      'multipart/form-data; boundary=x',
    );
    assert.ok(status === 0 || (status >= 400 && status < 500));
  },
  'boundaries that are hostile are refused': async (arena) => {
    for (const boundary of ['', ' ', '"', '"a\\"b"', 'x'.repeat(10_000), '--', '(.*)+$'])
      await raw(arena, Buffer.from('--x\r\n\r\n--x--'), `multipart/form-data; boundary=${boundary}`);
  },
  'JSON nested without end is refused': async (arena) => {
    const status = await put(arena, [
      { name: 'metadata', content: `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}` },
      main,
    ]);
    assert.ok(status >= 400);
  },
  'a WebAssembly module that lies about its size is refused or fails alone': async (arena) => {
    const lie = Buffer.from([0, 97, 115, 109, 1, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0]);
    await put(arena, [
      metadata(),
      { ...main, content: `import m from './a.wasm'; ${CODE}` },
      { name: 'a.wasm', content: lie, type: 'application/wasm' },
    ]);
  },
  'no token, a wrong one, one in another place or another account’s number opens nothing': async (arena) => {
    const { skep } = arena;
    for (const authorization of [
      '',
      'Bearer',
      'Bearer x',
      `bearer  ${skep.token}x`,
      `Basic ${skep.token}`,
      'Bearer null',
      'Bearer undefined',
      'Bearer __proto__',
    ]) {
      const answer = await skep.api('GET', '/workers/scripts', undefined, { authorization });
      assert.ok(answer.status >= 400 && answer.status < 500, `${authorization}: ${answer.status}`);
    }
    for (const account of [
      '0'.repeat(32),
      '..',
      '%2e%2e',
      `${skep.accountId}%00`,
      `${skep.accountId}/../${'0'.repeat(32)}`,
    ]) {
      const response = await fetch(`${skep.apiUrl}/accounts/${account}/workers/scripts`, {
        headers: { authorization: `Bearer ${skep.token}` },
      });
      assert.ok(response.status >= 400 && response.status < 500, `${account}: ${response.status}`);
    }
  },
} satisfies ClientAttacks);

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { readMetadata, type UploadMetadata } from '../../server/api/upload/metadata.ts';
import type { UploadPart } from '../../server/api/upload/multipart.ts';
import { refusals } from '../support/refusals.ts';

const NOW = new Date('2026-11-22T12:00:00Z');
const MAX = { cpuMs: 100, subrequests: 50 };

function partOf(text: string | Uint8Array): UploadPart {
  return { name: 'metadata', filename: undefined, contentType: 'text/plain', content: Buffer.from(text), hash: '' };
}

function read(metadata: unknown): UploadMetadata {
  return readMetadata([partOf(JSON.stringify(metadata))], MAX, NOW);
}

test('what wrangler sends for a plain Worker is read; unknown keys are kept, transport keys are not', () => {
  const metadata = read({
    main_module: 'index.js',
    bindings: [],
    compatibility_date: '2023-07-24',
    compatibility_flags: ['nodejs_compat'],
    keep_bindings: ['secret_text', 'secret_key'],
    code_update_strategy: { mode: 'deferred', max_delay: 300 },
    observability: { enabled: true },
    placement: { mode: 'smart' },
    limits: { cpu_ms: 50, subrequests: 10 },
    annotations: { 'workers/message': 'first', 'workers/tag': null },
    something_new: { a: 1 },
    migrations: null,
    exports: {},
    containers: [],
  });
  assert.deepEqual(metadata, {
    entry: { format: 'modules', part: 'index.js' },
    bindings: [],
    keepBindingTypes: new Set(['secret_text', 'secret_key']),
    compatibilityDate: '2023-07-24',
    compatibilityFlags: ['nodejs_compat'],
    limits: { cpuMs: 50, subrequests: 10 },
    annotations: { 'workers/message': 'first' },
    settings: { observability: { enabled: true } },
    kept: { placement: { mode: 'smart' }, something_new: { a: 1 } },
  });
});

test("without a compatibility date a Worker behaves as of 2021-11-02, Cloudflare's default", () => {
  assert.equal(read({ body_part: 'script' }).compatibilityDate, '2021-11-02');
});

test('a compatibility date is a real day that is not in the future', () => {
  assert.equal(read({ main_module: 'a', compatibility_date: '2026-11-22' }).compatibilityDate, '2026-11-22');
  assert.deepEqual(
    refusals(() => read({ main_module: 'a', compatibility_date: '2026-11-23' })),
    ["10021 Can't set compatibility date in the future: 2026-11-23."],
  );
  for (const date of ['2023-02-30', '2023-13-01', '2023–06–28', 'yesterday', '', '2023-7-24', '02023-07-24']) {
    assert.match(
      refusals(() => read({ main_module: 'a', compatibility_date: date }))[0] ?? '',
      /^10021 Invalid compatibility date/,
      date,
    );
  }
});

test('metadata that is missing, doubled, no JSON or no object is refused and says which', () => {
  assert.match(refusals(() => readMetadata([], MAX, NOW))[0] ?? '', /^10026 .*no part named 'metadata'/);
  assert.match(
    refusals(() => readMetadata([partOf('{}'), partOf('{}')], MAX, NOW))[0] ?? '',
    /^10026 .*more than one part/,
  );
  assert.match(
    refusals(() => readMetadata([partOf('{"main_module":')], MAX, NOW))[0] ?? '',
    /^10026 .*metadata is not JSON/,
  );
  assert.match(
    refusals(() => readMetadata([partOf(Buffer.from([0xff, 0xfe]))], MAX, NOW))[0] ?? '',
    /^10026 .*not UTF-8/,
  );
  for (const value of [null, [], 'text', 7])
    assert.match(refusals(() => read(value))[0] ?? '', /^10021 Validation failed: metadata, its top level/);
});

test('a field of the wrong shape is named with its path', () => {
  const messages = refusals(() =>
    read({ main_module: 7, bindings: [{ type: 'json', name: 'A' }, { type: 4 }], compatibility_flags: 'x' }),
  );
  assert.equal(messages.length, 3);
  assert.match(messages.join('\n'), /field 'main_module'/);
  assert.match(messages.join('\n'), /field 'bindings\[1\]\.type'/);
  assert.match(messages.join('\n'), /field 'compatibility_flags'/);
});

test('an upload has exactly one entry', () => {
  assert.match(refusals(() => read({}))[0] ?? '', /neither main_module .* nor body_part/);
  assert.match(refusals(() => read({ main_module: 'a', body_part: 'b' }))[0] ?? '', /both main_module and body_part/);
});

test('features that would silently not work are refused by name, all in one answer', () => {
  const messages = refusals(() =>
    read({
      assets: { jwt: 'x' },
      migrations: { new_tag: 'v1', steps: [] },
      tail_consumers: [{ service: 'listener' }],
      exports: { Counter: { type: 'durable-object' } },
      containers: [{}],
    }),
  );
  assert.deepEqual(messages, [
    '7003 Durable Objects (`migrations`): not supported by this version of Skep yet.',
    '7003 Static assets (`assets`): not supported by this version of Skep yet.',
    '7003 Containers (`containers`): not supported by this version of Skep yet.',
    '7003 Tail Workers (`tail_consumers`): not supported by this version of Skep yet.',
    "7003 Export 'Counter' of type 'durable-object' (`exports`): not supported by this version of Skep yet.",
  ]);
});

test('limits are whole numbers up to the maximum of the platform', () => {
  assert.deepEqual(read({ main_module: 'a', limits: { cpu_ms: 100 } }).limits, { cpuMs: 100 });
  for (const value of [0, 101, 1.5, '50', -1]) {
    const [message] = refusals(() => read({ main_module: 'a', limits: { cpu_ms: value } }));
    assert.match(message ?? '', /^10021 .*limits\.cpu_ms is .*; this platform allows whole numbers from 1 to 100/);
  }
  assert.match(
    refusals(() => read({ main_module: 'a', limits: { memory_mb: 1 } }))[0] ?? '',
    /limits\.memory_mb is not a limit/,
  );
});

test('annotations are short texts under workers/', () => {
  const long = 'x'.repeat(UPLOAD_LIMITS.maxAnnotationBytes);
  assert.equal(
    read({ main_module: 'a', annotations: { 'workers/message': long } }).annotations['workers/message'],
    long,
  );
  const messages = refusals(() =>
    read({ main_module: 'a', annotations: { 'workers/message': `${long}x`, 'skep/author': 'me', 'workers/tag': 5 } }),
  );
  assert.deepEqual(
    messages.map((message) => /annotation '([^']+)'/.exec(message)?.[1]),
    ['workers/message', 'skep/author', 'workers/tag'],
  );
});

test('JSON that no database or stack could carry is refused: __proto__, half surrogates, deep nesting', () => {
  const raw = (text: string) => refusals(() => readMetadata([partOf(text)], MAX, NOW))[0] ?? '';
  assert.match(raw('{"main_module":"a","__proto__":{"polluted":true}}'), /'__proto__' in a key of its top level/);
  assert.match(
    raw('{"main_module":"a","bindings":[{"name":"\\ud800"}]}'),
    /half a surrogate pair in field 'bindings\[0\]\.name'/,
  );
  assert.match(raw(`{"main_module":"a","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /nested deeper than 64/);
});

test('a metadata part above its limit is refused', () => {
  const text = JSON.stringify({ main_module: 'a', pad: 'x'.repeat(UPLOAD_LIMITS.maxMetadataBytes) });
  assert.match(refusals(() => readMetadata([partOf(text)], MAX, NOW))[0] ?? '', /^10026 .*larger than 4 MiB/);
});

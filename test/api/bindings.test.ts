import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import type { Binding } from '../../shared/worker.ts';
import { type BindingInput, resolveBindings } from '../../server/api/upload/bindings.ts';

function resolve(input: Partial<BindingInput>) {
  const { bindings, problems } = resolveBindings({
    declared: [],
    keepTypes: new Set(),
    previous: [],
    format: 'modules',
    modules: [],
    ...input,
  });
  return { bindings, problems: problems.map(({ code, message }) => `${code} ${message}`) };
}

const SECRET: Binding = { type: 'secret_text', name: 'KEY', text: 'old' };
const VAR: Binding = { type: 'plain_text', name: 'MODE', text: 'dev' };

test('every supported type is taken over with exactly its fields', () => {
  const { bindings, problems } = resolve({
    declared: [
      { type: 'plain_text', name: 'A', text: 'a\0b', extra: 1 },
      { type: 'json', name: 'B', json: { x: [1, null] } },
      { type: 'secret_text', name: 'C', text: 's' },
      {
        type: 'service',
        name: 'D',
        service: 'auth',
        entrypoint: 'Admin',
        props: { role: 'admin' },
        environment: 'production',
      },
      { type: 'version_metadata', name: 'E' },
      { type: 'json', name: 'F', json: null },
    ],
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(bindings, [
    { type: 'plain_text', name: 'A', text: 'a\0b' },
    { type: 'json', name: 'B', json: { x: [1, null] } },
    { type: 'secret_text', name: 'C', text: 's' },
    { type: 'service', name: 'D', service: 'auth', entrypoint: 'Admin', props: { role: 'admin' } },
    { type: 'version_metadata', name: 'E' },
    { type: 'json', name: 'F', json: null },
  ]);
});

test('types that Skep does not have are refused by binding, type and product, all in one answer', () => {
  const { problems } = resolve({
    declared: [
      { type: 'vectorize', name: 'STORE', index_name: 'x' },
      { type: 'queue', name: 'JOBS', queue_name: 'y' },
      { type: 'toString', name: 'ODD' },
    ],
  });
  const supported =
    'Supported are vars, secrets, services, kv_namespaces, r2_buckets, d1_databases (PostgreSQL), hyperdrive and version_metadata.';
  assert.deepEqual(problems, [
    `10021 Binding 'STORE' has type 'vectorize' (Vectorize), which this version of Skep does not support yet. ${supported}`,
    `10021 Binding 'JOBS' has type 'queue' (Queues), which this version of Skep does not support yet. ${supported}`,
    `10021 Binding 'ODD' has type 'toString', which Skep does not know. ${supported}`,
  ]);
});

test('keep_bindings carries over bindings of those types that the upload does not name', () => {
  const kept = resolve({ previous: [SECRET, VAR], keepTypes: new Set(['secret_text', 'secret_key']) });
  assert.deepEqual(kept.bindings, [SECRET]);
  const replaced = resolve({
    previous: [SECRET, VAR],
    keepTypes: new Set(['secret_text', 'plain_text']),
    declared: [{ type: 'plain_text', name: 'KEY', text: 'now a variable' }],
  });
  assert.deepEqual(replaced.bindings, [{ type: 'plain_text', name: 'KEY', text: 'now a variable' }, VAR]);
});

test('inherit takes the previous binding of that name; an unknown one is 10057 in the words that wrangler looks for', () => {
  const { bindings, problems } = resolve({
    previous: [SECRET],
    declared: [
      { type: 'inherit', name: 'KEY' },
      { type: 'inherit', name: 'GONE' },
    ],
  });
  assert.deepEqual(bindings, [SECRET]);
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /^10057 inherit binding 'GONE' is invalid/);
});

test('bindings without a name, twice the same name and missing fields are each named', () => {
  const { problems } = resolve({
    declared: [
      { type: 'plain_text', text: 'x' },
      { type: 'plain_text', name: 'TWICE', text: 'x' },
      { type: 'json', name: 'TWICE', json: 1 },
      { type: 'plain_text', name: 'NO_TEXT' },
      { type: 'json', name: 'NO_JSON' },
      { type: 'plain_text', name: 'A\u0000B', text: 'x' },
      { type: 'service', name: 'ENV', service: 'auth', environment: 'staging' },
    ],
  });
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, 5)),
    ['10052', '10053', '10021', '10021', '10021', '10144'],
  );
  assert.match(problems[2] ?? '', /binding 'NO_TEXT' of type plain_text, field 'text': is missing; expected string/);
  assert.match(problems[5] ?? '', /Target environment 'staging' not found for target script 'auth'/);
});

test('a variable may have 5 KiB in UTF-8, a secret 100 KiB, and not one byte more', () => {
  const limit = UPLOAD_LIMITS.maxVariableBytes;
  const secretLimit = UPLOAD_LIMITS.maxSecretBytes;
  assert.deepEqual([limit, secretLimit], [5_120, 102_400]);
  const at = resolve({
    declared: [
      { type: 'plain_text', name: 'A', text: 'ü'.repeat(limit / 2) },
      { type: 'secret_text', name: 'B', text: 'ü'.repeat(secretLimit / 2) },
      { type: 'json', name: 'C', json: 'x'.repeat(limit - 2) },
    ],
  });
  assert.deepEqual(at.problems, []);
  const above = resolve({
    declared: [
      { type: 'plain_text', name: 'A', text: `${'ü'.repeat(limit / 2)}x` },
      { type: 'secret_text', name: 'B', text: `${'ü'.repeat(secretLimit / 2)}x` },
      { type: 'json', name: 'C', json: 'x'.repeat(limit - 1) },
    ],
  });
  assert.deepEqual(
    above.problems.map((problem) => problem.slice(0, 5)),
    ['10054', '10054', '10054'],
  );
  assert.match(above.problems[0] ?? '', /'A' has 5 KiB, which exceeds the size limit of 5 KiB|'A' has 5\.\d+ KiB/);
});

test('variables and secrets have 2 MiB together, kept ones counted', () => {
  const secret = (name: string, bytes: number) => ({ type: 'secret_text' as const, name, text: 'x'.repeat(bytes) });
  const full = Math.floor(UPLOAD_LIMITS.maxVariablesTotalBytes / UPLOAD_LIMITS.maxSecretBytes);
  const rest = UPLOAD_LIMITS.maxVariablesTotalBytes - full * UPLOAD_LIMITS.maxSecretBytes;
  const kept = Array.from({ length: full }, (_, index) => secret(`S${index}`, UPLOAD_LIMITS.maxSecretBytes));
  const keep = { previous: kept, keepTypes: new Set(['secret_text']) };
  assert.deepEqual(resolve({ declared: [secret('REST', rest)], ...keep }).problems, []);
  const { problems } = resolve({ declared: [secret('REST', rest + 1)], ...keep });
  assert.match(problems[0] ?? '', /^10054 The variables and secrets of the Worker have .* limit of 2 MiB/);
});

test('a binding to the secrets store is refused with what to use instead', () => {
  const { problems } = resolve({
    declared: [{ type: 'secrets_store_secret', name: 'KEY', store_id: 'a', secret_name: 'b' }],
  });
  assert.match(problems[0] ?? '', /^10021 .*'KEY'.*Secrets Store.*wrangler secret put/);
});

test('128 variables and secrets are allowed, kept ones counted; 129 are 10055', () => {
  const declared = Array.from({ length: UPLOAD_LIMITS.maxVariables - 1 }, (_, index) => ({
    type: 'plain_text',
    name: `V${index}`,
    text: '',
  }));
  const keep = { previous: [SECRET], keepTypes: new Set(['secret_text']) };
  assert.deepEqual(resolve({ declared, ...keep }).problems, []);
  const { problems } = resolve({ declared: [...declared, { type: 'json', name: 'ONE_MORE', json: 1 }], ...keep });
  assert.match(problems[0] ?? '', /^10055 The Worker has 129 /);
});

test('blob bindings belong to the service-worker format and to a part of the right type', () => {
  const modules = [{ name: 'TXT', type: 'text' as const, hash: '', sizeBytes: 1 }];
  const declared = [{ type: 'text_blob', name: 'TXT', part: 'TXT' }];
  assert.deepEqual(resolve({ declared, modules, format: 'service-worker' }).problems, []);
  assert.match(resolve({ declared, modules }).problems[0] ?? '', /needs the service-worker format/);
  const wrong = resolve({
    declared: [
      { type: 'wasm_module', name: 'W', part: 'TXT' },
      { type: 'data_blob', name: 'D', part: 'missing' },
    ],
    modules,
    format: 'service-worker',
  });
  assert.match(wrong.problems[0] ?? '', /of type 'text'; it has to be 'wasm'/);
  assert.match(wrong.problems[1] ?? '', /'missing', which was not uploaded/);
});

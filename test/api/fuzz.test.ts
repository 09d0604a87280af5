/** Whatever is uploaded, the answer is a clear 4xx or success; never a 5xx, a hang, or something half-stored. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { createTestApi, STARTED, type ApiAnswer, type TestApi } from '../support/api.ts';
import { ESM, MULTIPART_TYPE, multipartBody, simpleUpload, type TestPart } from '../support/multipart.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);
const NAME = 'fuzzed';

describe('uploads of any shape', () => {
  let t: TestApi;
  before(async () => {
    t = await createTestApi();
    t.startup = STARTED;
  });
  after(() => t?.close());

  /** Answered with success and stored whole, or refused with an envelope and not stored at all. */
  async function judge(send: Promise<ApiAnswer>): Promise<void> {
    const answer = await send;
    assert.ok(answer.status < 500, `${answer.status} ${JSON.stringify(answer.body)}`);
    const worker = await t.database.store.findWorker(t.account.id, NAME);
    if (answer.body.success) {
      assert.equal(answer.status, 200);
      const version = await t.database.store.findVersion(t.account.id, NAME, worker?.latestVersionId ?? '');
      assert.ok(version !== null && version.modules.length > 0);
      const modules = await t.database.store.readModules(version.id);
      assert.deepEqual(
        modules.map((module) => module.hash),
        version.modules.map((module) => module.hash),
      );
      await t.database.store.deleteWorker(t.account.id, NAME);
    } else {
      assert.equal(worker, null, 'refused, but something was stored');
      for (const error of answer.body.errors) {
        assert.ok(Number.isInteger(error.code) && error.message.length > 10, JSON.stringify(error));
      }
    }
  }

  const put = (body: Uint8Array, contentType = MULTIPART_TYPE) =>
    t.upload('PUT', `/workers/scripts/${NAME}`, body, { 'content-type': contentType });

  test('a good upload with some of its bytes changed, removed or repeated', async () => {
    const good = simpleUpload({
      bindings: [{ type: 'plain_text', name: 'A', text: 'x' }],
      annotations: { 'workers/tag': 'x' },
    });
    const place = fc.nat({ max: good.byteLength - 1 });
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('flip' as const), at: place, value: fc.nat({ max: 255 }) }),
      fc.record({ kind: fc.constant('cut' as const), at: place, value: fc.nat({ max: 60 }) }),
      fc.record({ kind: fc.constant('repeat' as const), at: place, value: fc.nat({ max: 60 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let body = Buffer.from(good);
        for (const { kind, at, value } of edits) {
          if (kind === 'flip') body[at] = value;
          else if (kind === 'cut') body = Buffer.concat([body.subarray(0, at), body.subarray(at + value)]);
          else body = Buffer.concat([body.subarray(0, at + value), body.subarray(at)]);
        }
        await judge(put(body));
      }),
      { numRuns: RUNS },
    );
  });

  test('bytes that were never an upload', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.constantFrom(
          MULTIPART_TYPE,
          'multipart/form-data; boundary=',
          'application/json',
          'multipart/form-data; boundary="a b"',
        ),
        async (bytes, type) => {
          await judge(put(bytes, type));
        },
      ),
      { numRuns: RUNS },
    );
  });

  const partName = fc.oneof(
    fc.constantFrom(
      'index.js',
      './index.js',
      'metadata',
      '../x.js',
      '/x',
      'a/b.js',
      'a\\b',
      'node:fs',
      '__proto__',
      'constructor',
      'toString',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/["\r\n]/g, '')),
  );
  const partType = fc.constantFrom(
    ESM,
    'application/javascript',
    'text/plain',
    'application/wasm',
    'application/json',
    'application/source-map',
    'constructor',
    'x/y',
    undefined,
  );
  const part: fc.Arbitrary<TestPart> = fc
    .record({ name: partName, content: fc.uint8Array({ maxLength: 50 }), type: partType })
    .map(({ name, content, type }) => (type === undefined ? { name, content } : { name, content, type }));

  test('parts of any name and type', async () => {
    const metadata: TestPart = { name: 'metadata', content: '{"main_module":"index.js"}' };
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), fc.boolean(), async (parts, withEntry) => {
        const entry: TestPart[] = withEntry ? [{ name: 'index.js', content: 'x', type: ESM }] : [];
        await judge(put(multipartBody([metadata, ...entry, ...parts])));
      }),
      { numRuns: RUNS },
    );
  });

  test('metadata of any JSON', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    const anything = fc.jsonValue({ maxDepth: 3 });
    const name = fc.oneof(fc.constantFrom('A', '__proto__', 'constructor', ''), text);
    const binding = fc.oneof(
      fc.record(
        {
          type: fc.constantFrom(
            'plain_text',
            'json',
            'secret_text',
            'service',
            'inherit',
            'text_blob',
            'kv_namespace',
            'constructor',
          ),
          name,
          text: fc.oneof(text, anything),
          json: anything,
          service: fc.oneof(text, fc.constant(NAME)),
          part: text,
        },
        { requiredKeys: [] },
      ),
      anything,
    );
    const metadata = fc.record(
      {
        main_module: fc.oneof({ weight: 5, arbitrary: fc.constant('index.js') }, { weight: 1, arbitrary: anything }),
        bindings: fc.oneof(fc.array(binding, { maxLength: 4 }), anything),
        keep_bindings: fc.oneof(fc.constant(['secret_text']), anything),
        compatibility_date: fc.oneof(fc.constant('2023-07-24'), text, anything),
        compatibility_flags: fc.oneof(fc.array(text, { maxLength: 3 }), anything),
        annotations: fc.oneof(fc.dictionary(text, anything, { maxKeys: 3 }), anything),
        limits: fc.oneof(fc.record({ cpu_ms: anything }), anything),
        placement: anything,
        observability: anything,
        tags: anything,
        tail_consumers: anything,
        unknown: anything,
      },
      { requiredKeys: ['main_module'] },
    );
    await fc.assert(
      fc.asyncProperty(metadata, async (value) => {
        await judge(
          put(
            multipartBody([
              { name: 'metadata', content: JSON.stringify(value) },
              { name: 'index.js', content: 'x', type: ESM },
            ]),
          ),
        );
      }),
      { numRuns: RUNS * 2 },
    );
  });

  test('JSON bodies and paths of any shape never make an internal error', async () => {
    const path = fc.constantFrom(
      ['PUT', `/workers/scripts/${NAME}/secrets`],
      ['PATCH', `/workers/scripts/${NAME}/secrets-bulk`],
      ['PATCH', `/workers/workers/${NAME}/versions/latest`],
      ['POST', `/workers/scripts/${NAME}/deployments`],
      ['PATCH', `/workers/scripts/${NAME}/script-settings`],
      ['POST', `/workers/scripts/${NAME}/subdomain`],
      ['PUT', `/workers/scripts/${NAME}/schedules`],
    );
    const version = {
      version_id: fc.oneof(fc.uuid(), fc.string({ unit: 'binary' })),
      percentage: fc.oneof(fc.double(), fc.constant(100)),
    };
    const body = fc.oneof(
      fc.jsonValue({ maxDepth: 4 }),
      fc.record({
        name: fc.string({ unit: 'binary' }),
        text: fc.string({ unit: 'binary' }),
        type: fc.constant('secret_text'),
      }),
      fc.record({
        secrets: fc.dictionary(
          fc.string({ unit: 'binary' }),
          fc.oneof(fc.constant(null), fc.record({ text: fc.string({ unit: 'binary' }) })),
        ),
      }),
      fc.record({ versions: fc.array(fc.record(version), { maxLength: 3 }) }),
      fc.record({ enabled: fc.boolean() }),
      fc.record({ tags: fc.array(fc.string({ unit: 'binary' })), observability: fc.object() }),
    );
    const created = await put(simpleUpload());
    assert.ok(created.body.success);
    await fc.assert(
      fc.asyncProperty(path, body, async ([method, target], value) => {
        const answer = await t.call(method ?? '', target ?? '', value);
        assert.ok(answer.status < 500, `${method} ${target} ${JSON.stringify(value)} → ${JSON.stringify(answer.body)}`);
      }),
      { numRuns: RUNS * 2 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc.constantFrom('GET', 'DELETE', 'PUT', 'POST'),
        async (tail, method) => {
          // A NUL or a broken escape in a path must not reach the database either.
          for (const form of [
            encodeURIComponent(wellFormed(tail)),
            encodeURI(wellFormed(tail)).replace(/[?#]/g, ''),
            '%00',
            '%',
          ]) {
            const answer = await t.call(method, `/workers/scripts/${form}/versions/${form}`);
            assert.ok(answer.status < 500, `${method} ${form} → ${JSON.stringify(answer.body)}`);
          }
        },
      ),
      { numRuns: RUNS / 3 },
    );
    await t.database.store.deleteWorker(t.account.id, NAME);
  });
});

/** Half a surrogate pair has no percent-encoding. */
function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/g, '\uFFFD');
}

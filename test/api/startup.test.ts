/** Uploads whose top level really runs, in real cells: what the user is told, and that nothing of a refused one is stored. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiAnswer, createTestApi, type TestApi } from '../support/api.ts';
import { ESM, multipartBody, simpleUpload, type TestPart } from '../support/multipart.ts';
import { createTestSupervisor } from '../support/supervisor.ts';

describe('the start-up check of an upload', () => {
  let t: TestApi;
  let cells: Awaited<ReturnType<typeof createTestSupervisor>>;
  before(async () => {
    cells = await createTestSupervisor();
    t = await createTestApi({ checker: cells });
  });
  after(async () => {
    await t?.close();
    await cells?.close();
  });

  const put = (body: Uint8Array): Promise<ApiAnswer> => t.upload('PUT', '/workers/scripts/checked', body);

  async function refused(body: Uint8Array, code: number, message: RegExp): Promise<void> {
    const answer = await put(body);
    assert.deepEqual([answer.body.success, answer.body.errors[0]?.code], [false, code], JSON.stringify(answer.body));
    assert.match(answer.body.errors[0]?.message ?? '', message);
    assert.equal(await t.database.store.findWorker(t.account.id, 'checked'), null);
  }

  test('an exception is told with its name, message and place in the uploaded file', async () => {
    await refused(
      simpleUpload({}, 'const a = 1;\n  throw new RangeError("boom");\nexport default {};'),
      10021,
      /^Uncaught RangeError: boom\n[^]*index\.js:2:/,
    );
  });

  test('a syntax error and an import that does not resolve are told', async () => {
    await refused(simpleUpload({}, 'const a = ;'), 10021, /SyntaxError/);
    await refused(
      simpleUpload({}, 'import "./nope.js"; export default { fetch() {} };'),
      10021,
      /No such module "nope\.js"/,
    );
  });

  test('a top level that burns CPU is refused as such', async () => {
    // On a full machine, where what computes gives way to the others, ten seconds may be over first.
    const reason =
      /^Script startup (exceeded CPU time limit\.|timed out: Script startup did not finish within 10 s\.)$/;
    await refused(simpleUpload({}, 'for (;;);'), 10021, reason);
  });

  test('a script without handlers is refused', async () => {
    await refused(simpleUpload({}, 'const nothing = 1; export {};'), 10068, /no registered event handlers/);
  });

  test('modules of every type resolve, and handlers are recorded', async () => {
    const code = `
      import text from './a.txt';
      import data from './b.bin';
      import { nested } from './sub/c.mjs';
      import wasm from './d.wasm';
      if (text !== 'hello' || data.byteLength !== 3 || nested !== 7) throw new Error('wrong modules');
      if (!(wasm instanceof WebAssembly.Module)) throw new Error('no wasm');
      export default { fetch() { return new Response('x'); }, scheduled() {} };`;
    const metadata = {
      main_module: 'index.js',
      compatibility_date: '2023-07-24',
    };
    const parts: TestPart[] = [
      { name: 'metadata', content: JSON.stringify(metadata) },
      { name: 'index.js', content: code, type: ESM },
      { name: './a.txt', content: 'hello', type: 'text/plain' },
      { name: './b.bin', content: new Uint8Array([1, 2, 3]), type: 'application/octet-stream' },
      { name: 'sub/c.mjs', content: 'export const nested = 7;', type: ESM },
      { name: './d.wasm', content: Buffer.from('0061736d01000000', 'hex'), type: 'application/wasm' },
      { name: 'index.js.map', content: '{}', type: 'application/source-map' },
    ];
    const answer = await put(multipartBody(parts));
    assert.ok(answer.body.success, JSON.stringify(answer.body));
    assert.deepEqual(answer.body.result.handlers.toSorted(), ['fetch', 'scheduled']);
    assert.ok(Number.isInteger(answer.body.result.startup_time_ms));
  });
});

/** Uploads that cannot be: each gets one clear error, from the real server with real cells, and nothing of it is stored. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CELL_LIMITS } from '../../shared/limits.ts';
import { ESM, MULTIPART_TYPE, multipartBody, simpleUpload, type TestPart } from '../support/multipart.ts';
import { type HttpAnswer, type Skep, startSkep } from '../support/server.ts';
import { createProject, type Project, runWrangler, type WranglerResult } from '../support/wrangler.ts';
import { until } from '../support/until.ts';

const CONFIG = 'name = "bad"\nmain = "src/worker.js"\ncompatibility_date = "2023-07-24"\n';
const BROKEN = 'export default {\n  fetch() {\n    return new Response("x";\n  }\n};\n';
const GOOD = "export default { fetch() { return new Response('good'); } };";

let skep: Skep;
before(async () => {
  skep = await startSkep();
  await skep.deploy('neighbour', GOOD);
});
after(() => skep?.stop());

/** Nothing half-stored: the worker does not exist, and the neighbour answers. */
async function assertNothingStored(): Promise<void> {
  const scripts = (await skep.api('GET', '/workers/scripts')).json().result as { id: string }[];
  assert.deepEqual(
    scripts.map(({ id }) => id),
    ['neighbour'],
  );
  assert.equal((await skep.request('bad')).status, 404);
  assert.equal((await skep.request('neighbour')).text, 'good');
}

describe('wrangler deploy', () => {
  const projects: Project[] = [];
  let project: Project;
  beforeEach(async () => {
    project = await createProject({ 'wrangler.toml': CONFIG, 'src/worker.js': GOOD });
    projects.push(project);
  });
  after(() => Promise.all(projects.map((each) => each.remove())));

  const deploy = (args: string[] = [], env: Record<string, string> = {}): Promise<WranglerResult> =>
    runWrangler(['deploy', ...args], { cwd: project.dir, env: { ...skep.wranglerEnv, ...env } });

  /** A message for people: exit code 1, no stack of wrangler's or of Skep's own. wrangler breaks long lines, so they are joined first. */
  function assertRefused({ code, stdout, stderr }: WranglerResult, ...parts: RegExp[]): void {
    assert.equal(code, 1, `${stdout}\n${stderr}`);
    const text = stderr.replaceAll(/\s*\n\s*/g, ' ');
    for (const part of parts) assert.match(text, part);
    assert.doesNotMatch(stderr, /wrangler-dist|node:internal|dist\/|harness/);
  }

  test('a wrong token: wrangler says so plainly', async () => {
    assertRefused(await deploy([], { CLOUDFLARE_API_TOKEN: 'wrong' }), /token/i, /10001|9109|10000/);
    await assertNothingStored();
  });

  test('an account that is not there', async () => {
    assertRefused(await deploy([], { CLOUDFLARE_ACCOUNT_ID: 'f'.repeat(32) }), /ffffffff/);
    await assertNothingStored();
  });

  test('broken JavaScript: wrangler itself names file and line', async () => {
    await project.write({ 'src/worker.js': BROKEN });
    assertRefused(await deploy(), /worker\.js:3:/);
    await assertNothingStored();
  });

  test('an import that cannot be resolved, not bundled: who imports what', async () => {
    await project.write({ 'src/worker.js': `import { x } from './nowhere.js';\n${GOOD}` });
    assertRefused(await deploy(['--no-bundle']), /10021/, /nowhere\.js/);
    await assertNothingStored();
  });

  test('an exception at the top level: its message and line', async () => {
    await project.write({ 'src/worker.js': `${GOOD}\nconst config = undefined;\nconfig.missing.thing();\n` });
    assertRefused(await deploy(['--no-bundle']), /10021/, /Cannot read properties of undefined/, /worker\.js:3/);
    await assertNothingStored();
  });

  test('a KV namespace that is not there: 10041 and its id', async () => {
    await project.write({
      'wrangler.toml': `${CONFIG}[[kv_namespaces]]\nbinding = "STORE"\nid = "0123456789abcdef0123456789abcdef"\n`,
    });
    assertRefused(await deploy(), /10041/, /0123456789abcdef0123456789abcdef/);
    await assertNothingStored();
  });

  test('a service binding to a worker that is not there: 10143 and its name', async () => {
    await project.write({ 'wrangler.toml': `${CONFIG}services = [ { binding = "OTHER", service = "not-there" } ]\n` });
    assertRefused(await deploy(), /10143/, /not-there/);
    await assertNothingStored();
  });

  test('more than 64 MiB: the limit is named', async () => {
    // Random, since wrangler compresses nothing but shows the size; text, since it is a text module.
    await project.write({
      'wrangler.toml': `${CONFIG}rules = [ { type = "Text", globs = ["**/*.txt"] } ]\n`,
      'src/worker.js': `import big from './big.txt';\nexport default { fetch() { return new Response(String(big.length)); } };`,
      'src/big.txt': randomBytes(33 * 1024 * 1024).toString('hex'),
    });
    assertRefused(await deploy(), /64/, /10027/);
    await assertNothingStored();
  });
});

describe('raw uploads', () => {
  const put = (worker: string, body: Uint8Array, type = MULTIPART_TYPE): Promise<HttpAnswer> =>
    skep.api('PUT', `/workers/scripts/${worker}`, body, { 'content-type': type });
  const parts = (metadata: string, ...modules: TestPart[]): Buffer =>
    multipartBody([{ name: 'metadata', content: metadata }, ...modules]);
  const good: TestPart = { name: 'index.js', content: GOOD, type: ESM };
  const METADATA = JSON.stringify({ main_module: 'index.js', compatibility_date: '2023-07-24' });

  async function assertRefused(answer: HttpAnswer, status: number, message: RegExp): Promise<void> {
    assert.equal(answer.status, status, answer.text);
    const { success, errors, result } = answer.json();
    assert.deepEqual([success, result], [false, null]);
    assert.match(errors[0].message, message);
    assert.doesNotMatch(answer.text, /\bat \S+ \(|node:internal|\/dist\//);
    await assertNothingStored();
  }

  test('a name with a slash, encoded or not', async () => {
    await assertRefused(await put('a%2Fb', simpleUpload({}, GOOD)), 400, /a\/b/);
    const answer = await put('a/b', simpleUpload({}, GOOD));
    assert.ok(answer.status === 404 || answer.status === 405, answer.text);
    assert.equal(answer.json().success, false);
    await assertNothingStored();
  });

  test('names that are no host label', async () => {
    for (const name of ['-bad', 'Bad', 'b'.repeat(64), 'b.d', '..', 'b%00d', 'ü']) {
      const answer = await put(encodeURI(name).replaceAll('%25', '%'), simpleUpload({}, GOOD));
      assert.ok(answer.status >= 400 && answer.status < 500, `${name}: ${answer.text}`);
      assert.equal(answer.json().success, false);
    }
    await assertNothingStored();
  });

  test('metadata that is no JSON, none at all, or of a wrong shape', async () => {
    await assertRefused(await put('bad', parts('{"main_module": "index.js",', good)), 400, /metadata/);
    await assertRefused(await put('bad', multipartBody([good])), 400, /metadata/);
    await assertRefused(await put('bad', parts('[1, 2]', good)), 400, /metadata/);
    await assertRefused(await put('bad', parts('{"main_module": 7}', good)), 400, /main_module/);
  });

  test('a main module that is not in the upload: its name', async () => {
    await assertRefused(
      await put('bad', parts('{"main_module": "other.js", "compatibility_date": "2023-07-24"}', good)),
      400,
      /other\.js/,
    );
  });

  test('an import that is not in the upload: its name', async () => {
    const importing: TestPart = { ...good, content: `import './gone.js';\n${GOOD}` };
    await assertRefused(await put('bad', parts(METADATA, importing)), 400, /gone\.js/);
  });

  test('broken JavaScript: file and line', async () => {
    await assertRefused(
      await put('bad', parts(METADATA, { ...good, content: BROKEN })),
      400,
      /SyntaxError[\s\S]*index\.js:3/,
    );
  });

  test('a module that is no text', async () => {
    await assertRefused(
      await put('bad', parts(METADATA, { ...good, content: Buffer.from([0xff, 0xfe, 0, 1]) })),
      400,
      /index\.js|UTF-8|Syntax/,
    );
  });

  test('an endless loop at the top level: 10021 after a second of CPU, and a neighbour answers meanwhile', async (t) => {
    const started = performance.now();
    const uploading = put('bad', simpleUpload({}, `for (;;);\n${GOOD}`));
    let slowestMs = 0;
    for (let count = 0; count < 40; count++) {
      const before = performance.now();
      assert.equal((await skep.request('neighbour')).text, 'good');
      slowestMs = Math.max(slowestMs, performance.now() - before);
      await sleep(20);
    }
    const answer = await uploading;
    const tookMs = performance.now() - started;
    t.diagnostic(`refused after ${Math.round(tookMs)} ms; slowest answer of the neighbour ${Math.round(slowestMs)} ms`);
    assert.equal(answer.json().errors[0].code, 10021);
    // On a machine that is very full the cell does not get a second of CPU within the wall time that it also has.
    const isLate = tookMs > CELL_LIMITS.startupWallMs;
    await assertRefused(answer, 400, isLate ? /did not finish within 10 s/ : /startup exceeded CPU time limit/i);
  });

  test('a 65 MB module', async () => {
    const large: TestPart = {
      name: 'large.bin',
      content: Buffer.alloc(65 * 1024 * 1024 + 1, 'x'),
      type: 'application/octet-stream',
    };
    await assertRefused(await put('bad', parts(METADATA, good, large)), 413, /64/);
  });

  test('no multipart at all', async () => {
    await assertRefused(await put('bad', Buffer.from('{}'), 'application/json'), 400, /multipart|content/i);
    await assertRefused(await put('bad', Buffer.from('nothing'), 'multipart/form-data'), 400, /boundary|multipart/i);
  });

  test('a multipart cut off in the middle: by its length, and by a connection that breaks', async () => {
    const whole = simpleUpload({}, GOOD + '/'.repeat(200_000));
    await assertRefused(await put('bad', whole.subarray(0, 100_000)), 400, /multipart|end|cut|complete/i);
    for (const [sent, ending] of [
      [150, 'reset'],
      [50_000, 'reset'],
      [50_000, 'half-close'],
      [whole.length - 10, 'reset'],
    ] as const) {
      const path = `/client/v4/accounts/${skep.accountId}/workers/scripts/bad`;
      const socket = connect(skep.apiPort, '127.0.0.1');
      socket.on('error', () => {});
      let answer = '';
      socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
      socket.write(
        `PUT ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${skep.token}\r\n` +
          `content-type: ${MULTIPART_TYPE}\r\ncontent-length: ${whole.length}\r\n\r\n`,
      );
      await new Promise((done) => socket.write(whole.subarray(0, sent), done));
      await sleep(100);
      if (ending === 'reset') socket.resetAndDestroy();
      else socket.end();
      await until(() => socket.closed, 'the connection is closed');
      assert.doesNotMatch(answer, /^HTTP\/1\.1 (200|500)/);
      await assertNothingStored();
    }
  });

  test('after all of that the same name deploys, and the server has not logged a single failure of its own', async () => {
    await skep.deploy('bad', GOOD);
    assert.equal((await skep.request('bad')).text, 'good');
    const failures = skep.lines.filter((line) => /failed unexpectedly|"level":"error"/.test(line));
    assert.deepEqual(failures, []);
  });
});

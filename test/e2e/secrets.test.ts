/** Secrets of workers on the whole platform: set by real wrangler, seen by the worker without a deploy, and nowhere in clear on the disk. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { tablesAsText } from '../support/embedded-sql.ts';
import { namesBelow } from '../support/names-below.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { createProject, type Project, runWrangler, type WranglerResult } from '../support/wrangler.ts';

/** In every secret of this file, and nowhere else. */
const MARKER = randomBytes(12).toString('hex');
const CODE = `
import { createHash } from 'node:crypto';
const digest = (text) => text === undefined ? null : createHash('sha256').update(text).digest('hex').slice(0, 16);
export default { fetch: (request, env) => Response.json({ key: env.KEY, big: digest(env.BIG), bigLength: env.BIG?.length, mode: env.MODE, shape: env.SHAPE }) };`;

let skep: Skep;
let project: Project;
before(async () => {
  skep = await startSkep();
  project = await createProject({
    'wrangler.toml':
      'name = "keeper"\nmain = "worker.js"\ncompatibility_date = "2025-09-01"\ncompatibility_flags = ["nodejs_compat"]\n' +
      '[vars]\nMODE = "plain"\nSHAPE = { list = [1, 2], nested = { on = true } }\n',
    'worker.js': CODE,
  });
});
after(async () => {
  await project?.remove();
  await skep?.stop();
});

const wrangler = (args: readonly string[], stdin?: string): Promise<WranglerResult> =>
  runWrangler(args, { cwd: project.dir, env: skep.wranglerEnv, ...(stdin === undefined ? {} : { stdin }) });

async function succeeds(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await wrangler(args, stdin);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

const seen = async (): Promise<{
  key?: string;
  big: string | null;
  bigLength?: number;
  mode: string;
  shape: unknown;
}> => (await skep.request('keeper')).json();

test('a secret is seen by the next request, comes with its version, and goes back with a rollback', async () => {
  await succeeds(['deploy']);
  await succeeds(['secret', 'put', 'KEY'], `${MARKER}-1`);
  assert.deepEqual(await seen(), {
    key: `${MARKER}-1`,
    big: null,
    mode: 'plain',
    shape: { list: [1, 2], nested: { on: true } },
  });
  const first = await liveVersion();

  await succeeds(['versions', 'secret', 'put', 'KEY'], `${MARKER}-2`);
  assert.equal((await seen()).key, `${MARKER}-1`, 'a version that is not deployed changes nothing');
  const [newest] = (await skep.api('GET', '/workers/scripts/keeper/versions')).json().result.items;
  await succeeds(['versions', 'deploy', `${newest.id}@100`, '-y']);
  assert.equal((await seen()).key, `${MARKER}-2`);

  await succeeds(['rollback', first, '-y', '-m', 'the old key']);
  assert.equal((await seen()).key, `${MARKER}-1`);
});

test('a secret of 100 KiB arrives whole; one byte more is refused with both sizes; a whole set of them fits, one more does not', async () => {
  await succeeds(['deploy']);
  const line = `${MARKER} "quoted" \\ ü\n`;
  const text = line.repeat(Math.ceil(UPLOAD_LIMITS.maxSecretBytes / Buffer.byteLength(line)));
  const fits =
    Buffer.from(text)
      .subarray(0, UPLOAD_LIMITS.maxSecretBytes - 1)
      .toString() + '.';
  assert.equal(Buffer.byteLength(fits), UPLOAD_LIMITS.maxSecretBytes);
  await succeeds(['secret', 'put', 'BIG'], fits);
  assert.equal((await seen()).bigLength, fits.length);

  const refused = await wrangler(['secret', 'put', 'BIG'], `${fits}x`);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stdout + refused.stderr, /'BIG' has 100 KiB.*exceeds the size limit of 100 KiB|10054/);
  assert.equal((await seen()).bigLength, fits.length);

  const inAll = Math.floor(UPLOAD_LIMITS.maxVariablesTotalBytes / UPLOAD_LIMITS.maxSecretBytes) - 1;
  const many = Object.fromEntries(Array.from({ length: inAll - 1 }, (_, index) => [`MANY_${index}`, { text: fits }]));
  const set = await skep.api('PATCH', '/workers/scripts/keeper/secrets-bulk', { secrets: many });
  assert.equal(set.status, 200, set.text.slice(0, 500));
  assert.equal((await seen()).bigLength, fits.length, 'a cell takes an env of 2 MiB');
  const tooMany = { secrets: { A: { text: fits }, B: { text: fits }, C: { text: fits } } };
  const over = await skep.api('PATCH', '/workers/scripts/keeper/secrets-bulk', tooMany);
  assert.deepEqual([over.status, over.json().errors[0].code], [400, 10054]);
});

test('nothing that the API, the log, the database or the disk holds shows a secret', async () => {
  const answers = await Promise.all(
    ['secrets', 'settings', 'versions', `versions/${await liveVersion()}`, 'deployments', 'bindings'].map(
      async (path) => (await skep.api('GET', `/workers/scripts/keeper/${path}`)).text,
    ),
  );
  assert.match(answers.join('\n'), /"BIG"/);
  assert.ok(!answers.join('\n').includes(MARKER), 'the API');
  assert.ok(!(skep.stdout() + skep.stderr()).includes(MARKER), 'the log');

  // As text, since PostgreSQL may have compressed what its files hold.
  const rows = await tablesAsText(skep.dataDir);
  assert.match(rows, /"name":"BIG"/);
  const hex = Buffer.from(MARKER).toString('hex');
  const base64 = Buffer.from(MARKER).toString('base64');
  for (const form of [MARKER, hex, base64]) assert.ok(!rows.includes(form), `the database holds ${form}`);

  const names = namesBelow(skep.dataDir);
  assert.ok(
    names.some((name) => name.includes('/base/')),
    'the files of the database are among them',
  );
  const showing = names.filter((name) => contentOf(join(skep.dataDir, name))?.includes(MARKER) === true);
  assert.deepEqual(showing, []);
});

async function liveVersion(): Promise<string> {
  const { deployments } = (await skep.api('GET', '/workers/scripts/keeper/deployments')).json().result;
  return deployments[0].versions[0].version_id;
}

/** The bytes of a file that is there: the server and its database make and remove some all the time. */
function contentOf(path: string): Buffer | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

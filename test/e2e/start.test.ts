/** What the operator sees: the start, its banner and logs, the end, and one clear sentence for everything that keeps it from starting. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connected,
  MAIN,
  type Skep,
  type SkepOptions,
  spawnSkep,
  startSkep,
  temporaryDirectory,
  whenReady,
} from '../support/server.ts';
import { descendantsOf, type ProcessRef, stillRunning } from '../support/processes.ts';
import { until } from '../support/until.ts';

const HELLO = "export default { fetch() { return new Response('hello'); } };";
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = 65534;
/** The aims are 5 s and 2 s; twice that, since the machine may be busy with something else. */
const FIRST_START_MS = 10_000;
const LATER_START_MS = 4_000;

/** Runs a start that must fail. Standard error is all that an operator sees of it. */
async function refusedStart(options: SkepOptions): Promise<string> {
  const server = spawnSkep(options);
  const killer = setTimeout(() => server.signal('SIGKILL'), 30_000);
  const exit = await server.exited;
  clearTimeout(killer);
  assert.deepEqual(exit, { code: 1, signal: null }, server.stdout() + server.stderr());
  return server.stderr();
}

/** One sentence (or two) in one line; no stack, no second error behind it. */
function assertSentence(text: string, ...parts: readonly (RegExp | string)[]): void {
  assert.match(text, /^Skep cannot start\. [^\n]+[.?]\n$/);
  assert.doesNotMatch(text, /\n\s+at /);
  for (const part of parts)
    assert.ok(typeof part === 'string' ? text.includes(part) : part.test(text), `${part} in ${text}`);
}

describe('a start', () => {
  test('first start and later starts: quick, token shown once, three export lines', async (t) => {
    const dataDir = join(temporaryDirectory(), 'data');
    const startedAt = performance.now();
    const first = spawnSkep({ dataDir });
    const facts = await whenReady(first);
    const firstMs = performance.now() - startedAt;
    const banner = first.stderr();
    const token = /^ +export CLOUDFLARE_API_TOKEN=([\w-]{43})$/m.exec(banner)?.[1] ?? assert.fail(banner);
    assert.ok(banner.includes(`http://127.0.0.1:${facts.gatewayPort}`), banner);
    assert.ok(banner.includes(`export CLOUDFLARE_API_BASE_URL=http://127.0.0.1:${facts.apiPort}/client/v4\n`), banner);
    assert.ok(banner.includes(`export CLOUDFLARE_ACCOUNT_ID=${facts.accountId}\n`), banner);
    assert.match(facts.accountId, /^[0-9a-f]{32}$/);
    assert.equal(first.stdout().includes(token), false, 'the token is not in the log');
    const skep = connected(first, { ...facts, token, startMs: firstMs });
    await skep.deploy('hello', HELLO);
    assert.deepEqual(await skep.stop(), { code: 0, signal: null });

    const again = await startSkep({ dataDir, env: { SKEP_ADMIN_TOKEN: '', SKEP_ACCOUNT_ID: '' } });
    assert.equal(again.accountId, facts.accountId);
    assert.equal((again.stderr() + again.stdout()).includes(token), false);
    assert.match(again.stderr(), /export CLOUDFLARE_API_TOKEN=<the token shown at the first start>\n/);
    assert.equal((await again.request('hello')).text, 'hello');
    const old = connected(again, { ...again, token });
    assert.equal((await old.api('GET', '/workers/scripts')).status, 200, 'the token of the first start still works');
    await again.stop();
    t.diagnostic(`first start ${Math.round(firstMs)} ms, later start ${Math.round(again.startMs)} ms (spawn to ready)`);
    assert.ok(firstMs < FIRST_START_MS, `first start took ${firstMs} ms`);
    assert.ok(again.startMs < LATER_START_MS, `later start took ${again.startMs} ms`);
  });

  test('a token is not used up by a start that failed after it: the next start shows one', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    const { server, port } = await occupyPort();
    const stderr = await refusedStart({ dataDir, env: { SKEP_API_PORT: String(port) } });
    server.close();
    assert.doesNotMatch(stderr, /CLOUDFLARE_API_TOKEN/);
    const next = spawnSkep({ dataDir });
    await whenReady(next);
    assert.match(next.stderr(), /^ +export CLOUDFLARE_API_TOKEN=[\w-]{43}$/m);
    await next.stop();
  });

  test('the log is JSON when standard output is no terminal, and each line says level, time and message', async () => {
    const skep = await startSkep({ env: { SKEP_VERBOSE: 'true' } });
    await skep.deploy('chatty', "export default { fetch() { console.log('said', 42); return new Response('x'); } };");
    assert.equal((await skep.request('chatty')).status, 200);
    await skep.stop();
    const lines = skep.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) {
      assert.ok(typeof line['level'] === 'string' && typeof line['message'] === 'string', JSON.stringify(line));
      assert.ok(!Number.isNaN(Date.parse(String(line['time']))));
    }
    assert.ok(
      lines.some((line) => line['worker'] === 'chatty' && line['message'] === 'said 42'),
      skep.stdout(),
    );
    assert.ok(lines.some((line) => line['message'] === 'Stopping'));
  });

  test('on a terminal the banner and the log are plain text, and Ctrl-C ends it', async (t) => {
    if (spawnSync('script', ['--version']).status !== 0) return t.skip('needs `script` of util-linux');
    const { output, code } = await runInTerminal(join(temporaryDirectory(), 'data'));
    assert.match(output, /Skep \S+ is ready after/);
    assert.match(output, /export CLOUDFLARE_API_TOKEN=[\w-]{43}\r?\n/);
    assert.doesNotMatch(output, /"level":/);
    assert.match(output, /Stopping/);
    assert.equal(code, 0, output);
    return undefined;
  });

  test('--help and --version answer at once and start nothing', () => {
    const help = spawnSync(process.execPath, [MAIN, '--help'], { encoding: 'utf8', cwd: '/' });
    assert.equal(help.status, 0);
    assert.match(help.stdout, /--gateway-port N/);
    const version = spawnSync(process.execPath, [MAIN, '--version'], { encoding: 'utf8', cwd: '/' });
    assert.deepEqual([version.status, /^\d+\.\d+\.\d+\n$/.test(version.stdout)], [0, true]);
  });

  test('runs as an ordinary user', async (t) => {
    if (!IS_ROOT) return t.skip('these tests run as an ordinary user anyway');
    const reason = unreachableFor(NOBODY);
    if (reason !== null) return t.skip(reason);
    const home = temporaryDirectory();
    chownSync(home, NOBODY, NOBODY);
    await deploysAndAnswers(t, { dataDir: join(home, 'data'), uid: NOBODY });
    return undefined;
  });

  test('runs as root below a folder that no other user can enter', async (t) => {
    if (!IS_ROOT) return t.skip('needs root');
    await deploysAndAnswers(t, { dataDir: join(temporaryDirectory(0o700), 'data') });
    return undefined;
  });

  test('runs from a data directory with a long path, with spaces and letters beyond ASCII', async (t) => {
    await deploysAndAnswers(t, { dataDir: join(temporaryDirectory(), `Daten für "Skep" ${'x'.repeat(120)}`, 'data') });
  });
});

describe('the end', () => {
  test('SIGTERM lets a slow request finish, refuses new ones, and exits with 0', async () => {
    const skep = await startSkep({ env: { SKEP_VERBOSE: 'true' } });
    await skep.deploy(
      'slow',
      `export default { async fetch() {
      console.log('it began');
      await new Promise((resolve) => setTimeout(resolve, 2500));
      return new Response('late but whole');
    } };`,
    );
    let isAnswered = false;
    const slow = skep.request('slow').finally(() => (isAnswered = true));
    await until(() => hasBegun(skep), 'the request is under way');
    const family = descendantsOf(skep.pid);
    skep.signal('SIGTERM');
    await until(() => isStopping(skep), 'the signal has arrived');
    const visit = { newConnection: true, headers: { host: 'health' } };
    const refusal = (): Promise<string> => skep.request('', '/healthz', visit).then(() => '', String);
    await until(async () => /ECONNREFUSED|ECONNRESET|other side closed/.test(await refusal()), 'new ones are refused');
    assert.equal(isAnswered, false, 'while the slow one is under way');
    const answer = await slow;
    assert.deepEqual([answer.status, answer.text], [200, 'late but whole']);
    assert.deepEqual(await skep.exited, { code: 0, signal: null });
    assert.deepEqual(stillRunning(family), []);
  });

  test('a second SIGTERM ends it at once, and nothing stays behind', async () => {
    const skep = await startSkep({ env: { SKEP_VERBOSE: 'true' } });
    await skep.deploy(
      'hangs',
      'export default { fetch() { console.log("it began"); return new Promise((resolve) => setTimeout(resolve, 60000)); } };',
    );
    const hanging = skep.request('hangs').catch((error: Error) => error);
    await until(() => hasBegun(skep), 'the request is under way');
    const family = descendantsOf(skep.pid);
    skep.signal('SIGTERM');
    await until(() => isStopping(skep), 'the first signal has arrived');
    await sleep(500);
    assert.equal(stillRunning(family).length > 0, true, 'the first one waits');
    const second = performance.now();
    const exit = await skep.stop('SIGTERM');
    // The first one would wait for half a minute.
    const tookMs = performance.now() - second;
    assert.ok(tookMs < 10_000, `it ended ${tookMs} ms after the second signal`);
    assert.equal(exit.code, 1);
    assert.ok((await hanging) instanceof Error);
    assert.deepEqual(await afterSettling(family), []);
  });

  test('SIGTERM at any moment of a first start ends it, and the next start works', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    for (const afterMs of [50, 300, 500, 700, 900, 1_200]) {
      const server = spawnSkep({ dataDir });
      await sleep(afterMs);
      const family = descendantsOf(server.pid);
      const exit = await server.stop('SIGTERM');
      assert.ok(
        exit.code === 0 || exit.signal === 'SIGTERM',
        `${afterMs} ms: ${JSON.stringify(exit)}\n${server.stdout()}${server.stderr()}`,
      );
      assert.doesNotMatch(server.stderr(), /\n\s+at /, `${afterMs} ms`);
      assert.deepEqual(await afterSettling(family), [], `${afterMs} ms`);
    }
    // The account may be there already, with the id that one of those starts has chosen for it.
    const skep = await startSkep({ dataDir, env: { SKEP_ACCOUNT_ID: '' } });
    assert.deepEqual(await skep.stop(), { code: 0, signal: null });
  });
});

// Each in a folder of its own; one of them waits ten seconds for a database.
describe('one clear sentence and exit code 1', { concurrency: 3 }, () => {
  test('gateway port taken', async () => {
    const { server, port } = await occupyPort();
    const text = await refusedStart({ env: { SKEP_GATEWAY_PORT: String(port) } });
    server.close();
    assertSentence(text, `127.0.0.1:${port}`, /another program/i, 'SKEP_GATEWAY_PORT');
  });

  test('API port taken', async () => {
    const { server, port } = await occupyPort();
    const text = await refusedStart({ env: { SKEP_API_PORT: String(port) } });
    server.close();
    assertSentence(text, `127.0.0.1:${port}`, /another program/i, 'SKEP_API_PORT');
  });

  test('an address that this machine does not have', async () => {
    assertSentence(await refusedStart({ env: { SKEP_HOST: '203.0.113.7' } }), '203.0.113.7', 'SKEP_HOST');
  });

  test('data directory below a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    assertSentence(await refusedStart({ dataDir: join(file, 'data') }), file, 'SKEP_DATA_DIR');
  });

  test('data directory on a read-only file system', async (t) => {
    const directory = temporaryDirectory();
    // A mount in a namespace of its own: nothing to clean up, nobody else sees it.
    const wrapper = [
      'unshare',
      '--mount',
      '--',
      'sh',
      '-c',
      'mount -t tmpfs -o ro none "$1"; shift; exec "$@"',
      'sh',
      directory,
    ];
    if (!IS_ROOT || spawnSync(wrapper[0] ?? '', [...wrapper.slice(1), 'true']).status !== 0)
      return t.skip('needs root and mount');
    assertSentence(await refusedStart({ dataDir: join(directory, 'data'), wrapper }), /read-only/, 'SKEP_DATA_DIR');
    return undefined;
  });

  test('data directory that this user may not write', async (t) => {
    if (IS_ROOT && unreachableFor(NOBODY) !== null) return t.skip(unreachableFor(NOBODY) ?? '');
    const directory = temporaryDirectory(0o555);
    const text = await refusedStart({ dataDir: join(directory, 'data'), ...(IS_ROOT ? { uid: NOBODY } : {}) });
    chmodSync(directory, 0o711);
    assertSentence(text, directory, /may not write/, 'SKEP_DATA_DIR');
    return undefined;
  });

  test('data directory that was made by another user', async (t) => {
    if (!IS_ROOT || unreachableFor(NOBODY) !== null) return t.skip('needs root');
    const home = temporaryDirectory(0o777);
    const dataDir = join(home, 'data');
    await (await startSkep({ dataDir })).stop();
    assertSentence(await refusedStart({ dataDir, uid: NOBODY }), dataDir, 'SKEP_DATA_DIR');
    return undefined;
  });

  test('another Skep on the same data directory', async () => {
    const skep = await startSkep();
    assertSentence(await refusedStart({ dataDir: skep.dataDir }), skep.dataDir, String(skep.pid), 'SKEP_DATA_DIR');
    await skep.deploy('hello', HELLO);
    assert.equal((await skep.request('hello')).text, 'hello', 'the first one is not disturbed');
    await skep.stop();
  });

  test('data directory of a newer Skep', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'layout'), '99\n');
    assertSentence(await refusedStart({ dataDir }), '99', /newer/);
  });

  test('unreachable DATABASE_URL: its host and port, not its password', async () => {
    const { server, port } = await occupyPort();
    server.close();
    const started = performance.now();
    const text = await refusedStart({ env: { DATABASE_URL: `postgres://someone:geheim@127.0.0.1:${port}/skep` } });
    assertSentence(text, `127.0.0.1:${port}`, 'DATABASE_URL');
    assert.doesNotMatch(text, /geheim/);
    const tookMs = performance.now() - started;
    assert.ok(tookMs < 60_000, `refused after ${tookMs} ms`);
  });

  test('unknown flag, variable and key of skep.toml: the nearest known one is named', async () => {
    assertSentence(await refusedStart({ args: ['--gatewy-port=1'] }), '--gatewy-port', '--gateway-port');
    assertSentence(await refusedStart({ env: { SKEP_GATEWAY_PROT: '1' } }), 'SKEP_GATEWAY_PROT', 'SKEP_GATEWAY_PORT');
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'skep.toml'), 'gateway_prt = 1\n');
    assertSentence(await refusedStart({ cwd }), 'gateway_prt', 'gateway_port');
  });

  test('a value that cannot be: the value seen and what is allowed', async () => {
    assertSentence(await refusedStart({ env: { SKEP_GATEWAY_PORT: '70000' } }), '70000', '65535');
    assertSentence(
      await refusedStart({ env: { SKEP_EGRESS_ALLOW: '10.0.0.0/99' } }),
      '10.0.0.0/99',
      'SKEP_EGRESS_ALLOW',
    );
  });
});

const hasBegun = (skep: Skep): boolean => skep.lines.some((line) => line.includes('it began'));
const isStopping = (skep: Skep): boolean => skep.lines.some((line) => line.includes('"Stopping"'));

/** Those that still run a while after their server has ended: they have to hear of it, and to get a processor. */
async function afterSettling(family: readonly ProcessRef[]): Promise<ProcessRef[]> {
  for (const deadline = Date.now() + 10_000; stillRunning(family).length > 0 && Date.now() < deadline; )
    await sleep(20);
  return stillRunning(family);
}

async function deploysAndAnswers(t: TestContext, options: SkepOptions): Promise<Skep> {
  const skep = await startSkep(options);
  await skep.deploy('hello', HELLO);
  await skep.deploy('hog', 'export default { fetch() { for (;;); } };');
  assert.equal((await skep.request('hello')).text, 'hello');
  assert.deepEqual(await skep.stop(), { code: 0, signal: null });
  const again = await startSkep({ ...options, env: { SKEP_LIMIT_CPU_MS: '30000' } });
  assert.equal((await again.request('hello')).text, 'hello');
  // Whatever user and sandbox the cells have: one that spins must not outlive the server.
  const spinning = again.request('hog').catch((error: Error) => error);
  await sleep(300);
  await again.kill9();
  assert.ok((await spinning) instanceof Error);
  // The start after a kill clears away what that one has left, also outside of the data directory.
  const last = await startSkep(options);
  assert.equal((await last.request('hello')).text, 'hello');
  assert.deepEqual(await last.stop(), { code: 0, signal: null });
  const layers = /Sandbox +(.*)/.exec(skep.stderr())?.[1] ?? '';
  t.diagnostic(`first start ${Math.round(skep.startMs)} ms, later ${Math.round(again.startMs)} ms; sandbox ${layers}`);
  return skep;
}

/** Why a user cannot run the program of this checkout; null when he can. */
function unreachableFor(uid: number): string | null {
  const tried = spawnSync(process.execPath, [MAIN, '--version'], { uid, gid: uid, cwd: '/', stdio: 'ignore' });
  if (tried.status === 0) return null;
  return `uid ${uid} cannot run ${dirname(resolve(MAIN))}: the checkout is where other users may not enter`;
}

async function occupyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { server, port: address.port };
}

/** Starts Skep under `script`, which gives it a pseudo-terminal, and presses Ctrl-C when it is ready. */
async function runInTerminal(dataDir: string): Promise<{ output: string; code: number | null }> {
  const child = spawn(
    'script',
    ['--quiet', '--return', '--command', `exec '${process.execPath}' '${MAIN}'`, '/dev/null'],
    {
      cwd: '/',
      env: {
        PATH: process.env['PATH'] ?? '',
        SKEP_DATA_DIR: dataDir,
        SKEP_GATEWAY_PORT: '0',
        SKEP_API_PORT: '0',
        TERM: 'xterm',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const killer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  let output = '';
  let pressed = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (pressed || !output.includes('Stop with Ctrl-C')) return;
    pressed = true;
    child.stdin.write('\x03');
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearTimeout(killer);
  return { output, code };
}

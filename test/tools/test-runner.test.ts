// The runner that judges all other tests, judged: each way in which a test file can go wrong must fail the run.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { until } from '../support/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const HEAD = `
  import assert from 'node:assert/strict';
  import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  import { tmpdir } from 'node:os';
  import { join } from 'node:path';
  import { test } from 'node:test';
`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'runner-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Enough for a file that does next to nothing, on a machine that is busy with something else. */
const AMPLE_SECONDS = 100;

function runWith(...bodies: string[]): Run {
  return runWithin(AMPLE_SECONDS, ...bodies);
}

function runWithOptions(options: readonly string[], ...bodies: string[]): Run {
  const { args, env } = commandOf(AMPLE_SECONDS, bodies);
  return finished([...args, ...options], env);
}

function commandOf(seconds: number, bodies: readonly string[]): { args: string[]; env: NodeJS.ProcessEnv } {
  bodies.forEach((body, index) => writeFileSync(join(dir, `case-${index}.test.ts`), HEAD + body));
  // Of the outer run's environment, NODE_TEST_CONTEXT would make the inner runner believe it is a test file itself.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  return { args: ['tools/test.mjs', '--no-build', '--no-check', '--timeout', String(seconds), '--dir', dir], env };
}

interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly lastLine: string;
}

function runWithin(seconds: number, ...bodies: string[]): Run {
  const { args, env } = commandOf(seconds, bodies);
  return finished(args, env);
}

function finished(args: readonly string[], env: NodeJS.ProcessEnv): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env });
  return { code: status, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' };
}

const isAlive = (pid: number): boolean => {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
  return stat !== '' && !stat.includes(') Z ');
};

test('passing tests in several files pass the run, and the last line counts them', () => {
  const { code, lastLine, output } = runWith(`test('a', () => {});`, `test('b', () => {}); test('c', () => {});`);
  assert.equal(code, 0, output);
  assert.equal(lastLine, '3 passed, 0 failed');
  assert.match(output, /^# pass 3$/m);
});

test('a failing test fails the run and is named with its file', () => {
  const { code, lastLine, output } = runWith(
    `test('good', () => {}); test('sums are right', () => assert.equal(1, 2));`,
  );
  assert.equal(code, 1);
  assert.equal(lastLine, '1 passed, 1 failed');
  assert.match(output, /Failed:\n {2}sums are right \(.*case-0\.test\.ts/);
});

const FAILS_ONCE = `
  import { existsSync } from 'node:fs';
  test('turns', () => {
    const mark = MARK;
    const isSecond = existsSync(mark);
    writeFileSync(mark, '');
    assert.ok(isSecond, 'the first time');
  });`;

test('a file that fails beside the others and passes alone does not fail the run, and is named as unsteady', () => {
  const { code, lastLine, output } = runWith(
    FAILS_ONCE.replace('MARK', JSON.stringify(join(dir, 'mark'))),
    `test('good', () => {});`,
  );
  assert.equal(code, 0, output);
  assert.equal(lastLine, '2 passed, 0 failed, 1 unsteady');
  assert.match(output, /Unsteady.*:\n {2}turns \(.*case-0\.test\.ts/);
  assert.match(output, /the first time/, 'what went wrong is in the output');
});

test('a run that is strict fails with what is unsteady, and so does one in which many files fail', () => {
  const strict = runWithOptions(['--strict'], FAILS_ONCE.replace('MARK', JSON.stringify(join(dir, 'mark'))));
  assert.equal(strict.code, 1, strict.output);
  const marks = ['a', 'b', 'c', 'd'].map((name) => JSON.stringify(join(dir, name)));
  const { code, lastLine } = runWith(...marks.map((mark) => FAILS_ONCE.replace('MARK', mark)));
  assert.equal(code, 1);
  assert.equal(lastLine, '0 passed, 4 failed');
});

test('a file that throws while it loads fails the run', () => {
  const { code, output } = runWith(`test('good', () => {});`, `throw new Error('no such fixture');`);
  assert.equal(code, 1, output);
});

test('a rejection after the last test has ended fails the run', () => {
  const { code, output } = runWith(`test('good', () => { setTimeout(() => Promise.reject(new Error('late')), 50); });`);
  assert.equal(code, 1, output);
});

test('a handle left open fails the run instead of being cut off', () => {
  const { code, output } = runWithin(4, `test('leaves a timer', () => { setInterval(() => {}, 1000); });`);
  assert.equal(code, 1, output);
  assert.match(output, /not done after 4 s/);
});

test('a file that is not done in its time says what it waits for, or that it computes', () => {
  const { output: waiting } = runWithin(4, `test('waits', () => new Promise((done) => setTimeout(done, 1e6)));`);
  assert.match(waiting, /late: it waits for .*\d Timeout/);
  assert.match(waiting, /late: its process was in state [SR] and used 0\.\d+ s of CPU in 1 s/);
  const { output: computing } = runWithin(4, `test('computes', () => { for (;;); });`);
  assert.match(computing, /late: its process was in state R and used [01]\.\d+ s of CPU in 1 s/);
  assert.doesNotMatch(computing, /it waits for/);
});

test('a file that is cut off fails the run, and the test it was in is named', () => {
  // Its reporter has a second to write down what began.
  const { code, output } = runWith(
    `test('quick', () => {}); test('deadly', () => new Promise(() => setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1_000)));`,
  );
  assert.equal(code, 1, output);
  assert.match(output, /ended with SIGKILL, during "deadly"$/m);
});

test('a run that is given up ends what runs, begins nothing more, and names what was not begun', async () => {
  const begun = join(dir, 'begun');
  const { args, env } = commandOf(AMPLE_SECONDS, [
    `test('long', () => { writeFileSync(${JSON.stringify(begun)}, ''); return new Promise((done) => setTimeout(done, 1e6)); });`,
    `test('never', () => writeFileSync(${JSON.stringify(`${begun}-too`)}, ''));`,
  ]);
  const run = spawn(process.execPath, [...args, '--concurrency', '1'], { cwd: ROOT, env });
  let output = '';
  for (const stream of [run.stdout, run.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = once(run, 'close');
  await until(() => existsSync(begun), 'the first file runs', AMPLE_SECONDS * 1000);
  run.kill('SIGTERM');
  assert.deepEqual(await ended, [1, null], output);
  assert.match(output, /case-0\.test\.ts: ended with SIGKILL/);
  assert.match(output, /not begun \(.*case-1\.test\.ts\)/);
  assert.equal(existsSync(`${begun}-too`), false);
});

test('a process left running fails the run, is named, and is ended', () => {
  const { code, output } = runWith(`
    test('leaves a child', () => {
      const child = spawn('sleep', ['54321'], { detached: true, stdio: 'ignore' });
      child.unref();
    });`);
  assert.equal(code, 1, output);
  const left = /process (\d+) still ran: sleep 54321/.exec(output);
  assert.ok(left, output);
  assert.ok(!isAlive(Number(left[1])));
});

test('a grandchild without environment, whose parent is long dead, is found by the folder its command names', () => {
  const { code, output } = runWith(`
    test('leaves a grandchild', async () => {
      const script = 'env -i sh -c "sleep 54322; : ' + tmpdir() + '/in.sock" & exit 0';
      const child = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore', env: {}, cwd: '/' });
      await new Promise((done) => child.on('exit', done));
    });`);
  assert.equal(code, 1, output);
  assert.match(output, /process \d+ still ran: sh -c sleep 54322/);
  // Its own child has no trace of the run but its parent.
  assert.match(output, /process \d+ still ran: sleep 54322/);
});

test('a file left in the temporary folder fails the run and is named', () => {
  const { code, lastLine, output } = runWith(
    `test('leaves a socket', () => writeFileSync(join(tmpdir(), 'in.sock'), ''));`,
  );
  assert.equal(code, 1);
  assert.match(output, /left in the temporary folder: .*in\.sock/);
  assert.equal(lastLine, '1 passed, 1 failed');
});

test('no test at all is a failure', () => {
  assert.equal(runWith(`test.skip('not now', () => {});`).code, 1);
  rmSync(join(dir, 'case-0.test.ts'));
  const { code, output } = runWith();
  assert.equal(code, 1);
  assert.match(output, /no test file matches/);
});

test('settings of the shell that starts the run do not reach the tests', () => {
  process.env.SKEP_GATEWAY_PORT = '1';
  try {
    const { code, output } = runWith(`test('clean', () => assert.equal(process.env.SKEP_GATEWAY_PORT, undefined));`);
    assert.equal(code, 0, output);
  } finally {
    delete process.env.SKEP_GATEWAY_PORT;
  }
});

/** Handlers that can never answer are found within a moment; those that only take their time are left alone. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

const SENTENCE = /Worker's code had hung and would never generate a response/;

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2 });
});
after(() => cells.close());

test('a handler whose promise nothing can settle fails in workerd’s words, and the cell goes on', async () => {
  cells.deploy({
    name: 'hung',
    modules: {
      'index.js': `
        let served = 0;
        export default { async fetch(request) {
          served++;
          if (request.url.endsWith('/never')) await new Promise(() => {});
          return new Response('served ' + served);
        } };`,
    },
  });
  const started = Date.now();
  const { failure } = await cells.fetch('hung', '/never');
  assert.equal(failure?.kind, 'exception');
  assert.match(failure?.reason ?? '', SENTENCE);
  assert.ok(Date.now() - started < 3_000, `${Date.now() - started} ms`);
  assert.equal((await cells.fetch('hung', '/')).body, 'served 2');
});

test('a promise that another request will settle is not a hang', async () => {
  cells.deploy({
    name: 'shared',
    modules: {
      'index.js': `
        let settle;
        const shared = new Promise((resolve) => { settle = resolve; });
        export default { async fetch(request) {
          if (request.url.endsWith('/settles')) { await scheduler.wait(1200); settle('settled'); return new Response('done'); }
          return new Response(await shared);
        } };`,
    },
  });
  const settles = cells.fetch('shared', '/settles');
  const waits = cells.fetch('shared', '/waits');
  assert.equal((await waits).body, 'settled');
  await settles;
});

test('work of other threads is not a hang, however long it takes', async () => {
  cells.deploy({
    name: 'derive',
    limits: { cpuMs: 20_000 },
    modules: {
      'index.js': `
        export default { async fetch() {
          const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'PBKDF2', false, ['deriveBits']);
          let length = 0;
          for (let turn = 0; turn < 30; turn++) {
            const bits = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(16), iterations: 100000 }, key, 512);
            length += bits.byteLength;
          }
          return new Response(String(length));
        } };`,
    },
  });
  const { body, failure } = await cells.fetch('derive');
  assert.equal(failure?.reason, undefined);
  assert.equal(body, '1920');
});

test('work of other threads is not a hang on a machine that leaves them no time', async (t) => {
  cells.deploy({
    name: 'starved',
    compatibilityFlags: ['nodejs_compat'],
    limits: { cpuMs: 20_000 },
    modules: {
      'index.js': `
        import { pbkdf2 } from 'node:crypto';
        export default { async fetch(request) {
          const iterations = request.url.endsWith('/warm') ? 1 : 1_500_000;
          const key = await new Promise((resolve, reject) =>
            pbkdf2('password', 'salt', iterations, 32, 'sha256', (error, key) => (error ? reject(error) : resolve(key))));
          return new Response(String(key.length));
        } };`,
    },
  });
  const others = cells.cellPids();
  assert.equal((await cells.fetch('starved', '/warm')).body, '32');
  const burners = availableCpus().map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  const stop = (): void => burners.forEach((burner) => burner.kill('SIGKILL'));
  t.after(stop);
  for (const pid of [...others, ...cells.cellPids()]) idleButForTheFirst(pid);
  const answer = cells.fetch('starved', '/');
  const first = await Promise.race([answer, sleep(1_000, 'it waits')]);
  stop();
  assert.equal(first, 'it waits');
  assert.equal((await answer).body, '32');
});

const availableCpus = (): number[] => Array.from({ length: availableParallelism() }, (_none, at) => at);

/** The threads of a process but its first get the processor only when nobody else wants it. */
function idleButForTheFirst(pid: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    if (Number(thread) !== pid) spawnSync('chrt', ['--idle', '--pid', '0', thread]);
  }
}

test('a visitor who sends slowly is not a hang', async () => {
  cells.deploy({
    name: 'slow',
    modules: { 'index.js': `export default { async fetch(request) { return new Response(await request.text()); } };` },
  });
  const body = Readable.from(
    (async function* () {
      yield Buffer.from('first,');
      await sleep(1_000);
      yield Buffer.from('last');
    })(),
  );
  assert.equal((await cells.fetch('slow', { method: 'POST', body })).body, 'first,last');
});

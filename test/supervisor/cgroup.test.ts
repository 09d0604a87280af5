/** The kernel's ceiling, tried on a real process. Where this machine offers none, that is what the layer must say. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { CellGroups } from '../../server/supervisor/cgroup.ts';

const MiB = 1024 * 1024;
const groups = CellGroups.detect();
after(() => groups.close());

const HOARD = `
  process.stdin.once('data', () => {
    const kept = [];
    setInterval(() => kept.push(Buffer.alloc(${8 * MiB}, 1)), 1);
  });
  process.stdout.write('ready');`;

test('a process that takes more than its ceiling is ended by the kernel, and the group says so', async (t) => {
  if (!groups.layer.active) {
    assert.match(groups.layer.detail, /^Not available: ./);
    t.skip(groups.layer.detail);
    return;
  }
  const child = spawn(process.execPath, ['-e', HOARD], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await groups.gather('hoarder', child.pid as number);
  await groups.confine('hoarder', child.pid as number, 96 * MiB);
  assert.equal(groups.ranOutOfMemory('hoarder'), false);
  child.stdin.write('go');
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  assert.equal(groups.ranOutOfMemory('hoarder'), true);
  groups.remove('hoarder');
  assert.equal(groups.ranOutOfMemory('hoarder'), false);
});

test('a process below its ceiling is left alone, and its group goes with it', async (t) => {
  if (!groups.layer.active) {
    t.skip(groups.layer.detail);
    return;
  }
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] });
  await groups.gather('modest', child.pid as number);
  await groups.confine('modest', child.pid as number, 256 * MiB);
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0);
  assert.equal(groups.ranOutOfMemory('modest'), false);
  groups.remove('modest');
});

/** Looks for groups when it hears a word, and says what it has found. */
const DETECTOR = `
  import { CellGroups } from ${JSON.stringify(resolve(import.meta.dirname, '../../server/supervisor/cgroup.ts'))};
  process.stdin.once('data', () => {
    const { layer } = CellGroups.detect();
    process.stdout.write(layer.detail);
    process.stdin.destroy();
  });
  process.stdout.write('ready ');`;

/** Larger than any process id of Linux. */
const NOBODYS_PID = 4_194_305;

test('Skeps that start at the same time share the tidying up after one that was killed, and all have their groups', async (t) => {
  if (!groups.layer.active) {
    t.skip(groups.layer.detail);
    return;
  }
  const own = spawnSync('find', ['/sys/fs/cgroup', '-name', `skep-${process.pid}-1`], { encoding: 'utf8' });
  const folder = dirname(own.stdout.trim().split('\n')[0] ?? '');
  for (let n = 0; n < 100; n++) mkdirSync(join(folder, `skep-${NOBODYS_PID}-${n}`, 'cell'), { recursive: true });
  const args = ['--import', 'tsx', '--input-type=module', '--eval', DETECTOR];
  const starting = Array.from({ length: 3 }, () => {
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    return { child, ready: once(child.stdout, 'data'), closed: once(child, 'close'), said: () => said };
  });
  await Promise.all(starting.map(({ ready }) => ready));
  for (const { child } of starting) child.stdin.write('go');
  await Promise.all(starting.map(({ closed }) => closed));
  assert.deepEqual(
    starting.map(({ said }) => said()),
    starting.map(() => `ready ${groups.layer.detail}`),
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes(String(NOBODYS_PID))),
    [],
  );
  // What those have left in their turn goes with the next look.
  CellGroups.detect().close();
});

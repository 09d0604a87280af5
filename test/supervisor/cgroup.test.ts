/** The kernel's ceiling, tried on a real process. Where this machine offers none, that is what the layer must say. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

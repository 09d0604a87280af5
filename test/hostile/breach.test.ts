/**
 * The walls, tried by somebody who has the process: an attacker with the engine's own interfaces and with native code in it (see
 * test/fixtures/cells/breached.ts). Each wall around the process is tried alone, too: the system-call filter must hold without the others.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createHostilePrograms, type HostilePrograms } from '../support/hostile.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

const SECRET = 'the platform’s own secret';

let programs: HostilePrograms;
let folder: string;
let canary: Server;
let canaryPort: number;
let touched = 0;

before(async () => {
  programs = createHostilePrograms('breached');
  folder = mkdtempSync(join(tmpdir(), 'skep-breach-'));
  writeFileSync(join(folder, 'secret'), SECRET, { mode: 0o644 });
  canary = createServer((socket) => {
    touched++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  canaryPort = (canary.address() as AddressInfo).port;
});
after(async () => {
  await new Promise((resolve) => canary.close(resolve));
  rmSync(folder, { recursive: true, force: true });
  programs.remove();
});

/** What an attempt is aimed at. */
function aimOf(name: string): string {
  if (/connect|fetch|websocket/.test(name) && !name.endsWith('unix')) return String(canaryPort);
  if (/kill|ptrace|pidfd|memory|prlimit/.test(name)) return String(process.pid);
  if (name.endsWith('connect-unix')) return join(folder, 'api.sock');
  if (/list|chdir|chroot/.test(name)) return '/';
  if (/write|mkdir|link|unlink/.test(name) && !name.includes('memory')) return join(folder, 'made-by-the-cell');
  return join(folder, 'secret');
}

for (const wrapper of ['bubblewrap', 'unshare', 'none'] as const) {
  describe(`a breached cell, with ${wrapper} around it`, () => {
    let cells: TestSupervisor | undefined;
    let why = '';
    before(async () => {
      try {
        cells = await createTestSupervisor({ harnessPath: await programs.path(''), sandbox: wrapper, prestarted: 0 });
        cells.deploy({ name: 'breached', modules: { 'index.js': '' } });
      } catch (error) {
        if ((error as Error).name !== 'SandboxError') throw error;
        why = (error as Error).message;
      }
    });
    after(() => cells?.close());

    test('gets nothing of the machine by any of its attempts', async (t) => {
      if (cells === undefined) {
        t.skip(why);
        return;
      }
      const names = JSON.parse((await cells.fetch('breached', { url: '/names' })).body) as string[];
      assert.ok(names.length >= 85, `${names.length} attempts`);
      const got: string[] = [];
      for (const name of names) {
        const { status, body } = await cells.fetch('breached', {
          url: `/${name}?at=${encodeURIComponent(aimOf(name))}`,
        });
        // A cell that is ended for what it tried has got nothing either.
        if (status === 200 && body !== 'refused') got.push(`${name}: ${body.slice(0, 200)}`);
      }
      assert.deepEqual(got, []);
      assert.equal(touched, 0, 'nobody knocked at the port');
      assert.deepEqual(readdirSync(folder), ['secret']);
    });

    test('holds no descriptor but its own sockets, its engine’s and the file of extras', async (t) => {
      if (cells === undefined) {
        t.skip(why);
        return;
      }
      await cells.fetch('breached', { url: '/names' });
      for (const pid of cells.cellPids()) {
        const strange = readdirSync(`/proc/${pid}/fd`)
          .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
          .filter((target) => !/^(socket|pipe|anon_inode):|^\/dev\/(null|urandom)$|extras\.bin$/.test(target));
        assert.deepEqual(strange, [], `process ${pid}`);
      }
    });

    test('has neither environment nor capabilities, and its filter is on in every thread', async (t) => {
      if (cells === undefined) {
        t.skip(why);
        return;
      }
      await cells.fetch('breached', { url: '/names' });
      for (const pid of cells.cellPids()) {
        for (const thread of readdirSync(`/proc/${pid}/task`)) {
          const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
          assert.match(status, /^Seccomp:\t2$/m, thread);
          assert.match(status, /^NoNewPrivs:\t1$/m, thread);
          // The inheritable set says nothing: no program can be started.
          for (const set of ['Prm', 'Eff', 'Amb']) assert.match(status, new RegExp(`^Cap${set}:\\t0+$`, 'm'), set);
        }
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        assert.ok(!/SKEP|CLOUDFLARE|DATABASE|HOME|SECRET/.test(environment), environment);
      }
    });
  });
}

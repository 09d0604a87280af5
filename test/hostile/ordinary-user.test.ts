/**
 * A whole Skep that an ordinary user has started, with a breached cell in it (see breach.test.ts): the cells run as the same user as the server,
 * so permissions of files and sockets keep nobody out, and only the walls around the process do. What it is after is real: the master
 * key, the database's socket, the ports of API and gateway, the server's process.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createHostilePrograms, type HostilePrograms } from '../support/hostile.ts';
import { MAIN, type Skep, startSkep, temporaryDirectory } from '../support/server.ts';
import { buildOnce } from '../support/supervisor.ts';

const NOBODY = 65534;
const IS_ROOT = process.getuid?.() === 0;

let programs: HostilePrograms;
let main: string;
/** Why these tests cannot run here. */
let reason: string | null = null;

before(async () => {
  buildOnce();
  programs = createHostilePrograms('breached');
  const copy = temporaryDirectory(0o755);
  cpSync(dirname(dirname(resolve(MAIN))), join(copy, 'dist'), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  copyFileSync('package.json', join(copy, 'package.json'));
  copyFileSync(await programs.path(''), join(copy, 'dist/cell/harness.js'));
  chmodSync(join(copy, 'dist/cell/harness.js'), 0o644);
  main = join(copy, 'dist/server/main.js');
  const user = IS_ROOT ? { uid: NOBODY, gid: NOBODY } : {};
  const tried = spawnSync(process.execPath, [main, '--version'], { ...user, cwd: '/', stdio: 'ignore' });
  if (tried.status !== 0) reason = 'the checkout is where other users may not enter';
});
after(() => programs.remove());

/** The real thing that an attempt of this name would want. */
function aimOf(name: string, skep: Skep): string {
  const socket = join(skep.dataDir, 'postgres/socket/.s.PGSQL.5432');
  if (name.endsWith('connect-unix')) return socket;
  if (/connect|fetch|websocket/.test(name)) return String(skep.apiPort);
  if (/kill|ptrace|pidfd|memory|prlimit/.test(name)) return String(skep.pid);
  if (/list|chdir|chroot/.test(name)) return skep.dataDir;
  if (/write|mkdir|link|unlink/.test(name)) return join(skep.dataDir, 'made-by-the-cell');
  return join(skep.dataDir, 'master.key');
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });

for (const sandbox of ['bubblewrap', 'unshare', 'none'] as const) {
  describe(`Skep as an ordinary user, with ${sandbox} around its cells`, () => {
    test('a breached cell gets neither key nor database, API, gateway or server', async (t) => {
      if (reason !== null) return t.skip(reason);
      const home = temporaryDirectory();
      if (IS_ROOT) chownSync(home, NOBODY, NOBODY);
      const user = IS_ROOT ? { uid: NOBODY } : {};
      let skep: Skep;
      try {
        skep = await startSkep({ ...user, program: main, dataDir: join(home, 'data'), env: { SKEP_SANDBOX: sandbox } });
      } catch (error) {
        if (!/does not have/.test(String(error))) throw error;
        return t.skip(String(error).slice(0, 200));
      }
      await skep.deploy('breached', 'export default { fetch() {} };');
      const key = statSync(join(skep.dataDir, 'master.key'));
      assert.ok(key.size > 0);
      assert.ok(existsSync(join(skep.dataDir, 'postgres/socket/.s.PGSQL.5432')), 'the database is there');
      assert.ok(await accepts(skep.apiPort), 'the API is there');
      const before_ = readdirSync(skep.dataDir).toSorted();
      const names = (await skep.request('breached', '/names')).json() as unknown as string[];
      assert.ok(names.length >= 85, `${names.length} attempts`);
      const got: string[] = [];
      let refused = 0;
      for (const name of names) {
        const path = `/${name}?at=${encodeURIComponent(aimOf(name, skep))}`;
        const { status, text } = await skep.request('breached', path);
        // A cell that is ended for what it tried has got nothing either.
        if (status === 200 && text === 'refused') refused++;
        else if (status === 200) got.push(`${name}: ${text.slice(0, 200)}`);
      }
      assert.deepEqual(got, []);
      assert.ok(refused > names.length * 0.8, `${refused} of ${names.length} attempts were answered at all`);
      assert.deepEqual(readdirSync(skep.dataDir).toSorted(), before_, 'nothing was made or removed');
      assert.equal(statSync(join(skep.dataDir, 'master.key')).mtimeMs, key.mtimeMs);
      assert.equal((await skep.api('GET', '/workers/scripts')).status, 200, 'the server is well');
      await skep.stop();
      return undefined;
    });
  });
}

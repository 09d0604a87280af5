/** `skep doctor` on this machine, in good health and in bad. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';
import { ENGINE, findEngine } from '../../server/supervisor/engine.ts';
import { temporaryDirectory } from '../support/server.ts';

interface Finding {
  readonly level: 'ok' | 'warn' | 'repair';
  readonly about: string;
  readonly message: string;
}

function doctor(
  environment: Record<string, string>,
  ...args: string[]
): { status: number | null; findings: Finding[] } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [resolve('bin/skep.js'), 'doctor', '--json', ...args],
    {
      encoding: 'utf8',
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '', SKEP_GATEWAY_PORT: '0', SKEP_API_PORT: '0', ...environment },
    },
  );
  assert.equal(stderr, '');
  return { status, findings: JSON.parse(stdout) as Finding[] };
}

const about = (findings: readonly Finding[], name: string): Finding => {
  const found = findings.find((finding) => finding.about === name);
  assert.ok(found, `nothing about ${name}`);
  return found;
};

test('a machine that can run Skep has nothing to repair, and every wall is named', () => {
  const dataDir = join(temporaryDirectory(), 'data');
  const { status, findings } = doctor({ SKEP_DATA_DIR: dataDir });
  assert.equal(status, 0, JSON.stringify(findings));
  assert.match(about(findings, 'engine').message, /Deno \d+\.\d+\.\d+, V8 \d+\./);
  for (const layer of ['seccomp', 'network-namespace', 'empty-root', 'own-user', 'memory-cgroup']) {
    assert.ok(about(findings, `sandbox/${layer}`).message.length > 20, layer);
  }
  assert.match(about(findings, 'data').message, /not there yet/);
});

test('the engine whose age it tells is the one in package.json', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> };
  assert.equal(manifest.optionalDependencies['@deno/linux-x64-glibc'], ENGINE.version);
});

test('an engine that is not installed is missed in a sentence that says for which machines there is one', () => {
  assert.throws(() => findEngine('file:///nowhere/main.js'), {
    name: 'EngineError',
    message: /@deno\/linux-x64-glibc is not installed.*Linux on x64 with glibc.*npm ci/,
  });
});

test('a database that cannot be reached is to be repaired, and its password is not shown', () => {
  const { status, findings } = doctor({
    SKEP_DATA_DIR: join(temporaryDirectory(), 'data'),
    DATABASE_URL: 'postgres://skep:sesame@127.0.0.1:1/skep',
  });
  assert.equal(status, 1);
  assert.equal(about(findings, 'database').level, 'repair');
  assert.ok(!JSON.stringify(findings).includes('sesame'));
});

test('a port that something else has, and a master key that others can read, are to be repaired', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dataDir = join(temporaryDirectory(), 'data');
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'master.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
  chmodSync(join(dataDir, 'master.key'), 0o644);
  const { status, findings } = doctor({ SKEP_DATA_DIR: dataDir, SKEP_API_PORT: String(port) });
  server.close();
  assert.equal(status, 1);
  assert.match(about(findings, 'api').message, /in use by something else/);
  assert.match(about(findings, 'master key').message, /chmod 600/);
});

test('a setting that cannot be used is said as by the server itself', () => {
  const { status, stderr } = spawnSync(process.execPath, [resolve('bin/skep.js'), 'doctor', '--gateway-port', 'many'], {
    encoding: 'utf8',
    cwd: '/',
  });
  assert.equal(status, 1);
  assert.match(stderr, /--gateway-port is "many"/);
});

test('--help of each command tells what it does; a word that is no command is answered with those there are', () => {
  const skep = (...args: string[]) =>
    spawnSync(process.execPath, [resolve('bin/skep.js'), ...args], { encoding: 'utf8', cwd: '/' });
  for (const command of ['doctor', 'backup', 'restore']) {
    const { status, stdout } = skep(command, '--help');
    assert.equal(status, 0);
    assert.ok(stdout.startsWith(`Usage: skep ${command} `), stdout);
  }
  const { status, stderr } = skep('deploy');
  assert.equal(status, 1);
  assert.match(
    stderr,
    /Cannot understand the argument "deploy". Allowed are flags, and the commands doctor, backup and restore/,
  );
});

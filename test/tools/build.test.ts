import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');

/** A small project of the same shape; build.mjs finds its root by where it lies itself. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'build-'));
  mkdirSync(join(root, 'tools'));
  copyFileSync(join(ROOT, 'tools/build.mjs'), join(root, 'tools/build.mjs'));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  write(
    'server/main.ts',
    `import { text } from './shared.ts'; import pc from 'picocolors'; console.log(text, typeof pc.red);`,
  );
  write('server/doctor.ts', `import { text } from './shared.ts'; console.log('doctor', text);`);
  write('server/backup.ts', `import { text } from './shared.ts'; console.log('backup', text);`);
  write('server/supervisor/watchdog-thread.ts', `import { text } from '../shared.ts'; console.log(text);`);
  write('server/supervisor/spawner-process.ts', `import { text } from '../shared.ts'; console.log('spawner', text);`);
  write('server/source-map-thread.ts', `import { text } from './shared.ts'; console.log('maps', text);`);
  write('server/shared.ts', `export const text: string = 'first';`);
  write('server/storage/migrations/0001_first.sql', 'CREATE TABLE t ();');
  write('cell/boot.ts', `import { a } from './a.ts'; import m from 'node:module'; console.log(a, typeof m);`);
  write('cell/main.ts', `import { a } from './a.ts'; globalThis.harness = a;`);
  write('cell/a.ts', `export const a: number = 1;`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function node(...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

const build = (...args: string[]) => node('tools/build.mjs', ...args);
const dist = (path: string): string => readFileSync(join(root, 'dist', path), 'utf8');

test('it makes programs that run, one plain file that starts a cell and a copy of the migrations, and says nothing', () => {
  assert.deepEqual(build(), { code: 0, output: '' });
  assert.deepEqual(node('dist/server/main.js'), { code: 0, output: 'first function\n' });
  assert.deepEqual(node('dist/server/watchdog-thread.js'), { code: 0, output: 'first\n' });
  assert.deepEqual(node('dist/server/spawner.js'), { code: 0, output: 'spawner first\n' });
  assert.deepEqual(node('dist/cell/harness.js'), { code: 0, output: '1 function\n' });
  assert.deepEqual(readdirSync(join(root, 'dist/cell')), ['extras.bin', 'harness.js']);
  assert.match(dist('cell/extras.bin'), /globalThis\.harness = a/);
  assert.doesNotMatch(dist('cell/harness.js'), /^export|sourceMappingURL/m);
  assert.equal(dist('server/migrations/0001_first.sql'), 'CREATE TABLE t ();');
});

test('a second run changes nothing; a changed, added or removed source is noticed', () => {
  build();
  const stamp = () => statSync(join(root, 'dist/.stamp')).mtimeMs;
  const before = stamp();
  assert.deepEqual(build(), { code: 0, output: '' });
  assert.equal(stamp(), before);

  write('server/shared.ts', `export const text: string = 'second';`);
  build();
  assert.equal(node('dist/server/main.js').output, 'second function\n');

  write('server/storage/migrations/0002_second.sql', 'SELECT 2;');
  build();
  assert.deepEqual(readdirSync(join(root, 'dist/server/migrations')), ['0001_first.sql', '0002_second.sql']);
  rmSync(join(root, 'server/storage/migrations/0002_second.sql'));
  build();
  assert.deepEqual(readdirSync(join(root, 'dist/server/migrations')), ['0001_first.sql']);
});

test('an output that somebody deleted is made again', () => {
  build();
  rmSync(join(root, 'dist/cell/harness.js'));
  assert.equal(build().code, 0);
  assert.match(dist('cell/harness.js'), /console\.log/);
});

test('files of an earlier build that are not made any more are removed', () => {
  build();
  write('dist/server/chunk-OLD.js', '');
  build('--force');
  assert.ok(!readdirSync(join(root, 'dist/server')).includes('chunk-OLD.js'));
});

test('a source that does not parse fails with file and line, leaves the last build, and fails again', () => {
  build();
  write('server/shared.ts', 'export const = 1;');
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const { code, output } = build();
    assert.equal(code, 1);
    assert.match(output, /server\/shared\.ts:1:/);
  }
  assert.equal(node('dist/server/main.js').output, 'first function\n');
});

test('a missing entry point is an error; --allow-missing builds the rest and says so', () => {
  rmSync(join(root, 'cell'), { recursive: true });
  const refused = build();
  assert.equal(refused.code, 1);
  assert.match(refused.output, /entry point missing: cell\/boot\.ts, cell\/main\.ts/);
  const allowed = build('--allow-missing');
  assert.equal(allowed.code, 0);
  assert.match(allowed.output, /cell\/main\.ts does not exist yet/);
  assert.equal(node('dist/server/main.js').output, 'first function\n');
});

test('an argument it does not know is an error', () => {
  const { code, output } = build('--watch');
  assert.equal(code, 1);
  assert.match(output, /unknown argument --watch/);
});

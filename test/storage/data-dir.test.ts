import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openDataDir } from '../../server/storage/data-dir.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/hold-data-dir.ts', import.meta.url));
let root: string;
let path: string;
let count = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-test-dir-'));
});
after(() => rm(root, { recursive: true }));
beforeEach(() => {
  path = join(root, String(count++), 'data');
});

/** Another process that holds the directory until it is killed. */
async function holder(directory: string): Promise<{ child: ChildProcess; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, output: chunk.toString().trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('the data directory', () => {
  test('it is made with its parents, and can be opened again after closing', async () => {
    for (let round = 0; round < 3; round++) {
      const opened = await openDataDir(path);
      assert.deepEqual((await readdir(path)).toSorted(), ['layout', 'lock']);
      await opened.close();
      await opened.close();
      assert.deepEqual(await readdir(path), ['layout']);
    }
  });

  test('a second Skep is refused, with the process that holds it', async () => {
    const opened = await openDataDir(path);
    await assert.rejects(openDataDir(path), {
      name: 'DatabaseError',
      message: `Cannot use the data directory "${path}": another Skep (process ${process.pid}) uses it. Stop that one, or set SKEP_DATA_DIR to another directory.`,
    });
    const other = await holder(path);
    assert.match(other.output, new RegExp(`another Skep \\(process ${process.pid}\\)`));
    await kill(other.child);
    await opened.close();
  });

  test('a killed Skep holds nothing back', async () => {
    const { child, output } = await holder(path);
    assert.equal(output, 'held');
    await assert.rejects(openDataDir(path), /another Skep/);
    await kill(child);
    assert.ok((await readdir(path)).includes('lock'), 'the stale lock is still there');
    await (await openDataDir(path)).close();
  });

  test('of many that start at once one gets it', async () => {
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => openDataDir(path)));
    const opened = attempts.filter((attempt) => attempt.status === 'fulfilled');
    assert.equal(opened.length, 1);
    await opened[0]?.value.close();
  });

  test('its path may be longer than a socket path', async () => {
    const long = join(path, 'x'.repeat(100), 'y'.repeat(100));
    const opened = await openDataDir(long);
    await assert.rejects(openDataDir(long), /another Skep/);
    await opened.close();
  });

  test('one of a newer Skep is refused, and stays as it is', async () => {
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'layout'), '99\n');
    await assert.rejects(openDataDir(path), {
      name: 'DatabaseError',
      message: /its layout is 99, this Skep knows \d+\. A newer Skep/,
    });
    assert.ok(!(await readdir(path)).includes('lock'));
  });

  test('a file in its place is one sentence', async () => {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, '');
    await assert.rejects(openDataDir(path), {
      name: 'DatabaseError',
      message: /^Cannot use the data directory ".*": it is a file/,
    });
    await assert.rejects(openDataDir(join(path, 'below')), { name: 'DatabaseError', message: /no directory/ });
  });

  test('one that may not be written is one sentence', {
    skip: process.getuid?.() === 0 && 'root may write everywhere',
  }, async () => {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o500);
    await assert.rejects(openDataDir(path), { name: 'DatabaseError', message: /this user may not write there/ });
    await chmod(path, 0o700);
  });
});

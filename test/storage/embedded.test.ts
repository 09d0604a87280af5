import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openDataDir } from '../../server/storage/data-dir.ts';
import type { DatabaseConnection } from '../../server/storage/database.ts';
import { binariesIn, findBinaries } from '../../server/storage/embedded/binaries.ts';
import { startEmbeddedPostgres } from '../../server/storage/embedded/embedded.ts';
import type { EmbeddedOptions } from '../../server/storage/embedded/embedded.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { recordingLog, testLog } from '../support/log.ts';
import { mentioning } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { ACCOUNT_ID } from '../support/uploads.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/run-embedded-postgres.ts', import.meta.url));
const PUBLISHER = fileURLToPath(new URL('../fixtures/publish-forever.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;

let root: string;
let path: string;
let count = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'skep-test-epg-'));
  await chmod(root, 0o711);
});
after(() => rm(root, { recursive: true }));
beforeEach(() => {
  path = join(root, String(count++));
});

type Running = Awaited<ReturnType<typeof startEmbeddedPostgres>>;

/** Starts it, works with it and stops it. */
async function withPostgres<T>(
  directory: string,
  work: (postgres: Running) => Promise<T>,
  options: Partial<EmbeddedOptions> = {},
): Promise<T> {
  const dataDir = await openDataDir(directory);
  try {
    const postgres = await startEmbeddedPostgres({ dataDir, log: testLog, ...options });
    try {
      return await work(postgres);
    } finally {
      await postgres.stop();
      await postgres.stop();
    }
  } finally {
    await dataDir.close();
  }
}

async function query(connection: DatabaseConnection, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ ...connection });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  // A zombie that nobody has reaped yet is as good as gone.
  return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** The embedded PostgreSQL under another Node process, which can be killed. */
function startElsewhere(
  directory: string,
  { program = PROGRAM, args = [] }: { readonly program?: string; readonly args?: readonly string[] } = {},
): { child: ChildProcess; line: (pattern: RegExp) => Promise<RegExpExecArray> } {
  const child = spawn(process.execPath, ['--import', 'tsx', program, directory, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const seen: string[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => seen.push(line));
  const line = async (pattern: RegExp): Promise<RegExpExecArray> => {
    let match: RegExpExecArray | null = null;
    await until(
      () => {
        match = pattern.exec(seen.join('\n'));
        return match !== null;
      },
      `the line ${pattern}`,
      20_000,
    );
    return match as unknown as RegExpExecArray;
  };
  return { child, line };
}

async function killNow(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('starting and stopping', () => {
  test('what was written is there after a restart, and nothing runs after stop', async () => {
    let pid = 0;
    const password = await withPostgres(path, async (postgres) => {
      pid = postgres.pid ?? 0;
      await query(postgres.connection, 'CREATE TABLE t AS SELECT 42 AS a');
      assert.deepEqual(await query(postgres.connection, "SELECT current_setting('fsync')"), ['on']);
      return postgres.connection.password;
    });
    assert.ok(pid > 0 && !isAlive(pid));
    await withPostgres(path, async (postgres) => {
      assert.equal(postgres.connection.password, password);
      assert.deepEqual(await query(postgres.connection, 'SELECT a FROM t'), [42]);
    });
    assert.deepEqual((await readdir(path)).toSorted(), ['layout', 'postgres', 'postgres-lib']);
  });

  test('there is no TCP port, and without the password nobody gets in', async () => {
    await withPostgres(path, async (postgres) => {
      assert.deepEqual(await query(postgres.connection, "SELECT current_setting('listen_addresses')"), ['']);
      await assert.rejects(query({ ...postgres.connection, password: 'wrong' }, 'SELECT 1'), { code: '28P01' });
      for (const name of ['.', 'socket', 'data'])
        assert.equal(statSync(join(path, 'postgres', name)).mode & 0o777, 0o700, name);
      assert.equal(statSync(join(path, 'postgres', 'password')).mode & 0o777, 0o600);
    });
  });

  test('another user of the machine cannot even reach the socket', {
    skip: !isRoot && 'only root can try it as another user',
  }, async () => {
    await withPostgres(path, async (postgres) => {
      // 12345 owns nothing; the owner of the directory, for comparison, gets through.
      const tryAs = (uid: number): number | null =>
        spawnSync('/bin/sh', ['-c', 'test -S "$1"', 'sh', join(postgres.connection.host, '.s.PGSQL.5432')], {
          uid,
          gid: uid,
          cwd: '/',
        }).status;
      assert.equal(tryAs(statSync(join(path, 'postgres')).uid), 0);
      assert.equal(tryAs(12_345), 1);
    });
  });

  test('PostgreSQL never runs as root, and reads nothing of our environment', async () => {
    await withPostgres(path, async (postgres) => {
      const status = readFileSync(`/proc/${postgres.pid}/status`, 'utf8');
      assert.match(status, isRoot ? /^Uid:\t(?!0\t)/m : new RegExp(`^Uid:\\t${process.getuid?.()}\\t`, 'm'));
      assert.match(status, /^CapEff:\t0+$/m);
      const environment = readFileSync(`/proc/${postgres.pid}/environ`, 'utf8');
      assert.doesNotMatch(environment, /HOME=|npm_/);
    });
  });

  test('a data directory with a long name gets its socket elsewhere, and takes it away again', async () => {
    const long = join(path, 'x'.repeat(120));
    const socketDir = await withPostgres(long, async (postgres) => {
      assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]);
      return postgres.connection.host;
    });
    assert.ok(!socketDir.startsWith(long) && !existsSync(socketDir));
    const { child, line } = startElsewhere(long);
    await line(/^pid (\d+)/m);
    const left = readFileSync(join(long, 'postgres.socket'), 'utf8');
    assert.equal(statSync(left).mode & 0o777, 0o700);
    await killNow(child);
    await withPostgres(long, async (postgres) => assert.notEqual(postgres.connection.host, left));
    assert.ok(!existsSync(left), 'what the killed one left is gone');
  });

  test('the libraries are found although the install script of the package never ran', async () => {
    const copy = join(path, 'package');
    await cp(join(findBinaries().native, '..'), copy, { recursive: true });
    for (const name of await readdir(join(copy, 'native', 'lib'))) {
      const file = join(copy, 'native', 'lib', name);
      if (
        /\.so(\.\d+)?$/.test(name) &&
        statSync(file, { throwIfNoEntry: false })?.isFile() === true &&
        /^lib(icu|pq|ecpg|pgtypes)/.test(name)
      )
        await rm(file);
    }
    await withPostgres(
      join(path, 'data'),
      async (postgres) => assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]),
      {
        binaries: binariesIn(copy),
      },
    );
  });
});

describe('bad days', () => {
  for (const [name, args] of [
    ['the kernel', []],
    ['the lifeline, where setpriv is missing,', ['lifeline']],
  ] as const) {
    test(`when Skep is killed, ${name} ends PostgreSQL, and the next start works at once`, async () => {
      for (let round = 0; round < 2; round++) {
        const { child, line } = startElsewhere(path, { args });
        const pid = Number((await line(/^pid (\d+)/m))[1]);
        assert.ok(isAlive(pid));
        await killNow(child);
        await withPostgres(path, async (postgres) => {
          assert.ok(!isAlive(pid), 'the old one is gone before the new one starts');
          assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]);
        });
      }
    });

    test(`PostgreSQL ends although nobody starts Skep again (by ${name})`, async () => {
      const { child, line } = startElsewhere(path, { args });
      const pid = Number((await line(/^pid (\d+)/m))[1]);
      await killNow(child);
      await until(() => !isAlive(pid), 'the end of PostgreSQL');
    });
  }

  test('killed in the moment in which it starts programs, Skep leaves none of them behind', async () => {
    const own = new URL('../../server/storage/embedded/process.ts', import.meta.url);
    const seconds = String(100_000 + process.pid);
    const script = `
      import { startProgram } from ${JSON.stringify(own.href)};
      const slow = ['/bin/sh', '-c', 'sleep 0.2; exec "$@"', 'sh'];
      const options = { identity: { prefix: slow }, libraryPath: '/lib', deathSignal: 'KILL', maxDataBytes: 2 ** 30 };
      startProgram('/bin/sleep', [${JSON.stringify(seconds)}], options);
      process.kill(process.pid, 'SIGKILL');`;
    const { signal } = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', script]);
    assert.equal(signal, 'SIGKILL');
    try {
      await until(() => mentioning(seconds).length === 0, 'all are gone');
    } finally {
      for (const { pid } of mentioning(seconds)) process.kill(pid, 'SIGKILL');
    }
  });

  test('killed at any moment of its first start, the next start works', async () => {
    for (const delayMs of [0, 100, 300, 500]) {
      const directory = join(path, String(delayMs));
      const { child, line } = startElsewhere(directory);
      await line(/^locked/m);
      await sleep(delayMs);
      await killNow(child);
      await withPostgres(directory, async (postgres) =>
        assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]),
      );
      const left = (await readdir(directory)).filter((name) => name.startsWith('postgres.new'));
      assert.deepEqual(left, [], `after ${delayMs} ms`);
    }
  });

  test('every version that was acknowledged before a kill is there after it', async () => {
    for (let round = 1; round <= 2; round++) {
      const { child, line } = startElsewhere(path, { program: PUBLISHER });
      const postgresPid = Number((await line(/^pid (\d+)/m))[1]);
      await line(/^published \d+(\n.*)*published \d+(\n.*)*published \d+/m);
      // Both at once, so that PostgreSQL cannot shut down in order.
      process.kill(postgresPid, 'SIGKILL');
      await killNow(child);
      const acknowledged = Number((await line(/published (\d+)(?!(.|\n)*published)/))[1]);
      await withPostgres(path, async (postgres) => {
        const opened = await openStore({ connection: postgres.connection, masterKey: Buffer.alloc(32), log: testLog });
        const versions = await opened.store.listVersions(ACCOUNT_ID, 'apple', 100_000);
        const [deployed] = await opened.store.readDeployed();
        await opened.close();
        const latest = versions[0]?.number ?? 0;
        assert.ok(latest >= acknowledged, `${latest} is there, ${acknowledged} was acknowledged`);
        assert.equal(versions.length, latest);
        assert.equal(deployed?.versions[0]?.number, versions[0]?.number);
      });
    }
  });

  test('a PostgreSQL that dies is started again, and the store recovers by itself', async () => {
    await withPostgres(path, async (postgres) => {
      const opened = await openStore({ connection: postgres.connection, masterKey: Buffer.alloc(32), log: testLog });
      try {
        for (let round = 0; round < 2; round++) {
          const pid = postgres.pid as number;
          process.kill(pid, 'SIGKILL');
          await until(() => postgres.pid !== null && postgres.pid !== pid, 'the restart');
          await until(
            () =>
              opened.store.ping().then(
                () => true,
                () => false,
              ),
            'the recovery of the store',
          );
        }
      } finally {
        await opened.close();
      }
    });
  });

  test('a session that is busy when PostgreSQL is killed does not keep the next one from starting', async () => {
    await withPostgres(path, async (postgres) => {
      const pid = postgres.pid as number;
      const client = new pg.Client(postgres.connection);
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      const busy = rows[0].pid as number;
      const ended = assert.rejects(client.query('DO $$ BEGIN LOOP END LOOP; END $$'));
      await until(() => readFileSync(`/proc/${busy}/stat`, 'utf8').includes(') R '), 'it is busy');
      process.kill(pid, 'SIGKILL');
      await until(() => postgres.pid !== null && postgres.pid !== pid, 'the restart', 20_000);
      assert.ok(!isAlive(busy));
      await ended;
      assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]);
      await client.end().catch(() => undefined);
    });
  });

  test('stopping while it is being restarted ends it for good', async () => {
    await withPostgres(path, async (postgres) => {
      process.kill(postgres.pid as number, 'SIGKILL');
      await until(() => postgres.pid === null, 'the notice of its death');
      await postgres.stop();
      assert.equal(postgres.pid, null);
      await assert.rejects(query(postgres.connection, 'SELECT 1'), { code: /ENOENT|ECONNREFUSED/ });
    });
  });

  test('a directory of another major version is one sentence', async () => {
    await mkdir(join(path, 'postgres', 'data'), { recursive: true });
    await writeFile(join(path, 'postgres', 'data', 'PG_VERSION'), '9.6\n');
    if (isRoot) spawnSync('chown', ['-R', 'nobody', join(path, 'postgres')]);
    await assert.rejects(
      withPostgres(path, async () => {}),
      { name: 'DatabaseError', message: /was made by PostgreSQL 9\.6/ },
    );
  });

  test('a lost password is one sentence', async () => {
    await withPostgres(path, async () => {});
    await rm(join(path, 'postgres', 'password'));
    await assert.rejects(
      withPostgres(path, async () => {}),
      { name: 'DatabaseError', message: /password" is missing or empty\. Restore/ },
    );
  });

  test('a damaged directory is one sentence with the reason of PostgreSQL', async () => {
    await withPostgres(path, async () => {});
    await rm(join(path, 'postgres', 'data', 'global'), { recursive: true });
    await assert.rejects(
      withPostgres(path, async () => {}),
      { name: 'DatabaseError', message: /postgres ended with exit code \d+ \(.*could not find the database system/ },
    );
  });

  test('its warnings are in the log, its chatter only when asked for', async () => {
    const { log, lines } = recordingLog();
    await withPostgres(
      path,
      async (postgres) => {
        await query({ ...postgres.connection, database: 'missing' }, 'SELECT 1').catch(() => {});
      },
      { log },
    );
    assert.ok(
      lines.some((line) => /^warn +postgres: FATAL: +database "missing" does not exist/.test(line)),
      lines.join(''),
    );
    assert.ok(lines.some((line) => line.startsWith('debug postgres: LOG: ')));
  });
});

describe('as root', { skip: !isRoot && 'these need root' }, () => {
  test('below a directory that no other user may enter it runs all the same, not as root', async () => {
    await mkdir(path, { mode: 0o700 });
    const data = join(path, 'data');
    for (let round = 0; round < 2; round++) {
      await withPostgres(data, async (postgres) => {
        assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]);
        assert.match(readFileSync(`/proc/${postgres.pid}/status`, 'utf8'), /^CapEff:\t0+$/m);
      });
    }
    const { child, line } = startElsewhere(data);
    const pid = Number((await line(/^pid (\d+)/m))[1]);
    await killNow(child);
    await until(() => !isAlive(pid), 'the end of PostgreSQL');
  });

  test('it also runs when its programs lie where no other user may enter', async () => {
    await mkdir(path, { mode: 0o700 });
    await cp(dirname(findBinaries().native), join(path, 'package'), { recursive: true, verbatimSymlinks: true });
    await withPostgres(
      join(root, 'open'),
      async (postgres) => assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]),
      {
        binaries: binariesIn(join(path, 'package')),
      },
    );
  });

  test('a full disk is one sentence, and the start works when there is space again', async (context) => {
    await mkdir(path, { mode: 0o711 });
    const mount = (options: string): boolean =>
      spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]).status === 0;
    if (!mount('size=20m,mode=711')) return context.skip('mounting is not permitted here');
    try {
      const data = join(path, 'data');
      await assert.rejects(
        withPostgres(data, async () => {}),
        { name: 'DatabaseError', message: /the disk is full\. Free some space/ },
      );
      assert.deepEqual(
        (await readdir(data)).filter((name) => name.startsWith('postgres.new')),
        [],
      );
      assert.equal(spawnSync('mount', ['-o', 'remount,size=200m', path]).status, 0);
      await withPostgres(data, async (postgres) => assert.deepEqual(await query(postgres.connection, 'SELECT 1'), [1]));
    } finally {
      spawnSync('umount', [path]);
    }
  });
});

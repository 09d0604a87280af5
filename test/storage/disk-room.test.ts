/** The part of the disk that accounts do not get. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { watchDisk } from '../../server/storage/disk-room.ts';
import { testLog } from '../support/log.ts';
import { until } from '../support/until.ts';

const MiB = 2 ** 20;

test('there is no room below the reserve, and again only when a little more than it is free', async (t) => {
  let freeMiB = 500;
  const room = watchDisk({
    folder: tmpdir(),
    reserveBytes: 100 * MiB,
    log: testLog,
    ask: () => Promise.resolve({ bavail: freeMiB, bsize: MiB }),
  });
  t.after(() => room.close());
  assert.equal(room.isShort, false);
  freeMiB = 99;
  await until(() => room.isShort, 'it is short');
  freeMiB = 104;
  await assert.rejects(
    until(() => !room.isShort, 'there is room', 1_200),
    /there is room/,
  );
  freeMiB = 106;
  await until(() => !room.isShort, 'there is room again');
});

test('it is known from the start, and without a reserve there is always room', (t) => {
  const options = { folder: tmpdir(), log: testLog };
  const room = watchDisk({ ...options, reserveBytes: Number.MAX_SAFE_INTEGER });
  t.after(() => room.close());
  assert.equal(room.isShort, true);
  assert.equal(watchDisk({ ...options, reserveBytes: 0 }).isShort, false);
});

test('a disk that cannot be asked about stays what it was', async (t) => {
  let asked = 0;
  const room = watchDisk({
    folder: tmpdir(),
    reserveBytes: MiB,
    log: testLog,
    ask: () => {
      asked++;
      return Promise.reject(new Error('EIO'));
    },
  });
  t.after(() => room.close());
  await until(() => asked > 1, 'it is asked again');
  assert.equal(room.isShort, false);
});

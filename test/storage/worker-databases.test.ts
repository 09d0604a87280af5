/** Databases of workers below the bindings: whose they are, how messages are cut out of a stream, and what counts as a placeholder or a reading statement. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheable } from '../../server/bindings/hyperdrive/cacheable.ts';
import { sizeRuleOf } from '../../server/storage/databases/size-rules.ts';
import { FrameReader } from '../../server/storage/wire/frames.ts';
import { createTestApi } from '../support/api.ts';

const message = (type: string, text: string): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(text.length + 4, 1);
  return Buffer.concat([head, Buffer.from(text)]);
};

test('messages come out whole however the stream is cut', () => {
  const sent = [
    message('Z', 'I'),
    message('n', ''),
    message('D', 'x'.repeat(50)),
    message('1', ''),
    message('C', 'SELECT 1'),
  ];
  const stream = Buffer.concat(sent);
  for (let size = 1; size <= stream.length; size++) {
    const seen: Buffer[] = [];
    const reader = new FrameReader(1024, (type, frame) => {
      assert.equal(type, frame[0]);
      seen.push(Buffer.from(frame));
    });
    for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size));
    assert.deepEqual(seen, sent, `pieces of ${size} bytes`);
  }
});

test('a message that is too long, or of an impossible length, is refused before its bytes are there', () => {
  const reader = (): FrameReader => new FrameReader(16, () => assert.fail('nothing is whole'));
  assert.throws(() => reader().push(message('D', 'x'.repeat(12)).subarray(0, 5)), /of 17 bytes came, allowed are 16/);
  assert.throws(() => reader().push(Buffer.from([0x44, 0, 0, 0, 3])), /impossible length/);
  assert.throws(() => reader().push(Buffer.from([0x44, 0xff, 0xff, 0xff, 0xff])), /allowed are 16/);
});

test('a database is found, entered, asked and deleted by its own account only', async (t) => {
  const api = await createTestApi();
  t.after(() => api.close());
  const { uuid } = (await api.call('POST', '/d1/database', { name: 'mine' })).body.result;
  const { databases, account } = api;
  const stranger = 'f'.repeat(32);
  assert.equal((await databases.find(account.id, uuid))?.name, 'mine');
  assert.notEqual(await databases.enter(account.id, uuid.replaceAll('-', '')), null);
  assert.deepEqual(
    [
      await databases.find(stranger, uuid),
      await databases.enter(stranger, uuid),
      await databases.usage(stranger, uuid),
      await databases.delete(stranger, uuid),
      await databases.list(stranger),
    ],
    [null, null, null, false, []],
  );
  const twice = await api.call('POST', '/d1/database', { name: 'mine' });
  assert.deepEqual([twice.status, twice.body.errors[0]?.code], [400, 7502]);
  assert.equal((await api.call('DELETE', `/d1/database/${uuid}`)).status, 200);
  assert.equal(await databases.enter(account.id, uuid), null);
});

test('of a database that is too large, statements are told apart by their first word behind comments', () => {
  const rules: readonly (readonly [string, string])[] = [
    ['DELETE FROM t', 'shrinks'],
    ['  -- note\n/* a /* b */ */ truncate t', 'shrinks'],
    ['SELECT 1', 'read-only'],
    ['WITH gone AS (DELETE FROM t RETURNING 1) INSERT INTO t SELECT 1', 'read-only'],
    ['commit', 'refused'],
    ['SET transaction_read_only = off', 'refused'],
    ['/* unfinished', 'read-only'],
  ];
  for (const [sql, rule] of rules) assert.equal(sizeRuleOf(sql), rule, sql);
});

test('only plain reading may be answered from memory', () => {
  const kept = [
    'SELECT * FROM t WHERE id = $1',
    ' with x as (select 1) select * from x;',
    'select count(*) from orders',
  ];
  const asked = [
    'SELECT now()',
    'SELECT * FROM t FOR UPDATE',
    'SELECT 1; SELECT 2',
    'WITH x AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM x',
    "SELECT nextval('s')",
    'SELECT pg_sleep(1)',
    'SELECT * INTO copy FROM t',
    'UPDATE t SET a = 1',
    'BEGIN',
    '-- hidden\nSELECT 1',
  ];
  assert.deepEqual([kept.filter(isCacheable), asked.filter(isCacheable)], [kept, []]);
});

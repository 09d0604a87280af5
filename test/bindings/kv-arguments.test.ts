/** What a cell says of an operation is an attacker's: whatever it is, the worker hears an error, and nothing else happens. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expiryOf, readBulkGet, readGet, readKey, readList, readPut } from '../../server/bindings/kv/arguments.ts';
import { OperationError } from '../../server/bindings/data-binding.ts';

const NOW = 1_800_000_000;
const refused =
  (message: RegExp, name = 'Error') =>
  (error: unknown) =>
    error instanceof OperationError && error.name === name && message.test(error.message);

describe('arguments of KV operations', () => {
  test('of a wrong shape are refused, each of them', () => {
    const odd = [undefined, null, 5, 'text', [], {}, { key: null }, { key: 5 }, { key: {} }, { key: ['a'] }];
    for (const args of odd) {
      for (const read of [readGet, (one: unknown) => readPut(one, NOW)]) {
        assert.throws(() => read(args), refused(/wrong shape/, 'TypeError'), JSON.stringify(args));
      }
    }
    for (const cacheTtl of ['60', 1.5, {}, Number.NaN]) {
      assert.throws(() => readGet({ key: 'k', cacheTtl }), refused(/wrong shape/, 'TypeError'));
    }
    for (const more of [{ metadata: {} }, { expiration: '1' }, { expirationTtl: 1e300 }]) {
      assert.throws(() => readPut({ key: 'k', ...more }, NOW), refused(/wrong shape/, 'TypeError'));
    }
    for (const keys of [undefined, 'a', { length: 1 }, [1], [null]]) {
      assert.throws(() => readBulkGet({ keys }), refused(/wrong shape/, 'TypeError'));
    }
    for (const args of [null, { prefix: 5 }, { cursor: {} }, { limit: '5' }]) {
      assert.throws(() => readList(args), refused(/wrong shape/, 'TypeError'));
    }
  });

  test('keys are counted in bytes, also when the cell has not counted them', () => {
    assert.equal(readKey('PUT', 'é'.repeat(256)), 'é'.repeat(256));
    assert.throws(
      () => readKey('PUT', 'é'.repeat(257)),
      refused(/^KV PUT failed: 414 UTF-8 encoded length of 514 exceeds/),
    );
    assert.throws(() => readKey('GET', ''), refused(/^Key name cannot be empty\.$/, 'TypeError'));
    assert.throws(() => readKey('GET_BULK', '..'), refused(/^KV GET_BULK failed: 400 Illegal key name/));
  });

  test('several keys: at least one, at most a hundred, each once', () => {
    assert.deepEqual(readBulkGet({ keys: ['a', 'b', 'a'], type: 'json' }), { keys: ['a', 'b'], type: 'json' });
    assert.throws(() => readBulkGet({ keys: [] }), refused(/minimum of 1 key/));
    assert.throws(() => readBulkGet({ keys: Array(101).fill('k') }), refused(/maximum of 100 keys/));
    assert.throws(() => readBulkGet({ keys: ['a'], type: 'stream' }), refused(/"stream" is not a valid type/));
  });

  test('metadata is JSON of at most 1,024 bytes', () => {
    const text = JSON.stringify('é'.repeat(511));
    assert.equal(readPut({ key: 'k', metadata: text }, NOW).metadata, text);
    assert.throws(
      () => readPut({ key: 'k', metadata: JSON.stringify('é'.repeat(512)) }, NOW),
      refused(/413 Metadata length of 1026/),
    );
    assert.throws(() => readPut({ key: 'k', metadata: '{' }, NOW), refused(/400 Metadata has to be JSON/));
  });

  test('an entry lives for a minute at least; a time to live goes before a time', () => {
    assert.equal(expiryOf(null, null, NOW), null);
    assert.equal(expiryOf(60, NOW + 5000, NOW), NOW + 60);
    assert.equal(expiryOf(null, NOW + 60, NOW), NOW + 60);
    assert.throws(() => expiryOf(59, null, NOW), refused(/at least 60/));
    assert.throws(() => expiryOf(0, null, NOW), refused(/integer greater than 0/));
    assert.throws(() => expiryOf(null, NOW + 59, NOW), refused(/at least 60 seconds in the future/));
    assert.throws(() => expiryOf(null, NOW, NOW), refused(/greater than the current number of seconds/));
  });

  test('a list has a thousand keys at most; what is no limit is none', () => {
    assert.deepEqual(readList({}), { prefix: '', cursor: null, limit: 1000 });
    assert.equal(readList({ limit: -3 }).limit, 1000);
    assert.throws(() => readList({ limit: 1001 }), refused(/Invalid key_count_limit of 1001/));
    assert.throws(() => readList({ prefix: 'x'.repeat(513) }), refused(/414/));
  });
});

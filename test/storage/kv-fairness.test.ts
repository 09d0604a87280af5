import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KV_LIMITS } from '../../shared/limits.ts';
import type { Connection } from '../../server/storage/database.ts';
import { FairQueue } from '../../server/storage/kv/fair-queue.ts';
import { Lane } from '../../server/storage/kv/lane.ts';
import { KvRefused } from '../../server/storage/kv/types.ts';
import { Liveness } from '../../server/storage/liveness.ts';

test('an account with a thousand namespaces has no more turns than one with a single one', () => {
  const queue = new FairQueue<string>();
  for (let namespace = 0; namespace < 1_000; namespace++) {
    for (const time of [1, 2]) queue.push('greedy', namespace, `greedy ${namespace} ${time}`);
  }
  for (const key of ['a', 'b', 'c']) queue.push('modest', 5_000, `modest ${key}`);
  const order = Array.from({ length: 7 }, () => queue.shift());
  assert.deepEqual(order, ['greedy 0 1', 'modest a', 'greedy 1 1', 'modest b', 'greedy 2 1', 'modest c', 'greedy 3 1']);
});

test('within an account namespaces take turns, and what is of one namespace keeps its order, however long it is', () => {
  const queue = new FairQueue<string>();
  for (let index = 0; index < 5_000; index++) queue.push('one', 1, `long ${index}`);
  queue.push('one', 2, 'short');
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], ['long 0', 'short', 'long 1']);
  assert.deepEqual(
    queue.clear(),
    Array.from({ length: 4_998 }, (_, index) => `long ${index + 2}`),
  );
  assert.equal(queue.shift(), undefined);
});

test('who has as much waiting for the database as one account may is refused; others are not, and all get their answers', async () => {
  const batches: number[][] = [];
  const lane = new Lane<number, number>({
    connect: () => Promise.resolve({ isOpen: true, close: () => undefined } as unknown as Connection),
    liveness: new Liveness(() => Promise.resolve()),
    maxBatch: 256,
    maxBatchBytes: 1024 * 1024,
    bytesOf: () => 1,
    namespaceOf: (operation) => operation,
    accountOf: (namespace) => (namespace < 1_000_000 ? 'greedy' : 'modest'),
    run: async (_connection, operations) => {
      batches.push([...operations]);
      return operations;
    },
  });
  const answers = Array.from({ length: KV_LIMITS.maxWaitingPerAccount }, (_, index) => lane.submit(index));
  await assert.rejects(lane.submit(1), (error) => error instanceof KvRefused && error.status === 429);
  assert.equal(await lane.submit(1_000_000), 1_000_000);
  assert.ok(batches.length <= 2, 'it did not wait for the flood before it');
  assert.deepEqual((await Promise.all(answers)).at(-1), KV_LIMITS.maxWaitingPerAccount - 1);
  assert.equal(await lane.submit(1), 1, 'there is room again');
});

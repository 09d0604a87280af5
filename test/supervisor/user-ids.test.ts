/** The kernel counts threads per user id over the whole machine: no two cells may have the same one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CellUserIds } from '../../server/supervisor/user-ids.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

const ALL = '         0          0 4294967295\n';
const CONTAINER = '         0     100000      65536\n';

test('no two that live have the same id, and one that was given back is given again', () => {
  const ids = new CellUserIds(CONTAINER, () => 0.999);
  const taken = Array.from({ length: 4_336 }, () => ids.take());
  assert.equal(new Set(taken).size, 4_336);
  assert.deepEqual([Math.min(...taken), Math.max(...taken)], [61_184, 65_519]);
  assert.throws(() => ids.take(), /All 4336 user ids for cells are taken/);
  ids.giveBack(61_200);
  assert.equal(ids.take(), 61_200);
});

test('an id that was given back comes again as late as possible: what it counted may need a moment to go', () => {
  const ids = new CellUserIds(ALL, () => 0);
  const first = ids.take();
  ids.giveBack(first);
  assert.notEqual(ids.take(), first);
});

test('servers that may give any id have a block each, outside of everything that systems and containers use', () => {
  const blocks = [0, 0.3, 0.99999].map((random) => new CellUserIds(ALL, () => random).take());
  assert.equal(new Set(blocks).size, 3);
  for (const uid of blocks) assert.ok(uid >= 0x7000_0000 && uid < 0x8000_0000, String(uid));
  assert.ok(new CellUserIds('0 1000 1\n', () => 0).take() < 65_536, 'a map of few ids');
});

/** The user ids of all cells of this process, as the kernel says. */
const userIds = (cells: TestSupervisor): string[] =>
  cells.cellPids().map((pid) => /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '');

test('cells of two servers on one machine have different ids', { skip: process.getuid?.() !== 0 }, async (t) => {
  const servers = await Promise.all([1, 2].map(() => createTestSupervisor({ prestarted: 0 })));
  t.after(() => Promise.all(servers.map((server) => server.close())));
  for (const server of servers) {
    for (const name of ['a', 'b']) {
      server.deploy({ name, modules: { 'index.js': 'export default { fetch: () => new Response() }' } });
      assert.equal((await server.fetch(name, { url: '/' })).status, 200);
    }
  }
  const ids = userIds(servers[0] as TestSupervisor);
  assert.deepEqual([ids.length, new Set(ids).size], [4, 4], ids.join(' '));
});

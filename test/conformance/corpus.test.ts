/** All conformance cases, as `npm run conformance` runs them: any failure or pass that the ledger does not expect is a failure. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { loadCases } from '../../conformance/corpus.ts';
import { readLedger } from '../../conformance/judge.ts';

/** Less than a test file has, or nobody would read how far it came. */
const MOST_MS = 285_000;

test('every case of the corpus is answered as workerd answers it, but for those in the ledger', () => {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ['--import=tsx', 'conformance/run.ts'], {
    encoding: 'utf8',
    timeout: MOST_MS,
  });
  // The end of it names what failed, and how.
  assert.equal(status, 0, `${error?.message ?? ''}\n${stdout.slice(-4_000)}\n${stderr.slice(-2_000)}`);
});

test('the ledger names cases that exist, each once, each with a reason', () => {
  const ids = new Set(loadCases().map(({ id }) => id));
  for (const [id, reason] of readLedger()) {
    assert.ok(ids.has(id), `${id} is no case`);
    assert.ok(reason.length > 20, `${id}: the reason is missing`);
  }
});

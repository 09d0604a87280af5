/** What a compatibility date means is workerd's to say: the table is compared with the real one, at every date it names. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CaseWorker } from '../../conformance/corpus.ts';
import { startWorkerd } from '../../conformance/workerd.ts';
import { COMPATIBILITY_FLAGS } from '../../shared/compatibility-flags.ts';
import { enabledFlags, flagProblem, NEWEST_COMPATIBILITY_DATE } from '../../shared/compatibility.ts';

const WORKER = 'export default { fetch: () => Response.json(Cloudflare.compatibilityFlags) };';
/** Asks all the workers that it is bound to. */
const ALL = `export default { async fetch(request, env) {
  const ask = async ([date, worker]) => [date, await (await worker.fetch(request.url)).json()];
  return Response.json(Object.fromEntries(await Promise.all(Object.entries(env).map(ask))));
} };`;

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-flags-'));
  writeFileSync(join(folder, 'worker.js'), WORKER);
  writeFileSync(join(folder, 'all.js'), ALL);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The flags on each of the dates, from one workerd with a worker for each. */
async function flagsInWorkerd(
  dates: readonly string[],
  flags: readonly string[],
): Promise<Record<string, Record<string, boolean>>> {
  const worker = (scriptName: string, main: string, compatibilityDate: string): CaseWorker => ({
    scriptName,
    main,
    format: 'modules',
    compatibilityDate,
    compatibilityFlags: main === 'all.js' ? [] : flags,
    bindings: main === 'all.js' ? dates.map((date) => ({ type: 'service', name: date, service: date })) : [],
    modules: [{ name: main, type: 'esm', path: join(folder, main) }],
  });
  const workerd = await startWorkerd([
    ...dates.map((date) => worker(date, 'worker.js', date)),
    worker('all', 'all.js', '2024-01-01'),
  ]);
  if (workerd.port === null) throw new Error(workerd.log());
  try {
    const response = await fetch(`http://127.0.0.1:${workerd.port}/`);
    return (await response.json()) as Record<string, Record<string, boolean>>;
  } finally {
    await workerd.stop();
  }
}

const namedDates = COMPATIBILITY_FLAGS.flatMap(({ since, impliedSince }) => [since, impliedSince]);
const dates = [...new Set(namedDates)]
  .filter((date): date is string => date !== undefined && date > '2021-01-01' && date <= NEWEST_COMPATIBILITY_DATE)
  .sort();

describe('compatibility flags', () => {
  for (const flags of [[], ['nodejs_compat'], ['no_nodejs_compat', 'streams_disable_constructors', 'pedantic_wpt']]) {
    test(`are on at the same dates as in workerd, with ${flags.join(', ') || 'none named'}`, async () => {
      // The days before and at each change would be twice as many: the day of the change shows both sides.
      const found = await flagsInWorkerd(['2021-01-01', ...dates], flags);
      assert.equal(Object.keys(found).length, dates.length + 1);
      for (const [date, inWorkerd] of Object.entries(found)) {
        assert.ok(Object.keys(inWorkerd).length > 100, `${date}: workerd names its flags`);
        const here = enabledFlags(date, flags);
        const wrong = Object.keys(inWorkerd).filter((name) => inWorkerd[name] !== here.has(name));
        assert.deepEqual(wrong, [], date);
        const unknown = [...here].filter((name) => !(name in inWorkerd));
        assert.deepEqual(unknown, [], `${date}: unknown to workerd`);
      }
    });
  }

  test('that do not exist, are experimental or contradict each other are refused by name', () => {
    assert.match(flagProblem(['no_such_flag']) ?? '', /No such compatibility flag: no_such_flag/);
    assert.match(flagProblem(['experimental']) ?? '', /experimental is experimental/);
    assert.match(flagProblem(['nodejs_compat', 'no_nodejs_compat']) ?? '', /mutually contradictory/);
    assert.equal(flagProblem(['nodejs_compat', 'no_global_navigator']), null);
  });
});

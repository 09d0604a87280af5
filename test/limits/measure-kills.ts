/**
 * How far beyond its CPU budget a request gets before its cell is dead: `node --import tsx test/limits/measure-kills.ts [--rounds 3] [--budget 50]`.
 * Every burner of `test/support/burners.ts` is asked so many times, one at a time, in real cells, after an unmeasured first request that starts the
 * cell. `charged`: what the kernel says was used when the decision fell; `wall`: from the request to its failure, which an idle
 * machine makes the same plus the death of the process. Ends with 1 when a burner was not ended for its CPU, or p99 of `charged` is above 20 ms.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { BURNERS, LOOP_MODULE } from '../support/burners.ts';
import { createTestSupervisor } from '../support/supervisor.ts';

const AIM_MS = 20;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, budget: { type: 'string', default: '50' } },
});
const rounds = Number(values.rounds);
const budgetMs = Number(values.budget);

const cells = await createTestSupervisor({ prestarted: 2, cpuMs: budgetMs });
const charged: number[] = [];
const wall: number[] = [];
const wrong: string[] = [];
try {
  for (const [family, code] of Object.entries(BURNERS)) {
    const own: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const name = `kill-${charged.length}-${wrong.length}`;
      const source = `import loopModule from './loop.wasm';
        export default { async fetch(request) { if (request.url.endsWith('/warm')) return new Response('warm'); ${code} } };`;
      cells.deploy({ name, modules: { 'index.js': source, 'loop.wasm': LOOP_MODULE } });
      await cells.fetch(name, '/warm');
      const startedAt = performance.now();
      const { failure, status } = await cells.fetch(name, { url: '/burn', method: 'POST' });
      const tookMs = performance.now() - startedAt;
      const event = cells.eventsOf('invocation').at(-1);
      if (failure?.outcome !== 'exceededCpu' || event === undefined) {
        wrong.push(`${family}: ${failure?.outcome ?? status} ${failure?.reason.slice(0, 120) ?? ''}`);
        continue;
      }
      own.push(event.cpuMs - budgetMs);
      charged.push(event.cpuMs - budgetMs);
      wall.push(tookMs - budgetMs);
    }
    console.log(`${family.padEnd(28)} ${own.map((ms) => ms.toFixed(1).padStart(7)).join(' ')}`);
  }
} finally {
  await cells.close();
}

function percentile(all: readonly number[], share: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

const line = (what: string, all: readonly number[]): string =>
  `${what.padEnd(8)} p50 ${percentile(all, 0.5).toFixed(1)} ms, p99 ${percentile(all, 0.99).toFixed(1)} ms, most ${Math.max(...all).toFixed(1)} ms`;
console.log(
  `\n${charged.length} kills at ${budgetMs} ms of CPU, beyond the budget; load average ${(loadavg()[0] ?? 0).toFixed(1)}`,
);
console.log(line('charged', charged));
console.log(line('wall', wall));
for (const what of wrong) console.log(`NOT ENDED FOR ITS CPU: ${what}`);
process.exitCode = wrong.length === 0 && percentile(charged, 0.99) <= AIM_MS ? 0 : 1;

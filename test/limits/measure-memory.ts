/**
 * How far a cell gets beyond its memory ceiling before it is gone: `node --import tsx test/limits/measure-memory.ts [--rounds 1] [--memory 64] [--only text]`.
 * Every hoarder of `test/support/hoarders.ts` is asked so many times, one at a time, in real cells; a thread reads the cells' private memory from
 * /proc every 10 ms. The ceiling is what the watchdog holds a cell to: what it had when idle, the limit, and 32 MiB. `beyond`: the most that was seen above
 * the ceiling; `long`: for how long it was more than 32 MiB above. Ends with 1 when that was more than 200 ms, or a hoarder was not ended for its memory.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { LONGEST_ABOVE_MS, MemoryArena } from '../support/memory-arena.ts';
import { HOARDERS, MORE_HOARDERS } from '../support/hoarders.ts';

const MiB = 1024 * 1024;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1' },
    memory: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
  },
});

const arena = await MemoryArena.open(Number(values.memory));
let failed = 0;
const beyond: number[] = [];
try {
  for (const [family, code] of Object.entries({ ...HOARDERS, ...MORE_HOARDERS })) {
    if (!family.includes(values.only)) continue;
    for (let round = 0; round < Number(values.rounds); round++) {
      const { answer, peak, tookMs } = await arena.ask(code);
      const aboveMiB = (peak.peakBytes - arena.ceilingBytes) / MiB;
      beyond.push(aboveMiB);
      const outcome = answer.failure?.outcome ?? `answered ${answer.status}`;
      const isFailure = outcome !== 'exceededMemory' || peak.longestAboveMs > LONGEST_ABOVE_MS;
      if (isFailure) failed++;
      const columns = [
        aboveMiB.toFixed(1).padStart(7),
        peak.longestAboveMs.toFixed(0).padStart(5),
        tookMs.toFixed(0).padStart(6),
      ];
      console.log(
        `${family.padEnd(42)} ${columns.join(' ')}  ${outcome}${isFailure ? '  WRONG ' + (answer.failure?.reason.slice(0, 200) ?? '') : ''}`,
      );
    }
  }
} finally {
  await arena.close();
}
console.log(
  `\n${beyond.length} hoarders at ${values.memory} MiB; most beyond the ceiling ${Math.max(...beyond).toFixed(1)} MiB; load average ${(loadavg()[0] ?? 0).toFixed(1)}`,
);
process.exitCode = failed === 0 ? 0 : 1;

/** Real cells, of which one at a time takes memory while a thread watches them from outside. */
import type { TestAnswer, TestRequest } from './cells.ts';
import { type MemoryPeak, privateBytes, samplePeak } from './memory-sampler.ts';
import { createTestSupervisor, type TestSupervisor } from './supervisor.ts';
import { until } from './until.ts';

const MiB = 1024 * 1024;
/** What the supervisor adds to a worker's limit for V8's own needs. */
const SLACK_MIB = 32;
/** The promise: a cell is never this much above its ceiling … */
const TOLERATED_MIB = 32;
/** … for longer than that. */
export const LONGEST_ABOVE_MS = 200;

export interface Hoarding {
  readonly answer: TestAnswer;
  readonly peak: MemoryPeak;
  readonly tookMs: number;
}

export class MemoryArena {
  readonly cells: TestSupervisor;
  /** The private memory above which the supervisor ends a cell. */
  readonly ceilingBytes: number;
  #count = 0;

  private constructor(cells: TestSupervisor, ceilingBytes: number) {
    this.cells = cells;
    this.ceilingBytes = ceilingBytes;
  }

  static async open(memoryMiB: number): Promise<MemoryArena> {
    // CPU enough that memory is what runs out.
    const cells = await createTestSupervisor({ prestarted: 2, cpuMs: 20_000, memoryMiB });
    await until(() => cells.supervisor.counts().generic === 2, 'empty cells are there');
    const idleBytes = Math.max(...cells.cellPids().map(privateBytes));
    cells.deploy({
      name: 'neighbour',
      modules: { 'index.js': `export default { fetch: () => new Response('fine') };` },
    });
    await cells.fetch('neighbour');
    return new MemoryArena(cells, idleBytes + (memoryMiB + SLACK_MIB) * MiB);
  }

  /** Deploys the handler as a worker of its own, starts its cell, then asks it under observation. */
  async ask(handler: string, request: TestRequest = {}): Promise<Hoarding> {
    const name = `hoarder-${++this.#count}`;
    const source = `const kept = [];
      export default { async fetch(request, env, ctx) { if (request.url.endsWith('/warm')) return new Response('warm'); ${handler} } };`;
    this.cells.deploy({ name, modules: { 'index.js': source } });
    await this.cells.fetch(name, '/warm');
    const startedAt = performance.now();
    const { result, peak } = await this.observe(() =>
      this.cells.fetch(name, { url: '/hoard', method: 'POST', ...request }),
    );
    return { answer: result, peak, tookMs: performance.now() - startedAt };
  }

  /** Watches all cells while the work is done. */
  observe<T>(work: () => Promise<T>): Promise<{ result: T; peak: MemoryPeak }> {
    return samplePeak(this.cells.cellPids(), this.ceilingBytes + TOLERATED_MIB * MiB, work);
  }

  describe({ peakBytes, longestAboveMs }: MemoryPeak): string {
    const aboveMiB = (peakBytes - this.ceilingBytes) / MiB;
    return `at most ${aboveMiB.toFixed(1)} MiB above the ceiling, ${longestAboveMs.toFixed(0)} ms more than ${TOLERATED_MIB} MiB`;
  }

  close(): Promise<void> {
    return this.cells.close();
  }
}

/**
 * Looks at the memory of processes from outside, in a thread of its own: what the test's own event loop does must not hide a peak.
 * `private`: resident pages that no file backs, which is what the supervisor limits.
 */
import { Worker } from 'node:worker_threads';
import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const SAMPLE_MS = 10;

/** Private bytes of a process now; 0 when it is gone. */
export function privateBytes(pid: number): number {
  try {
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
    return ((resident as number) - (shared as number)) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

/** What was seen of the largest of the processes. */
export interface MemoryPeak {
  readonly peakBytes: number;
  /** The longest time in a row that one process was above the tolerated size. */
  readonly longestAboveMs: number;
  readonly samples: number;
}

const THREAD = `
const { openSync, readSync, closeSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const stopped = new Int32Array(workerData.stop);
const buffer = Buffer.alloc(256);
const watched = workerData.pids.map((pid) => ({ fd: openSync('/proc/' + pid + '/statm', 'r'), aboveSince: 0 }));
let peakBytes = 0, longestAboveMs = 0, samples = 0;
do {
  const now = performance.now();
  for (const one of watched) {
    let bytes = 0;
    try {
      const fields = buffer.toString('latin1', 0, readSync(one.fd, buffer, 0, buffer.length, 0)).split(' ');
      bytes = (fields[1] - fields[2]) * ${PAGE_BYTES} || 0;
    } catch {}
    samples++;
    peakBytes = Math.max(peakBytes, bytes);
    if (bytes <= workerData.toleratedBytes) one.aboveSince = 0;
    else if (one.aboveSince === 0) one.aboveSince = now;
    else longestAboveMs = Math.max(longestAboveMs, now - one.aboveSince);
  }
} while (Atomics.wait(stopped, 0, 0, ${SAMPLE_MS}) === 'timed-out');
for (const { fd } of watched) closeSync(fd);
parentPort.postMessage({ peakBytes, longestAboveMs, samples });
`;

/** Watches the processes until the work is done. `toleratedBytes`: above it, time is counted. */
export async function samplePeak<T>(
  pids: readonly number[],
  toleratedBytes: number,
  work: () => Promise<T>,
): Promise<{ readonly peak: MemoryPeak; readonly result: T }> {
  const stop = new SharedArrayBuffer(4);
  const thread = new Worker(THREAD, { eval: true, workerData: { pids, toleratedBytes, stop } });
  const peak = new Promise<MemoryPeak>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
  await new Promise<void>((resolve) => thread.once('online', resolve));
  try {
    const result = await work();
    return { result, peak: await stopped(stop, peak) };
  } finally {
    await stopped(stop, peak).catch(() => undefined);
  }
}

function stopped(stop: SharedArrayBuffer, peak: Promise<MemoryPeak>): Promise<MemoryPeak> {
  Atomics.store(new Int32Array(stop), 0, 1);
  Atomics.notify(new Int32Array(stop), 0);
  return peak;
}

/**
 * How eagerly the kernel runs a cell: by the nice value of its threads, nothing else. One that computes for long gives way to those that only
 * answer: with the machine full, a request of a millisecond does not wait for one of a second. Groups of the kernel's (control groups with
 * the cpu controller, a session for each cell with autogroups) were tried and let the server wait up to 100 ms at times: a group that sleeps and
 * wakes often loses its place.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

const LOWEST = constants.priority.PRIORITY_LOW;
/**
 * Steps below the server's own priority. All get the whole processor when nobody else wants it; when others do, who gives way has a third of the
 * usual share (a start that takes half a second of two processors has to come to its end on a full machine, too), and who computes has a tenth.
 * Without the right to go back up (CAP_SYS_NICE) a cell that was lowered stays there.
 */
export const PRIORITY_STEPS = { usual: 0, givesWay: 5, computes: 10 } as const;

const usual = getPriority();
const CAP_SYS_NICE = 23n;

/** Whether what was lowered can be raised again: it takes a right that root has, or a limit that allows it (systemd: `LimitNICE`). */
export const mayRaisePriority = ((): boolean => {
  try {
    const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    if (((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n) return true;
    // The kernel's way to say down to which value: 20 less it.
    const allowed = /^Max nice priority\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? '0';
    return 20 - Number(allowed) <= usual;
  } catch {
    return false;
  }
})();

/** Each step down is worth a fifth less: cells whose share is to be `weight` (0 to 1) of the usual one go so many steps down. */
export const stepsForWeight = (weight: number): number => Math.round(Math.log(1 / weight) / Math.log(1.25));

/**
 * Sets it for all threads of a process, which start their own threads with it. Returns false when the process is gone or the kernel refused.
 */
export function setCellPriority(pid: number, stepsDown: number): boolean {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      setThreadPriority(Number(thread), Math.min(LOWEST, usual + stepsDown));
    return true;
  } catch {
    // Gone, or not ours to raise.
    return false;
  }
}

/** A thread that ended since they were listed is no reason to leave those behind it as they were. */
function setThreadPriority(thread: number, priority: number): void {
  try {
    setPriority(thread, priority);
  } catch (error) {
    const { info } = error as { readonly info?: { readonly code?: string } };
    if (info?.code !== 'ESRCH') throw error;
  }
}

/** How many steps below the server itself a process runs. */
export function stepsDownOf(pid: number): number {
  try {
    return getPriority(pid) - usual;
  } catch {
    return PRIORITY_STEPS.usual;
  }
}

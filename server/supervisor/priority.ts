/**
 * How eagerly the kernel runs a cell. One that computes for long gives way to those that only answer: with the machine full, a request
 * of a millisecond does not wait for one of a second.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
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

/** Whether what was lowered can be raised again: it takes a right that root has. */
export const mayRaisePriority = ((): boolean => {
  try {
    const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    return ((BigInt(`0x${effective}`) >> CAP_SYS_NICE) & 1n) === 1n;
  } catch {
    return false;
  }
})();

/**
 * Sets it for all threads of a process, which start their own threads with it. Where the kernel shares processors between sessions first
 * (autogroups; each cell is a session), also for its session. Returns false when the kernel refused.
 */
export function setCellPriority(pid: number, stepsDown: number): boolean {
  setSessionPriority(pid, stepsDown);
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      setPriority(Number(thread), Math.min(LOWEST, usual + stepsDown));
    }
    return true;
  } catch {
    // Gone, or not ours to raise.
    return false;
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

let ownSession: string | undefined;

/** A cell in the server's own session must not take the server down with it. */
function setSessionPriority(pid: number, nice: number): void {
  try {
    ownSession ??= readSession(process.pid);
    if (readSession(pid) !== ownSession) writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    // A kernel without autogroups has none to set.
  }
}

/** As `/autogroup-17`. */
const readSession = (pid: number): string | undefined =>
  readFileSync(`/proc/${pid}/autogroup`, 'latin1').split(' ', 1)[0];

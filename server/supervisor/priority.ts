/**
 * How eagerly the kernel runs a cell. One that computes for long gives way to those that only answer: with the machine full, a request
 * of a millisecond does not wait for one of a second.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

const LOWEST = constants.priority.PRIORITY_LOW;
/** A tenth of the usual share when others want the processor; all of it when nobody does. */
const STEPS_DOWN = 10;

/** `usual`: as the server itself runs. Without the right to go back up (CAP_SYS_NICE) a cell that was lowered stays there. */
export type Priority = 'usual' | 'lowered';

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
export function setCellPriority(pid: number, priority: Priority): boolean {
  const isLowered = priority === 'lowered';
  setSessionPriority(pid, isLowered ? STEPS_DOWN : 0);
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      setPriority(Number(thread), isLowered ? Math.min(LOWEST, usual + STEPS_DOWN) : usual);
    }
    return true;
  } catch {
    // Gone, or not ours to raise.
    return false;
  }
}

/** Whether a process runs at lower priority than the server itself. */
export function isLowered(pid: number): boolean {
  try {
    return getPriority(pid) > usual;
  } catch {
    return false;
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

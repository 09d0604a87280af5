/**
 * Who computes in SQL gives way to everybody else. PostgreSQL knows no share of the processor: thirty sessions that loop have thirty times what one
 * has that answers, and, being sessions of the kernel's too, thirty times what the whole server and its cells have. So the processor time of each
 * account's sessions is looked at from outside, and all sessions of one that has used much of late run at a lower priority until it has been
 * quiet for a while. On a machine that has nothing else to do that takes nothing from them. Only where PostgreSQL runs on this machine, as ours.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { codeOf } from '../errors.ts';

/** One process of PostgreSQL that serves one connection. */
export interface SessionProcess {
  readonly accountId: string;
  readonly processId: number;
}

/** What the kernel is asked and told; tests put their own numbers here. */
export interface Kernel {
  /** Processor time that a session's process has used, in ms; undefined: it is gone. */
  cpuMs(processId: number): number | undefined;
  /** False: not now, try again. */
  setSteps(processId: number, stepsDown: number): boolean;
}

/**
 * A tenth of the usual share. Not less: a session holds locks of PostgreSQL's own at times (the write-ahead log's among them), and whoever gets no
 * turn then keeps all others waiting. At nice 19, thirty sessions that commit without a pause delayed a KV write of others by more than a second.
 */
const STEPS_DOWN = 12;

interface Account {
  /** Processor time of late: every look takes a part of it away, so that steady use comes to as much as it is in a second. */
  recentMs: number;
  givesWay: boolean;
}

interface Seen {
  readonly accountId: string;
  cpuMs: number;
  steps: number;
}

export class SessionPriorities {
  readonly #processes: () => Iterable<SessionProcess>;
  readonly #kernel: Kernel;
  readonly #accounts = new Map<string, Account>();
  readonly #seen = new Map<number, Seen>();

  /** `processes`: all that there are now. */
  constructor(processes: () => Iterable<SessionProcess>, kernel: Kernel = KERNEL) {
    this.#processes = processes;
    this.#kernel = kernel;
  }

  /** Begins to look, every `sessionCpuCheckMs`. The returned function ends it. */
  start(): () => void {
    const timer = setInterval(() => this.look(), DATABASE_LIMITS.sessionCpuCheckMs).unref();
    return () => clearInterval(timer);
  }

  /** A connection was made: its session begins where those of its account are. What making it takes is the account's, too. */
  connected(session: SessionProcess): void {
    this.#account(session.accountId).recentMs += CONNECTION_MS;
    this.#note(session);
  }

  look(): void {
    for (const account of this.#accounts.values()) account.recentMs *= 1 - DATABASE_LIMITS.sessionCpuCheckMs / 1000;
    const living = new Set<number>();
    for (const session of this.#processes()) {
      living.add(session.processId);
      const seen = this.#note(session);
      const cpuMs = this.#kernel.cpuMs(session.processId) ?? seen.cpuMs;
      this.#account(session.accountId).recentMs += cpuMs - seen.cpuMs;
      seen.cpuMs = cpuMs;
    }
    for (const processId of this.#seen.keys()) if (!living.has(processId)) this.#seen.delete(processId);
    for (const [accountId, account] of this.#accounts) this.#judge(accountId, account);
    for (const [processId, seen] of this.#seen) this.#place(processId, seen);
  }

  /** It gives way from here on, or no longer: back at half of what made it give way, so that nobody goes to and fro. */
  #judge(accountId: string, account: Account): void {
    const limitMs = DATABASE_LIMITS.sessionCpuMsPerSecond;
    account.givesWay = account.recentMs > (account.givesWay ? limitMs / 2 : limitMs);
    if (account.recentMs < 1) this.#accounts.delete(accountId);
  }

  #account(accountId: string): Account {
    let account = this.#accounts.get(accountId);
    if (account === undefined) this.#accounts.set(accountId, (account = { recentMs: 0, givesWay: false }));
    return account;
  }

  #note({ accountId, processId }: SessionProcess): Seen {
    let seen = this.#seen.get(processId);
    if (seen === undefined || seen.accountId !== accountId) {
      seen = { accountId, cpuMs: this.#kernel.cpuMs(processId) ?? 0, steps: 0 };
      this.#seen.set(processId, seen);
      this.#place(processId, seen);
    }
    return seen;
  }

  #place(processId: number, seen: Seen): void {
    const steps = this.#accounts.get(seen.accountId)?.givesWay === true ? STEPS_DOWN : 0;
    if (steps === seen.steps) return;
    if (this.#kernel.setSteps(processId, steps)) seen.steps = steps;
  }
}

/** What making a connection takes PostgreSQL, about; a session that is gone before it was looked at has cost this. */
const CONNECTION_MS = 10;
/** The kernel's unit of processor time in /proc, in ms: 100 in a second on all of Linux. */
const TICK_MS = 10;
const LOWEST = constants.priority.PRIORITY_LOW;
const usual = getPriority();

const KERNEL: Kernel = {
  cpuMs(processId) {
    try {
      const stat = readFileSync(`/proc/${processId}/stat`, 'latin1');
      const nameEnd = stat.lastIndexOf(')');
      // The id may be somebody else's by now.
      if (stat.slice(stat.indexOf('(') + 1, nameEnd) !== 'postgres') return undefined;
      const fields = stat.slice(nameEnd + 2).split(' ');
      // utime and stime, counted from the state behind the name.
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    } catch {
      return undefined;
    }
  },
  setSteps(processId, stepsDown) {
    if (this.cpuMs(processId) === undefined) return true;
    quietly(() => setPriority(processId, Math.min(LOWEST, usual + stepsDown)));
    // Every session of PostgreSQL's is one of the kernel's, too: with autogroups on, only the group's value means anything.
    return quietly(() => writeFileSync(`/proc/${processId}/autogroup`, String(stepsDown))) !== 'EAGAIN';
  },
};

/**
 * The code of its error, which means: gone meanwhile, no autogroups, not ours to raise (it stays where it is until it ends), or EAGAIN, since who is
 * not root may change one group in a tenth of a second.
 */
function quietly(change: () => void): string | undefined {
  try {
    change();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

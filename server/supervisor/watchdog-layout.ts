/**
 * Memory shared between the supervisor and its watchdog thread: one row of doubles per cell. Each field has one writer, so no
 * locks: a reader may see a value one tick old, never a torn one (aligned 64-bit).
 */
export const MAX_SLOTS = 1024;
export const FIELDS = 19;

/** Written by the supervisor. */
export const PID = 0;
/** Changes when a slot is given to another process. */
export const GENERATION = 1;
/** Invocations in flight; 0: idle. */
export const IN_FLIGHT = 2;
/** The SHARE reading at which the oldest invocation in flight began, milliseconds. */
export const OLDEST_START = 3;
/** When that one began, on the supervisor's clock (`performance.now()`). It cannot have used more CPU than there was since. */
export const OLDEST_BEGAN = 17;
/** CPU milliseconds one invocation may use. */
export const BUDGET_MS = 4;
/** Private bytes (resident − shared) above which the cell is killed; 0: not yet known. */
export const MEMORY_LIMIT = 5;
/** 1 while a ping is unanswered. */
export const PING_OUTSTANDING = 6;
/** Counts how often the cell went from idle to busy. */
export const BUSY_COUNT = 7;

/** How many events (requests, answers to calls) may lie in one turn of the event loop: it has the budget of so many. 0 is 1. */
export const TURN_EVENTS = 13;

/** 1: gives way to the others from the start, and for a while. */
export const GIVES_WAY = 15;

/** So many steps behind the others its priority is, since its account keeps so many other cells busy. */
export const STEPS_BEHIND = 16;

/** The CPU reading at which the version's start was over, in milliseconds: what was used up to then is nobody's in flight. */
export const STARTED_CPU_MS = 18;

/** Written by the thread. */
/** What each invocation in flight has been charged so far: CPU time divided by the number in flight, summed up. */
export const SHARE_MS = 8;
/** CPU milliseconds of the process since it started (all threads). */
export const CPU_MS = 9;
export const PRIVATE_BYTES = 10;
export const KILL_REASON = 11;
/** The process id the numbers above belong to: lags behind PID after a slot was reused. */
export const SEEN_GENERATION = 12;

/** CPU milliseconds that went into SHARE, for all in flight together. */
export const CHARGED_MS = 14;

export const KILLED_CPU = 1;
export const KILLED_MEMORY = 2;
/** One uninterrupted turn of the event loop used up the budget. */
export const KILLED_TURN = 3;
/** CPU burnt with no invocation in flight. */
export const KILLED_BACKGROUND = 4;
/** The event loop did not turn for so long that it must be blocked. */
export const KILLED_HANG = 5;

/** Index into the Int32Array control block that follows the table. */
export const CONTROL_WAKE = 0;
export const CONTROL_ASLEEP = 1;
export const CONTROL_STOP = 2;
/** Counts up while the supervisor's event loop turns: as long as it does not, no answer to a ping can be heard. */
export const CONTROL_HEARTBEAT = 3;

export const TABLE_BYTES = MAX_SLOTS * FIELDS * 8;
export const CONTROL_BYTES = 64;

/** Where `performance.now()` of this thread is zero on the kernel's monotonic clock, in milliseconds: each thread has its own. */
export const clockOriginMs = (): number => Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** What the thread is started with. */
export interface WatchdogData {
  readonly memory: SharedArrayBuffer;
  /** See `Timings`. */
  readonly hangMs: number;
  /** `clockOriginMs` of the supervisor. */
  readonly originMs: number;
}

/**
 * The watchdog: a thread of its own, so that no load on the data path can delay a kill. It reads what the kernel says of
 * each cell (CPU time of the main thread in nanoseconds, of all threads in ticks, private memory) and kills by SIGKILL. It trusts
 * nothing a cell says.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { cpus } from 'node:os';
import { workerData } from 'node:worker_threads';
import {
  BUDGET_MS,
  BUSY_COUNT,
  CHARGED_MS,
  clockOriginMs,
  CONTROL_ASLEEP,
  CONTROL_HEARTBEAT,
  CONTROL_STOP,
  CONTROL_WAKE,
  CPU_MS,
  FIELDS,
  GENERATION,
  GIVES_WAY,
  IN_FLIGHT,
  KILL_REASON,
  KILLED_BACKGROUND,
  KILLED_CPU,
  KILLED_HANG,
  KILLED_MEMORY,
  KILLED_TURN,
  MAX_SLOTS,
  MEMORY_LIMIT,
  OLDEST_BEGAN,
  OLDEST_START,
  PID,
  PING_OUTSTANDING,
  PRIVATE_BYTES,
  SEEN_GENERATION,
  SHARE_MS,
  STARTED_CPU_MS,
  STEPS_BEHIND,
  TABLE_BYTES,
  TURN_EVENTS,
  type WatchdogData,
} from './watchdog-layout.ts';
import { cpuMsFrom } from './cell-facts.ts';
import { mayRaisePriority, PRIORITY_STEPS, setCellPriority, stepsDownOf } from './priority.ts';

/** How often a busy cell is looked at, at least. */
const TICK_MS = 10;
/** How often an idle cell is. */
const IDLE_TICK_MS = 100;
/** Charged at most this much too early, because the last reading before an invocation began is one tick old. */
const START_SLACK_MS = TICK_MS;
/** An invocation that has used this much computes rather than answers: its cell gives way to the others … */
const GIVES_WAY_AFTER_MS = 20;
/** … until nothing of the kind has been seen for so long: whoever computes now and then would have its first 20 ms each time. */
const CALM_MS = 1_000;
/** The supervisor's heart beats every 20 ms. */
const DEAF_AFTER_MS = 35;
const PAGE_BYTES = 4096;

const { memory: shared, hangMs, originMs } = workerData as WatchdogData;
/** What the supervisor's `performance.now()` is behind this thread's. */
const clockOffsetMs = clockOriginMs() - originMs;
const table = new Float64Array(shared, 0, MAX_SLOTS * FIELDS);
const control = new Int32Array(shared, TABLE_BYTES);
const parallelism = Math.max(1, cpus().length);

/** What the thread remembers of one process between two looks. */
interface Watched {
  readonly pid: number;
  readonly generation: number;
  readonly schedstat: number;
  readonly stat: number;
  readonly statm: number;
  cpuMs: number;
  /** BUSY_COUNT when the last look found the cell idle; -1: it was busy. */
  busyCount: number;
  /** CPU reading when the unanswered ping was first seen; negative: none. */
  pingCpuMs: number;
  pingSinceMs: number;
  /** CPU reading when the cell became idle. */
  idleCpuMs: number;
  killed: boolean;
  stepsDown: number;
  /** Until then it counts as one that computes, whatever it does. */
  calmAtMs: number;
}

const watched = new Map<number, Watched>();
const buffer = Buffer.alloc(1024);

function open(slot: number, pid: number, generation: number): Watched | undefined {
  const opened: number[] = [];
  try {
    for (const file of [`task/${pid}/schedstat`, 'stat', 'statm']) opened.push(openSync(`/proc/${pid}/${file}`, 'r'));
  } catch {
    for (const fd of opened) closeSync(fd);
    return undefined;
  }
  const [schedstat, stat, statm] = opened as [number, number, number];
  const entry: Watched = {
    pid,
    generation,
    schedstat,
    stat,
    statm,
    cpuMs: 0,
    busyCount: -1,
    pingCpuMs: -1,
    pingSinceMs: 0,
    idleCpuMs: 0,
    killed: false,
    // It may have been started so.
    stepsDown: stepsDownOf(pid),
    calmAtMs: 0,
  };
  try {
    entry.cpuMs = readCpuMs(entry);
  } catch {
    // It ended between opening and reading: its files are there for a moment longer than it is.
    for (const fd of opened) closeSync(fd);
    return undefined;
  }
  entry.idleCpuMs = entry.cpuMs;
  watched.set(slot, entry);
  table[slot * FIELDS + SHARE_MS] = 0;
  table[slot * FIELDS + SEEN_GENERATION] = generation;
  return entry;
}

function forget(slot: number, entry: Watched): void {
  closeSync(entry.schedstat);
  closeSync(entry.stat);
  closeSync(entry.statm);
  watched.delete(slot);
}

/** See `cpuMsFrom`. */
function readCpuMs(entry: Watched): number {
  return cpuMsFrom(read(entry.schedstat), read(entry.stat));
}

const read = (fd: number): string => buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));

/** Resident less file-backed pages: what this process alone costs. */
function readPrivateBytes(entry: Watched): number {
  const fields = read(entry.statm).split(' ');
  return (Number(fields[1]) - Number(fields[2])) * PAGE_BYTES;
}

function kill(slot: number, entry: Watched, reason: number): void {
  entry.killed = true;
  table[slot * FIELDS + KILL_REASON] = reason;
  try {
    process.kill(entry.pid, 'SIGKILL');
  } catch {
    // Gone already; the reason stands.
  }
}

/** One look at one cell. Returns in how many milliseconds it wants the next one. */
function look(slot: number, nowMs: number): number {
  const row = slot * FIELDS;
  const pid = table[row + PID] as number;
  const generation = table[row + GENERATION] as number;
  let entry = watched.get(slot);
  if (entry !== undefined && entry.generation !== generation) {
    forget(slot, entry);
    entry = undefined;
  }
  if (pid === 0) return IDLE_TICK_MS;
  entry ??= open(slot, pid, generation);
  if (entry === undefined || entry.killed) return IDLE_TICK_MS;
  try {
    return measure(slot, row, entry, nowMs);
  } catch {
    // The process is gone; the supervisor will hear of it and free the slot.
    entry.killed = true;
    return IDLE_TICK_MS;
  }
}

function measure(slot: number, row: number, entry: Watched, nowMs: number): number {
  const inFlight = table[row + IN_FLIGHT] as number;
  const cpuMs = readCpuMs(entry);
  entry.cpuMs = Math.max(entry.cpuMs, table[row + STARTED_CPU_MS] as number);
  const used = Math.max(0, cpuMs - entry.cpuMs);
  entry.cpuMs = Math.max(entry.cpuMs, cpuMs);
  table[row + CPU_MS] = entry.cpuMs;
  const privateBytes = readPrivateBytes(entry);
  table[row + PRIVATE_BYTES] = privateBytes;
  const memoryLimit = table[row + MEMORY_LIMIT] as number;
  if (memoryLimit > 0 && privateBytes > memoryLimit) {
    kill(slot, entry, KILLED_MEMORY);
    return IDLE_TICK_MS;
  }
  return inFlight === 0
    ? measureIdle(slot, row, entry, used, nowMs)
    : measureBusy(slot, row, entry, inFlight, used, nowMs);
}

/** Nobody waits for this cell: whatever CPU it burns is nobody's request. */
function measureIdle(slot: number, row: number, entry: Watched, used: number, nowMs: number): number {
  const busyCount = table[row + BUSY_COUNT] as number;
  if (entry.busyCount !== busyCount || entry.pingCpuMs >= 0) {
    entry.busyCount = busyCount;
    entry.pingCpuMs = -1;
    entry.idleCpuMs = entry.cpuMs;
  }
  setPriorityOf(row, entry, entry.cpuMs - entry.idleCpuMs, nowMs);
  const budget = table[row + BUDGET_MS] as number;
  if (budget > 0 && entry.cpuMs - entry.idleCpuMs > budget * 2 + START_SLACK_MS) {
    kill(slot, entry, KILLED_BACKGROUND);
  }
  // Whoever computes may also take memory.
  return used > TICK_MS / 2 ? TICK_MS : IDLE_TICK_MS;
}

function measureBusy(slot: number, row: number, entry: Watched, inFlight: number, used: number, nowMs: number): number {
  // What was burnt since a look that found the cell idle may belong to nobody who is here now.
  const charge = entry.busyCount === -1 ? used / inFlight : 0;
  entry.busyCount = -1;
  const share = (table[row + SHARE_MS] as number) + charge;
  table[row + SHARE_MS] = share;
  table[row + CHARGED_MS] = (table[row + CHARGED_MS] as number) + charge * inFlight;
  const budget = table[row + BUDGET_MS] as number;
  // This look may be late, and what was burnt since the last one the work of others who are gone.
  const aliveMs = nowMs + clockOffsetMs - (table[row + OLDEST_BEGAN] as number);
  const charged = Math.min(share - (table[row + OLDEST_START] as number), aliveMs * parallelism);
  setPriorityOf(row, entry, charged, nowMs);
  const left = budget + START_SLACK_MS - charged;
  if (left <= 0) {
    kill(slot, entry, KILLED_CPU);
    return IDLE_TICK_MS;
  }
  const turnLeft = measureTurn(slot, row, entry, budget, used, nowMs);
  // On n processors a process can use up n milliseconds in one.
  return Math.max(1, Math.min(TICK_MS, left, turnLeft));
}

function setPriorityOf(row: number, entry: Watched, computedMs: number, nowMs: number): void {
  if (computedMs > GIVES_WAY_AFTER_MS) entry.calmAtMs = nowMs + CALM_MS;
  const atRest = mayRaisePriority && table[row + GIVES_WAY] === 1 ? PRIORITY_STEPS.givesWay : PRIORITY_STEPS.usual;
  const stepsDown = (nowMs < entry.calmAtMs ? PRIORITY_STEPS.computes : atRest) + (table[row + STEPS_BEHIND] as number);
  if (entry.stepsDown === stepsDown) return;
  entry.stepsDown = stepsDown;
  setCellPriority(entry.pid, stepsDown);
}

/** A ping that stays unanswered while CPU is burnt means that one turn of the event loop burns it. */
function measureTurn(slot: number, row: number, entry: Watched, budget: number, used: number, nowMs: number): number {
  if (table[row + PING_OUTSTANDING] !== 1) {
    entry.pingCpuMs = -1;
    return TICK_MS;
  }
  if (entry.pingCpuMs < 0) {
    entry.pingCpuMs = entry.cpuMs;
    entry.pingSinceMs = nowMs;
    return TICK_MS;
  }
  // The answer may be there, but nobody has read it: what is burnt meanwhile is in favour of the worker.
  if (isDeaf(nowMs)) entry.pingCpuMs += used;
  // A long turn that computes is the budget's business; only one that does nothing is a hang.
  if (used > 0) entry.pingSinceMs = nowMs;
  // With others in flight the turn before may still have been somebody else's: the ping waited for its end. Alone, what is charged is exact.
  const events = Math.max(1, table[row + TURN_EVENTS] as number);
  const isAlone = table[row + IN_FLIGHT] === 1;
  const left = budget * (isAlone ? events : events + 1) - (entry.cpuMs - entry.pingCpuMs);
  if (left <= 0) kill(slot, entry, KILLED_TURN);
  else if (nowMs - entry.pingSinceMs > hangMs) kill(slot, entry, KILLED_HANG);
  return left / parallelism;
}

let heartbeat = 0;
let heartbeatAtMs = 0;

/** True while the supervisor's event loop stands still. */
function isDeaf(nowMs: number): boolean {
  const beat = Atomics.load(control, CONTROL_HEARTBEAT);
  if (beat !== heartbeat) {
    heartbeat = beat;
    heartbeatAtMs = nowMs;
  }
  return nowMs - heartbeatAtMs > DEAF_AFTER_MS;
}

function run(): void {
  const nextLook = new Float64Array(MAX_SLOTS);
  while (Atomics.load(control, CONTROL_STOP) === 0) {
    const nowMs = performance.now();
    let soonest = nowMs + IDLE_TICK_MS;
    let busy = false;
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      const row = slot * FIELDS;
      if (table[row + PID] === 0 && !watched.has(slot)) continue;
      const inFlight = (table[row + IN_FLIGHT] as number) > 0;
      busy ||= inFlight;
      const due = nextLook[slot] as number;
      if (nowMs >= due || (inFlight && due > nowMs + TICK_MS)) nextLook[slot] = nowMs + look(slot, nowMs);
      soonest = Math.min(soonest, nextLook[slot] as number);
    }
    sleep(busy, Math.max(1, soonest - performance.now()));
  }
}

/** While nothing runs the thread sleeps until the supervisor wakes it: the first tick of a request is not lost. */
function sleep(busy: boolean, ms: number): void {
  const wake = Atomics.load(control, CONTROL_WAKE);
  if (busy) {
    Atomics.wait(control, CONTROL_WAKE, wake, ms);
    return;
  }
  Atomics.store(control, CONTROL_ASLEEP, 1);
  // A request that began between the last look and the line above woke nobody.
  if (!anyBusy()) Atomics.wait(control, CONTROL_WAKE, wake, ms);
  Atomics.store(control, CONTROL_ASLEEP, 0);
}

function anyBusy(): boolean {
  for (let row = 0; row < MAX_SLOTS * FIELDS; row += FIELDS) {
    if (table[row + PID] !== 0 && (table[row + IN_FLIGHT] as number) > 0) return true;
  }
  return false;
}

run();

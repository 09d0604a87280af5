/**
 * One event of the worker per turn of the event loop, when its events take long. The supervisor sees how much CPU one turn takes, not who took it:
 * with thirty requests in one turn, each of them well within its own CPU time, it would end them all. Events that are short share
 * turns, which is much cheaper; which kind a worker's are is measured, and the supervisor is told (PONG), together with whose they were: it
 * divides what the kernel counts by that.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { writeU32 } from '../shared/frames.ts';
import { TURN_REPORT_ENTRY_BYTES, TURN_REPORT_HEAD_BYTES } from '../shared/protocol.ts';
import { deno } from './deno.ts';
import {
  dateNow,
  MapConstructor,
  mapClear,
  mapDelete,
  mapForEach,
  mapGet,
  mapSet,
  mapSize,
  NativePromise,
  nativeSetImmediate,
  nativeSetTimeout,
  NativeUint8Array,
} from './primordials.ts';

/** When events take longer on the average, each gets a turn of its own. */
const LONG_EVENT_MICROSECONDS = 2_000;
/** Immediates keep the event loop from looking at its sockets, timers do not but take a millisecond: one of them this often. */
const LOOK_AROUND_MS = 8;
/** After so many short ones they share turns again. */
const SHORT_EVENTS = 1_024;

/** What an event counts that shares its turn: there is no telling them apart. */
const SHARED_EVENT_MICROSECONDS = 100;
/** An event that belongs to no invocation. */
export const NOBODY = 0;

const { cpuUsage } = deno;
const { snapshot } = AsyncLocalStorage;

function cpuMicroseconds(): number {
  const { user, system } = cpuUsage();
  return user + system;
}

/** True at first: what a version's events cost is not known yet. */
let isSplit = true;
let events = 0;
let shortEvents = 0;
let cpuAtTurn = 0;
/** When the event loop last looked at its sockets. */
let lookedAroundMs = 0;
/** When the last event began that had to wait. */
let ranAtMs = 0;
/** Nothing of the worker has run in this turn. */
let isFresh = false;

/** What was used since the last report, by invocation, and by those that have ended. */
const usage = new MapConstructor<number, number>();
let total = 0;
/** Whose event runs in a turn of its own, and when it began. */
let running = NOBODY;
let cpuAtEvent = 0;

interface Waiting {
  readonly owner: number;
  readonly run: () => void;
}

let waiting: Waiting[] = [];
let waitingStart = 0;
let waitingLength = 0;

/** Whether the next event is to go through `inOwnTurn`. The first of a turn is in its own already. */
export function mustWait(): boolean {
  if (waitingLength === 0 && (isFresh || !isSplit)) {
    isFresh = false;
    return false;
  }
  return true;
}

/** An event of the invocation `owner` that runs at once. */
export function countEvent(owner: number): void {
  events++;
  if (isSplit) measureFrom(owner);
  else charge(owner, SHARED_EVENT_MICROSECONDS);
}

function charge(owner: number, microseconds: number): void {
  total += microseconds;
  if (owner !== NOBODY) mapSet(usage, owner, (mapGet(usage, owner) ?? 0) + microseconds);
}

/** The event that ran is over; the next one begins. */
function measureFrom(owner: number): void {
  const cpu = cpuMicroseconds();
  if (running !== NOBODY) charge(running, cpu - cpuAtEvent);
  running = owner;
  cpuAtEvent = cpu;
}

/** An invocation that has ended is not reported, unless it was reported with its answer. */
export const forgetUsage = (owner: number): void => {
  if (!isSplit) mapDelete(usage, owner);
};

/** Whether the event that runs has used so much that the supervisor should hear of it before the answer, after which nobody asks. */
export const hasUsage = (): boolean =>
  isSplit && running !== NOBODY && cpuMicroseconds() - cpuAtEvent > LONG_EVENT_MICROSECONDS;

/** The payload of PONG; what it tells is told once. */
export function takeReport(): Uint8Array {
  if (isSplit) measureFrom(running);
  const report = new NativeUint8Array(TURN_REPORT_HEAD_BYTES + TURN_REPORT_ENTRY_BYTES * mapSize(usage));
  report[0] = isSplit ? 1 : 0;
  writeU32(report, 1, total);
  let at = TURN_REPORT_HEAD_BYTES;
  mapForEach(usage, (microseconds, owner) => {
    writeU32(report, at, owner);
    writeU32(report, at + 4, microseconds);
    at += TURN_REPORT_ENTRY_BYTES;
  });
  mapClear(usage);
  total = 0;
  return report;
}

/** Called when something came from the supervisor: judges the events since the last time. */
export function startTurn(): void {
  isFresh = true;
  if (isSplit) {
    lookedAroundMs = dateNow();
    measureFrom(NOBODY);
  }
  if (events === 0) return;
  const cpu = cpuMicroseconds();
  const isLong = cpu - cpuAtTurn > LONG_EVENT_MICROSECONDS * events;
  shortEvents = isLong ? 0 : shortEvents + events;
  isSplit = isLong || (isSplit && shortEvents < SHORT_EVENTS);
  if (!isSplit) running = NOBODY;
  cpuAtTurn = cpu;
  events = 0;
}

/** Whether events wait for turns: what comes after them must not overtake them. */
export const isWaiting = (): boolean => waitingLength > 0;

/**
 * Runs an event of the invocation `owner` in a turn of its own, after those that wait already. What it finds in an AsyncLocalStorage is
 * what it would have found now: the turn itself begins in the context of whoever was the first to wait.
 */
export function inOwnTurn(owner: number, run: () => void): void {
  const inContext = snapshot();
  waiting[waitingStart + waitingLength++] = { owner, run: () => inContext(run) };
  if (waitingLength === 1) schedule();
}

function schedule(): void {
  const nowMs = dateNow();
  // The event that runs next may be as long as the last one: then there is no time for a second one without a look.
  const lastMs = nowMs - ranAtMs;
  ranAtMs = nowMs;
  if (nowMs + lastMs - lookedAroundMs < LOOK_AROUND_MS) nativeSetImmediate(runNext);
  else nativeSetTimeout(lookedAround, 0);
}

function lookedAround(): void {
  lookedAroundMs = dateNow();
  runNext();
}

/** Settles in a turn that belongs to whoever waits for it. */
export const ownTurn = (owner: number): Promise<void> => new NativePromise((resolve) => inOwnTurn(owner, resolve));

function runNext(): void {
  const { owner, run } = waiting[waitingStart] as Waiting;
  waitingLength--;
  if (waitingLength === 0) {
    waiting = [];
    waitingStart = 0;
  } else {
    waiting[waitingStart++] = NOTHING;
    schedule();
  }
  events++;
  measureFrom(owner);
  run();
}

const NOTHING: Waiting = { owner: NOBODY, run: () => undefined };

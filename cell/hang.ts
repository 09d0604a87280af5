/**
 * Handlers that can never answer. workerd cancels a request as soon as nothing is left that could settle what it waits for; here the same is
 * found by looking, a few times a second while something waits: no timer, no call, no body on its way in, no work on another thread, and a
 * processor that has nothing to do. It looks at the whole cell, not at one request: a promise may be settled by another request, and to cancel
 * what would have answered is the worse mistake.
 */
import { openStreams } from './channel.ts';
import { deno } from './deno.ts';
import { hasPendingEvents } from './invocation.ts';
import {
  nativeClearInterval,
  NativeError,
  NativePromise,
  nativeSetInterval,
  promiseThen,
  setAdd,
  SetConstructor,
  setDelete,
  setForEach,
  setSize,
} from './primordials.ts';
import { sessionsMayBringMore } from './sessions.ts';

const LOOK_MS = 150;
/** A look this late means that others have the processor: what computes here may have got nothing of it. */
const LATE_LOOK_MS = 30;
/** Looks in a row without a sign of life: the first may come right after the last of it. */
const QUIET_LOOKS = 2;
/** What the heartbeat and the looking itself may cost between two looks. */
const QUIET_CPU_MICROSECONDS = 15_000;

const HUNG =
  "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

export const hangError = (): Error => new NativeError(HUNG);

/** Something that waits for user code. */
export interface Waiting {
  /** Looks it has been there for. */
  looks: number;
  /** Called once, when nothing can settle it any more. */
  onHung(): void;
}

const waiting = new SetConstructor<Waiting>();
let timer: ReturnType<typeof setInterval> | undefined;
let quietLooks = 0;
let cpuAtLastLook = 0;
let lastLookMs = 0;
/** The engine has asked for a module since the last look: imports are under way. */
let wasImporting = false;
/** Request bodies that come from outside as the visitor sends them. */
let incomingBodies = 0;
let worksElsewhere = 0;

const { cpuUsage } = deno;
/** The real clock, as it is before the worker's takes its place. */
const realNow = performance.now.bind(performance);

function cpuMicroseconds(): number {
  const { user, system } = cpuUsage();
  return user + system;
}

export function watch(entry: Waiting): void {
  setAdd(waiting, entry);
  if (timer !== undefined) return;
  quietLooks = 0;
  cpuAtLastLook = cpuMicroseconds();
  lastLookMs = realNow();
  timer = nativeSetInterval(look, LOOK_MS);
}

export const unwatch = (entry: Waiting): void => {
  setDelete(waiting, entry);
};

/**
 * Work begins on another thread (cryptography, compilation): it will settle what waits for it, however little of the processor a busy machine
 * leaves it until then. Returns how to say that it is done.
 */
export function workElsewhere(): () => void {
  worksElsewhere++;
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    worksElsewhere--;
  };
}

/** The promise, which another thread settles. */
export function settledElsewhere<T>(promise: Promise<T>): Promise<T> {
  const done = workElsewhere();
  void promiseThen(promise, done, done);
  return promise;
}

/** A body that the visitor is still sending: nobody can tell whether it will go on. Returns how to say that it is over. */
export function bodyComesIn(): () => void {
  incomingBodies++;
  let over = false;
  return () => {
    if (over) return;
    over = true;
    incomingBodies--;
  };
}

export const noteImport = (): void => {
  wasImporting = true;
};

function look(): void {
  if (setSize(waiting) === 0) {
    nativeClearInterval(timer);
    timer = undefined;
    return;
  }
  const cpu = cpuMicroseconds();
  const isIdle = cpu - cpuAtLastLook < QUIET_CPU_MICROSECONDS;
  cpuAtLastLook = cpu;
  const now = realNow();
  const isOnTime = now - lastLookMs < LOOK_MS + LATE_LOOK_MS;
  lastLookMs = now;
  const isQuiet =
    isIdle &&
    isOnTime &&
    !wasImporting &&
    incomingBodies === 0 &&
    worksElsewhere === 0 &&
    openStreams() === 0 &&
    !sessionsMayBringMore() &&
    !hasPendingEvents();
  wasImporting = false;
  quietLooks = isQuiet ? quietLooks + 1 : 0;
  setForEach(waiting, judge);
}

function judge(entry: Waiting): void {
  entry.looks++;
  if (quietLooks < QUIET_LOOKS || entry.looks <= QUIET_LOOKS) return;
  setDelete(waiting, entry);
  entry.onHung();
}

/** The promise's own outcome, or a rejection with what `error` makes when nothing can settle it. */
export function unlessHung<T>(promise: Promise<T>, error: () => Error): Promise<T> {
  return new NativePromise((resolve, reject) => {
    const entry: Waiting = { looks: 0, onHung: () => reject(error()) };
    watch(entry);
    void promiseThen(
      promise,
      (value) => {
        unwatch(entry);
        resolve(value);
      },
      (reason) => {
        unwatch(entry);
        reject(reason as Error);
      },
    );
  });
}

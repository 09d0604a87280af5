/** What ends with an invocation: `waitUntil` work, timers, calls. The supervisor keeps its own account; nothing here is trusted there. */
import { INVOCATION_END } from '../shared/protocol.ts';
import { sendJson } from './channel.ts';
import { reportException } from './console.ts';
import { type Invocation, runInvocation } from './context.ts';
import {
  MapConstructor,
  mapDelete,
  mapForEach,
  mapGet,
  mapSet,
  promiseResolve,
  promiseThen,
  setAdd,
  SetConstructor,
  setDelete,
  setForEach,
  setSize,
} from './primordials.ts';
import { forgetUsage } from './turns.ts';

/** Invocations with something left to stop or to wait for, by id. Most never get here. */
const tracked = new MapConstructor<number, Invocation>();

/** Registers what to stop when the invocation ends; returns the way to take it back. */
export function onInvocationEnd(invocation: Invocation, stop: () => void): () => void {
  if (invocation.onEnd === undefined) {
    invocation.onEnd = new SetConstructor();
    mapSet(tracked, invocation.id, invocation);
  }
  const stops = invocation.onEnd;
  setAdd(stops, stop);
  return () => {
    setDelete(stops, stop);
  };
}

/** Registers the RPC session that the invocation answers. It is no event that a handler could wait for. */
export function onInvocationEndForSession(invocation: Invocation, close: () => void): void {
  invocation.closeSession = close;
  mapSet(tracked, invocation.id, invocation);
}

/** Whether something of the cell's own will go on by itself: a timer, a socket. `waitUntil` is not: it only waits. */
export function hasPendingEvents(): boolean {
  let pending = false;
  mapForEach(tracked, ({ onEnd }) => {
    if (onEnd !== undefined && setSize(onEnd) > 0) pending = true;
  });
  return pending;
}

/** `ctx.waitUntil(promise)`: the invocation lives on until it settles. */
export function waitUntil(invocation: Invocation, value: unknown): void {
  if (invocation.ended) return;
  invocation.pendingWaits++;
  mapSet(tracked, invocation.id, invocation);
  const settled = () => {
    invocation.pendingWaits--;
    if (invocation.pendingWaits > 0) return;
    if (invocation.answered) endWaiting(invocation);
    else invocation.onWaitsOver?.();
  };
  void promiseThen(promiseResolve(value), settled, (reason) => {
    runInvocation(invocation, () => reportException(reason));
    settled();
  });
}

function endWaiting(invocation: Invocation): void {
  if (invocation.ended) return;
  endInvocation(invocation);
  sendJson(INVOCATION_END, 0, { invocation: invocation.id });
}

/** Stops the invocation's timers and calls. The supervisor's CANCEL, or its natural end. */
export function endInvocation(invocation: Invocation): void {
  if (invocation.ended) return;
  invocation.ended = true;
  mapDelete(tracked, invocation.id);
  forgetUsage(invocation.id);
  if (invocation.onEnd !== undefined) setForEach(invocation.onEnd, (stop) => stop());
  invocation.closeSession?.();
}

/** The visitor is gone: what `waitUntil` holds may finish, the rest stops now. */
export function disconnectInvocation(id: number): void {
  const invocation = mapGet(tracked, id);
  if (invocation === undefined) sendJson(INVOCATION_END, 0, { invocation: id });
  else {
    invocation.answered = true;
    if (invocation.pendingWaits === 0) endWaiting(invocation);
  }
}

export function cancelInvocation(id: number): void {
  const invocation = mapGet(tracked, id);
  if (invocation !== undefined) endInvocation(invocation);
}

/** Frames of RPC sessions that other cells have opened with this worker, on their way to `cell/extras/rpc`. */
import { INBOUND_DATA, INBOUND_FAIL, INBOUND_WINDOW, SESSION_ACCEPT } from '../shared/protocol.ts';
import { splitFull, readU32 } from '../shared/frames.ts';
import { loadExtra } from './extras.ts';
import { MapConstructor, mapDelete, mapForEach, mapGet, mapSet } from './primordials.ts';
import type { RpcRuntime } from './rpc-classes.ts';

/** The callee's end of a session. Payloads are only valid during the call. */
export interface InboundSession {
  onData(payload: Uint8Array): void;
  onWindow(bytes: number): void;
  /** The caller can still bring something that settles what waits here: it holds a stub of this worker, is called itself, or sends a stream. */
  readonly mayBringMore: boolean;
  /** The caller has left: nothing more can be said to it. */
  onGone(): void;
}

const sessions = new MapConstructor<number, InboundSession>();

export const addInboundSession = (invocation: number, session: InboundSession): void => {
  mapSet(sessions, invocation, session);
};

export const removeInboundSession = (invocation: number): void => {
  mapDelete(sessions, invocation);
};

/** Whether some caller can. */
export function sessionsMayBringMore(): boolean {
  let may = false;
  mapForEach(sessions, (session) => {
    may ||= session.mayBringMore;
  });
  return may;
}

export const isSessionFrame = (type: number): boolean =>
  type === SESSION_ACCEPT || (type >= INBOUND_DATA && type <= INBOUND_FAIL);

export function receiveSessionFrame(type: number, invocation: number, payload: Uint8Array): void {
  if (type === SESSION_ACCEPT) {
    const { head, body } = splitFull(payload);
    loadExtra<RpcRuntime>('rpc').accept(invocation, head, body);
    return;
  }
  const session = mapGet(sessions, invocation);
  if (type === INBOUND_DATA) session?.onData(payload);
  else if (type === INBOUND_WINDOW) session?.onWindow(readU32(payload, 0));
}

/** The supervisor has ended the invocation, or its caller is gone. */
export function leaveInboundSession(invocation: number): void {
  mapGet(sessions, invocation)?.onGone();
}

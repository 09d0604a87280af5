/** How long a request to somebody else's S3 waits for what: a connection, a movement, an answer that goes on, a reader. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { R2_LIMITS } from '../../shared/limits.ts';
import { R2Error } from '../storage/objects/types.ts';
import type { Pulse } from './pulse.ts';

/** The store behind a bucket has not moved in time. */
export class NoAnswer extends R2Error {
  constructor(what: string) {
    super('unavailable', `The object store behind this bucket ${what} in time. Please try again.`);
  }
}

export interface RequestClock {
  /** The endpoint is to move from now on. */
  start(): void;
  /** Nothing is asked of the endpoint: the worker is to bring the next piece. */
  stop(): void;
}

/** A connection has to be there soon, and after that something has to move: within `idleMs`, and while it does not, the store has to be alive. */
export function boundTimes(outgoing: ClientRequest, idleMs: number, pulse: Pulse): RequestClock {
  let timer: NodeJS.Timeout | undefined;
  let connecting: NodeJS.Timeout | undefined;
  /** Counts the waits: what was asked during one says nothing of the next. */
  let waits = 0;
  const stop = (): void => {
    waits++;
    clearTimeout(timer);
  };
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    const giveUp = (): void => void outgoing.destroy(new NoAnswer('could not be connected to'));
    connecting = setTimeout(giveUp, R2_LIMITS.backendConnectMs);
    socket.once('connect', () => clearTimeout(connecting));
  });
  outgoing.on('error', () => undefined);
  outgoing.on('drain', () => pulse.moved());
  outgoing.once('close', () => {
    stop();
    clearTimeout(connecting);
  });
  const start = (): void => {
    stop();
    const wait = waits;
    const startedAt = performance.now();
    const lookLater = (): void => {
      const leftMs = idleMs - (performance.now() - startedAt);
      timer = setTimeout(look, Math.max(0, Math.min(leftMs, R2_LIMITS.backendPatienceMs)));
    };
    const look = (): void => {
      if (performance.now() - startedAt >= idleMs) {
        outgoing.destroy(outgoing.socket === null ? crowded() : new NoAnswer('did not answer'));
        return;
      }
      void pulse.isAlive().then((isAlive) => {
        if (wait !== waits) return;
        if (isAlive) lookLater();
        else outgoing.destroy(new NoAnswer('did not answer'));
      });
    };
    lookLater();
  };
  start();
  return { start, stop };
}

/** An answer has to go on coming, as long as somebody takes it; who takes nothing for long does not keep the connection. */
export function boundReading(answer: IncomingMessage, idleMs: number, pulse: Pulse): void {
  const everyMs = R2_LIMITS.backendPatienceMs;
  let seen = answer.socket.bytesRead;
  let awaitedMs = 0;
  let unreadMs = 0;
  const giveUp = (): void => void answer.destroy(new NoAnswer('sent nothing'));
  const look = setInterval(() => {
    const isUnread = answer.readableLength > 0;
    const hasMoved = answer.socket.bytesRead !== seen;
    if (hasMoved) pulse.moved();
    seen = answer.socket.bytesRead;
    awaitedMs = hasMoved || isUnread ? 0 : awaitedMs + everyMs;
    unreadMs = hasMoved || !isUnread ? 0 : unreadMs + everyMs;
    if (awaitedMs >= idleMs) giveUp();
    else if (awaitedMs > 0) void pulse.isAlive().then((isAlive) => !isAlive && awaitedMs > 0 && giveUp());
    if (unreadMs >= R2_LIMITS.bodyIdleMs) answer.destroy(unread());
  }, everyMs);
  look.unref();
  answer.once('close', () => clearInterval(look));
}

const crowded = (): R2Error =>
  new R2Error(
    'unavailable',
    `All ${R2_LIMITS.backendConnections} connections to the object store behind this bucket are in use: read or cancel the bodies of objects. Please try again.`,
  );

const unread = (): R2Error =>
  new R2Error('internal', `Nothing of the object's content was taken for ${R2_LIMITS.bodyIdleMs / 1000} s.`);

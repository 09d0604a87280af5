/**
 * Reading many sockets by turns. Node reads 64 KiB of a socket at once and hands them over; when there was more, libuv reads on, up to 32 times,
 * before any other socket has its turn. With a hundred streams flowing one turn of the event loop would last for seconds.
 */
import type { Socket } from 'node:net';

const FULL_CHUNK_BYTES = 64 * 1024;
/** Sockets with more to read that read on in one turn: 1 MiB, a few milliseconds. */
const SOCKETS_PER_TURN = 16;

const waiting: (() => void)[] = [];

/** To be called at the end of a `data` event: a chunk that was full is the only one of this turn. `mayResume` is asked before reading goes on. */
export function letOthersRead(socket: Socket, chunk: Uint8Array, mayResume: () => boolean = () => true): void {
  if (chunk.length < FULL_CHUNK_BYTES) return;
  socket.pause();
  resumeInTurn(socket, mayResume);
}

/** Reading goes on when this socket's turn has come, if it still may then. */
export function resumeInTurn(socket: Socket, mayResume: () => boolean): void {
  if (waiting.length === 0) setImmediate(readOn);
  waiting.push(() => {
    if (mayResume()) socket.resume();
  });
}

function readOn(): void {
  for (const resume of waiting.splice(0, SOCKETS_PER_TURN)) resume();
  if (waiting.length > 0) setImmediate(readOn);
}

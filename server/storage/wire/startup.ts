/**
 * What a database says before a worker may ask it anything. `pg` reads that, and trusts it: a message of nine bytes makes its parser throw
 * where nobody catches it, one of five makes it run for ever. A database of a tenant's own may send either, so nothing reaches that parser
 * that was not looked at before.
 */
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { parse } from 'pg-protocol';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { BACKEND, FrameReader, HEADER_BYTES, readText, WireError } from './frames.ts';

/** The part of pg's connection that its types leave out: it listens to the stream, before and after TLS. */
export interface StartupConnection extends EventEmitter {
  attachListeners(stream: Duplex): void;
}

/** What PostgreSQL says before it is ready; anything else is none, or comes too early. */
const TYPES: ReadonlySet<number> = new Set([
  BACKEND.authentication,
  BACKEND.error,
  BACKEND.keyData,
  BACKEND.notice,
  BACKEND.parameterStatus,
  BACKEND.ready,
]);

/** To be called before it connects. A stream that brings something else is destroyed with a WireError. */
export function guardStartup(connection: StartupConnection): void {
  connection.attachListeners = (stream) => {
    const parser = new EventEmitter();
    // What it returns waits for an end that this emitter never has.
    void parse(parser as unknown as NodeJS.ReadableStream, (message: { readonly name: string }) =>
      connection.emit(message.name === 'error' ? 'errorMessage' : message.name, message),
    );
    let isReady = false;
    const reader = new FrameReader(DATABASE_LIMITS.maxStartupAnswerBytes, (type, frame) => {
      if (isReady) return;
      checkShape(type, frame);
      isReady = type === BACKEND.ready;
      parser.emit('data', Buffer.from(frame));
    });
    let left: number = DATABASE_LIMITS.maxStartupAnswerBytes;
    stream.on('data', (chunk: Buffer) => {
      try {
        left -= chunk.length;
        if (left < 0) throw new WireError('the database says too much before it is ready');
        reader.push(chunk);
      } catch (error) {
        stream.destroy(error instanceof WireError ? error : new WireError('the database does not speak PostgreSQL'));
      }
    });
  };
}

/** @throws WireError */
function checkShape(type: number, frame: Buffer): void {
  if (!TYPES.has(type)) throw new WireError(`a message of type ${type} came before the database was ready`);
  if (type !== BACKEND.error && type !== BACKEND.notice) return;
  // Fields up to a zero byte: whoever looks for one that is not there never ends.
  let at = HEADER_BYTES;
  while (frame[at] !== 0) at = readText(frame, at + 1).next;
}

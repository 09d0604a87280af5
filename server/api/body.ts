/** Reading request bodies with a bound: bytes are counted while they arrive, and a refused body is still listened out. */
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { fail } from './errors.ts';

/** What of `UPLOAD_LIMITS` bounds the reading of one body; tests make them small. */
export type BodyLimits = {
  readonly [name in 'bodyWindowMs' | 'minBodyBytesPerWindow' | 'maxDrainBytes' | 'maxDrainMs']: number;
};

/**
 * Hands every chunk of the body to `onChunk` and resolves at the end. When `onChunk` throws, the rest of the body is read and
 * thrown away (up to `maxDrainBytes` and `maxDrainMs`) before the error goes on: most clients, undici among them, only read
 * the answer after they have sent everything, and would report a broken connection instead of the reason.
 */
export async function readChunks(
  body: ReadableStream<Uint8Array> | null,
  onChunk: (chunk: Uint8Array) => void | Promise<void>,
  limits: BodyLimits = UPLOAD_LIMITS,
): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  const pace = new Pace(limits);
  try {
    for (;;) {
      const { done, value } = await pace.hold(reader.read());
      if (done) return;
      pace.received(value.byteLength);
      try {
        await onChunk(value);
      } catch (error) {
        await drain(reader, limits);
        throw error;
      }
    }
  } finally {
    pace.stop();
    // Not cancel(): that would destroy the socket under the answer.
    reader.releaseLock();
  }
}

/** Holds a client to a least speed: who sends a byte at a time would hold a place, and its memory, for as long as it likes. */
class Pace {
  readonly #limits: BodyLimits;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #reject: ((error: unknown) => void) | undefined;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#check(), limits.bodyWindowMs);
  }

  /** Waits for what is read. Rejects with an ApiError 408 when the client is too slow meanwhile. */
  async hold<T>(read: Promise<T>): Promise<T> {
    const tooSlow = new Promise<never>((_resolve, reject) => (this.#reject = reject));
    try {
      return await Promise.race([read, tooSlow]);
    } finally {
      this.#reject = undefined;
    }
  }

  received(bytes: number): void {
    this.#bytes += bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const { bodyWindowMs, minBodyBytesPerWindow } = this.#limits;
    const seen = this.#bytes;
    this.#bytes = 0;
    // Nobody waits for the client at this moment: then it is not what everything waits for.
    if (seen >= minBodyBytesPerWindow) return;
    this.#reject?.(
      fail('bodyTooSlow', {
        seen: formatBytes(seen),
        seconds: bodyWindowMs / 1000,
        least: formatBytes(minBodyBytesPerWindow),
      }),
    );
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, limits: BodyLimits): Promise<void> {
  let left = limits.maxDrainBytes;
  const deadline = Date.now() + limits.maxDrainMs;
  try {
    while (left > 0 && Date.now() < deadline) {
      const { done, value } = await withDeadline(reader.read(), deadline);
      if (done) return;
      left -= value.byteLength;
    }
  } catch {
    // The client went away, or stopped sending: there is nobody left to wait for.
  }
}

async function withDeadline<T>(promise: Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('Drain deadline')), Math.max(0, deadline - Date.now()));
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** The whole body, at most `limitBytes` of it: beyond, an ApiError 413. */
export async function readBytes(body: ReadableStream<Uint8Array> | null, limitBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  await readChunks(body, (chunk) => {
    size += chunk.byteLength;
    if (size > limitBytes) throw fail('bodyTooLarge', { limit: formatBytes(limitBytes) });
    chunks.push(chunk);
  });
  return Buffer.concat(chunks);
}

/** `64 MiB`, `5 KiB`, `17 bytes`. */
export function formatBytes(bytes: number): string {
  const round = (value: number) => String(Math.round(value * 100) / 100);
  if (bytes >= 1024 * 1024) return `${round(bytes / 1024 / 1024)} MiB`;
  if (bytes >= 1024) return `${round(bytes / 1024)} KiB`;
  return `${bytes} bytes`;
}

/**
 * What the server holds for one cell: heads of its open calls, and bytes of their bodies that nobody has taken. Each stream is bounded by its
 * window, but a cell has many of them; together they count as the cell's own memory would.
 */
import { CHANNEL_LIMITS } from '../../shared/limits.ts';

/** What an open call costs the server besides its bytes, measured. */
const CALL_BYTES = 2 * 1024;

export class HeldBytes {
  readonly #byStream = new Map<number, number>();
  #total = 0;

  /** False: the cell has as many calls open as it may. */
  get hasRoom(): boolean {
    return this.#byStream.size < CHANNEL_LIMITS.maxOpenCalls;
  }

  /** The streams together hold more than the server keeps for one cell. */
  get isTooMuch(): boolean {
    return this.#total > CHANNEL_LIMITS.maxHeldBytes;
  }

  /** `headBytes`: what came with the opening frame. */
  opened(stream: number, headBytes: number): void {
    this.#byStream.set(stream, 0);
    this.received(stream, CALL_BYTES + headBytes);
  }

  received(stream: number, bytes: number): void {
    const held = this.#byStream.get(stream);
    if (held === undefined) return;
    this.#byStream.set(stream, held + bytes);
    this.#total += bytes;
  }

  /** Who reads the stream has done with so many bytes. */
  taken(stream: number, bytes: number): void {
    this.received(stream, -bytes);
  }

  closed(stream: number): void {
    this.#total -= this.#byStream.get(stream) ?? 0;
    this.#byStream.delete(stream);
  }
}

/**
 * Messages of PostgreSQL's wire protocol (3.0): a type, a length that counts itself, the rest. Read without copying where a message lies
 * whole in what came, and never longer than a limit: the length is the other side's word.
 */
import type { MessageRoom } from './message-room.ts';

export const HEADER_BYTES = 5;

/** Up to here a message that is not whole costs no more than its connection. */
const SMALL_BYTES = 16 * 1024;

/** Types that a server sends and that Skep looks at. */
export const BACKEND = {
  authentication: 0x52, // R
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  commandComplete: 0x43, // C
  copyBoth: 0x57, // W
  copyIn: 0x47, // G
  copyOut: 0x48, // H
  dataRow: 0x44, // D
  emptyQuery: 0x49, // I
  error: 0x45, // E
  keyData: 0x4b, // K
  noData: 0x6e, // n
  notice: 0x4e, // N
  notification: 0x41, // A
  parameterStatus: 0x53, // S
  parseComplete: 0x31, // 1
  ready: 0x5a, // Z
  rowDescription: 0x54, // T
} as const;

/** Type and whole message, header included. The bytes are only good until the call returns. */
export type OnFrame = (type: number, frame: Buffer) => void;

/** The other side sent what no PostgreSQL sends, or more than is taken. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** Cuts PostgreSQL's bytes into messages, whole ones, of at most `maxBytes`. Throws WireError. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #onFrame: OnFrame;
  readonly #room: MessageRoom | undefined;
  /** A message of which the beginning is there. */
  #partial: Buffer | null = null;
  #filled = 0;
  #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;

  /** `room`: takes account of large messages until they are whole. */
  constructor(maxBytes: number, onFrame: OnFrame, room?: MessageRoom) {
    this.#maxBytes = maxBytes;
    this.#onFrame = onFrame;
    this.#room = room;
  }

  /** Nothing more comes. */
  close(): void {
    if (this.#partial !== null) this.#free(this.#partial.length);
    this.#partial = null;
  }

  #free(bytes: number): void {
    if (bytes > SMALL_BYTES) this.#room?.free(bytes);
  }

  /** @throws WireError when a message is longer than allowed, or its length makes no sense */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#partial !== null) at = this.#fill(this.#partial, chunk, at);
      else if (this.#headerFilled > 0 || chunk.length - at < HEADER_BYTES) at = this.#fillHeader(chunk, at);
      else {
        const bytes = this.#lengthOf(chunk, at);
        if (chunk.length - at >= bytes) {
          this.#onFrame(chunk[at] as number, chunk.subarray(at, at + bytes));
          at += bytes;
        } else {
          this.#begin(bytes);
        }
      }
    }
  }

  #begin(bytes: number): void {
    if (bytes > SMALL_BYTES && this.#room?.take(bytes) === false) {
      throw new WireError(
        `there is no memory for a message of ${bytes} bytes beside the other large ones of this account`,
      );
    }
    this.#partial = Buffer.allocUnsafe(bytes);
    this.#filled = 0;
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(HEADER_BYTES - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + taken);
    this.#headerFilled += taken;
    if (this.#headerFilled < HEADER_BYTES) return at + taken;
    this.#headerFilled = 0;
    const bytes = this.#lengthOf(this.#header, 0);
    if (bytes === HEADER_BYTES) {
      this.#onFrame(this.#header[0] as number, Buffer.from(this.#header));
      return at + taken;
    }
    this.#begin(bytes);
    this.#header.copy(this.#partial as unknown as Buffer);
    this.#filled = HEADER_BYTES;
    return at + taken;
  }

  #fill(partial: Buffer, chunk: Buffer, at: number): number {
    const taken = Math.min(partial.length - this.#filled, chunk.length - at);
    chunk.copy(partial, this.#filled, at, at + taken);
    this.#filled += taken;
    if (this.#filled === partial.length) {
      this.#partial = null;
      this.#free(partial.length);
      this.#onFrame(partial[0] as number, partial);
    }
    return at + taken;
  }

  #lengthOf(buffer: Buffer, at: number): number {
    const bytes = buffer.readUInt32BE(at + 1) + 1;
    if (bytes < HEADER_BYTES) throw new WireError('a message of an impossible length came');
    if (bytes > this.#maxBytes) {
      throw new WireError(`a row or message of ${bytes} bytes came, allowed are ${this.#maxBytes}`);
    }
    return bytes;
  }
}

/** The text that ends with the next zero byte, and where the one after it begins. */
export function readText(frame: Buffer, at: number): { readonly text: string; readonly next: number } {
  const end = frame.indexOf(0, at);
  if (end === -1) throw new WireError('a text without an end came');
  return { text: frame.toString('utf8', at, end), next: end + 1 };
}

/** Fields of an ErrorResponse or NoticeResponse. https://www.postgresql.org/docs/current/protocol-error-fields.html */
export interface ServerMessage {
  readonly severity: string;
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Characters from the start of the statement, from 1. */
  readonly position?: number;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
}

const FIELD_NAMES: Readonly<Record<string, string>> = {
  S: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
};

/** An ErrorResponse or NoticeResponse, by PostgreSQL's names for its fields. */
export function readServerMessage(frame: Buffer): ServerMessage {
  const fields: Record<string, string | number> = { severity: 'ERROR', code: 'XX000', message: '' };
  for (let at = HEADER_BYTES; at < frame.length && frame[at] !== 0; ) {
    const name = FIELD_NAMES[String.fromCharCode(frame[at] as number)];
    const { text, next } = readText(frame, at + 1);
    if (name !== undefined) fields[name] = name === 'position' ? Number(text) : text;
    at = next;
  }
  return fields as unknown as ServerMessage;
}

/** A server refused a statement. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: string;
  readonly fields: ServerMessage;

  constructor(fields: ServerMessage) {
    super(fields.message);
    this.code = fields.code;
    this.fields = fields;
  }
}

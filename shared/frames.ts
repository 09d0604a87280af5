/**
 * Reading and writing the frames of `protocol.ts`, without I/O, for both sides of the wire.
 *
 * This file also runs inside a cell beside user code that may have patched every prototype: the functions below touch
 * no method of Array or Promise, and take what they need from typed arrays through functions captured at load.
 */
import { CHANNEL_LIMITS } from './limits.ts';
import { FRAME_HEADER_BYTES } from './protocol.ts';

const { apply } = Reflect;
const Bytes = Uint8Array;
const { subarray: protoSubarray, set: protoSet } = Bytes.prototype;
const subarray = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  apply(protoSubarray, bytes, [start, end]);
const copyInto = (target: Uint8Array, source: Uint8Array, offset: number): void =>
  apply(protoSet, target, [source, offset]);

export const writeU32 = (target: Uint8Array, offset: number, value: number): void => {
  target[offset] = value & 0xff;
  target[offset + 1] = (value >>> 8) & 0xff;
  target[offset + 2] = (value >>> 16) & 0xff;
  target[offset + 3] = (value >>> 24) & 0xff;
};

export const readU32 = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] as number) |
    ((bytes[offset + 1] as number) << 8) |
    ((bytes[offset + 2] as number) << 16) |
    ((bytes[offset + 3] as number) << 24)) >>>
  0;

const { minSessionFrameCost } = CHANNEL_LIMITS;
/** What a frame of a session with so many bytes takes of the session's window. Both ends and the server count alike. */
export const sessionFrameCost = (bytes: number): number => (bytes < minSessionFrameCost ? minSessionFrameCost : bytes);
/** A sender goes on while any of its window is left, so its last frame may exceed it by less than that. */
export const SESSION_WINDOW_BYTES = CHANNEL_LIMITS.streamWindowBytes + minSessionFrameCost - 1;

let allocate = (length: number): Uint8Array => new Bytes(length);

/** Where frames get their bytes from; they need not be zero. For a side that has something cheaper than an ArrayBuffer each. */
export const allocateFramesBy = (allocator: (length: number) => Uint8Array): void => {
  allocate = allocator;
};

/** One frame as bytes. `payload` is copied. */
export function encodeFrame(type: number, stream: number, payload: Uint8Array): Uint8Array {
  const frame = allocate(FRAME_HEADER_BYTES + payload.length);
  writeU32(frame, 0, payload.length + FRAME_HEADER_BYTES - 4);
  frame[4] = type;
  writeU32(frame, 5, stream);
  copyInto(frame, payload, FRAME_HEADER_BYTES);
  return frame;
}

/** A frame whose payload is `u32 head length | head | body` (CALL_FULL, RESPONSE_FULL). */
export function encodeFullFrame(type: number, stream: number, head: Uint8Array, body: Uint8Array): Uint8Array {
  const frame = allocate(FRAME_HEADER_BYTES + 4 + head.length + body.length);
  writeU32(frame, 0, frame.length - 4);
  frame[4] = type;
  writeU32(frame, 5, stream);
  writeU32(frame, FRAME_HEADER_BYTES, head.length);
  copyInto(frame, head, FRAME_HEADER_BYTES + 4);
  copyInto(frame, body, FRAME_HEADER_BYTES + 4 + head.length);
  return frame;
}

/** The bytes on the wire were not frames of this protocol, or one was longer than allowed. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Splits the payload of a full frame. Throws FrameError when the head length does not fit. */
export function splitFull(payload: Uint8Array): { head: Uint8Array; body: Uint8Array } {
  if (payload.length < 4) throw new FrameError('Frame too short for a head length');
  const headLength = readU32(payload, 0);
  if (headLength > payload.length - 4) throw new FrameError('Head longer than its frame');
  return { head: subarray(payload, 4, 4 + headLength), body: subarray(payload, 4 + headLength, payload.length) };
}

/**
 * Cuts a byte stream into frames. `push` calls `onFrame` for each frame, in order; a payload points into the chunk or into a buffer
 * that is never written again. Frames of a type for which `inPieces` is true (body bytes) are handed over as they
 * arrive, in several calls and without copying; all others whole. Throws FrameError on a frame longer than
 * `maxFrameBytes`; nothing can be read after that.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (type: number, stream: number, payload: Uint8Array) => void;
  readonly #inPieces: (type: number) => boolean;
  /** The beginning of a frame that is not whole yet. */
  #pending: Uint8Array | undefined;
  #pendingLength = 0;
  /** What is still to come of a frame handed over in pieces. */
  #pieceType = 0;
  #pieceStream = 0;
  #pieceBytes = 0;

  constructor(
    maxFrameBytes: number,
    onFrame: (type: number, stream: number, payload: Uint8Array) => void,
    inPieces: (type: number) => boolean = () => false,
  ) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
    this.#inPieces = inPieces;
  }

  push(chunk: Uint8Array): void {
    const bytes = this.#pendingLength === 0 ? chunk : this.#append(chunk);
    let at = this.#pieceBytes > 0 ? this.#handPiece(bytes, 0) : 0;
    while (bytes.length - at >= 4) {
      const length = readU32(bytes, at);
      if (length > this.#maxFrameBytes || length < FRAME_HEADER_BYTES - 4) {
        throw new FrameError(`Frame of ${length} bytes: allowed are 5 to ${this.#maxFrameBytes}`);
      }
      if (bytes.length - at < FRAME_HEADER_BYTES) break;
      const type = bytes[at + 4] as number;
      const stream = readU32(bytes, at + 5);
      const end = at + 4 + length;
      if (bytes.length >= end) {
        this.#onFrame(type, stream, subarray(bytes, at + FRAME_HEADER_BYTES, end));
        at = end;
      } else if (this.#inPieces(type)) {
        this.#pieceType = type;
        this.#pieceStream = stream;
        this.#pieceBytes = end - at - FRAME_HEADER_BYTES;
        at = this.#handPiece(bytes, at + FRAME_HEADER_BYTES);
      } else break;
    }
    this.#keep(bytes, at);
  }

  /** Hands over what has come of a frame in pieces; returns where the next frame starts. */
  #handPiece(bytes: Uint8Array, at: number): number {
    const end = at + this.#pieceBytes < bytes.length ? at + this.#pieceBytes : bytes.length;
    this.#pieceBytes -= end - at;
    if (end > at) this.#onFrame(this.#pieceType, this.#pieceStream, subarray(bytes, at, end));
    return end;
  }

  #append(chunk: Uint8Array): Uint8Array {
    const pending = this.#pending as Uint8Array;
    const needed = this.#pendingLength + chunk.length;
    let target = pending;
    if (needed > pending.length) {
      target = new Bytes(needed > pending.length * 2 ? needed : pending.length * 2);
      copyInto(target, subarray(pending, 0, this.#pendingLength), 0);
      this.#pending = target;
    }
    copyInto(target, chunk, this.#pendingLength);
    this.#pendingLength = needed;
    return subarray(target, 0, needed);
  }

  /** Keeps the unfinished rest in a buffer of our own: the chunk may be reused by whoever read it. */
  #keep(bytes: Uint8Array, from: number): void {
    const rest = bytes.length - from;
    if (rest === 0) {
      this.#pendingLength = 0;
      this.#pending = undefined;
      return;
    }
    if (from === 0 && this.#pendingLength === bytes.length) return;
    const kept = new Bytes(rest < 4096 ? 4096 : rest);
    copyInto(kept, subarray(bytes, from, bytes.length), 0);
    this.#pending = kept;
    this.#pendingLength = rest;
  }
}

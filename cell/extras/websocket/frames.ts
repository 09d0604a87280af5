/**
 * RFC 6455 frames, without extensions. As lenient as workerd: a frame need not be masked, text that is no UTF-8 is read with replacement
 * characters, a control frame may be long. What it refuses, it refuses in workerd's words.
 */
import { WEBSOCKET_LIMITS } from '../../../shared/limits.ts';
import { joinBytes } from '../../http/bytes.ts';
import {
  copyBytes,
  copyInto,
  NativeTextDecoder,
  NativeUint8Array,
  subarray,
  uncurry,
  utf8Encode,
} from '../../primordials.ts';

const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Without a code in the frame (RFC 6455 §7.1.5). */
export const NO_STATUS = 1005;

const MAX_HEADER_BYTES = 14;
const FIN = 0x80;
const COMPRESSED = 0x40;
const RESERVED = 0x30;
const MASKED = 0x80;

/** What a connection carries. Bytes are the receiver's own. */
export interface FrameHandler {
  onText(text: string, bytes: number): void;
  onBinary(data: Uint8Array<ArrayBuffer>): void;
  onPing(data: Uint8Array): void;
  onClose(code: number, reason: string): void;
  /** The rest of the connection cannot be read. */
  onProtocolError(code: number, description: string): void;
}

const decoder = new NativeTextDecoder('utf-8', { ignoreBOM: true });
const decodeText = uncurry(NativeTextDecoder.prototype.decode as (bytes: Uint8Array) => string);
const toText = (bytes: Uint8Array): string => decodeText(decoder, bytes);

/** One frame with the whole message. `mask`: four random bytes, as a client must send. */
export function encodeMessage(opcode: number, payload: Uint8Array, mask?: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + lengthBytes + (mask === undefined ? 0 : 4);
  const frame = new NativeUint8Array(start + length);
  const maskBit = mask === undefined ? 0 : MASKED;
  frame[0] = FIN | opcode;
  frame[1] = maskBit | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  for (let index = 0, rest = length; index < lengthBytes; index++) {
    frame[1 + lengthBytes - index] = rest & 0xff;
    rest = (rest - (rest & 0xff)) / 256;
  }
  copyInto(frame, payload, start);
  if (mask !== undefined) {
    copyInto(frame, mask, start - 4);
    applyMask(frame, start, mask, 0);
  }
  return frame;
}

export function encodeClose(code: number, reason: string, mask?: Uint8Array): Uint8Array<ArrayBuffer> {
  if (code === NO_STATUS) return encodeMessage(CLOSE, new NativeUint8Array(0), mask);
  const text = utf8Encode(reason);
  const payload = new NativeUint8Array(2 + text.length);
  payload[0] = code >> 8;
  payload[1] = code & 0xff;
  copyInto(payload, text, 2);
  return encodeMessage(CLOSE, payload, mask);
}

function applyMask(bytes: Uint8Array, from: number, mask: Uint8Array, phase: number): void {
  for (let index = from; index < bytes.length; index++) {
    bytes[index] = (bytes[index] as number) ^ (mask[(index - from + phase) & 3] as number);
  }
}

/** Reads frames out of bytes that come in any pieces. Nothing more is read after a Close or an error. */
export class FrameDecoder {
  readonly #handler: FrameHandler;
  readonly #header = new NativeUint8Array(MAX_HEADER_BYTES);
  #headerLength = 0;
  #opcode = 0;
  #final = false;
  #mask: Uint8Array | undefined;
  #remaining = 0;
  #phase = 0;
  #inPayload = false;
  /** Pieces of the frame under way, and of the fragmented message under way. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #message: Uint8Array[] = [];
  #messageBytes = 0;
  #messageOpcode = 0;
  #stopped = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (!this.#stopped && (at < bytes.length || (this.#inPayload && this.#remaining === 0))) {
      at = this.#inPayload ? this.#readPayload(bytes, at) : this.#readHeader(bytes, at);
    }
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    this.#header[this.#headerLength++] = bytes[at] as number;
    const header = this.#header;
    if (this.#headerLength === 2) this.#checkStart(header[0] as number);
    if (this.#stopped || this.#headerLength < 2) return at + 1;
    const short = (header[1] as number) & 0x7f;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const isMasked = ((header[1] as number) & MASKED) !== 0;
    if (this.#headerLength < 2 + lengthBytes + (isMasked ? 4 : 0)) return at + 1;
    this.#beginPayload(lengthBytes, isMasked);
    return at + 1;
  }

  #checkStart(first: number): void {
    const opcode = first & 0x0f;
    const isControl = opcode >= CLOSE;
    if ((first & RESERVED) !== 0) this.#refuse(1002, 'Received frame had RSV bits 2 or 3 set');
    else if ((first & COMPRESSED) !== 0) {
      this.#refuse(
        1002,
        'Received a WebSocket frame whose compression bit was set, but the compression extension was not negotiated for this connection.',
      );
    } else if ((opcode > BINARY && !isControl) || opcode > PONG) this.#refuse(1002, `Unknown opcode ${opcode}`);
    else if (isControl && (first & FIN) === 0) this.#refuse(1002, 'Received fragmented control frame');
    else if (opcode === CONTINUATION && this.#messageOpcode === 0) this.#refuse(1002, 'Unexpected continuation frame');
    else if (!isControl && opcode !== CONTINUATION && this.#messageOpcode !== 0) {
      this.#refuse(1002, 'Missing continuation frame');
    }
  }

  #beginPayload(lengthBytes: number, isMasked: boolean): void {
    const header = this.#header;
    let length = (header[1] as number) & 0x7f;
    if (lengthBytes > 0) {
      length = 0;
      for (let index = 0; index < lengthBytes; index++) length = length * 256 + (header[2 + index] as number);
    }
    this.#opcode = (header[0] as number) & 0x0f;
    this.#final = ((header[0] as number) & FIN) !== 0;
    const total = this.#opcode >= CLOSE ? length : this.#messageBytes + length;
    if (total > WEBSOCKET_LIMITS.maxMessageBytes) {
      this.#refuse(1009, `Message is too large: ${total} > ${WEBSOCKET_LIMITS.maxMessageBytes}`);
      return;
    }
    this.#mask = isMasked ? copyBytes(subarray(header, 2 + lengthBytes, 6 + lengthBytes)) : undefined;
    this.#headerLength = 0;
    this.#remaining = length;
    this.#phase = 0;
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#inPayload = true;
  }

  #readPayload(bytes: Uint8Array, at: number): number {
    const size = bytes.length - at < this.#remaining ? bytes.length - at : this.#remaining;
    if (size > 0) {
      const piece = new NativeUint8Array(size);
      copyInto(piece, subarray(bytes, at, at + size), 0);
      if (this.#mask !== undefined) applyMask(piece, 0, this.#mask, this.#phase);
      this.#phase = (this.#phase + size) & 3;
      this.#pieces[this.#pieces.length] = piece;
      this.#pieceBytes += size;
      this.#remaining -= size;
    }
    if (this.#remaining === 0) {
      this.#inPayload = false;
      this.#endFrame();
    }
    return at + size;
  }

  #endFrame(): void {
    if (this.#opcode >= CLOSE) {
      this.#control(this.#opcode, join(this.#pieces, this.#pieceBytes));
      return;
    }
    if (this.#opcode !== CONTINUATION) this.#messageOpcode = this.#opcode;
    for (let index = 0; index < this.#pieces.length; index++) {
      this.#message[this.#message.length] = this.#pieces[index] as Uint8Array;
    }
    this.#messageBytes += this.#pieceBytes;
    if (!this.#final) return;
    const data = join(this.#message, this.#messageBytes);
    const opcode = this.#messageOpcode;
    this.#message = [];
    this.#messageBytes = 0;
    this.#messageOpcode = 0;
    if (opcode === TEXT) this.#handler.onText(toText(data), data.length);
    else this.#handler.onBinary(data);
  }

  #control(opcode: number, data: Uint8Array): void {
    if (opcode === PING) this.#handler.onPing(data);
    if (opcode !== CLOSE) return;
    this.#stopped = true;
    if (data.length < 2) this.#handler.onClose(NO_STATUS, '');
    else {
      const code = (data[0] as number) * 256 + (data[1] as number);
      this.#handler.onClose(code, toText(subarray(data, 2, data.length)));
    }
  }

  #refuse(code: number, description: string): void {
    this.#stopped = true;
    this.#handler.onProtocolError(code, description);
  }
}

const join = (pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> =>
  pieces.length === 1 ? (pieces[0] as Uint8Array<ArrayBuffer>) : joinBytes(pieces, bytes);

/** Messages of any size over a session's bytes: `u32 length | message`, in frames, under the window that the supervisor enforces. */
import { sessionFrameCost, writeU32 } from '../../../shared/frames.ts';
import { CHANNEL_LIMITS, RPC_LIMITS } from '../../../shared/limits.ts';
import { SESSION_CLOCK_BYTES } from '../../../shared/protocol.ts';
import { advanceClock, type Invocation } from '../../context.ts';
import {
  copyBytes,
  copyInto,
  MapConstructor,
  mapDelete,
  mapForEach,
  mapSet,
  NativeError,
  NativeUint8Array,
  subarray,
} from '../../primordials.ts';
import { NativeFloat64Array } from '../../value-primordials.ts';
import { malformed, tooLarge } from './bytes.ts';

const LENGTH_BYTES = 4;
/** A chunk of a stream and what its message says of it fit into one: then it is not put together again at the other end. */
const FRAME_BYTES = 64 * 1024 + 64;
const GRANT_BYTES = CHANNEL_LIMITS.streamWindowBytes / 4;

export interface LinkEnd {
  /** One frame's worth: clock, then bytes. The first of a session opens it. */
  emit(payload: Uint8Array): void;
  /** So many bytes were taken. */
  grant(bytes: number): void;
  onMessage(message: Uint8Array): void;
  /** Everything that was to be sent has left. */
  onDrained?(): void;
  /** Too much is held for the other side: the session has to end. */
  onBurst(error: Error): void;
}

/** Links that hold bytes, and how much all of them hold: unsent, or of a message that has not come whole. */
const holding = new MapConstructor<Link, true>();
let allHeldBytes = 0;

/** Ends the session that holds most. */
function endFullest(): void {
  let fullest: Link | undefined;
  mapForEach(holding, (_value, link) => {
    if (fullest === undefined || link.heldBytes > fullest.heldBytes) fullest = link;
  });
  fullest?.burst();
}

const clock = new NativeFloat64Array(1);
const clockBytes = new NativeUint8Array(clock.buffer);

export class Link {
  readonly #end: LinkEnd;
  readonly #invocation: Invocation;
  #credit: number = CHANNEL_LIMITS.streamWindowBytes;
  #queue: Uint8Array[] = [];
  #first = 0;
  /** Of the first in the queue, so much is sent. */
  #sent = 0;
  #heldBytes = 0;
  /** The message that is coming in. */
  #head = 0;
  #headLength = 0;
  #message: Uint8Array | undefined;
  #messageLength = 0;
  #received = 0;
  #taken = 0;
  #closed = false;

  constructor(end: LinkEnd, invocation: Invocation) {
    this.#end = end;
    this.#invocation = invocation;
  }

  /** Something waits for the other side to take what was sent before. */
  get isSending(): boolean {
    return this.#first < this.#queue.length;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  burst(): void {
    this.#end.onBurst(
      new NativeError(
        'The other side of an RPC session does not take what it is sent, or does not end what it begins: too much waits for it.',
      ),
    );
  }

  close(): void {
    this.#closed = true;
    this.#message = undefined;
    this.#hold(-this.#heldBytes);
    this.#queue = [];
    this.#first = 0;
  }

  /** Throws when the message is too large. */
  send(message: Uint8Array): void {
    if (message.length > RPC_LIMITS.maxMessageBytes) throw tooLarge(message.length);
    if (this.#closed) return;
    const size = LENGTH_BYTES + message.length;
    if (!this.isSending && size <= FRAME_BYTES && size <= this.#credit) {
      this.#sendAtOnce(message);
      return;
    }
    this.#enqueue(message);
    this.#flush();
    if (allHeldBytes > RPC_LIMITS.maxHeldBytes) endFullest();
  }

  /** Most messages: one frame, for which nothing is in the way. */
  #sendAtOnce(message: Uint8Array): void {
    this.#credit -= sessionFrameCost(LENGTH_BYTES + message.length);
    const payload = this.#payload(LENGTH_BYTES + message.length);
    writeU32(payload, SESSION_CLOCK_BYTES, message.length);
    copyInto(payload, message, SESSION_CLOCK_BYTES + LENGTH_BYTES);
    this.#end.emit(payload);
  }

  #hold(bytes: number): void {
    if (bytes === 0) return;
    this.#heldBytes += bytes;
    allHeldBytes += bytes;
    if (this.#heldBytes > 0) mapSet(holding, this, true);
    else mapDelete(holding, this);
  }

  #enqueue(message: Uint8Array): void {
    const isLarge = message.length > FRAME_BYTES;
    const framed = new NativeUint8Array(isLarge ? LENGTH_BYTES : LENGTH_BYTES + message.length);
    writeU32(framed, 0, message.length);
    this.#queue[this.#queue.length] = framed;
    // A large one is not copied: it may be a quarter of what the cell may have.
    if (isLarge) this.#queue[this.#queue.length] = message;
    else copyInto(framed, message, LENGTH_BYTES);
    this.#hold(LENGTH_BYTES + message.length);
  }

  window(bytes: number): void {
    this.#credit += bytes;
    if (!this.isSending) return;
    this.#flush();
    if (!this.isSending && !this.#closed) this.#end.onDrained?.();
  }

  #flush(): void {
    while (this.#first < this.#queue.length && this.#credit > 0 && !this.#closed) {
      const bytes = this.#queue[this.#first] as Uint8Array;
      const left = bytes.length - this.#sent;
      let size = left < FRAME_BYTES ? left : FRAME_BYTES;
      if (size > this.#credit) size = this.#credit;
      this.#credit -= sessionFrameCost(size);
      const start = this.#sent;
      this.#sent += size;
      this.#hold(-size);
      if (this.#sent === bytes.length) this.#next();
      this.#end.emit(this.#frame(subarray(bytes, start, start + size)));
    }
  }

  #next(): void {
    this.#sent = 0;
    this.#first++;
    if (this.#first < this.#queue.length) return;
    this.#queue = [];
    this.#first = 0;
  }

  #frame(bytes: Uint8Array): Uint8Array {
    const payload = this.#payload(bytes.length);
    copyInto(payload, bytes, SESSION_CLOCK_BYTES);
    return payload;
  }

  #payload(bytes: number): Uint8Array {
    const payload = new NativeUint8Array(SESSION_CLOCK_BYTES + bytes);
    clock[0] = this.#invocation.clockMs;
    copyInto(payload, clockBytes, 0);
    return payload;
  }

  /** A frame from the other side. Throws when it breaks the protocol. */
  receive(payload: Uint8Array): void {
    copyInto(clockBytes, subarray(payload, 0, SESSION_CLOCK_BYTES), 0);
    advanceClock(this.#invocation, clock[0] as number);
    this.receiveBytes(subarray(payload, SESSION_CLOCK_BYTES, payload.length));
  }

  /** The bytes that came with the opening of the session. */
  receiveBytes(bytes: Uint8Array): void {
    // Counted before the messages are handled: they may end the session.
    this.#taken += sessionFrameCost(bytes.length);
    if (this.#taken >= GRANT_BYTES) {
      this.#end.grant(this.#taken);
      this.#taken = 0;
    }
    let at = 0;
    while (at < bytes.length && !this.#closed)
      at = this.#message === undefined ? this.#takeHead(bytes, at) : this.#takeBody(bytes, at);
  }

  #takeHead(bytes: Uint8Array, from: number): number {
    let at = from;
    while (this.#headLength < LENGTH_BYTES && at < bytes.length)
      this.#head += (bytes[at++] as number) * 0x100 ** this.#headLength++;
    if (this.#headLength < LENGTH_BYTES) return at;
    const length = this.#head;
    this.#head = 0;
    if (length === 0 || length > RPC_LIMITS.maxMessageBytes) throw malformed(`a message of ${length} bytes`);
    this.#headLength = 0;
    if (bytes.length - at >= length) {
      // Whole, as most are: no need to put it together.
      this.#end.onMessage(copyBytes(subarray(bytes, at, at + length)));
      return at + length;
    }
    // Grows with what comes: a length alone is no reason to set 32 MiB aside.
    this.#message = new NativeUint8Array(length < FRAME_BYTES ? length : FRAME_BYTES);
    this.#messageLength = length;
    this.#received = 0;
    this.#hold(this.#message.length);
    return at;
  }

  #takeBody(bytes: Uint8Array, at: number): number {
    const missing = this.#messageLength - this.#received;
    const end = at + missing < bytes.length ? at + missing : bytes.length;
    const message = this.#reserve(this.#received + end - at);
    if (this.#closed) return end;
    copyInto(message, subarray(bytes, at, end), this.#received);
    this.#received += end - at;
    if (this.#received === this.#messageLength) {
      this.#message = undefined;
      this.#hold(-message.length);
      this.#end.onMessage(message);
    }
    return end;
  }

  /** The buffer of the message, with room for so many bytes; exactly as long as the message once that is whole. */
  #reserve(needed: number): Uint8Array {
    const message = this.#message as Uint8Array;
    if (needed <= message.length) return message;
    let size = message.length * 2;
    if (size < needed) size = needed;
    if (size > this.#messageLength) size = this.#messageLength;
    const grown = new NativeUint8Array(size);
    copyInto(grown, subarray(message, 0, this.#received), 0);
    this.#message = grown;
    this.#hold(grown.length - message.length);
    if (allHeldBytes > RPC_LIMITS.maxHeldBytes) endFullest();
    return grown;
  }
}

/** What is on its way to one end of a WebSocket connection: messages in order, one per turn of the event loop. */
import { nativeSetImmediate, promiseResolve, promiseThen } from '../../primordials.ts';

/** What one side says to the other. */
export type Message =
  | { readonly kind: 'text'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'binary'; readonly data: Uint8Array<ArrayBuffer>; readonly bytes: number }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string; readonly bytes: 0 }
  /** The connection ended without a Close. */
  | { readonly kind: 'lost'; readonly reason: string; readonly bytes: 0 }
  /** The other end was broken by an exception; `unread`: what was sent to it and not read yet is lost. */
  | { readonly kind: 'broken'; readonly unread: boolean; readonly bytes: 0 }
  /** The other end broke the protocol. */
  | { readonly kind: 'unreadable'; readonly message: string; readonly bytes: 0 }
  /** After Close in both directions: the other end let go. */
  | { readonly kind: 'gone'; readonly bytes: 0 };

class Inbox {
  #queue: Message[] = [];
  #first = 0;
  #bytes = 0;
  #consumer: ((message: Message) => void) | undefined;
  #scheduled = false;
  #justDelivered = false;
  #pendingElsewhere: (() => number) | undefined;
  /** Called after each message that was delivered. */
  onDelivered: (() => void) | undefined;

  /** Bytes that have not reached whoever reads. */
  get bufferedBytes(): number {
    return this.#bytes + (this.#pendingElsewhere?.() ?? 0);
  }

  /** Whether there is something that was not delivered yet. */
  get hasUnread(): boolean {
    return this.#first < this.#queue.length;
  }

  /** From now on messages are delivered; those that wait are first. */
  consume(consumer: (message: Message) => void): void {
    this.#consumer = consumer;
    this.#schedule();
  }

  /** A connection takes messages at once, and holds what has not left itself. */
  drainTo(consumer: (message: Message) => void, pending: () => number): void {
    this.#consumer = consumer;
    this.#pendingElsewhere = pending;
    while (this.#first < this.#queue.length) this.#deliverNext();
  }

  /** User code of this cell said it: the other end hears of it in a later turn. */
  push(message: Message): void {
    if (this.#pendingElsewhere !== undefined) {
      this.#consumer?.(message);
      return;
    }
    this.#add(message);
    this.#schedule();
  }

  /** It came from outside, in a turn of its own: it is delivered right away unless one just was. */
  receive(message: Message): void {
    if (this.#pendingElsewhere !== undefined) {
      this.#consumer?.(message);
      return;
    }
    this.#add(message);
    if (
      this.#consumer === undefined ||
      this.#scheduled ||
      this.#justDelivered ||
      this.#first + 1 < this.#queue.length
    ) {
      this.#schedule();
      return;
    }
    this.#justDelivered = true;
    void promiseThen(promiseResolve(undefined), () => {
      this.#justDelivered = false;
    });
    this.#deliverNext();
  }

  #add(message: Message): void {
    this.#queue[this.#queue.length] = message;
    this.#bytes += message.bytes;
  }

  #schedule(): void {
    if (this.#scheduled || this.#consumer === undefined || this.#first >= this.#queue.length) return;
    this.#scheduled = true;
    nativeSetImmediate(() => {
      this.#scheduled = false;
      this.#deliverNext();
      this.#schedule();
    });
  }

  #deliverNext(): void {
    if (this.#first >= this.#queue.length || this.#consumer === undefined) return;
    const message = this.#queue[this.#first++] as Message;
    if (this.#first === this.#queue.length) {
      this.#queue = [];
      this.#first = 0;
    }
    this.#bytes -= message.bytes;
    this.#consumer(message);
    this.onDelivered?.();
  }
}

/** The two directions of a connection: each end reads its own inbox and writes into the other's. */
export interface End {
  readonly incoming: Inbox;
  readonly outgoing: Inbox;
  /** Shared by both ends: who lets go first tells the other. */
  readonly shared: { released: boolean };
}

export function connectedEnds(): readonly [End, End] {
  const shared = { released: false };
  const first = new Inbox();
  const second = new Inbox();
  return [
    { incoming: first, outgoing: second, shared },
    { incoming: second, outgoing: first, shared },
  ];
}

/**
 * A connection on which operations that arrive together become one statement. While one is under way the next ones gather: the busier it
 * is, the larger the batches, and a batch of writes costs one commit. Operations of one lane happen in the order of their arrival, those
 * of different namespaces take turns, so that a flood in one does not hold up the others for longer than a batch.
 */
import { KV_LIMITS } from '../../../shared/limits.ts';
import type { Connection } from '../database.ts';
import { StoreUnavailable } from '../store.ts';
import type { Liveness } from '../liveness.ts';
import { KvRefused } from './types.ts';

export interface LaneOptions<Operation, Answer> {
  readonly connect: () => Promise<Connection>;
  readonly liveness: Liveness;
  readonly maxBatch: number;
  /** A batch is full when it has this many bytes (one operation always fits). */
  readonly maxBatchBytes: number;
  readonly bytesOf: (operation: Operation) => number;
  readonly namespaceOf: (operation: Operation) => number;
  /** One statement. The answers in the order of the operations; one that is an Error rejects its operation. */
  readonly run: (connection: Connection, operations: readonly Operation[]) => Promise<readonly (Answer | Error)[]>;
}

interface Waiting<Operation, Answer> {
  readonly operation: Operation;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class Lane<Operation, Answer> {
  readonly #options: LaneOptions<Operation, Answer>;
  /** By namespace, in the order in which they have their turn. */
  readonly #queues = new Map<number, Waiting<Operation, Answer>[]>();
  #waiting = 0;
  #waitingBytes = 0;
  #connection: Connection | undefined;
  #isRunning = false;
  #isClosed = false;

  constructor(options: LaneOptions<Operation, Answer>) {
    this.#options = options;
  }

  /** Operations that wait for the next batches. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @throws {KvRefused} when too many wait */
  submit(operation: Operation): Promise<Answer> {
    const bytes = this.#options.bytesOf(operation);
    if (this.#waiting >= KV_LIMITS.maxWaiting || this.#waitingBytes + bytes > KV_LIMITS.maxWaitingBytes) {
      return Promise.reject(new KvRefused(429, 'Too many operations wait for the database of this node.'));
    }
    return new Promise((resolve, reject) => {
      const namespace = this.#options.namespaceOf(operation);
      const queue = this.#queues.get(namespace);
      const waiting = { operation, bytes, resolve, reject };
      if (queue === undefined) this.#queues.set(namespace, [waiting]);
      else queue.push(waiting);
      this.#waiting++;
      this.#waitingBytes += bytes;
      if (this.#isRunning) return;
      this.#isRunning = true;
      // At the end of the turn: calls of a cell arrive several in one read.
      setImmediate(() => void this.#work());
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  async #work(): Promise<void> {
    while (this.#waiting > 0) {
      const batch = this.#take();
      try {
        await this.#run(batch);
      } catch (error) {
        // Nobody of those who wait would fare better; they hear it now, not after a time-out each.
        const lost = error instanceof StoreUnavailable ? [...batch, ...this.#takeAll()] : batch;
        for (const { reject } of lost) reject(error as Error);
      }
    }
    this.#isRunning = false;
  }

  async #run(batch: readonly Waiting<Operation, Answer>[]): Promise<void> {
    const { liveness, run } = this.#options;
    try {
      const connection = await this.#connected();
      const answers = await liveness.watch(
        run(
          connection,
          batch.map(({ operation }) => operation),
        ),
      );
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index] as Answer | Error;
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      }
    } catch (error) {
      if (error instanceof StoreUnavailable) {
        this.#connection?.close();
        this.#connection = undefined;
        throw error;
      }
      if (batch.length === 1) throw error;
      // One of them is to blame, and only that one shall fail.
      for (const one of batch) await this.#run([one]).catch((cause: Error) => one.reject(cause));
    }
  }

  async #connected(): Promise<Connection> {
    if (this.#isClosed) throw new StoreUnavailable('The storage is closed');
    if (this.#connection?.isOpen !== true) {
      this.#connection = await this.#options.liveness.watch(this.#options.connect());
    }
    return this.#connection;
  }

  /** The next batch: one of each namespace in turn. */
  #take(): Waiting<Operation, Answer>[] {
    const { maxBatch, maxBatchBytes } = this.#options;
    const batch: Waiting<Operation, Answer>[] = [];
    let bytes = 0;
    if (this.#queues.size === 1) {
      for (const [namespace, queue] of this.#queues) {
        let count = 0;
        while (count < queue.length && count < maxBatch && (count === 0 || bytes < maxBatchBytes)) {
          bytes += (queue[count] as Waiting<Operation, Answer>).bytes;
          count++;
        }
        batch.push(...queue.splice(0, count));
        if (queue.length === 0) this.#queues.delete(namespace);
      }
    } else {
      while (batch.length < maxBatch && bytes < maxBatchBytes) {
        const turn = this.#queues.entries().next();
        if (turn.done === true) break;
        const [namespace, queue] = turn.value;
        const next = queue.shift() as Waiting<Operation, Answer>;
        batch.push(next);
        bytes += next.bytes;
        this.#queues.delete(namespace);
        if (queue.length > 0) this.#queues.set(namespace, queue);
      }
    }
    this.#waiting -= batch.length;
    for (const one of batch) this.#waitingBytes -= one.bytes;
    return batch;
  }

  #takeAll(): Waiting<Operation, Answer>[] {
    const all = [...this.#queues.values()].flat();
    this.#queues.clear();
    this.#waiting = 0;
    this.#waitingBytes = 0;
    return all;
  }
}

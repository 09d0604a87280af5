/**
 * A connection on which operations that arrive together become one statement. While one is under way the next ones gather: the busier it
 * is, the larger the batches, and a batch of writes costs one commit. Operations of one lane happen in the order of their arrival, those
 * of different accounts take turns, and those of an account's namespaces, so that a flood in one does not hold up the others for longer than a batch.
 */
import { addTo } from '../../../shared/counts.ts';
import { KV_LIMITS } from '../../../shared/limits.ts';
import type { Connection } from '../database.ts';
import { StoreUnavailable } from '../store.ts';
import type { Liveness } from '../liveness.ts';
import { FairQueue } from './fair-queue.ts';
import { KvRefused } from './types.ts';

export interface LaneOptions<Operation, Answer> {
  readonly connect: () => Promise<Connection>;
  readonly liveness: Liveness;
  readonly maxBatch: number;
  /** A batch is full when it has this many bytes (one operation always fits). */
  readonly maxBatchBytes: number;
  readonly bytesOf: (operation: Operation) => number;
  readonly namespaceOf: (operation: Operation) => number;
  /** Whose a namespace is. */
  readonly accountOf: (namespace: number) => string;
  /** One statement. The answers in the order of the operations; one that is an Error rejects its operation. */
  readonly run: (connection: Connection, operations: readonly Operation[]) => Promise<readonly (Answer | Error)[]>;
}

interface Waiting<Operation, Answer> {
  readonly accountId: string;
  readonly operation: Operation;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class Lane<Operation, Answer> {
  readonly #options: LaneOptions<Operation, Answer>;
  readonly #queue = new FairQueue<Waiting<Operation, Answer>>();
  #waiting = 0;
  #waitingBytes = 0;
  readonly #waitingByAccount = new Map<string, number>();
  readonly #bytesByAccount = new Map<string, number>();
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
    const namespace = this.#options.namespaceOf(operation);
    const accountId = this.#options.accountOf(namespace);
    if (!this.#hasRoom(accountId, bytes)) {
      return Promise.reject(new KvRefused(429, 'Too many operations wait for the database of this node.'));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push(accountId, namespace, { accountId, operation, bytes, resolve, reject });
      this.#count(accountId, 1, bytes);
      if (this.#isRunning) return;
      this.#isRunning = true;
      // At the end of the turn: calls of a cell arrive several in one read.
      setImmediate(() => void this.#work());
    });
  }

  #hasRoom(accountId: string, bytes: number): boolean {
    const own = this.#waitingByAccount.get(accountId) ?? 0;
    const ownBytes = this.#bytesByAccount.get(accountId) ?? 0;
    return (
      this.#waiting < KV_LIMITS.maxWaiting &&
      this.#waitingBytes + bytes <= KV_LIMITS.maxWaitingBytes &&
      own < KV_LIMITS.maxWaitingPerAccount &&
      ownBytes + bytes <= KV_LIMITS.maxWaitingBytesPerAccount
    );
  }

  #count(accountId: string, operations: 1 | -1, bytes: number): void {
    this.#waiting += operations;
    this.#waitingBytes += operations * bytes;
    addTo(this.#waitingByAccount, accountId, operations);
    addTo(this.#bytesByAccount, accountId, operations * bytes);
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

  /** The next batch: one of each account in turn. */
  #take(): Waiting<Operation, Answer>[] {
    const { maxBatch, maxBatchBytes } = this.#options;
    const batch: Waiting<Operation, Answer>[] = [];
    let bytes = 0;
    while (batch.length < maxBatch && (batch.length === 0 || bytes < maxBatchBytes)) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      batch.push(next);
      bytes += next.bytes;
      this.#count(next.accountId, -1, next.bytes);
    }
    return batch;
  }

  #takeAll(): Waiting<Operation, Answer>[] {
    const all = this.#queue.clear();
    for (const { accountId, bytes } of all) this.#count(accountId, -1, bytes);
    return all;
  }
}

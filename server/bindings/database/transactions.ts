/**
 * Transactions that workers hold open. Each belongs to the call that began it, which stays open as long as the transaction does: when the
 * invocation or the cell ends, so does the call, and the transaction is rolled back.
 */
import { randomBytes } from 'node:crypto';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { type Session, SessionEnded } from '../../storage/wire/session.ts';
import type { BindingCall, Caller } from '../../supervisor/types.ts';
import { OperationError } from '../data-binding.ts';

export interface OpenTransaction {
  readonly id: string;
  readonly session: Session;
  readonly databaseId: string;
  /** The database is too large: it is read-only, and has to stay so. */
  readonly isSizeLimited: boolean;
}

interface Entry extends OpenTransaction {
  readonly cellId: string;
  readonly finish: () => void;
  idle: NodeJS.Timeout;
}

export class Transactions {
  readonly #transactionMs: number;
  readonly #open = new Map<string, Entry>();
  /** Told of every statement in a transaction. */
  readonly #touched = new WeakMap<Entry, () => void>();

  constructor(transactionMs: number) {
    this.#transactionMs = transactionMs;
  }

  /** Answers the call, which stays open. `onOver` is called once, however it ends. */
  add(call: BindingCall, opened: Omit<OpenTransaction, 'id'>, onOver: () => void): void {
    const { session } = opened;
    const id = randomBytes(12).toString('base64url');
    const transactionMs = this.#transactionMs;
    const total = setTimeout(
      () => expire(`A transaction may take ${transactionMs / 1000} s; this one was rolled back.`),
      transactionMs,
    );
    const finish = (): void => {
      clearTimeout(total);
      clearTimeout(entry.idle);
      if (!this.#open.delete(id)) return;
      session.release();
      call.end();
      onOver();
    };
    const expire = (message: string): void => {
      if (!this.#open.has(id)) return;
      session.end(new SessionEnded(message));
      call.fail({ name: 'Error', message, thrown: { kind: 'Error', own: { code: '25P04' } } });
      finish();
    };
    const entry: Entry = {
      ...opened,
      id,
      cellId: call.caller.cellId,
      finish,
      idle: setTimeout(() => undefined, 0),
    };
    this.#open.set(id, entry);
    this.#watchIdle(entry, expire);
    call.onAbort = finish;
    call.respondWith({ transaction: id });
  }

  #watchIdle(entry: Entry, expire: (message: string) => void): void {
    const { idleInTransactionMs } = DATABASE_LIMITS;
    let quietSinceMs = performance.now();
    const look = (): void => {
      if (entry.session.isBusy) quietSinceMs = performance.now();
      const quietMs = performance.now() - quietSinceMs;
      if (quietMs >= idleInTransactionMs) {
        expire(`A transaction was asked nothing for ${idleInTransactionMs / 1000} s and was rolled back.`);
      } else entry.idle = setTimeout(look, Math.max(idleInTransactionMs / 10, idleInTransactionMs - quietMs));
    };
    this.#touched.set(entry, () => (quietSinceMs = performance.now()));
    look();
  }

  /** @throws OperationError when there is no such transaction, or it is not this worker's */
  find({ cellId }: Caller, databaseId: string, id: string): OpenTransaction {
    const entry = this.#open.get(id);
    if (entry === undefined || entry.cellId !== cellId || entry.databaseId !== databaseId) {
      throw new OperationError('The transaction is over: it was committed or rolled back, or its time was up.');
    }
    if (entry.session.isBusy) {
      throw new OperationError('The transaction is busy with another statement. Await one before the next.');
    }
    this.#touched.get(entry)?.();
    return entry;
  }

  /** It is committed or rolled back: the connection goes back. */
  close(id: string): void {
    this.#open.get(id)?.finish();
  }
}

/** Statements on a connection that one worker has for the moment, and what comes of them. */
import { serialize } from 'pg-protocol';
import type { Backend } from './backend.ts';
import {
  BACKEND,
  HEADER_BYTES,
  readServerMessage,
  readText,
  ServerError,
  type ServerMessage,
  WireError,
} from './frames.ts';
import { SilentServer } from './silence.ts';
import type { BackendPool, Cleaning } from './pool.ts';

export interface Statement {
  readonly sql: string;
  /** As text, in PostgreSQL's own spelling; null is NULL. */
  readonly params: readonly (string | null)[];
}

export interface Column {
  readonly name: string;
  /** Oid of the type. */
  readonly type: number;
}

/** Hears the results of statements in their order. */
export interface ResultSink {
  /** A result with rows begins. */
  columns(columns: readonly Column[]): void;
  /** Values as text. The frame is only good until the call returns. */
  row(frame: Buffer): void;
  /** The statement is done. `tag`: what the server calls it, such as `INSERT 0 3`. */
  done(tag: string): void;
}

/** For statements of which nobody wants to hear more than that they are done. */
export const NO_RESULT: ResultSink = { columns: () => undefined, row: () => undefined, done: () => undefined };

/** The session was ended from outside: a limit. `message` is for the worker. */
export class SessionEnded extends Error {
  override readonly name = 'SessionEnded';
}

/** The connection broke while a statement ran: nobody knows whether it was carried out. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
}

const COPY_REFUSED: ServerMessage = {
  severity: 'ERROR',
  code: '0A000',
  message: 'COPY is not supported here',
  hint: 'Use INSERT with several rows, or a driver over Hyperdrive.',
};

const SYNC = serialize.sync();
const COPY_FAIL = serialize.copyFail(COPY_REFUSED.message);
/**
 * Behind an Execute. What was sent after it is swallowed while the server waits for data to copy: Sync has to come again.
 */
export const EXTENDED_COPY_REFUSAL: Buffer = Buffer.concat([COPY_FAIL, serialize.sync()]);

const DISCARD_ALL = serialize.query('DISCARD ALL');

/** One connection of a pool while one operation or transaction has it. */
export class Session {
  readonly backend: Backend;
  readonly #pool: BackendPool;
  #ended: Error | undefined;
  #isBusy = false;
  /** How far the connection is with being made as new again, when that was asked together with the last statement. */
  #cleaning: Cleaning = 'not-asked';
  #hasCleaningFailed = false;

  constructor(pool: BackendPool, backend: Backend) {
    this.#pool = pool;
    this.backend = backend;
  }

  static async open(pool: BackendPool): Promise<Session> {
    return new Session(pool, await pool.acquire());
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /**
   * One after the other, together in one transaction when none is open. `isLast`: the session is given back afterwards; that it is made as
   * new is asked in the same breath, which saves a round trip. @throws ServerError, SessionEnded, SessionLost
   */
  run(statements: readonly Statement[], sink: ResultSink, { isLast = false } = {}): Promise<void> {
    const messages: Buffer[] = [];
    for (const { sql, params } of statements) {
      messages.push(
        serialize.parse({ text: sql }),
        serialize.bind({ values: params as (string | null)[] }),
        serialize.describe({ type: 'P' }),
        serialize.execute(),
      );
    }
    messages.push(SYNC);
    if (isLast) {
      messages.push(DISCARD_ALL);
      this.#cleaning = 'under-way';
    }
    return this.#send(Buffer.concat(messages), sink, EXTENDED_COPY_REFUSAL);
  }

  /** Statements without parameters, separated by semicolons. @throws as `run` does */
  runScript(sql: string, sink: ResultSink): Promise<void> {
    return this.#send(serialize.query(sql), sink, COPY_FAIL);
  }

  #send(bytes: Buffer, sink: ResultSink, copyRefusal: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.backend.isGone) return Promise.reject(new SessionLost('The connection to the database was lost.'));
    this.#isBusy = true;
    return new Promise((resolve, reject) => {
      let failure: Error | undefined;
      const { backend } = this;
      const finish = (error: Error | undefined): void => {
        backend.onFrame = (type) => this.#onCleaning(type);
        backend.onLost = () => undefined;
        backend.whenCancelled(() => {
          this.#isBusy = false;
          if (error === undefined) resolve();
          else reject(error);
        });
      };
      backend.onFrame = (type, frame) => {
        if (type === BACKEND.error) failure ??= new ServerError(readServerMessage(frame));
        else if (type === BACKEND.ready) finish(failure);
        else failure ??= this.#onResult(type, frame, sink, copyRefusal);
      };
      backend.onLost = (cause) => {
        const lost =
          cause instanceof WireError
            ? new SessionEnded(`The connection was ended: ${cause.message}.`)
            : new SessionLost(
                cause instanceof SilentServer ? `${cause.message}.` : 'The connection to the database was lost.',
                { cause },
              );
        finish(this.#ended ?? (failure instanceof ServerError ? failure : lost));
      };
      backend.write(bytes);
    });
  }

  /** What comes behind the last statement. When it fails, the session is cleaned as if nobody had asked. */
  #onCleaning(type: number): void {
    if (this.#cleaning !== 'under-way') return;
    if (type === BACKEND.error) this.#hasCleaningFailed = true;
    else if (type === BACKEND.ready) {
      this.#cleaning = this.#hasCleaningFailed || this.backend.status !== 'idle' ? 'not-asked' : 'done';
    }
  }

  /** Returns why the rest of the results is of no interest. */
  #onResult(type: number, frame: Buffer, sink: ResultSink, copyRefusal: Uint8Array): Error | undefined {
    if (type === BACKEND.dataRow) sink.row(frame);
    else if (type === BACKEND.rowDescription) sink.columns(readColumns(frame));
    else if (type === BACKEND.commandComplete) sink.done(readText(frame, HEADER_BYTES).text);
    else if (type === BACKEND.emptyQuery) sink.done('');
    else if (type === BACKEND.copyIn) {
      // Whatever stands behind the statement is read as part of its data.
      this.#cleaning = 'not-asked';
      this.backend.write(copyRefusal);
      return new ServerError(COPY_REFUSED);
    } else if (type === BACKEND.copyOut || type === BACKEND.copyBoth) {
      this.backend.cancel();
      return new ServerError(COPY_REFUSED);
    }
    return undefined;
  }

  /** Ends it now; whatever runs, and whatever is asked later, fails with this error. */
  end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#pool.abandon(this.backend);
  }

  /** Gives the connection back. Nothing may be asked afterwards. */
  release(): void {
    this.#ended ??= new SessionEnded('The session is over.');
    this.#pool.release(this.backend, { isBusy: this.#isBusy, cleaning: this.#cleaning });
  }
}

function readColumns(frame: Buffer): Column[] {
  const count = frame.readUInt16BE(HEADER_BYTES);
  const columns: Column[] = [];
  let at = HEADER_BYTES + 2;
  for (let index = 0; index < count; index++) {
    const { text: name, next } = readText(frame, at);
    columns.push({ name, type: frame.readUInt32BE(next + 6) });
    at = next + 18;
  }
  return columns;
}

/** The values of a row as JSON: an array of texts and nulls. */
export function rowToJson(frame: Buffer): string {
  const count = frame.readUInt16BE(HEADER_BYTES);
  let json = '[';
  let at = HEADER_BYTES + 2;
  for (let index = 0; index < count; index++) {
    const bytes = frame.readInt32BE(at);
    at += 4;
    if (index > 0) json += ',';
    if (bytes < 0) json += 'null';
    else {
      json += JSON.stringify(frame.toString('utf8', at, at + bytes));
      at += bytes;
    }
  }
  return `${json}]`;
}

/** How many rows a command changed, by its tag: `INSERT 0 3`, `UPDATE 2`. Null: it changes none. */
export function changedRows(tag: string): number | null {
  const match = /^(?:INSERT \d+|UPDATE|DELETE|MERGE) (\d+)$/.exec(tag);
  return match === null ? null : Number(match[1]);
}

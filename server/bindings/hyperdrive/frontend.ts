/**
 * PostgreSQL's server for one client in a cell: a driver that speaks the wire protocol over a socket. It is given a real connection from
 * the pool for each transaction, and for as long as its session holds something that it counts on. Everything it says is a tenant's.
 *
 *   starting ──► detached ──► attaching ──► attached ──► detached …
 */
import type { Duplex } from 'node:stream';
import { randomInt } from 'node:crypto';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import type { Backend } from '../../storage/wire/backend.ts';
import { BACKEND, FrameReader, type OnFrame, WireError } from '../../storage/wire/frames.ts';
import type { MessageRoom } from '../../storage/wire/message-room.ts';
import { type BackendPool, NoConnection } from '../../storage/wire/pool.ts';
import { SilentServer } from '../../storage/wire/silence.ts';
import { Attachment } from './attachment.ts';
import { AUTHENTICATED, errorResponse, FRONTEND, keyData, namedStatement, parameterStatus, READY } from './messages.ts';
import type { HyperdriveCaching } from '../../storage/hyperdrive/hyperdrive.ts';
import type { AnswerCache } from './cache.ts';
import { cacheableQuestion, endsCycle, type Message } from './cycle.ts';
import { AnswerRecording } from './answer-recording.ts';
import { Beginning } from './beginning.ts';
import { PreparedStatements } from './statements.ts';

export interface EnteredPool {
  readonly pool: BackendPool;
  readonly leave: () => void;
  /** How answers may be kept, and for whom; null: not at all. */
  readonly caching: (HyperdriveCaching & { readonly scope: string }) | null;
}

export interface FrontendOptions {
  readonly socket: Duplex;
  /** The pool for the client's next transaction. Rejects with an error whose text the client is shown. */
  readonly enter: () => Promise<EnteredPool>;
  readonly cache: AnswerCache;
  /** Where messages that wait are counted. */
  readonly room: MessageRoom;
  readonly statementMs: number;
  readonly transactionMs: number;
  /** A cycle of question and answer is over. */
  readonly onQuery: (ms: number, isOk: boolean) => void;
  /** A client with this key wants its own statement cancelled, over a connection of its own. */
  readonly onCancel: (processId: number, secret: number) => void;
  readonly onClosed: () => void;
}

const TYPES: ReadonlySet<number> = new Set(Object.values(FRONTEND));
const NOT_SUPPORTED = Buffer.from('N');
const NO_BYTES = Buffer.alloc(0);

export class Frontend {
  readonly processId = randomInt(1, 2 ** 31);
  readonly secret = randomInt(0, 2 ** 31);
  readonly #options: FrontendOptions;
  readonly #statements = new PreparedStatements();
  /** Null: the client has begun. */
  #beginning: Beginning | null = new Beginning();
  readonly #reader: FrameReader;
  #attachment: Attachment | null = null;
  #pool: BackendPool | null = null;
  #leave: () => void = () => undefined;
  #isAttaching = false;
  /** Messages that wait for a connection. */
  #waiting: Message[] = [];
  /** The beginning of a question, while there is no connection. */
  #held: Message[] = [];
  /** The answer that is under way, to be kept. */
  #recording: AnswerRecording | null = null;
  #caching: EnteredPool['caching'] = null;
  #waitingBytes = 0;
  /** Of what is held here, that much was counted. */
  #countedBytes = 0;
  #answers: Buffer[] = [];
  #askedMs: number | null = null;
  #hasFailed = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  #transactionTimer: NodeJS.Timeout | undefined;

  constructor(options: FrontendOptions) {
    this.#options = options;
    const { socket, room } = options;
    const onMessage: OnFrame = (type, frame) => this.#onMessage(type, frame);
    this.#reader = new FrameReader(DATABASE_LIMITS.maxMessageBytes, onMessage, room);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#close());
    socket.on('close', () => this.#close());
    socket.on('drain', () => this.#attachment?.backend.resume());
    this.#watch(DATABASE_LIMITS.startupMs, 'The client did not say who it is in time');
  }

  /** Stops what the client's own connection is doing. */
  cancel(): void {
    if (this.#attachment?.isBusy === true) this.#attachment.backend.cancel();
  }

  /** Ends it from outside. */
  end(code: string, reason: string): void {
    this.#die(code, reason);
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      const rest = this.#beginning === null ? chunk : this.#begin(this.#beginning, chunk);
      if (rest.length > 0) this.#reader.push(rest);
      this.#countHeld();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#die('08P01', `The client broke the protocol: ${error.message}`);
    }
  }

  /** What waits here, and what the database has not taken yet. */
  #countHeld(): void {
    const held = this.#isOver ? 0 : this.#waitingBytes + (this.#attachment?.backend.unsent ?? 0);
    const { room } = this.#options;
    const more = held - this.#countedBytes;
    if (more > 0 && !room.take(more)) throw new WireError('too many large messages of this account wait');
    if (more < 0) room.free(-more);
    this.#countedBytes = held;
  }

  // --- the beginning ---

  /** Answers the client's first messages. Returns what lies behind them. */
  #begin(beginning: Beginning, chunk: Buffer): Buffer {
    beginning.push(chunk);
    for (let word = beginning.next(); word !== undefined; word = beginning.next()) {
      if (word.kind === 'encryption') this.#options.socket.write(NOT_SUPPORTED);
      else if (word.kind === 'cancel') {
        if (word.key !== undefined) this.#options.onCancel(word.key.processId, word.key.secret);
        this.#close();
        break;
      } else {
        this.#beginning = null;
        void this.#greet();
        return word.rest;
      }
    }
    return NO_BYTES;
  }

  async #greet(): Promise<void> {
    this.#isAttaching = true;
    try {
      const { pool, leave, caching } = await this.#options.enter();
      this.#caching = caching;
      const parameters = await pool.serverParameters().finally(leave);
      if (this.#isOver) return;
      this.#stopWatching();
      const statuses = [...parameters].map(([name, value]) => parameterStatus(name, value));
      const { socket } = this.#options;
      socket.write(Buffer.concat([AUTHENTICATED, ...statuses, keyData(this.processId, this.secret), READY]));
      this.#isAttaching = false;
      if (this.#waiting.length > 0) this.#attach();
    } catch (error) {
      this.#refuse(error as Error);
    }
  }

  // --- from the client ---

  #onMessage(type: number, frame: Buffer): void {
    if (this.#isOver) return;
    if (!TYPES.has(type)) throw new WireError(`a message of the unknown type ${type} came`);
    if (type === FRONTEND.terminate) {
      this.#close();
      return;
    }
    if (type === FRONTEND.parse && !this.#statements.add(frame)) {
      this.#die(
        '54000',
        `A client may have ${DATABASE_LIMITS.maxNamedStatements} prepared statements with ${DATABASE_LIMITS.maxNamedStatementBytes} bytes together`,
      );
      return;
    }
    if (type === FRONTEND.close) this.#statements.remove(namedStatement(type, frame) ?? '');
    if (this.#attachment !== null) this.#pass(this.#attachment, type, frame);
    else if (this.#isAttaching || this.#caching === null) this.#keep(type, Buffer.from(frame));
    else this.#hold(type, Buffer.from(frame));
  }

  /** Waits for the whole question; then it is answered from memory or asked. */
  #hold(type: number, frame: Buffer): void {
    this.#held.push({ type, frame });
    this.#waitingBytes += frame.length;
    const isLarge = this.#waitingBytes > DATABASE_LIMITS.maxWaitingBytes;
    if (!isLarge && !endsCycle(type)) return;
    const messages = this.#held;
    this.#held = [];
    this.#waitingBytes = 0;
    const question = isLarge ? undefined : cacheableQuestion(messages, this.#statements);
    if (question !== undefined && this.#answerFromMemory(question)) return;
    for (const message of messages) this.#keep(message.type, message.frame);
  }

  #answerFromMemory(question: readonly Buffer[]): boolean {
    const { cache, socket } = this.#options;
    if (this.#caching === null) return false;
    const key = cache.keyOf(this.#caching.scope, question);
    const answer = cache.get(key, this.#caching);
    if (answer === undefined) {
      this.#recording = new AnswerRecording(key);
      return false;
    }
    if (!socket.write(answer)) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
    return true;
  }

  #keep(type: number, frame: Buffer): void {
    this.#waiting.push({ type, frame });
    this.#waitingBytes += frame.length;
    if (this.#waitingBytes > DATABASE_LIMITS.maxWaitingBytes) this.#options.socket.pause();
    if (!this.#isAttaching) this.#attach();
  }

  #pass(attachment: Attachment, type: number, frame: Buffer): void {
    if (this.#askedMs === null) {
      this.#askedMs = performance.now();
      const { statementMs } = this.#options;
      this.#watch(statementMs, `A statement may take ${statementMs / 1000} s; this one was ended`);
    }
    const { socket } = this.#options;
    if (attachment.send(type, frame)) return;
    socket.pause();
    attachment.backend.onceDrained(() => socket.resume());
  }

  // --- connections ---

  #attach(): void {
    this.#isAttaching = true;
    this.#options
      .enter()
      .then(async ({ pool, leave }) => {
        const backend = await pool.acquire().catch((error: unknown) => {
          leave();
          throw error;
        });
        if (this.#isOver) {
          leave();
          pool.release(backend, { isBusy: false });
        } else this.#attachTo(pool, backend, leave);
      })
      .catch((error: unknown) => this.#refuse(error as Error));
  }

  #attachTo(pool: BackendPool, backend: Backend, leave: () => void): void {
    this.#isAttaching = false;
    this.#pool = pool;
    this.#leave = leave;
    const attachment = new Attachment(backend, this.#statements, {
      onAnswer: (type, frame) => this.#onAnswer(type, frame),
      onReady: (isOpen) => this.#onReady(isOpen),
      onDetachable: () => this.#detach(),
    });
    this.#attachment = attachment;
    backend.onLost = (error) =>
      this.#die('08006', error instanceof SilentServer ? error.message : 'The connection to the database was lost');
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const { type, frame } of waiting) this.#pass(attachment, type, frame);
    this.#options.socket.resume();
  }

  #onAnswer(type: number, frame: Buffer): void {
    if (type === BACKEND.error) this.#hasFailed = true;
    this.#record(type, frame);
    this.#answers.push(Buffer.from(frame));
    // What came in one piece leaves as one: rows are small, and many.
    if (this.#answers.length === 1) queueMicrotask(() => this.#flush());
  }

  #record(type: number, frame: Buffer): void {
    const recording = this.#recording;
    if (recording === null) return;
    const state = recording.add(type, frame);
    if (state === 'incomplete') return;
    this.#recording = null;
    if (state === 'whole' && this.#attachment?.backend.status === 'idle')
      this.#options.cache.put(recording.key, recording.whole());
  }

  #flush(): void {
    const answers = this.#answers;
    this.#answers = [];
    if (answers.length === 0 || this.#isOver) return;
    if (!this.#options.socket.write(Buffer.concat(answers))) this.#attachment?.backend.pause();
  }

  #onReady(isOpen: boolean): void {
    if (this.#askedMs !== null && this.#attachment?.isBusy === false) {
      this.#countHeld();
      this.#options.onQuery(performance.now() - this.#askedMs, !this.#hasFailed);
      this.#askedMs = null;
      this.#hasFailed = false;
      this.#stopWatching();
      const { idleInTransactionMs } = DATABASE_LIMITS;
      if (isOpen || this.#attachment.isKept) {
        this.#watch(
          idleInTransactionMs,
          `A session that holds a connection was asked nothing for ${idleInTransactionMs / 1000} s`,
        );
      }
    }
    if (!isOpen) {
      clearTimeout(this.#transactionTimer);
      this.#transactionTimer = undefined;
    } else {
      const { transactionMs } = this.#options;
      this.#transactionTimer ??= setTimeout(
        () => this.#die('25P04', `A transaction may take ${transactionMs / 1000} s; this one was rolled back`),
        transactionMs,
      );
    }
  }

  #detach(): void {
    const attachment = this.#attachment;
    if (attachment === null) return;
    this.#attachment = null;
    this.#stopWatching();
    this.#leave();
    this.#pool?.release(attachment.backend, { isBusy: attachment.isBusy });
  }

  // --- the end ---

  #refuse(error: Error): void {
    const code = error instanceof NoConnection && !error.isUnreachable ? '53300' : '08006';
    this.#die(code, error.message.replace(/\.$/, ''));
  }

  #die(code: string, reason: string): void {
    if (this.#isOver) return;
    this.#flush();
    const { socket } = this.#options;
    if (!socket.destroyed) socket.write(errorResponse('FATAL', code, `${reason}.`));
    this.#close();
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#detach();
    this.#stopWatching();
    clearTimeout(this.#transactionTimer);
    this.#waiting = [];
    this.#held = [];
    this.#reader.close();
    this.#countHeld();
    const { socket } = this.#options;
    if (!socket.destroyed) socket.end();
    socket.resume();
    this.#options.onClosed();
  }

  #watch(ms: number, reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#die('57014', reason), ms);
  }

  #stopWatching(): void {
    clearTimeout(this.#timer);
  }
}

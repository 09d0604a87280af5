/**
 * A client's time with a server's connection: from its first message to the end of its transaction. Statements that the client prepared
 * before, on other connections, are prepared again here without its noticing.
 */
import type { Backend } from '../../storage/wire/backend.ts';
import { BACKEND, HEADER_BYTES, readText } from '../../storage/wire/frames.ts';
import { EXTENDED_COPY_REFUSAL } from '../../storage/wire/session.ts';
import { FRONTEND, namedByParse, namedStatement, sqlOf } from './messages.ts';
import { leavesState, mayLeaveState } from './session-state.ts';
import type { PreparedStatements } from './statements.ts';

/** What of the server's answers the client is to see. */
export interface AttachmentOwner {
  /** `frame` is only good until the call returns. */
  onAnswer(type: number, frame: Buffer): void;
  /** The server is ready, nothing is under way, no transaction is open, and nothing in the session is worth keeping. */
  onDetachable(): void;
  /** A cycle of question and answer is over. `isOpen`: the transaction goes on. */
  onReady(isOpen: boolean): void;
}

export class Attachment {
  readonly backend: Backend;
  readonly #owner: AttachmentOwner;
  readonly #statements: PreparedStatements;
  /** Statements that this connection knows by now. */
  readonly #prepared = new Set<string>();
  /** For each ParseComplete to come: in which cycle, and whether the client has not asked for it. */
  #parses: { readonly cycle: number; readonly isOurs: boolean }[] = [];
  #cycles: ('simple' | 'extended')[] = [];
  #sent = 0;
  #answered = 0;
  /** Messages of the extended protocol without a Sync behind them. */
  #isPending = false;
  #isCopying = false;
  #isKept = false;

  constructor(backend: Backend, statements: PreparedStatements, owner: AttachmentOwner) {
    this.backend = backend;
    this.#statements = statements;
    this.#owner = owner;
    backend.onFrame = (type, frame) => this.#onFrame(type, frame);
  }

  /** Questions that are not answered. */
  get isBusy(): boolean {
    return this.#sent > this.#answered || this.#isPending;
  }

  /** The session holds what the client put there: it keeps its connection. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** A message of the client. False: wait for `backend.onceDrained`. */
  send(type: number, frame: Buffer): boolean {
    if (type === FRONTEND.parse) this.#onParse(frame);
    else this.#prepareAgain(namedStatement(type, frame));
    if (type === FRONTEND.close) this.#forget(namedStatement(type, frame));
    if (type === FRONTEND.query && mayLeaveState(sqlOf(type, frame))) this.#isKept = true;
    if (type === FRONTEND.query || type === FRONTEND.sync || type === FRONTEND.functionCall) {
      this.#sent++;
      this.#cycles.push(type === FRONTEND.sync ? 'extended' : 'simple');
      this.#isPending = false;
    } else if (!this.#isCopying) this.#isPending = true;
    return this.backend.write(frame);
  }

  #onParse(frame: Buffer): void {
    const name = namedByParse(frame);
    if (name !== '') this.#prepared.add(name);
    if (mayLeaveState(sqlOf(FRONTEND.parse, frame))) this.#isKept = true;
    this.#parses.push({ cycle: this.#sent, isOurs: false });
  }

  #prepareAgain(name: string | undefined): void {
    if (name === undefined || name === '' || this.#prepared.has(name)) return;
    const parse = this.#statements.find(name);
    // The server says what it says of statements that do not exist.
    if (parse === undefined) return;
    this.#prepared.add(name);
    this.#parses.push({ cycle: this.#sent, isOurs: true });
    this.backend.write(parse);
  }

  #forget(name: string | undefined): void {
    if (name !== undefined) this.#prepared.delete(name);
  }

  #onFrame(type: number, frame: Buffer): void {
    if (type === BACKEND.parseComplete && this.#parses.shift()?.isOurs === true) return;
    if (type === BACKEND.commandComplete) this.#onComplete(readText(frame, HEADER_BYTES).text);
    if (type === BACKEND.copyIn) this.#onCopy();
    this.#owner.onAnswer(type, frame);
    if (type === BACKEND.ready) this.#onReady();
  }

  #onComplete(tag: string): void {
    this.#isCopying = false;
    if (leavesState(tag)) this.#isKept = true;
    if (tag === 'DISCARD ALL' || tag === 'DEALLOCATE ALL') {
      this.#prepared.clear();
      this.#statements.clear();
      if (tag === 'DISCARD ALL') this.#isKept = false;
    }
  }

  /** Data for a COPY may follow a Query. Behind an Execute stand Syncs that the server has swallowed by now: there it is refused. */
  #onCopy(): void {
    if (this.#cycles[0] === 'simple') {
      this.#isCopying = true;
      return;
    }
    this.backend.write(EXTENDED_COPY_REFUSAL);
    this.#sent = this.#answered + 1;
    this.#cycles = ['extended'];
  }

  #onReady(): void {
    this.#answered++;
    this.#cycles.shift();
    this.#isCopying = false;
    // After an error what stood between it and Sync was skipped, and is never answered.
    this.#parses = this.#parses.filter(({ cycle }) => cycle >= this.#answered);
    const isOpen = this.backend.status !== 'idle';
    this.#owner.onReady(isOpen);
    if (!isOpen && !this.isBusy && !this.#isKept) this.#owner.onDetachable();
  }
}

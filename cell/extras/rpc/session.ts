/**
 * One RPC session: two workers that call one another. Both sides are alike: each gives numbers to what it lets the other call (exports),
 * holds what it may call there (imports), and waits for answers. A call may be made on an answer that has not come yet. The messages are
 * the other worker's word: numbers that mean nothing end the session.
 *
 * The session is over when nobody can call anything any more: no call is open, no export or import is left, no stream runs.
 */
import { RPC_LIMITS } from '../../../shared/limits.ts';
import { type Invocation, runInvocation } from '../../context.ts';
import { unwatch, type Waiting, watch } from '../../hang.ts';
import { isArray, NativeError, nativeSetTimeout, promiseThen } from '../../primordials.ts';
import { isNativeError } from '../../value-primordials.ts';
import { Answer } from './answer.ts';
import { ByteReader, ByteWriter, malformed } from './bytes.ts';
import { Decoder } from './decode.ts';
import { Encoder } from './encode.ts';
import { Exports } from './exports.ts';
import { Pipes } from './pipes.ts';
import {
  createImportedService,
  createStubFor,
  disposeAll,
  type Disposable,
  dupForSending,
  dupServiceForSending,
  givesArgumentsAway,
  unsendableName,
  withDisposer,
} from './stubs.ts';
import { markRemote } from './refusals.ts';
import { Table } from './table.ts';
import { type CallTarget, localTarget, runCall, runOnValue } from './targets.ts';
import { encodeThrown, readThrown } from './thrown.ts';

const CALL = 1;
const RESULT = 2;
const THROWN = 3;
const RELEASE = 4;
const FINISH = 5;
/** The answer that the call was made on is no longer kept: the caller has it. */
const ANSWER_IS_YOURS = 6;
const PIPE = 7;

const ON_ROOT = 0;
const ON_EXPORT = 1;
const ON_ANSWER = 2;

export type Path = readonly string[];

/** Makes the exception that whoever still waits gets. */
export type Reason = () => unknown;

export interface SessionEnds {
  send(message: Uint8Array): void;
  /** Nothing is left to be said. */
  onIdle(): void;
  /** Nothing can settle what the calls here wait for. */
  onHung?(): void;
}

/** Something on the other side that can be called from here. */
export interface Import {
  readonly session: RpcSession;
  readonly id: number;
  references: number;
}

interface OpenCall {
  readonly answer: Answer;
  /** The answer that this call was made on, and what was asked of it: to be done here when the other side hands it back. */
  readonly on: Answer | undefined;
  readonly path: Path;
  readonly args: readonly unknown[] | null;
}

export class RpcSession {
  readonly invocation: Invocation;
  readonly #ends: SessionEnds;
  readonly #root: CallTarget | undefined;
  readonly #exports = new Exports();
  readonly #imports = new Table<Import>();
  readonly #calls = new Table<OpenCall>();
  /** Answers given, and kept while the other side may call on them. */
  readonly #answers = new Table<Promise<unknown>>();
  /** What goes with an answer: calls on it, made before it has arrived, still need what it holds. */
  readonly #heldByAnswers = new Table<readonly Disposable[]>();
  #usedPipes: Pipes | undefined;
  #importCount = 0;
  #nextCall = 1;
  #openCalls = 0;
  #running = 0;
  #answerCount = 0;
  /** A disposer has run in this turn: what is released with it, as the last of a result, finds the execution context still there. */
  #runsDisposers = false;
  #broken: Reason | undefined;
  /** While calls run here. */
  #waiting: Waiting | undefined;
  #over = false;

  /** @param root what the other side calls first; undefined on the side that opens the session */
  constructor(invocation: Invocation, ends: SessionEnds, root: CallTarget | undefined) {
    this.invocation = invocation;
    this.#ends = ends;
    this.#root = root;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** The other side holds something that it can call, is called, or streams run. */
  get mayBringMore(): boolean {
    return !this.#exports.isEmpty || this.#openCalls > 0 || this.#usedPipes?.isIdle === false;
  }

  /** Most sessions have no stream. */
  get #pipes(): Pipes {
    this.#usedPipes ??= new Pipes((write) => this.#sendPipe(write), this.invocation);
    return this.#usedPipes;
  }

  // --- calls from here ---

  callRoot(path: Path, args: readonly unknown[] | null): Answer {
    return this.#call(ON_ROOT, 0, undefined, path, args);
  }

  callImport(target: Import, path: Path, args: readonly unknown[] | null): Answer {
    return this.#call(ON_EXPORT, target.id, undefined, path, args);
  }

  callAnswer(target: Answer, path: Path, args: readonly unknown[] | null): Answer {
    if (target.isRemote) return this.#call(ON_ANSWER, target.id, target, path, args);
    const answer = new Answer(this, 0);
    this.#runHere(answer, target, path, args);
    return answer;
  }

  #call(kind: number, target: number, on: Answer | undefined, path: Path, args: readonly unknown[] | null): Answer {
    const id = this.#nextCall++;
    const answer = new Answer(this, id);
    if (this.#over) {
      answer.reject((this.#broken ?? sessionIsOver)());
      return answer;
    }
    this.#calls.set(id, { answer, on, path, args });
    this.#openCalls++;
    try {
      this.#sendCall(id, kind, target, path, args);
    } catch (error) {
      this.#takeCall(id).answer.reject(error);
      this.checkIdle();
    }
    return answer;
  }

  #sendCall(id: number, kind: number, target: number, path: Path, args: readonly unknown[] | null): void {
    const writer = new ByteWriter();
    writer.byte(CALL);
    writer.uint(id);
    writer.byte(kind);
    writer.uint(target);
    writer.uint(path.length);
    for (let index = 0; index < path.length; index++) writer.text(path[index] as string);
    writer.byte(args === null ? 0 : 1);
    const owned: Disposable[] = [];
    if (args !== null) this.#encode(writer, args, owned);
    this.#ends.send(writer.finish());
    if (givesArgumentsAway()) disposeAll(owned);
  }

  /** A call on a value that has come: what it leads to is known here. */
  #runHere(answer: Answer, on: Answer, path: Path, args: readonly unknown[] | null): void {
    void promiseThen(
      promiseThen(on.promise, (value) => promiseThen(runOnValue(value, path, args), undefined, failRemotely)),
      (value) => answer.resolve(value),
      (error) => answer.reject(error),
    );
  }

  // --- messages ---

  /** Throws when the message breaks the protocol: then the session has to end. */
  receive(message: Uint8Array): void {
    if (this.#over) return;
    const reader = new ByteReader(message);
    const kind = reader.byte();
    if (kind === CALL) this.#receiveCall(reader);
    else if (kind === RESULT) this.#receiveResult(reader);
    else if (kind === THROWN) this.#receiveThrown(reader);
    else if (kind === RELEASE) this.#receiveRelease(reader.uint(), reader.uint());
    else if (kind === FINISH) this.#forgetAnswer(reader.uint());
    else if (kind === ANSWER_IS_YOURS) this.#receiveHandedBack(reader.uint());
    else if (kind === PIPE) this.#pipes.receive(reader);
    else throw malformed(`an unknown message (${kind})`);
    this.checkIdle();
  }

  #receiveCall(reader: ByteReader): void {
    const id = reader.uint();
    const kind = reader.byte();
    const target = reader.uint();
    const path: string[] = [];
    const length = reader.count();
    for (let index = 0; index < length; index++) path[index] = reader.text();
    const params: Disposable[] = [];
    const args = reader.byte() === 0 ? null : this.#decodeArguments(reader, params);
    if (this.#running >= RPC_LIMITS.maxOpenCalls) throw malformed('too many calls at once');
    if (kind === ON_ANSWER && this.#answers.get(target) === undefined) {
      disposeAll(params);
      this.#sendIds(ANSWER_IS_YOURS, id);
      return;
    }
    if (this.#answers.get(id) !== undefined) throw malformed('a call that came twice');
    if (this.#answerCount >= RPC_LIMITS.maxOpenCalls) throw malformed('too many answers that are not let go');
    this.#running++;
    if (this.#running === 1) this.#watchCalls();
    const result = runInvocation(this.invocation, () => this.#run(kind, target, path, args));
    this.#answers.set(id, result);
    this.#answerCount++;
    void promiseThen(
      result,
      (value) => this.#answer(id, value, params),
      (error) => this.#throw(id, error, params),
    );
  }

  #run(kind: number, target: number, path: Path, args: readonly unknown[] | null): Promise<unknown> {
    if (kind === ON_ANSWER) {
      const on = this.#answers.get(target) as Promise<unknown>;
      return promiseThen(on, (value) => runOnValue(value, path, args));
    }
    const called = kind === ON_ROOT ? this.#root : this.#exports.find(target);
    if (called === undefined) throw malformed('a call on something that was never given');
    return runCall(called, path, args);
  }

  #answer(id: number, value: unknown, params: readonly Disposable[]): void {
    if (this.#over) return;
    try {
      this.#sendResult(id, value, params);
    } catch (error) {
      this.#throw(id, error, params);
    }
  }

  #sendResult(id: number, value: unknown, params: readonly Disposable[]): void {
    const before = this.#exports.given;
    const owned: Disposable[] = [];
    const writer = new ByteWriter();
    writer.byte(RESULT);
    writer.uint(id);
    runInvocation(this.invocation, () => this.#encode(writer, value, owned));
    const isKept = this.#exports.given !== before;
    writer.byte(isKept ? 1 : 0);
    this.#ends.send(writer.finish());
    this.#endCall();
    // What was returned is the caller's now; what came as an argument was lent for the call.
    for (let index = params.length - 1; index >= 0; index--) owned[owned.length] = params[index] as Disposable;
    if (owned.length > 0 && isKept) this.#heldByAnswers.set(id, owned);
    else disposeAll(owned);
    if (!isKept) this.#forgetAnswer(id);
    this.checkIdle();
  }

  #throw(id: number, error: unknown, params: readonly Disposable[]): void {
    this.#endCall();
    disposeAll(params);
    if (this.#over) return;
    this.#sendThrown(id, error);
    this.#forgetAnswer(id);
    this.checkIdle();
  }

  #watchCalls(): void {
    if (this.#ends.onHung === undefined) return;
    this.#waiting = { looks: 0, onHung: () => this.#ends.onHung?.() };
    watch(this.#waiting);
  }

  #endCall(): void {
    this.#running--;
    if (this.#running === 0) this.#unwatchCalls();
  }

  #unwatchCalls(): void {
    if (this.#waiting !== undefined) unwatch(this.#waiting);
    this.#waiting = undefined;
  }

  #sendThrown(id: number, error: unknown): void {
    const writer = new ByteWriter();
    writer.byte(THROWN);
    writer.uint(id);
    encodeThrown(writer, error);
    this.#ends.send(writer.finish());
  }

  #receiveResult(reader: ByteReader): void {
    // Read before the call is taken: should it not be readable, the call is open still, and fails with the session.
    const id = reader.uint();
    const stubs: Disposable[] = [];
    const value = new Decoder(reader, this.#importer(stubs)).value();
    const isKept = reader.byte() === 1;
    const call = this.#takeCall(id);
    // From here on calls on the answer are made on what came.
    if (isKept) this.#sendIds(FINISH, call.answer.id);
    call.answer.resolve(withDisposer(value, stubs));
  }

  #receiveThrown(reader: ByteReader): void {
    const id = reader.uint();
    const thrown = readThrown(reader);
    this.#takeCall(id).answer.reject(thrown);
  }

  #receiveHandedBack(id: number): void {
    const { answer, on, path, args } = this.#openCall(id);
    if (on === undefined) throw malformed('a call handed back that was made on no answer');
    this.#takeCall(id);
    this.#runHere(answer, on, path, args);
  }

  #openCall(id: number): OpenCall {
    const call = this.#calls.get(id);
    if (call === undefined) throw malformed('an answer to no call');
    return call;
  }

  #takeCall(id: number): OpenCall {
    const call = this.#openCall(id);
    this.#calls.delete(id);
    this.#openCalls--;
    return call;
  }

  #receiveRelease(id: number, count: number): void {
    const target = this.#exports.release(id, count);
    if (target === undefined) return;
    // As on Workers: the last thing that goes takes the execution context with it, and with that the chance to run a disposer.
    const mayRun =
      !this.#isIdle() || this.invocation.pendingWaits > 0 || this.#root === undefined || this.#runsDisposers;
    if (mayRun || target.isForwarder === true) this.#dispose(target);
  }

  #dispose(target: CallTarget): void {
    // An execution context that has ended runs nothing.
    if (this.invocation.ended && target.isForwarder !== true) return;
    if (!this.#runsDisposers) {
      this.#runsDisposers = true;
      nativeSetTimeout(() => (this.#runsDisposers = false), 0);
    }
    runInvocation(this.invocation, () => target.dispose());
  }

  #forgetAnswer(id: number): void {
    const answer = this.#answers.get(id);
    if (answer === undefined) return;
    this.#answers.delete(id);
    this.#answerCount--;
    const held = this.#heldByAnswers.get(id);
    if (held === undefined) return;
    this.#heldByAnswers.delete(id);
    // Behind the calls that have come for it.
    void promiseThen(answer, () => disposeAll(held));
  }

  // --- values ---

  #encode(writer: ByteWriter, value: unknown, owned?: Disposable[]): void {
    const given: number[] = [];
    const pipes: number[] = [];
    const encoder = new Encoder(
      writer,
      {
        exportTarget: (target) => this.#export(given, localTarget(target)),
        exportStub: (candidate) => {
          const stub = dupForSending(candidate, owned);
          return stub === undefined ? undefined : this.#export(given, stub);
        },
        exportService: (candidate) =>
          this.#export(given, dupServiceForSending(candidate, owned) ?? localTarget(candidate)),
        exportReadable: (stream) => this.#pipes.exportReadable(stream, pipes),
        exportWritable: (stream) => this.#pipes.exportWritable(stream, pipes),
        unsendableName,
      },
      false,
    );
    try {
      encoder.value(value);
    } catch (error) {
      for (let index = 0; index < given.length; index++) this.#exports.takeBack(given[index] as number);
      this.#usedPipes?.takeBack(pipes, error);
      throw error;
    }
    this.#usedPipes?.start(pipes);
  }

  #export(given: number[], target: CallTarget): number {
    const id = this.#exports.add(target);
    given[given.length] = id;
    return id;
  }

  #decodeArguments(reader: ByteReader, params: Disposable[]): readonly unknown[] {
    const args = new Decoder(reader, this.#importer(params)).value();
    if (!isArgumentList(args)) throw malformed('arguments that are no list');
    return args;
  }

  #importer(stubs: Disposable[]): ConstructorParameters<typeof Decoder>[1] {
    return {
      stub: (id) => createStubFor(this.#import(id), stubs),
      service: (id) => createImportedService(this.#import(id), stubs),
      readable: (id) => this.#pipes.importReadable(id),
      writable: (id) => this.#pipes.importWritable(id),
    };
  }

  #import(id: number): Import {
    const known = this.#imports.get(id);
    if (known !== undefined) {
      known.references++;
      return known;
    }
    if (this.#importCount >= RPC_LIMITS.maxExports) throw malformed('too many stubs');
    const created: Import = { session: this, id, references: 1 };
    this.#imports.set(id, created);
    this.#importCount++;
    return created;
  }

  /** Takes something of another session in the same isolate. */
  importFrom(other: RpcSession, target: CallTarget): Import {
    return this.#import(other.#exports.add(target));
  }

  /** Nobody here calls it any more. */
  release(target: Import): void {
    if (--target.references > 0 || this.#imports.get(target.id) !== target) return;
    this.#imports.delete(target.id);
    this.#importCount--;
    if (this.#over) return;
    this.#sendIds(RELEASE, target.id, 1);
    this.checkIdle();
  }

  // --- sending ---

  #sendIds(kind: number, first: number, second?: number): void {
    const writer = new ByteWriter();
    writer.byte(kind);
    writer.uint(first);
    if (second !== undefined) writer.uint(second);
    this.#ends.send(writer.finish());
  }

  #sendPipe(write: (writer: ByteWriter) => void): void {
    if (this.#over) return;
    const writer = new ByteWriter();
    writer.byte(PIPE);
    write(writer);
    this.#ends.send(writer.finish());
    this.checkIdle();
  }

  // --- the end ---

  #isIdle(): boolean {
    return (
      this.#openCalls === 0 &&
      this.#running === 0 &&
      this.#answerCount === 0 &&
      this.#exports.isEmpty &&
      this.#importCount === 0 &&
      (this.#usedPipes === undefined || this.#usedPipes.isIdle || this.#isLeftWithLentStreams(this.#usedPipes))
    );
  }

  /** Ends the session when nothing is left of it. */
  checkIdle(): void {
    if (!this.#over && this.#isIdle()) this.#ends.onIdle();
  }

  /** Streams that the caller lent end with the callee's execution context: when it has nothing to do any more, nor waits for anything. */
  #isLeftWithLentStreams(pipes: Pipes): boolean {
    return this.#root !== undefined && pipes.hasGivenNone && this.invocation.pendingWaits === 0;
  }

  /**
   * The other side is gone, or nothing is left. Calls on answers that have come are still made here; everything else that is open
   * fails for the reason, which is made when somebody hears it: an exception costs as much as a small call.
   */
  close(reason: Reason): void {
    if (this.#over) return;
    this.#over = true;
    this.#unwatchCalls();
    this.#broken = reason;
    this.#calls.forEach(({ answer, on, path, args }) => {
      if (on !== undefined && on.settled !== 'no') this.#runHere(answer, on, path, args);
      else answer.reject(reason());
    });
    this.#usedPipes?.close(reason());
    this.#heldByAnswers.forEach(disposeAll);
    this.#exports.forEach((target) => {
      if (this.#root === undefined || target.isForwarder === true) this.#dispose(target);
    });
  }
}

/** For the caller it makes no difference which side looked a member up. */
function failRemotely(error: unknown): never {
  throw isNativeError(error) ? markRemote(error as Error) : error;
}

const isArgumentList = (value: unknown): value is readonly unknown[] => isArray(value);

export const sessionIsOver = (): Error => new NativeError('The RPC session is over: the other Worker has ended it.');

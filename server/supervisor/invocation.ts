/** The supervisor's own account of one invocation. The cell only ever learns its number. */
import type { Failure } from '../../shared/protocol.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import type { Caller, CallParent, Outcome, Pipeline } from './types.ts';

/** A call or session that ends with the invocation that opened it. */
export interface OpenCall {
  abort(): void;
}

export interface Invocation {
  readonly id: number;
  readonly version: WorkerVersion;
  readonly pipeline: Pipeline;
  readonly depth: number;
  /** Undefined: an outside request. */
  readonly caller: CallParent | undefined;
  readonly startedAtMs: number;
  /** The watchdog's reading when it began: what has been charged since is this invocation's CPU. */
  shareStartMs: number;
  /** Bytes carried for it that have not brought it CPU time yet. */
  carriedBytes: number;
  /** CPU of budgets before the present one. */
  settledCpuMs: number;
  /** As its calls name it. Created with the first. */
  asCaller: Caller | undefined;
  /** Streams still open: calls and sessions, and the connection it answered with. Created with the first. */
  calls: Set<OpenCall> | undefined;
  /** A call to something that may have changed the world: not to be run a second time. */
  hasCalled: boolean;
  /** Bytes of its log and exception frames. */
  logBytes: number;
  /** They were more than an invocation may log. */
  truncated: boolean;
  outcome: Outcome;
  /** What the cell says broke the stream of its answer. */
  answerError: Failure | undefined;
  /** Called when the cell has said it. */
  onAnswerError: (() => void) | undefined;
  /** The response is out; only `waitUntil` work is left. */
  answered: boolean;
  answeredAtMs: number | undefined;
  /** The cell has said that its `waitUntil` work is done. */
  waitsSettled: boolean;
  waitTimer: NodeJS.Timeout | undefined;
}

let pipelineCount = 0;
const processTag = Math.random().toString(36).slice(2, 8);

/** A new tree of invocations. Its clock starts at the real time. */
export const createPipeline = (root: WorkerVersion, publicHops = 0): Pipeline => ({
  id: `${processTag}-${(++pipelineCount).toString(36)}`,
  clockMs: Date.now(),
  externalSubrequests: 0,
  internalSubrequests: 0,
  cpuMs: 0,
  invocations: 0,
  versions: undefined,
  root,
  publicHops,
});

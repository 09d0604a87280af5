/** What a cell logs and throws, as events; bounded per invocation, and per second for what belongs to none. */
import { CELL_LIMITS, CHANNEL_LIMITS } from '../../shared/limits.ts';
import type { ExceptionMessage, LogMessage } from '../../shared/protocol.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import { readFailure, readObject } from './cell-messages.ts';
import type { Invocation } from './invocation.ts';
import { CellMisbehaved } from './misbehaved.ts';
import type { WorkerEvent } from './types.ts';

/** Logs travel beside the response and may come after it: that many invocations are remembered for them. */
const REMEMBERED_INVOCATIONS = 256;
const LOG_LIMIT_EXCEEDED = `Log size limit exceeded: More than ${CELL_LIMITS.logBytesPerInvocation / 1024}KB (across console.log statements, exception, request metadata and headers) was logged during a single request. Subsequent data for this request will not be recorded in logs, appear when tailing this Worker's logs, or within a Tail Worker.`;

export interface CellLogContext {
  readonly version: () => WorkerVersion;
  readonly running: ReadonlyMap<number, Invocation>;
  readonly onEvent: (event: WorkerEvent) => void;
}

export class CellLog {
  readonly #context: CellLogContext;
  /** The latest that ended, at their id modulo the size. */
  readonly #ended: (Invocation | undefined)[] = Array.from({ length: REMEMBERED_INVOCATIONS }, () => undefined);
  #straySecond = 0;
  #strayBytes = 0;

  constructor(context: CellLogContext) {
    this.#context = context;
  }

  /** What still comes of it is told as its own. */
  remember(invocation: Invocation): void {
    this.#ended[invocation.id % REMEMBERED_INVOCATIONS] = invocation;
  }

  /** A LOG frame. */
  receiveLog(payload: Uint8Array): void {
    const { invocation: id, level, message } = readObject<LogMessage>(payload);
    if (!Array.isArray(message) || typeof level !== 'string') throw new CellMisbehaved('Log of a wrong shape');
    const invocation = this.#invocationOf(id);
    if (!this.#mayLog(invocation, payload.length)) return;
    this.#context.onEvent({
      type: 'log',
      version: this.#context.version(),
      invocationId: id,
      pipelineId: invocation?.pipeline.id ?? '',
      level: level.slice(0, 16),
      message: message.map((part) => String(part)),
    });
  }

  /** Counts log bytes: per invocation, and per second for what belongs to none. Beyond the limit lines are dropped. */
  #mayLog(invocation: Invocation | undefined, bytes: number): boolean {
    if (invocation !== undefined) {
      invocation.logBytes += bytes;
      if (invocation.logBytes <= CELL_LIMITS.logBytesPerInvocation) return true;
      if (!invocation.truncated) this.#truncateLog(invocation);
      return false;
    }
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#straySecond) {
      this.#straySecond = second;
      this.#strayBytes = 0;
    }
    this.#strayBytes += bytes;
    return this.#strayBytes <= CHANNEL_LIMITS.strayLogBytesPerSecond;
  }

  /** Says once, in Cloudflare's words, that what the invocation logs from now on is not kept. */
  #truncateLog(invocation: Invocation): void {
    invocation.truncated = true;
    this.#context.onEvent({
      type: 'log',
      version: invocation.version,
      invocationId: invocation.id,
      pipelineId: invocation.pipeline.id,
      level: 'warn',
      message: [LOG_LIMIT_EXCEEDED],
    });
  }

  /** An EXCEPTION frame. */
  receiveException(payload: Uint8Array): void {
    const { invocation: id } = readObject<ExceptionMessage>(payload);
    if (!this.#mayLog(this.#context.running.get(id), payload.length)) return;
    const failure = readFailure(payload);
    this.#context.onEvent({
      type: 'exception',
      version: this.#context.version(),
      invocationId: id,
      pipelineId: this.#invocationOf(id)?.pipeline.id ?? '',
      ...failure,
    });
  }

  /** An invocation that runs or ended a moment ago. */
  #invocationOf(id: number): Invocation | undefined {
    const running = this.#context.running.get(id);
    if (running !== undefined) return running;
    const ended = this.#ended[id % REMEMBERED_INVOCATIONS];
    return ended?.id === id ? ended : undefined;
  }
}

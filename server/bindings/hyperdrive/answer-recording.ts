/** The answer to one question as it passes to its client, written down to be kept. */
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { BACKEND } from '../../storage/wire/frames.ts';

const PARAMETER_DESCRIPTION = 0x74; // t

/** Types of which an answer that may be kept consists. */
const KEPT: ReadonlySet<number> = new Set([
  BACKEND.parseComplete,
  BACKEND.bindComplete,
  BACKEND.rowDescription,
  BACKEND.noData,
  BACKEND.dataRow,
  BACKEND.commandComplete,
  BACKEND.ready,
  PARAMETER_DESCRIPTION,
]);

/** Whether more has to come, it may be kept, or it may not. */
export type RecordingState = 'incomplete' | 'whole' | 'not to be kept';

export class AnswerRecording {
  /** Of the question. */
  readonly key: string;
  readonly #frames: Buffer[] = [];
  #bytes = 0;

  constructor(key: string) {
    this.key = key;
  }

  /** Takes one message. Answers and nothing else are kept: whatever tells of the session, or of errors, is not. */
  add(type: number, frame: Buffer): RecordingState {
    this.#bytes += frame.length;
    if (!KEPT.has(type) || this.#bytes > DATABASE_LIMITS.maxCachedAnswerBytes) return 'not to be kept';
    this.#frames.push(Buffer.from(frame));
    return type === BACKEND.ready ? 'whole' : 'incomplete';
  }

  whole(): Buffer {
    return Buffer.concat(this.#frames);
  }
}

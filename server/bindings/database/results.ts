/**
 * Results on their way to the worker: JSON, one value a line, so that whoever reads all of it parses once and whoever streams reads line by
 * line.
 *
 *   [                              a line that opens
 *   {"columns":[["id",23]]},       a result with rows begins
 *   ["1"],                         a row: texts as PostgreSQL writes them, the worker's side makes values of them
 *   {"tag":"SELECT 1","ms":0.4}    the statement is done
 *   ]
 */
import type { BindingCall } from '../../supervisor/types.ts';
import { type Column, type ResultSink, rowToJson } from '../../storage/wire/session.ts';

const CHUNK_CHARACTERS = 32 * 1024;

export class ResultWriter implements ResultSink {
  readonly #call: BindingCall;
  readonly #pause: (isPaused: boolean) => void;
  #text = '[';
  #separator = '\n';
  #isBegun = false;
  #startedMs = performance.now();

  /** `pause`: the worker takes no more just now, or does again. */
  constructor(call: BindingCall, pause: (isPaused: boolean) => void) {
    this.#call = call;
    this.#pause = pause;
    call.onDrain = () => pause(false);
  }

  columns(columns: readonly Column[]): void {
    this.#add(JSON.stringify({ columns: columns.map(({ name, type }) => [name, type]) }));
  }

  row(frame: Buffer): void {
    this.#add(rowToJson(frame));
  }

  done(tag: string): void {
    const nowMs = performance.now();
    const ms = Math.round((nowMs - this.#startedMs) * 1000) / 1000;
    this.#startedMs = nowMs;
    this.#add(JSON.stringify({ tag, ms }));
  }

  #add(line: string): void {
    this.#text += this.#separator + line;
    this.#separator = ',\n';
    if (this.#text.length > CHUNK_CHARACTERS) this.#flush();
  }

  #flush(): void {
    this.#begin();
    if (!this.#call.write(Buffer.from(this.#text))) this.#pause(true);
    this.#text = '';
  }

  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#call.respondWith(null);
  }

  /** All statements are done. */
  end(): void {
    this.#text += '\n]';
    this.#flush();
    this.#call.end();
  }
}

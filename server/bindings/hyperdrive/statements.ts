/** Statements that a client has prepared under names: kept as it sent them, to be prepared again on another connection. */
import { DATABASE_LIMITS } from '../../../shared/limits.ts';
import { namedByParse } from './messages.ts';

export class PreparedStatements {
  readonly #parses = new Map<string, Buffer>();
  #bytes = 0;

  /** Remembers a Parse. False: it is too many, or too much. */
  add(frame: Buffer): boolean {
    const name = namedByParse(frame);
    if (name === '') return true;
    this.remove(name);
    this.#parses.set(name, Buffer.from(frame));
    this.#bytes += frame.length;
    const { maxNamedStatements, maxNamedStatementBytes } = DATABASE_LIMITS;
    return this.#parses.size <= maxNamedStatements && this.#bytes <= maxNamedStatementBytes;
  }

  find(name: string): Buffer | undefined {
    return this.#parses.get(name);
  }

  remove(name: string): void {
    this.#bytes -= this.#parses.get(name)?.length ?? 0;
    this.#parses.delete(name);
  }

  clear(): void {
    this.#parses.clear();
    this.#bytes = 0;
  }
}

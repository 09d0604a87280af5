/**
 * Tells a database that is gone from one that is slow. Whoever waits longer than PATIENCE_MS for an answer asks another question, and if
 * that one is not answered either, everybody who waits hears that the database is gone: within two seconds, whatever the time-outs of
 * statements are, and without failing the statements of a busy one.
 */
import { StoreUnavailable } from '../store.ts';

const PATIENCE_MS = 1_000;
const PROBE_TIMEOUT_MS = 800;

export class Liveness {
  readonly #probe: () => Promise<unknown>;
  #probing: Promise<boolean> | undefined;
  #isDown = false;

  /** @param probe asks the database something trivial on a connection of its own */
  constructor(probe: () => Promise<unknown>) {
    this.#probe = probe;
  }

  /** What the last answer, or its absence, said. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** The statement's answer; or StoreUnavailable as soon as the database is known to be gone. */
  async watch<T>(statement: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const gone = new Promise<never>((_resolve, reject) => {
      const check = (): void => {
        void this.#isAlive().then((alive) => {
          if (alive) timer = setTimeout(check, PATIENCE_MS);
          else reject(new StoreUnavailable('The database does not answer: it is gone, or the network to it'));
        });
      };
      timer = setTimeout(check, PATIENCE_MS);
    });
    try {
      const answer = await Promise.race([statement, gone]);
      this.#isDown = false;
      return answer;
    } catch (error) {
      if (error instanceof StoreUnavailable) this.#isDown = true;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #isAlive(): Promise<boolean> {
    this.#probing ??= this.#ask().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async #ask(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), PROBE_TIMEOUT_MS)));
    const answered = this.#probe().then(
      () => true,
      () => false,
    );
    try {
      return await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

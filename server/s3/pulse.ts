/**
 * Whether the object store behind a bucket is alive. Each request that has to wait asks, and all of them ask one question: a store that has
 * stopped is noticed within seconds, and one that is slow with one request and answers another is left in peace.
 */
import { R2_LIMITS } from '../../shared/limits.ts';
import { Liveness } from '../storage/liveness.ts';
import type { Circuit } from './circuit.ts';

export class Pulse {
  readonly #circuit: Circuit;
  readonly #liveness: Liveness;
  #movedAt = Number.NEGATIVE_INFINITY;
  #onMoved: (() => void) | undefined;

  /**
   * @param probe asks the store something trivial on a connection of its own
   * @param circuit is told when the store is found gone
   */
  constructor(probe: () => Promise<void>, circuit: Circuit) {
    this.#circuit = circuit;
    const anySign = (): Promise<void> => Promise.any([probe(), this.#nextMovement()]);
    this.#liveness = new Liveness(anySign, undefined, R2_LIMITS.backendProbeMs);
  }

  /** Something has come from the store, or has been taken by it, on any connection. */
  moved(): void {
    this.#movedAt = performance.now();
    this.#onMoved?.();
  }

  /** Takes up to `backendProbeMs`. */
  async isAlive(): Promise<boolean> {
    const askedAt = performance.now();
    if (askedAt - this.#movedAt < R2_LIMITS.backendPatienceMs) return true;
    const isAlive = await this.#liveness.isAlive();
    if (!isAlive) this.#circuit.gaveUp(askedAt, performance.now());
    return isAlive;
  }

  #nextMovement(): Promise<void> {
    return new Promise((resolve) => {
      this.#onMoved = resolve;
    });
  }
}

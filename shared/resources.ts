/**
 * A stack of things to close. Every opener pushes its closer; `close()` runs them last-in first-out, once.
 * A closer that fails does not stop the others: the first error is kept and thrown at the end.
 */
export class Resources {
  readonly #closers: { name: string; close: () => unknown }[] = [];
  #closing: Promise<void> | undefined;

  /** Registers a closer and gives the resource back, so that an opener is one expression. */
  use<T>(name: string, resource: T, close: (resource: T) => unknown): T {
    if (this.#closing !== undefined) throw new Error(`Resources are closing: ${name} was opened too late`);
    this.#closers.push({ name, close: () => close(resource) });
    return resource;
  }

  /** Closes everything in reverse order. Safe to call twice: both calls wait for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    let firstError: unknown;
    let failed = false;
    for (let entry = this.#closers.pop(); entry !== undefined; entry = this.#closers.pop()) {
      try {
        await entry.close();
      } catch (error) {
        if (!failed) {
          firstError = new Error(`Closing ${entry.name} failed`, { cause: error });
          failed = true;
        }
      }
    }
    if (failed) throw firstError;
  }
}

/** The one message of a starting cell that the supervisor waits for: hello, then loaded. */
export class AwaitedMessage {
  #waiting: { resolve: (value: never) => void; reject: (error: Error) => void } | undefined;

  get isAwaited(): boolean {
    return this.#waiting !== undefined;
  }

  /** Rejects at the deadline; `what` names the message for the error. Not while another is waited for. */
  wait<T>(timeoutMs: number, what: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(new Error(`no ${what} within ${timeoutMs} ms`))), timeoutMs);
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        finish();
      };
      this.#waiting = {
        resolve: (value: never) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      };
    });
  }

  received(message: unknown): void {
    this.#waiting?.resolve(message as never);
  }

  failed(error: Error): void {
    this.#waiting?.reject(error);
  }
}

/**
 * Announcements within one process, for a node that is alone with its database. PostgreSQL's NOTIFY is one queue for all databases of a
 * server, with one lock that a commit takes: tenants who share that server can fill the first and hold the second, and then nothing of the
 * platform's that announces itself can be written.
 */
export class LocalAnnouncements {
  readonly #listeners = new Map<string, Set<(payload: string) => void>>();

  /** Calls `onNotify` for what is told from now on, until the returned function is called. */
  listen(channel: string, onNotify: (payload: string) => void): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners);
    listeners.add(onNotify);
    return () => listeners.delete(onNotify);
  }

  /** Soon, not now: whoever has committed goes on first, as with messages that come over a connection. */
  tell(channel: string, payload: string): void {
    setImmediate(() => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(payload);
    });
  }
}

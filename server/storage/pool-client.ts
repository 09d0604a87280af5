/** The clients of all pools. */
import pg from 'pg';

/**
 * A pool listens for the errors of a client only while it is idle, and nobody while it is ended: what the server says then, such as that it
 * goes down, would end this process. Whoever waits for a statement hears of it through that statement, and an idle client's pool through its `error`.
 */
export class PoolClient extends pg.Client {
  /** @param config the pool's @param own what differs from it */
  constructor(config?: pg.ClientConfig, own: pg.ClientConfig = {}) {
    // The pool hides the password from whoever lists its settings, and so from a copy of them.
    const { password } = config ?? {};
    super({ ...config, ...(password !== undefined && { password }), ...own });
    this.on('error', () => undefined);
  }
}

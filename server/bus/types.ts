/** Messages between nodes. Delivery is a hint, never the truth: who is told reads the database again by sequence number. */
export interface Bus {
  /**
   * Calls `listener` when something may have changed: with the sequence number announced, or null when messages may have been
   * missed (after a reconnect, and every few seconds). Gives back a function that ends it.
   */
  onChange(listener: (seq: bigint | null) => void): () => void;
  /** Ends the connection. Listeners are not called any more. */
  close(): Promise<void>;
}

/** Messages of one channel. */
export interface Subscription {
  /** False: messages are being missed now. */
  readonly isConnected: boolean;
  close(): Promise<void>;
}

/** Plain numbers that requests count up; metrics read them. No labels, no time: that is the reader's business. */
export class GatewayCounters {
  /** Exchanges begun, upgrades included. */
  requests = 0;
  /** Begun and neither answered whole nor given up. */
  inFlight = 0;
  /** By first digit of the status sent; index 1 counts upgrades (101). */
  readonly byClass: number[] = [0, 0, 0, 0, 0, 0];
  /** Answers cut off in the middle, by the worker or by a limit. */
  truncated = 0;
  /** Clients that went away before they had their answer. */
  aborted = 0;
  /** Connections cut for bytes that are no HTTP or came too slowly. */
  rejectedConnections = 0;
  connections = 0;
  openTunnels = 0;

  answered(status: number): void {
    const digit = Math.floor(status / 100);
    this.byClass[digit] = (this.byClass[digit] ?? 0) + 1;
  }
}

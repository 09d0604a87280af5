/** Two connections made one: what a worker's stream and its other end are to each other. */
import type { Duplex } from 'node:stream';

/** Bytes both ways with back-pressure. One side's orderly end is passed on; when one breaks the other goes with it. */
export function joinDuplexes(one: Duplex, other: Duplex, head?: Buffer): void {
  if (head !== undefined && head.length > 0) one.write(head);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy());
    from.once('close', () => {
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}

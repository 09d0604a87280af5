/** Two connections made one: what a worker's stream and its other end are to each other. */
import type { Duplex } from 'node:stream';

/**
 * Bytes both ways with back-pressure. One side's orderly end is passed on; when one breaks the other goes with it.
 * @param head bytes that were already read of `other`
 * @returns takes the two apart again, both still open
 */
export function joinDuplexes(one: Duplex, other: Duplex, head?: Buffer): () => void {
  if (head !== undefined && head.length > 0) one.write(head);
  const undoOne = follow(one, other);
  const undoOther = follow(other, one);
  return () => {
    undoOne();
    undoOther();
  };
}

function follow(from: Duplex, to: Duplex): () => void {
  const destroy = (): void => {
    to.destroy();
  };
  const onClose = (): void => {
    if (!from.readableEnded) to.destroy();
  };
  from.on('error', destroy);
  from.once('close', onClose);
  from.pipe(to);
  return () => {
    from.unpipe(to);
    from.off('error', destroy);
    from.off('close', onClose);
  };
}

/** Contents that stop coming. */
import type { Readable } from 'node:stream';

/**
 * The same bytes. A body that brings none for `idleMs` is given up with the error of `whenIdle`: what it wrote takes disk, and whoever waits may
 * wait for ever.
 */
export async function* withIdleLimit(
  body: Readable,
  idleMs: number,
  whenIdle: () => Error,
): AsyncGenerator<Uint8Array> {
  const timer = setTimeout(() => body.destroy(whenIdle()), idleMs);
  try {
    for await (const chunk of body) {
      timer.refresh();
      yield chunk as Uint8Array;
    }
  } finally {
    clearTimeout(timer);
  }
}

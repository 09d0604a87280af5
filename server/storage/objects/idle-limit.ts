/** Contents that stop coming. */
import type { Readable } from 'node:stream';
import { R2_LIMITS } from '../../../shared/limits.ts';

/** The same bytes. One that brings none for a while is given up with that error: what it wrote takes disk, and whoever waits may wait for ever. */
export async function* withIdleLimit(body: Readable, whenIdle: () => Error): AsyncGenerator<Uint8Array> {
  const timer = setTimeout(() => body.destroy(whenIdle()), R2_LIMITS.bodyIdleMs);
  try {
    for await (const chunk of body) {
      timer.refresh();
      yield chunk as Uint8Array;
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The body of an answer, piece by piece. */
import type { BindingCall } from '../supervisor/types.ts';

/**
 * Sends the pieces as fast as the worker takes them, and ends the call. When the worker gives it up, `onGone` is told and nothing more is
 * read; what the pieces then throw is nobody's.
 * @throws what the pieces throw before that
 */
export async function sendChunks(
  call: BindingCall,
  chunks: AsyncIterable<Uint8Array>,
  onGone: () => void = () => undefined,
): Promise<void> {
  let isGone = false;
  let wake: (() => void) | undefined;
  call.onDrain = () => wake?.();
  call.onAbort = () => {
    isGone = true;
    onGone();
    wake?.();
  };
  try {
    for await (const chunk of chunks) {
      if (isGone) return;
      if (!call.write(chunk)) await new Promise<void>((resolve) => (wake = resolve));
    }
    call.end();
  } catch (error) {
    if (!isGone) throw error;
  }
}

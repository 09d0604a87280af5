/** Bodies of responses on their way out. */
import { type Invocation, runInvocation } from './context.ts';
import { hangError, unlessHung } from './hang.ts';
import {
  controllerClose,
  controllerEnqueue,
  NativeReadableStream,
  NativeResponse,
  NativeUint8Array,
  readerCancel,
  readerRead,
  responseBody,
  responseHeaders,
  responseStatus,
  responseStatusText,
  slotOf,
  streamGetReader,
  utf8Encode,
} from './primordials.ts';

const EMPTY = new NativeUint8Array(0);
const staticBody = slotOf(new NativeResponse(''), 'lazy static body');

/** The body when it is there as a whole; null: a stream. */
export function wholeBody(response: Response): Uint8Array | null {
  const body = (response as unknown as Record<symbol, unknown>)[staticBody];
  if (typeof body === 'string') return utf8Encode(body);
  if (body instanceof NativeUint8Array) return body;
  return responseBody(response) === null ? EMPTY : null;
}

/**
 * A response whose stream is read within its invocation. Whoever sends it reads it from outside every invocation, and the stream's
 * `pull` would run there: without a clock, and with no right to timers or calls. `onCancel`: nobody takes the rest.
 */
export function inContext(invocation: Invocation, response: Response, onCancel: () => void): Response {
  const whole = (response as unknown as Record<symbol, unknown>)[staticBody];
  if (typeof whole === 'string' || whole instanceof NativeUint8Array) return response;
  const body = responseBody(response);
  if (body === null) return response;
  const reader = streamGetReader(body);
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { done, value } = await unlessHung(readerRead(reader), hangError);
    if (done) controllerClose(controller);
    else controllerEnqueue(controller, value);
  };
  const stream = new NativeReadableStream<Uint8Array>(
    {
      pull: (controller) => runInvocation(invocation, pull, controller),
      cancel: (reason) => {
        onCancel();
        return runInvocation(invocation, readerCancel as (...args: never[]) => Promise<void>, reader, reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new NativeResponse(stream, {
    status: responseStatus(response),
    statusText: responseStatusText(response),
    headers: responseHeaders(response),
  });
}

/** Answers on their way out: what a handler's Response comes down to, for a frame of the channel or for Deno's HTTP server. */
import { ANSWER_BROKE, DATE_HEADER, LENGTH_HEADER, STATUS_TEXT_HEADER } from '../shared/protocol.ts';
import { sendJson } from './channel.ts';
import { type Invocation, runInvocation } from './context.ts';
import { hangError, unlessHung } from './hang.ts';
import { CHANNEL_LIMITS } from '../shared/limits.ts';
import {
  type ByteStream,
  type HeaderList,
  isNative,
  listCopy,
  listDelete,
  listGet,
  listSet,
  type Response,
  responseList,
  responseStatus,
  responseStatusText,
  isBodyLocked,
  streamBehind,
  takeEncoded,
  toWire,
} from './http/index.ts';
import { viewOf } from './http/bytes.ts';
import {
  controllerClose,
  controllerEnqueue,
  NativeReadableStream,
  NativeResponse,
  NativeTypeError,
  NativeUint8Array,
  promiseThen,
  readerCancel,
  readerRead,
  streamGetReader,
  utf8Encode,
} from './primordials.ts';
import { declaredLength, isDisturbed, notConvertible } from './stream-facts.ts';
import { toThrownFailure } from './thrown.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Outgoing {
  readonly status: number;
  readonly statusText: string;
  /** Its own: whoever sends it may add to it. */
  readonly list: HeaderList;
  /** A body that is there as a whole; null: `stream` has it, if anything. */
  readonly whole: Bytes | null;
  readonly stream: ByteStream | null;
  /** No body at all, which is not the same as an empty one: nothing is said of its length in answer to HEAD. */
  readonly isNull: boolean;
  /** The worker's own `content-length` where the one in `list` is that of the stream; null: it gave none. */
  readonly ownLength?: string | null;
}

export const EMPTY: Bytes = new NativeUint8Array(0);

/** Stands for an answer that has left as a connection: nothing more is sent for it. */
export const SWITCHED: Outgoing = { status: 101, statusText: '', list: [], whole: EMPTY, stream: null, isNull: true };

/** The server would drop it, and nobody would hear why. */
function requireFewLines(list: HeaderList): void {
  const lines = list.length / 2;
  if (lines <= CHANNEL_LIMITS.maxHeaderLines) return;
  throw new NativeTypeError(
    `A response may have at most ${CHANNEL_LIMITS.maxHeaderLines} header lines; this one has ${lines}.`,
  );
}

/**
 * Takes the response's body: nobody can read it any more. A stream is read within the invocation: whoever sends it reads it from outside
 * every invocation, and its `pull` would run there, without a clock and with no right to timers or calls.
 * `onCancel`: nobody takes the rest. Throws when the body was used before.
 */
export function outgoingOf(invocation: Invocation, response: Response, onCancel: () => void): Outgoing {
  const status = responseStatus(response);
  const statusText = responseStatusText(response);
  const list = listCopy(responseList(response));
  requireFewLines(list);
  const content = isLocked(response) ? lockedStream() : takeEncoded(response);
  if (content === null) return { status, statusText, list, whole: EMPTY, stream: null, isNull: true };
  if (isWhole(content)) return { status, statusText, list, whole: content, stream: null, isNull: false };
  const stream = isNative(content) ? content : inContext(invocation, content, onCancel);
  const ownLength = listGet(list, 'content-length');
  setStreamLength(list, declaredLength(content));
  return { status, statusText, list, whole: null, stream, isNull: false, ownLength };
}

/** A stream is as long as it is known to be, whatever the worker says. */
function setStreamLength(list: HeaderList, length: number | undefined): void {
  if (length === undefined) listDelete(list, 'content-length');
  else listSet(list, 'content-length', `${length}`);
}

/** Not one that was read from, which is refused in other words. */
const isLocked = (response: Response): boolean =>
  isBodyLocked(response) && !isDisturbed(streamBehind(response) as ByteStream);

/** Somebody reads the body: the head goes out all the same, as on Workers. */
const lockedStream = (): ByteStream =>
  new NativeReadableStream<Uint8Array>({
    pull: () => {
      throw new NativeTypeError('The ReadableStream has been locked to a reader.');
    },
  });

const isWhole = (body: Bytes | ByteStream): body is Bytes => body instanceof NativeUint8Array;

function inContext(invocation: Invocation, body: ByteStream, onCancel: () => void): ByteStream {
  const reader = streamGetReader(body);
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { done, value } = await unlessHung(readerRead(reader), hangError);
    if (done) {
      controllerClose(controller);
      return;
    }
    // workerd takes strings too, unlike the standard.
    const chunk = typeof value === 'string' ? utf8Encode(value) : viewOf(value);
    if (chunk === undefined) throw notConvertible();
    controllerEnqueue(controller, chunk);
  };
  // Deno only breaks its connection: who reads the answer is to know why.
  const broke = (error: unknown): never => {
    sendJson(ANSWER_BROKE, invocation.id, toThrownFailure(error));
    throw error;
  };
  return new NativeReadableStream<Uint8Array>(
    {
      pull: (controller) => promiseThen(runInvocation(invocation, pull, controller), undefined, broke),
      // Why nobody reads on is not the worker's business: Deno would give a reason of its own.
      cancel: () => {
        onCancel();
        return runInvocation(invocation, readerCancel as (...args: never[]) => Promise<void>, reader, undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Nobody will read it. */
export function cancelOutgoing({ stream }: Outgoing): void {
  if (stream !== null) void promiseThen(readerCancel(streamGetReader(stream)), undefined, () => undefined);
}

/** The answer for Deno's HTTP server. Deno sends no status text, so it travels as a header of ours. */
export function toNative(outgoing: Outgoing): globalThis.Response {
  const { list, status, statusText, whole, stream } = outgoing;
  const ownLength = outgoing.ownLength === undefined ? listGet(list, 'content-length') : outgoing.ownLength;
  const headers: [string, string][] = [];
  for (let index = 0; index < list.length; index += 2) {
    // Deno would take a Date for its own, and sends one in any case.
    const name = list[index] === 'date' ? DATE_HEADER : (list[index] as string);
    headers[index >> 1] = [name, toWire(list[index + 1] as string)];
  }
  if (ownLength !== null) headers[headers.length] = [LENGTH_HEADER, toWire(ownLength)];
  if (statusText !== '') headers[headers.length] = [STATUS_TEXT_HEADER, toWire(statusText)];
  const body = whole === null || whole.length > 0 ? (whole ?? stream) : null;
  return new NativeResponse(body, { status, headers });
}

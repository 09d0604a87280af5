/** Rows one after the other, as the worker takes them: a result of any size in little memory. */
import { callData } from '../../calls.ts';
import {
  controllerClose,
  controllerEnqueue,
  copyInto,
  jsonParse,
  jsonStringify,
  NativeReadableStream,
  NativeUint8Array,
  readerCancel,
  readerRead,
  streamGetReader,
  stringEndsWith,
  stringSlice,
  stringStartsWith,
  subarray,
  utf8Decode,
  utf8Encode,
} from '../../primordials.ts';
import { databaseError } from './errors.ts';
import { LineReader, type Place, type SentStatement, toObject } from './ask.ts';

const NEWLINE = 10;
const EMPTY = new NativeUint8Array(0);

type ByteReader = ReadableStreamDefaultReader<Uint8Array>;

/** A stream of rows. Nothing is asked before the first one is wanted; cancelling it ends the query. */
export function openCursor(place: Place, statement: SentStatement): ReadableStream<Record<string, unknown>> {
  let reader: ByteReader | undefined;
  let rest: Uint8Array = EMPTY;
  const lines = new LineReader();
  const pull = async (controller: ReadableStreamDefaultController<Record<string, unknown>>): Promise<void> => {
    try {
      reader ??= await start(place, statement);
      for (let given = 0; given === 0; ) {
        const { done, value } = await readerRead(reader);
        if (done) {
          controllerClose(controller as never);
          return;
        }
        rest = joined(rest, value as Uint8Array);
        const end = lastNewline(rest);
        if (end < 0) continue;
        given = give(controller, lines, utf8Decode(subarray(rest, 0, end)));
        rest = subarray(rest, end + 1, rest.length);
      }
    } catch (error) {
      throw databaseError(error, '', statement.grown);
    }
  };
  return new NativeReadableStream<Record<string, unknown>>(
    {
      pull,
      cancel: () => (reader === undefined ? undefined : readerCancel(reader as never)),
    },
    { highWaterMark: 0 },
  );
}

async function start({ binding, transaction }: Place, { sql, params }: SentStatement): Promise<ByteReader> {
  const json = jsonStringify({ statements: [{ sql, params }], transaction });
  const { body } = await callData(binding, { name: 'query', args: null }, utf8Encode(json));
  if (!(body instanceof NativeUint8Array)) return streamGetReader(body) as unknown as ByteReader;
  const whole = new NativeReadableStream<Uint8Array>({
    start(controller) {
      controllerEnqueue(controller as never, body as never);
      controllerClose(controller as never);
    },
  });
  return streamGetReader(whole) as unknown as ByteReader;
}

/** Whole lines, the last one without its end. Returns how many rows they were. */
function give(
  controller: ReadableStreamDefaultController<Record<string, unknown>>,
  lines: LineReader,
  text: string,
): number {
  const from = stringStartsWith(text, '[\n') ? 2 : text === '[' ? 1 : 0;
  const to = stringEndsWith(text, ',') ? text.length - 1 : text.length;
  const items = jsonParse(`[${stringSlice(text, from, to)}]`) as never[];
  let given = 0;
  for (let index = 0; index < items.length; index++) {
    const { columns } = lines;
    lines.read(items[index] as never);
    const rows = lines.takeRows();
    for (let at = 0; at < rows.length; at++) {
      controllerEnqueue(controller as never, toObject(columns, rows[at] as readonly unknown[]) as never);
      given++;
    }
  }
  return given;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) return other;
  const bytes = new NativeUint8Array(one.length + other.length);
  copyInto(bytes, one, 0);
  copyInto(bytes, other, one.length);
  return bytes;
}

function lastNewline(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at >= 0; at--) if (bytes[at] === NEWLINE) return at;
  return -1;
}

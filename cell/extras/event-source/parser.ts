/** The event stream format of the HTML standard, in workerd's reading: what has no data is no event, and an id may hold anything. */
import { stringIndexOf, stringSlice } from '../../primordials.ts';

export interface StreamedEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

const MIN_RECONNECTION_MS = 1_000;
const MAX_RECONNECTION_MS = 10_000;
/** A line without an end: nobody writes one as long, and it is held in memory. */
const MAX_LINE_CHARACTERS = 16 * 1024 * 1024;

export class EventStreamParser {
  #partial = '';
  #afterCarriageReturn = false;
  #atStart = true;
  #data: string | undefined;
  #type: string | undefined;
  lastEventId: string;
  /** The reconnection time that the stream has asked for. */
  reconnectionMs: number | undefined;

  constructor(lastEventId: string) {
    this.lastEventId = lastEventId;
  }

  /** The events that `text` completes. Throws on a line that is too long. */
  feed(text: string): StreamedEvent[] {
    const events: StreamedEvent[] = [];
    let rest = text;
    if (this.#atStart && rest !== '') {
      this.#atStart = false;
      if (rest[0] === '\uFEFF') rest = stringSlice(rest, 1);
    }
    if (this.#afterCarriageReturn && rest !== '') {
      this.#afterCarriageReturn = false;
      if (rest[0] === '\n') rest = stringSlice(rest, 1);
    }
    for (;;) {
      const end = lineEnd(rest);
      if (end < 0) break;
      this.#line(this.#partial + stringSlice(rest, 0, end), events);
      this.#partial = '';
      const isPair = rest[end] === '\r' && rest[end + 1] === '\n';
      if (rest[end] === '\r' && end + 1 === rest.length) this.#afterCarriageReturn = true;
      rest = stringSlice(rest, end + (isPair ? 2 : 1));
    }
    this.#partial += rest;
    if (this.#partial.length > MAX_LINE_CHARACTERS) throw new RangeError('A line of the event stream is too long.');
    return events;
  }

  #line(line: string, events: StreamedEvent[]): void {
    if (line === '') {
      this.#dispatch(events);
      return;
    }
    const colon = stringIndexOf(line, ':');
    if (colon === 0) return;
    const field = colon < 0 ? line : stringSlice(line, 0, colon);
    const start = colon < 0 ? line.length : line[colon + 1] === ' ' ? colon + 2 : colon + 1;
    const value = stringSlice(line, start);
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    else if (field === 'id') this.lastEventId = value;
    else if (field === 'retry') this.#retry(value);
  }

  #retry(value: string): void {
    let milliseconds = 0;
    for (let index = 0; index < value.length; index++) {
      const digit = stringIndexOf('0123456789', value[index] as string);
      if (digit < 0) return;
      milliseconds = milliseconds * 10 + digit;
    }
    if (value === '') return;
    if (milliseconds < MIN_RECONNECTION_MS) this.reconnectionMs = MIN_RECONNECTION_MS;
    else this.reconnectionMs = milliseconds > MAX_RECONNECTION_MS ? MAX_RECONNECTION_MS : milliseconds;
  }

  #dispatch(events: StreamedEvent[]): void {
    const data = this.#data;
    const type = this.#type;
    this.#data = undefined;
    this.#type = undefined;
    if (data === undefined || data === '') return;
    events[events.length] = { type: type ?? 'message', data, lastEventId: this.lastEventId };
  }
}

function lineEnd(text: string): number {
  const lf = stringIndexOf(text, '\n');
  const cr = stringIndexOf(lf < 0 ? text : stringSlice(text, 0, lf), '\r');
  return cr < 0 ? lf : cr;
}

/** Messages of a cell that are no calls: read, bounded, and refused (CellMisbehaved) when no honest harness would send them. */
import { readU32 } from '../../shared/frames.ts';
import { type Failure, TURN_REPORT_ENTRY_BYTES, TURN_REPORT_HEAD_BYTES } from '../../shared/protocol.ts';
import { CellMisbehaved } from './misbehaved.ts';
import { CHANNEL_LIMITS } from '../../shared/limits.ts';

/** A message that is an object. Throws CellMisbehaved, or SyntaxError for what is no JSON. */
export function readObject<T>(payload: Uint8Array): T {
  const value: unknown = JSON.parse(
    Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'),
  );
  if (typeof value !== 'object' || value === null) throw new CellMisbehaved('Message of a wrong shape');
  return value as T;
}

/** hello and loaded: lists of short names, or the cell is lying. */
export function checkedMessage(message: object): object {
  for (const value of Object.values(message)) {
    if (
      Array.isArray(value) &&
      (value.length > 1000 || value.some((item) => typeof item !== 'string' || item.length > 1000))
    ) {
      throw new CellMisbehaved('Message with lists of a wrong shape');
    }
  }
  return message;
}

/** Whose the events were since the last PONG. */
export interface TurnReport {
  readonly isSplit: boolean;
  readonly total: number;
  readonly byInvocation: ReadonlyMap<number, number>;
}

/** The payload of PONG. */
export function readReport(payload: Uint8Array): TurnReport {
  const entries = payload.length - TURN_REPORT_HEAD_BYTES;
  if (entries < 0 || entries % TURN_REPORT_ENTRY_BYTES !== 0) throw new CellMisbehaved('PONG of a wrong length');
  const byInvocation = new Map<number, number>();
  let left = readU32(payload, 1);
  const report = { isSplit: payload[0] === 1, total: left, byInvocation };
  for (let at = TURN_REPORT_HEAD_BYTES; at < payload.length; at += TURN_REPORT_ENTRY_BYTES) {
    const part = readU32(payload, at + 4);
    byInvocation.set(readU32(payload, at), part);
    left -= part;
  }
  if (left < 0) throw new CellMisbehaved('PONG with parts larger than the whole');
  return report;
}

/** What a worker threw, cut to a length that can be kept. */
export function readFailure(payload: Uint8Array): Failure {
  const { name, message, stack } = readObject<Record<string, unknown>>(payload);
  const failure = { name: shortText(name), message: shortText(message) };
  return stack === undefined ? failure : { ...failure, stack: shortText(stack) };
}

const shortText = (value: unknown): string => String(value).slice(0, CHANNEL_LIMITS.maxTextBytes);

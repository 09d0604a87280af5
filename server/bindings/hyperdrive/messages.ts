/** What a client of PostgreSQL says, and what Skep says in a server's place. Wire protocol 3.0. */
import { HEADER_BYTES, readText } from '../../storage/wire/frames.ts';

/** Types that a client sends. */
export const FRONTEND = {
  bind: 0x42, // B
  close: 0x43, // C
  copyData: 0x64, // d
  copyDone: 0x63, // c
  copyFail: 0x66, // f
  describe: 0x44, // D
  execute: 0x45, // E
  flush: 0x48, // H
  functionCall: 0x46, // F
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
} as const;

/** Codes in place of a protocol version. */
export const STARTUP = { cancel: 80_877_102, tls: 80_877_103, gssEncryption: 80_877_104, protocol3: 196_608 } as const;

/** A message: type and parts, texts with the zero byte at their end. */
function message(type: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(HEADER_BYTES);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export const AUTHENTICATED = message('R', word(0));
export const READY = message('Z', Buffer.from('I'));
export const parameterStatus = (name: string, value: string): Buffer => message('S', name, value);
export const keyData = (processId: number, secret: number): Buffer => message('K', word(processId), word(secret));

/** An ErrorResponse. `code`: a SQLSTATE. */
export const errorResponse = (severity: 'ERROR' | 'FATAL', code: string, text: string): Buffer =>
  message('E', `S${severity}`, `V${severity}`, `C${code}`, `M${text}`, Buffer.of(0));

/** The statement that a Parse names; '' is the unnamed one. */
export const namedByParse = (frame: Buffer): string => readText(frame, HEADER_BYTES).text;

/** The statement that a Bind, or a Describe or Close of a statement, refers to; undefined: none. */
export function namedStatement(type: number, frame: Buffer): string | undefined {
  if (type === FRONTEND.bind) return readText(frame, readText(frame, HEADER_BYTES).next).text;
  if (type !== FRONTEND.describe && type !== FRONTEND.close) return undefined;
  return frame[HEADER_BYTES] === 0x53 ? readText(frame, HEADER_BYTES + 1).text : undefined;
}

/** SQL of a Query or Parse. */
export function sqlOf(type: number, frame: Buffer): string {
  if (type === FRONTEND.query) return readText(frame, HEADER_BYTES).text;
  return readText(frame, readText(frame, HEADER_BYTES).next).text;
}

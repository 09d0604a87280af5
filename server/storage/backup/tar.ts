/**
 * Tape archives (POSIX ustar), as a stream in both directions: PostgreSQL sends its base backup in this format, and a backup file is
 * one that `tar tzf` lists. Files and directories only; nothing is held in memory but one chunk.
 */

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** Larger sizes than octal digits can say are written in base 256, as GNU tar does. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;
/** Who may read and write; nothing of ours runs as somebody else. */
const MODE_MASK = 0o777;
/** Where the fields of a header lie. */
const AT = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  mtime: 136,
  checksum: 148,
  type: 156,
  magic: 257,
  prefix: 345,
};
const CHECKSUM_BYTES = 8;
const TYPES = { file: '0', directory: '5' } as const;

/** The bytes are no archive that this code can read. `message` is a clause. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

export interface TarHeader {
  /** With slashes, never absolute; a directory's does not end in one. */
  readonly name: string;
  readonly type: keyof typeof TYPES;
  readonly mode: number;
  /** Bytes of the body; 0 for directories. */
  readonly size: number;
}

export interface TarEntry extends TarHeader {
  /** Exactly `size` bytes. While reading: take it before the next entry, or it is skipped. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** One entry as bytes. Throws TarError when the body has not as many as its header says, or the name does not fit. */
export async function* writeEntry(entry: TarEntry): AsyncGenerator<Uint8Array> {
  yield encodeHeader(entry);
  let written = 0;
  for await (const chunk of entry.body) {
    written += chunk.byteLength;
    yield chunk;
  }
  if (written !== entry.size) throw new TarError(`"${entry.name}" has ${written} bytes, not ${entry.size}: it changed`);
  yield new Uint8Array(paddingOf(entry.size));
}

/** What ends an archive. */
export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK_BYTES);

/** A file with this content. */
export function bytesEntry(name: string, content: string | Uint8Array, mode = 0o600): TarEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  return { name, type: 'file', mode, size: bytes.byteLength, body: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function encodeHeader({ name, type, mode, size }: TarHeader): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const { prefix, rest } = splitName(type === 'directory' ? `${name}/` : name);
  header.write(rest, AT.name, 'utf8');
  header.write(prefix, AT.prefix, 'utf8');
  header.write(octal(mode & MODE_MASK, 8), AT.mode, 'latin1');
  header.write(octal(0, 8), AT.uid, 'latin1');
  header.write(octal(0, 8), AT.gid, 'latin1');
  header.write(octal(0, 12), AT.mtime, 'latin1');
  if (size <= MAX_OCTAL_SIZE) header.write(octal(size, 12), AT.size, 'latin1');
  else {
    header[AT.size] = 0x80;
    header.writeBigUInt64BE(BigInt(size), AT.size + 4);
  }
  header.write(TYPES[type], AT.type, 'latin1');
  header.write('ustar\x0000', AT.magic, 'latin1');
  header.write(`${octal(checksumOf(header), 7)} `, AT.checksum, 'latin1');
  return header;
}

/** Digits with leading zeros and a NUL, `width` bytes in all. */
const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

/** A long name is cut at a slash: 155 bytes before it, 100 behind. */
function splitName(name: string): { readonly prefix: string; readonly rest: string } {
  if (Buffer.byteLength(name) <= NAME_BYTES) return { prefix: '', rest: name };
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) {
    const prefix = name.slice(0, at);
    const rest = name.slice(at + 1);
    if (Buffer.byteLength(prefix) > PREFIX_BYTES) break;
    if (rest !== '' && Buffer.byteLength(rest) <= NAME_BYTES) return { prefix, rest };
  }
  throw new TarError(`the name "${name}" is too long for an archive`);
}

/** Of all bytes of the header, those of the checksum itself counted as spaces. */
function checksumOf(header: Uint8Array): number {
  let sum = 0x20 * CHECKSUM_BYTES;
  for (const [at, byte] of header.entries()) if (at < AT.checksum || at >= AT.type) sum += byte;
  return sum;
}

const paddingOf = (size: number): number => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

/**
 * The entries of an archive, in order. Ends at the archive's end mark; what lies behind it is read and ignored.
 * @throws TarError at the first byte that makes no sense, and when the stream ends before the end mark.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(chunks);
  try {
    for (;;) {
      const block = await reader.exactly(BLOCK_BYTES);
      if (block.every((byte) => byte === 0)) return await reader.drain();
      const header = decodeHeader(block);
      const body = reader.upTo(header.size);
      yield { ...header, body };
      // What the consumer left is skipped.
      for await (const chunk of body) void chunk;
      await reader.exactly(paddingOf(header.size));
    }
  } finally {
    await reader.close();
  }
}

function decodeHeader(block: Buffer): TarHeader {
  const wanted = Number.parseInt(text(block, AT.checksum, CHECKSUM_BYTES), 8);
  if (wanted !== checksumOf(block)) throw new TarError('a header has a wrong checksum');
  const prefix = text(block, AT.prefix, PREFIX_BYTES);
  const name = `${prefix === '' ? '' : `${prefix}/`}${text(block, AT.name, NAME_BYTES)}`;
  const flag = String.fromCharCode(block[AT.type] ?? 0);
  const type = flag === TYPES.directory ? 'directory' : flag === TYPES.file || flag === '\0' ? 'file' : undefined;
  if (type === undefined) throw new TarError(`"${name}" is neither a file nor a directory`);
  const mode = Number.parseInt(text(block, AT.mode, 8), 8) & MODE_MASK;
  return { name: name.replace(/\/+$/, ''), type, mode, size: type === 'file' ? sizeOf(block) : 0 };
}

function sizeOf(block: Buffer): number {
  const size =
    block[AT.size] === 0x80 ? Number(block.readBigUInt64BE(AT.size + 4)) : Number.parseInt(text(block, AT.size, 12), 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new TarError('a header has no size');
  return size;
}

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

/** Cuts a stream of chunks where the reader wants. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.upTo(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** The next `length` bytes as they come. Used twice, it goes on where it was left. */
  upTo(length: number): AsyncIterable<Uint8Array> {
    let left = length;
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      if (left === 0) return { done: true, value: undefined };
      while (this.#rest.byteLength === 0) if (!(await this.#more())) throw new TarError('it ends too early');
      const value = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(value.byteLength);
      left -= value.byteLength;
      return { done: false, value };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async drain(): Promise<void> {
    while (await this.#more());
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done === true) return false;
    this.#rest = value;
    return true;
  }
}

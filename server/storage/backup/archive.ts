/**
 * The file that `skep backup` makes: a gzipped tape archive with
 *
 *   skep-backup.json      what this is; first, so that a program that cannot read the rest says so at once
 *   master.key            only when asked for
 *   postgres/password     of the superuser, who can log in through the unix socket only
 *   postgres/data/…       PostgreSQL's directory at one moment
 *   objects/…             the files of the object store (FILE_FOLDERS)
 *   skep-backup.end.json  how many entries came before, and their SHA-256: without it the archive is cut off
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DatabaseError, codeOf } from '../errors.ts';
import { TarError, bytesEntry, readTar, tarEnd, writeEntry } from './tar.ts';
import type { TarEntry } from './tar.ts';

/** Raise it when an older Skep could not restore what is written now. */
const FORMAT = 1;
const HEADER_NAME = 'skep-backup.json';
const END_NAME = 'skep-backup.end.json';
/** Of the two documents; real ones have some hundred bytes. */
const MAX_DOCUMENT_BYTES = 64 * 1024;
/** Folders of the data directory with files that the database speaks of. */
export const FILE_FOLDERS: readonly string[] = ['objects'];

export interface ArchiveFacts {
  readonly format: number;
  /** Of the program that made it. */
  readonly skep: string;
  readonly createdAt: string;
  /** Major version of the PostgreSQL whose files these are. */
  readonly postgres: string;
  /** The layout of the data directory (data-dir.ts). */
  readonly layout: number;
  readonly hasMasterKey: boolean;
  /** A known text sealed with the master key, in base64: tells whether a key is the right one. */
  readonly masterKeyCheck: string;
}

/** Cannot be restored: no backup, damaged, of a newer Skep. `message` is one printable sentence. */
export class BackupError extends DatabaseError {}

/** The archive, not yet compressed. */
export async function* writeArchive(
  facts: Omit<ArchiveFacts, 'format'>,
  entries: AsyncIterable<TarEntry>,
): AsyncGenerator<Uint8Array> {
  const digest = new ContentDigest();
  const header: ArchiveFacts = { format: FORMAT, ...facts };
  yield* writeEntry(digest.watch(bytesEntry(HEADER_NAME, `${JSON.stringify(header, null, 2)}\n`)));
  for await (const entry of entries) yield* writeEntry(digest.watch(entry));
  yield* writeEntry(bytesEntry(END_NAME, `${JSON.stringify(digest.result())}\n`));
  yield tarEnd();
}

/**
 * Reads an archive: first `onFacts`, then `onEntry` for each entry, which takes its body whole or not at all. Resolves when the end was
 * there and everything before it was what its digest says: until then nothing of it may be used.
 * @throws BackupError
 */
export async function readArchive(
  file: string,
  handlers: {
    readonly onFacts: (facts: ArchiveFacts) => Promise<void>;
    readonly onEntry: (entry: TarEntry) => Promise<void>;
  },
): Promise<void> {
  const unpacked = new PassThrough();
  const unpacking = pipeline(createReadStream(file), createGunzip(), unpacked);
  // How it ends is seen by whoever reads `unpacked`.
  unpacking.catch(() => undefined);
  try {
    await readEntries(file, unpacked, handlers);
    await unpacking;
  } catch (error) {
    throw sentenceFor(file, error);
  } finally {
    unpacked.destroy();
  }
}

async function readEntries(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  { onFacts, onEntry }: Parameters<typeof readArchive>[1],
): Promise<void> {
  const digest = new ContentDigest();
  let state: 'start' | 'open' | 'complete' = 'start';
  for await (const entry of readTar(chunks)) {
    if (state === 'complete') throw new TarError('something follows its end');
    if (state === 'start') {
      if (entry.name !== HEADER_NAME) throw new NoBackup();
      await onFacts(checkFacts(file, await readDocument(digest.watch(entry))));
      state = 'open';
    } else if (entry.name === END_NAME) {
      const { entries, sha256 } = await readDocument(entry);
      const seen = digest.result();
      if (entries !== seen.entries || sha256 !== seen.sha256) throw new TarError('its checksum is wrong');
      state = 'complete';
    } else {
      const { body, ...header } = digest.watch(entry);
      await onEntry({ ...header, body });
      for await (const chunk of body) void chunk;
    }
  }
  if (state !== 'complete') throw new TarError('its end is missing');
}

/** Of names, modes, sizes and contents, in their order. */
class ContentDigest {
  readonly #digest = createHash('sha256');
  #entries = 0;

  /** The same entry; what is read of its body is counted. */
  watch(entry: TarEntry): TarEntry {
    const { name, type, mode, size } = entry;
    this.#entries += 1;
    this.#digest.update(JSON.stringify([name, type, mode, size]));
    return { ...entry, body: this.#watching(entry.body) };
  }

  async *#watching(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.#digest.update(chunk);
      yield chunk;
    }
  }

  result(): { readonly entries: number; readonly sha256: string } {
    return { entries: this.#entries, sha256: this.#digest.copy().digest('hex') };
  }
}

async function readDocument(entry: TarEntry): Promise<Record<string, unknown>> {
  if (entry.size > MAX_DOCUMENT_BYTES) throw new TarError(`${entry.name} is too long`);
  const parts: Uint8Array[] = [];
  for await (const part of entry.body) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>;
  } catch {
    throw new TarError(`${entry.name} is no JSON`);
  }
}

function checkFacts(file: string, facts: Record<string, unknown>): ArchiveFacts {
  const { format, skep } = facts;
  if (typeof format !== 'number') throw new TarError(`${HEADER_NAME} names no format`);
  if (format > FORMAT) {
    throw new BackupError(
      `Cannot restore "${file}": its format is ${format}, made by Skep ${String(skep)}; this Skep reads ${FORMAT}. Use that Skep or a newer one.`,
    );
  }
  return facts as unknown as ArchiveFacts;
}

/** The file is an archive, but not one of these. */
class NoBackup extends Error {}

function sentenceFor(file: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof NoBackup || code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR' || error instanceof TarError) {
    const isOther = error instanceof NoBackup || (error as Error).message === 'incorrect header check';
    const reason = isOther ? 'it is no backup of Skep' : `it is damaged (${(error as Error).message})`;
    return new BackupError(`Cannot restore "${file}": ${reason}. Nothing was restored. Use another backup.`, {
      cause: error,
    });
  }
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
    return new BackupError(`Cannot read the backup "${file}": ${code}. Name a file that is there and can be read.`, {
      cause: error,
    });
  }
  return error;
}

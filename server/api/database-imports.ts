/**
 * SQL files on their way into a database (`wrangler d1 execute --file`): the client asks where to, sends the file there without its token,
 * and says that it is to be run. Until then a file waits in memory; its place is known to who asked for it only.
 */
import { createHash, randomBytes } from 'node:crypto';
import { DATABASE_LIMITS } from '../../shared/limits.ts';
import { fail } from './errors.ts';

interface Upload {
  readonly databaseId: string;
  /** MD5 of the file, as the client announced it: it tells a broken upload, no more. */
  readonly etag: string;
  readonly expiresMs: number;
  content: Buffer | null;
}

export type UploadRefusal = 'unknown' | 'changed';

/** Of one process. */
export class DatabaseImports {
  readonly #uploads = new Map<string, Upload>();

  /** Where the file goes. Undefined: too many wait already. */
  begin(databaseId: string, etag: string): string | undefined {
    const nowMs = Date.now();
    for (const [token, { expiresMs }] of this.#uploads) if (expiresMs < nowMs) this.#uploads.delete(token);
    if (this.#uploads.size >= DATABASE_LIMITS.waitingImports) return undefined;
    const token = randomBytes(24).toString('hex');
    this.#uploads.set(token, { databaseId, etag, expiresMs: nowMs + DATABASE_LIMITS.importWaitMs, content: null });
    return token;
  }

  isKnown(token: string): boolean {
    return (this.#uploads.get(token)?.expiresMs ?? 0) > Date.now();
  }

  /** Keeps the file; returns its MD5, or why it is refused. */
  receive(token: string, content: Buffer): { readonly etag: string } | { readonly refusal: UploadRefusal } {
    const upload = this.#uploads.get(token);
    if (upload === undefined || !this.isKnown(token)) return { refusal: 'unknown' };
    const etag = createHash('md5').update(content).digest('hex');
    if (etag !== upload.etag) return { refusal: 'changed' };
    upload.content = content;
    return { etag };
  }

  /** The file, once. Undefined: there is none for this database under this name. @throws ApiError databaseQueryFailed */
  take(token: string, databaseId: string): string | undefined {
    const upload = this.#uploads.get(token);
    if (upload?.databaseId !== databaseId || upload.content === null) return undefined;
    this.#uploads.delete(token);
    return sqlOf(upload.content);
  }
}

/** What is no text would be stored as another text than it was. A mark of the byte order, which editors write, is none of the SQL. */
function sqlOf(file: Buffer): string {
  const zero = file.indexOf(0);
  if (zero >= 0) throw notSql(`byte ${zero} is 0`);
  const text = file.toString('utf8');
  const wrong = firstDifference(file, Buffer.from(text));
  if (wrong !== undefined) throw notSql(`byte ${wrong} is no UTF-8`);
  return text.replace(/^\ufeff/, '');
}

function firstDifference(one: Buffer, other: Buffer): number | undefined {
  if (one.equals(other)) return undefined;
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return index;
  return length;
}

const notSql = (what: string): Error =>
  fail('databaseQueryFailed', { reason: `The file is not SQL in UTF-8: ${what}. Nothing of it was run` });

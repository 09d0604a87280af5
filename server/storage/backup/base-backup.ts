/**
 * A physical copy of a running PostgreSQL by its replication protocol (BASE_BACKUP), as pg_basebackup takes it: PostgreSQL's whole
 * directory as one archive that, with the write-ahead log in it, is the state at the end of the copy. Writes go on meanwhile.
 * https://www.postgresql.org/docs/18/protocol-replication.html
 */
import { Readable } from 'node:stream';
import pg from 'pg';
import type { DatabaseConnection } from '../database.ts';
import { DatabaseError } from '../errors.ts';

const SLOT = 'skep_backup';
/** A slot keeps the write-ahead log from being recycled before it is sent; it goes with this connection. */
const RESERVE_WAL = `CREATE_REPLICATION_SLOT ${SLOT}_${process.pid} TEMPORARY PHYSICAL RESERVE_WAL`;
const BASE_BACKUP = "BASE_BACKUP (LABEL 'skep', CHECKPOINT 'fast', WAL true, MANIFEST 'no', VERIFY_CHECKSUMS true)";
/** First bytes of the messages in the copy stream. */
const NEW_ARCHIVE = 'n'.charCodeAt(0);
const DATA = 'd'.charCodeAt(0);
const BUFFERED_BYTES = 4 * 1024 * 1024;

/** What of `pg`'s connection a query of our own uses. */
interface WireConnection {
  query(sql: string): void;
  readonly stream: { pause(): void; resume(): void };
}

/**
 * The archive of PostgreSQL's directory, read as fast as it is taken.
 * @throws DatabaseError while iterating, with one printable sentence.
 */
export async function* baseBackup(connection: DatabaseConnection): AsyncGenerator<Uint8Array> {
  const client = new pg.Client({
    ...connection,
    replication: 'true',
    application_name: 'skep backup',
  } as pg.ClientConfig);
  const copy = new BaseBackup();
  client.on('error', (error) => copy.output.destroy(error));
  try {
    await client.connect();
    await client.query(RESERVE_WAL);
    client.query(copy);
    yield* copy.output as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw asSentence(error);
  } finally {
    copy.output.destroy();
    // A connection in the middle of a copy would first send the rest of it.
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

function asSentence(error: unknown): unknown {
  if (error instanceof DatabaseError) return error;
  const { message } = error as Error;
  return new DatabaseError(`Cannot copy the database: ${message}. Mend that and run the backup again.`, {
    cause: error,
  });
}

/** Answers of `pg` to one command, turned into a stream that slows the server down when nobody reads. */
class BaseBackup {
  readonly output: Readable;
  #connection: WireConnection | undefined;
  #archives = 0;

  constructor() {
    this.output = new Readable({ highWaterMark: BUFFERED_BYTES, read: () => this.#connection?.stream.resume() });
  }

  submit(connection: WireConnection): void {
    this.#connection = connection;
    connection.query(BASE_BACKUP);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    if (chunk[0] === NEW_ARCHIVE) {
      this.#archives += 1;
      // Only what lies in tablespaces outside has archives of its own; Skep makes none.
      if (this.#archives > 1) this.output.destroy(new DatabaseError(TABLESPACES));
    } else if (chunk[0] === DATA) {
      // A copy: the driver uses its buffer again.
      if (!this.output.push(Buffer.from(chunk.subarray(1)))) this.#connection?.stream.pause();
    }
  }

  handleReadyForQuery(): void {
    this.output.push(null);
  }

  handleError(error: Error): void {
    this.output.destroy(error);
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyInResponse(): void {}
}

const TABLESPACES =
  'Cannot copy the database: it has tablespaces outside of its directory, which Skep never makes. Move them back, or use pg_basebackup.';

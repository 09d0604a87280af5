/** The master key: from the configuration, or a file of its own in the data directory, made on first use. */
import { randomBytes } from 'node:crypto';
import { link, open as openFile, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { directoryError } from './data-dir.ts';
import type { Database } from './database.ts';
import { DatabaseError } from './errors.ts';
import { EnvelopeError, open, seal } from './envelope.ts';
import { syncFolder } from './sync-folder.ts';

const FILE_NAME = 'master.key';
const KEY_BYTES = 32;
const CHECK_PLACE = ['platform', 'master-key-check'];
const CHECK_TEXT = 'skep';

/**
 * The configured key, else the one in `<dataDir>/master.key`, else a new random one written there (mode 0600).
 * @throws DatabaseError when the file cannot be read, is open to others or holds no key.
 */
export async function loadMasterKey(configured: Uint8Array | null, dataDir: string): Promise<Uint8Array> {
  if (configured !== null) return configured;
  const file = masterKeyFile(dataDir);
  const found = await readKeyFile(file);
  if (found !== null) return found;
  try {
    return await createKeyFile(file);
  } catch (error) {
    throw error instanceof DatabaseError ? error : directoryError(dataDir, error);
  }
}

/** Where the key lies when it is not configured. */
export const masterKeyFile = (dataDir: string): string => join(dataDir, FILE_NAME);

/** The key in the data directory; null when there is none. Throws DatabaseError as `loadMasterKey` does. */
export const readMasterKeyFile = (dataDir: string): Promise<Uint8Array | null> => readKeyFile(masterKeyFile(dataDir));

async function readKeyFile(file: string): Promise<Uint8Array | null> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new DatabaseError(
        `Cannot use the master key in "${file}": its mode is ${(mode & 0o777).toString(8)}, others can read it. ` +
          `Run: chmod 600 "${file}"`,
      );
    }
    const text = (await readFile(file, 'utf8')).trim();
    const key = Buffer.from(text, 'base64');
    if (key.length === KEY_BYTES && key.toString('base64') === text) return key;
    throw new DatabaseError(
      `Cannot use the master key in "${file}": it does not hold ${KEY_BYTES} bytes in base64. Restore the file from a backup.`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(
      `Cannot read the master key in "${file}": ${(error as Error).message}. Let this user read it, or set SKEP_MASTER_KEY.`,
      { cause: error },
    );
  }
}

/** Written whole and synced beside its name, then linked: the name never shows half a key and is never overwritten. */
async function createKeyFile(file: string): Promise<Uint8Array> {
  const key = randomBytes(KEY_BYTES);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = await openFile(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(`${key.toString('base64')}\n`);
    await handle.sync();
    await link(temporary, file);
    // What is sealed with it must not outlive it.
    await syncFolder(dirname(file));
    return key;
  } catch (error) {
    const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await readKeyFile(file) : null;
    if (other !== null) return other;
    throw error;
  } finally {
    await handle.close();
    await unlink(temporary).catch(() => {});
  }
}

/**
 * Compares the key with the one this database was set up with; the first caller sets it.
 * @throws DatabaseError when it is another one.
 */
export async function checkMasterKey(db: Database, masterKey: Uint8Array): Promise<void> {
  await db.query('INSERT INTO skep.platform (master_key_check) VALUES ($1) ON CONFLICT (only_row) DO NOTHING', [
    seal(masterKey, CHECK_PLACE, CHECK_TEXT),
  ]);
  const { rows } = await db.query<{ master_key_check: Buffer }>('SELECT master_key_check FROM skep.platform');
  try {
    open(masterKey, CHECK_PLACE, rows[0]?.master_key_check ?? Buffer.alloc(0));
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    throw new DatabaseError(
      'Cannot use this database with this master key: its secrets were sealed with another one. Set SKEP_MASTER_KEY to that key, ' +
        'or put its master.key back into the data directory.',
      { cause: error },
    );
  }
}

/** The master key of a backup: never stored without being asked for, always known to be the right one. */
import { readMasterKeyFile } from '../master-key.ts';
import { EnvelopeError, open, seal } from '../envelope.ts';
import { BackupError } from './archive.ts';

const PLACE = ['backup', 'master-key'];
const TEXT = 'skep';

/** What a backup holds of its master key: enough to recognize it. */
export const checkOfKey = (masterKey: Uint8Array): string => seal(masterKey, PLACE, TEXT).toString('base64');

/** Whether this is the key that the backup's secrets are sealed with. */
export function isKeyOf(masterKey: Uint8Array, check: string): boolean {
  try {
    open(masterKey, PLACE, Buffer.from(check, 'base64'));
    return true;
  } catch (error) {
    if (error instanceof EnvelopeError) return false;
    throw error;
  }
}

/** The configured key, or the data directory's. Throws BackupError when there is none. */
export async function requireMasterKey(configured: Uint8Array | null, dataDir: string): Promise<Uint8Array> {
  const key = configured ?? (await readMasterKeyFile(dataDir));
  if (key !== null) return key;
  throw new BackupError(
    `Cannot back up "${dataDir}": its master key is neither in it nor in SKEP_MASTER_KEY. Set SKEP_MASTER_KEY as for the Skep that runs there.`,
  );
}

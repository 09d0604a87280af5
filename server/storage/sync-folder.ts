/** Names are kept by folders: what was made, linked or renamed in one survives a loss of power only when the folder was synced, too. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What was made, linked or renamed in a folder survives a loss of power from here on. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same for a folder and all folders in it. */
export async function syncFolders(path: string): Promise<void> {
  for (const item of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (item.isDirectory()) await syncFolder(join(item.parentPath, item.name));
  }
  await syncFolder(path);
}

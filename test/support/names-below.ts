import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** All names below a directory, as paths from it. What goes while it is looked at, as directories of cells do, is left out. */
export function namesBelow(directory: string): string[] {
  const names: string[] = [];
  for (const entry of entriesOf(directory)) {
    names.push(entry.name);
    if (entry.isDirectory()) {
      names.push(...namesBelow(join(directory, entry.name)).map((name) => `${entry.name}/${name}`));
    }
  }
  return names;
}

function entriesOf(directory: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const readEntries = (directory: string) => readdirSync(directory, { withFileTypes: true });

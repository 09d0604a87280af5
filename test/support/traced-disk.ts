/**
 * Watches what this process does to the files below a folder, and knows what of it a loss of power would leave: contents up to their last sync, and names
 * up to the last sync of their folder. What was removed may be gone at once, synced or not.
 */
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';

interface Inode {
  written: number;
  durable: number;
}

export interface TracedDisk {
  /** Whether this name, with this many bytes behind it, would be there after a loss of power now. */
  survives(path: string, size: number): boolean;
  /** Files that got a name before all of their content was on the disk. */
  readonly namedTooEarly: readonly string[];
  stop(): void;
}

/** `onUnlink` is told before a file goes. The folder itself is taken for durable. */
export function traceDisk(root: string, onUnlink: (path: string) => Promise<void>): TracedDisk {
  const original = { ...promises };
  const names = new Map<string, Inode>();
  const durable = new Map<string, Inode>();
  /** How often something of this name was removed. */
  const removals = new Map<string, number>();
  const namedTooEarly: string[] = [];
  const isInside = (path: unknown): path is string => typeof path === 'string' && path.startsWith(`${root}/`);
  const ensure = (path: string): Inode => {
    const inode = names.get(path) ?? { written: 0, durable: 0 };
    names.set(path, inode);
    return inode;
  };

  /** What was there when the sync began is durable when it has ended. What was renamed over it since leaves one or the other. */
  const syncingFolder = (path: string): (() => void) => {
    const there = [...names].filter(([name]) => dirname(name) === path);
    const before = new Map(there.map(([name]) => [name, removals.get(name)]));
    return () => {
      for (const [name, inode] of there) if (removals.get(name) === before.get(name)) durable.set(name, inode);
    };
  };

  const patched: Partial<typeof promises> = {
    open: async (path, flags, mode) => {
      const handle = await original.open(path, flags, mode);
      if (path !== root && !isInside(path)) return handle;
      const isFolder = (await handle.stat()).isDirectory();
      const inode = isFolder ? undefined : ensure(path);
      const synced = async (sync: () => Promise<void>): Promise<void> => {
        const before = inode?.written ?? 0;
        const finish = isFolder ? syncingFolder(path) : () => undefined;
        await sync();
        if (inode !== undefined) inode.durable = Math.max(inode.durable, before);
        finish();
      };
      const write = handle.write.bind(handle) as (...args: unknown[]) => Promise<{ bytesWritten: number }>;
      const sync = handle.sync.bind(handle);
      const datasync = handle.datasync.bind(handle);
      handle.sync = () => synced(sync);
      handle.datasync = () => synced(datasync);
      handle.write = (async (...args: unknown[]) => {
        const result = await write(...args);
        if (inode !== undefined) inode.written += result.bytesWritten;
        return result;
      }) as typeof handle.write;
      return handle;
    },
    mkdir: (async (path: string, options: object) => {
      const made = await original.mkdir(path, options);
      for (let folder = path; isInside(folder); folder = dirname(folder)) ensure(folder);
      return made;
    }) as typeof promises.mkdir,
    writeFile: async (path, data, options) => {
      await original.writeFile(path, data, options);
      if (!isInside(path)) return;
      const size = Buffer.byteLength(data as string);
      const isFlushed = (options as { flush?: boolean } | undefined)?.flush === true;
      names.set(path, { written: size, durable: isFlushed ? size : 0 });
    },
    rename: async (from, to) => {
      await original.rename(from, to);
      if (!isInside(from) || !isInside(to)) return;
      const inode = ensure(from);
      names.delete(from);
      durable.delete(from);
      removals.set(from, (removals.get(from) ?? 0) + 1);
      names.set(to, inode);
      if (inode.durable < inode.written) namedTooEarly.push(to);
    },
    link: async (from, to) => {
      await original.link(from, to);
      if (isInside(from) && isInside(to)) names.set(to, ensure(from));
    },
    unlink: async (path) => {
      if (isInside(path)) {
        await onUnlink(path);
        names.delete(path);
        durable.delete(path);
        removals.set(path, (removals.get(path) ?? 0) + 1);
      }
      await original.unlink(path);
    },
  };
  Object.assign(promises, patched);
  syncBuiltinESMExports();

  return {
    namedTooEarly,
    survives(path, size) {
      const inode = durable.get(path);
      if (inode === undefined || inode.durable < size) return false;
      for (let folder = dirname(path); folder !== root; folder = dirname(folder)) {
        if (!durable.has(folder)) return false;
      }
      return true;
    },
    stop() {
      Object.assign(promises, original);
      syncBuiltinESMExports();
    },
  };
}

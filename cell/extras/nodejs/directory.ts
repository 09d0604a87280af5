/** The working directory of the virtual file system, which `process`, `path` and `fs` share. */
import { findBuiltin } from '../../builtins.ts';
import { denoNode } from './deno-node.ts';
import { nodeError } from './errors.ts';

let directory = '/bundle';

export const currentDirectory = (): string => directory;

/** Only to a directory that is there. */
export function changeDirectory(path: unknown): void {
  const { posix } = denoNode('path') as { posix: { resolve(...parts: string[]): string } };
  const target = posix.resolve(directory, String(path));
  const fs = findBuiltin('node:fs/promises') === undefined ? undefined : virtualDirectoryExists;
  if (fs === undefined || !fs(target)) {
    throw nodeError('ENOENT', `no such file or directory, chdir '${String(path).replace(/^\/+/, '')}'`);
  }
  directory = target;
}

/** The directories every worker has; those it makes in `/tmp` live as long as a request. */
const virtualDirectoryExists = (path: string): boolean => ['/', '/bundle', '/tmp', '/dev'].includes(path);

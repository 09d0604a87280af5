/** The working directory of the virtual file system, which `process`, `path` and `fs` share. */
import { denoNode } from './deno-node.ts';
import { nodeError, toText } from './errors.ts';

let directory = '/bundle';
let isDirectory: (path: string) => boolean = (path) => ['/', '/bundle', '/tmp', '/dev'].includes(path);

export const currentDirectory = (): string => directory;

/** The file system says which directories there are, once it is loaded. */
export function setDirectoryCheck(check: (path: string) => boolean): void {
  isDirectory = check;
}

/** `process.chdir`: only to a directory that is there. */
export function changeDirectory(path: unknown): void {
  const { posix } = denoNode('path') as { posix: { resolve(...parts: string[]): string } };
  const target = posix.resolve(directory, toText(path));
  if (!isDirectory(target)) {
    throw nodeError('ENOENT', `no such file or directory, chdir '${toText(path).replace(/^\/+/, '')}'`);
  }
  directory = target;
}

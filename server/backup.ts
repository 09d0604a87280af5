/** `skep backup FILE` and `skep restore FILE`: everything of an embedded node in one file, and back. A composition root, like main.ts. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Config, loadConfig } from './config/config.ts';
import { createLogger } from './log/log.ts';
import { createBackup } from './storage/backup/create.ts';
import { restoreBackup } from './storage/backup/restore.ts';
import { masterKeyFile } from './storage/master-key.ts';

const MiB = 1024 * 1024;
const WITH_KEY = '--with-key';

const HELP = {
  backup: `Usage: skep backup FILE [--with-key] [flags]

Writes everything of an embedded node into FILE (gzipped tar): accounts, workers, versions, secrets, KV, databases, the files of objects.
Skep may be running or not. FILE must not exist; it is there when it is complete, or not at all.

The master key, which opens the secrets, is NOT in it unless you say --with-key: then whoever has FILE has every secret.
Without it keep a copy of master.key (or SKEP_MASTER_KEY) somewhere else: a restore asks for it.

With a PostgreSQL of your own (DATABASE_URL) use its own tools.
Flags: those of \`skep --help\`; --data-dir names what is backed up.
`,
  restore: `Usage: skep restore FILE [flags]

Makes a data directory (--data-dir, SKEP_DATA_DIR) from a backup. It must be empty or not there; it may hold the master key in master.key,
which is needed (there or in SKEP_MASTER_KEY) unless the backup was made with --with-key. Then start Skep as usual.
A restore that is interrupted leaves nothing that Skep would start on: run it again.

Restore only backups that you trust: they hold a database's files, and code that Skep will run.
Flags: those of \`skep --help\`.
`,
} as const;
type Command = keyof typeof HELP;
const VERBS: Record<Command, string> = { backup: 'back up', restore: 'restore' };

const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Printed as it is: what is wrong with the command line. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

async function main(): Promise<void> {
  const [command, ...rest] = process.argv.slice(2);
  if (command !== 'backup' && command !== 'restore') throw new UsageError('Use `skep backup` or `skep restore`.');
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(HELP[command]);
    return;
  }
  const [named, ...flags] = rest;
  if (named === undefined || named.startsWith('-')) {
    throw new UsageError(`Cannot ${VERBS[command]}: the file is missing. Say \`skep ${command} FILE [flags]\`.`);
  }
  const withKey = command === 'backup' && flags.includes(WITH_KEY);
  const argv = command === 'backup' ? flags.filter((flag) => flag !== WITH_KEY) : flags;
  const config = loadConfig({ argv, env: process.env, cwd: process.cwd() });
  requireEmbedded(command, config);
  await COMMANDS[command](config, resolve(process.cwd(), named), withKey);
}

function requireEmbedded(command: Command, { databaseUrl, dataDir }: Config): void {
  if (databaseUrl === null) return;
  throw new UsageError(
    `Cannot ${VERBS[command]}: this Skep uses a PostgreSQL of yours (DATABASE_URL). Use pg_dump and pg_restore, or the tools of its provider, ` +
      `and copy "${dataDir}/objects" after the dump.`,
  );
}

const COMMANDS: Record<Command, (config: Config, file: string, withKey: boolean) => Promise<void>> = {
  async backup(config, file, withKey) {
    const started = performance.now();
    const { dataDir, masterKey } = config;
    const log = createLogger({ format: config.logFormat, verbose: config.verbose });
    const { version } = packageJson;
    const report = await createBackup({ dataDir, masterKey, file, withKey, version, log, signal: whenInterrupted() });
    const size = `${(report.bytes / MiB).toFixed(1)} MiB`;
    process.stdout.write(
      `Backed up ${dataDir} to ${file}: ${size}, ${counted(report.files, 'object file')}, in ${secondsSince(started)}.\n`,
    );
    const where = masterKey === null ? masterKeyFile(dataDir) : 'SKEP_MASTER_KEY';
    process.stdout.write(
      withKey
        ? 'The master key is in it: whoever has the file has every secret.\n'
        : `The master key is NOT in it: keep a copy of ${where} somewhere else, a restore needs it.\n`,
    );
  },
  async restore(config, file) {
    const started = performance.now();
    const { dataDir, masterKey } = config;
    const log = createLogger({ format: config.logFormat, verbose: config.verbose });
    const { facts, workers, files } = await restoreBackup({ dataDir, masterKey, file, log });
    process.stdout.write(
      `Restored ${dataDir} as it was on ${facts.createdAt}: ${counted(workers, 'worker')}, ${counted(files, 'object file')}, in ${secondsSince(started)}. ` +
        'Start Skep on it as usual.\n',
    );
  },
};

function whenInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  return interrupted.signal;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const secondsSince = (started: number): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;

main().catch((error: Error) => {
  const known = ['ConfigError', 'DatabaseError', 'UsageError'].includes(error.name);
  process.stderr.write(`${known ? error.message : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
});

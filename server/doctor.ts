/**
 * `skep doctor`: what holds on this machine and what does not, in plain words, without starting the platform. It looks and tries; it
 * changes nothing, so it may run beside a Skep that serves.
 */
import { createServer } from 'node:net';
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { freemem, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, loadConfig } from './config/config.ts';
import { inspectDatabase } from './storage/inspect.ts';
import { CellGroups } from './supervisor/cgroup.ts';
import { ENGINE, EngineError, findEngine, readEngine } from './supervisor/engine.ts';
import { detectSandbox, type SandboxLayer } from './supervisor/sandbox.ts';

const MiB = 1024 * 1024;
const OLDEST_POSTGRES = 15;
const LOW_DISK_MIB = 1024;
/** Exploitable engine bugs become public about once a month. */
const OLD_ENGINE_DAYS = 30;
const MAX_CLOCK_OFFSET_MS = 5_000;
const ASK_TIMEOUT_MS = 2_000;

interface Finding {
  /** `repair`: Skep does not start, or not as it is configured. `warn`: it runs, but somebody should know. */
  readonly level: 'ok' | 'warn' | 'repair';
  readonly about: string;
  readonly message: string;
}

const ok = (about: string, message: string): Finding => ({ level: 'ok', about, message });
const warn = (about: string, message: string): Finding => ({ level: 'warn', about, message });
const repair = (about: string, message: string): Finding => ({ level: 'repair', about, message });

async function examine(config: Config): Promise<Finding[]> {
  return [
    ok('node', `Node ${process.versions.node} on Linux ${release()}, ${process.arch}.`),
    await aboutEngine(),
    ...(await aboutSandbox(config)),
    aboutDataDir(config),
    aboutDisk(config),
    aboutMasterKey(config),
    await aboutDatabase(config),
    await aboutPort('gateway', config.host, config.gatewayPort),
    await aboutPort('api', config.host, config.apiPort),
    aboutMemory(config),
  ];
}

async function aboutEngine(): Promise<Finding> {
  try {
    const { deno, v8, ageDays } = await readEngine(findEngine(), new Date());
    const engine = `Deno ${deno}, V8 ${v8}`;
    if (ageDays === null) return warn('engine', `${engine}: not the one Skep was released with (${ENGINE.version}).`);
    const text = `${engine}, released ${ENGINE.releasedOn}, ${ageDays} days ago.`;
    if (ageDays <= OLD_ENGINE_DAYS) return ok('engine', text);
    return warn('engine', `${text} Bugs in it may be public by now: look for a newer release of Skep.`);
  } catch (error) {
    if (error instanceof EngineError) return repair('engine', error.message);
    return repair('engine', `The Deno binary does not start: ${(error as Error).message}. Run npm ci again.`);
  }
}

async function aboutSandbox(config: Config): Promise<Finding[]> {
  try {
    const harnessPath = fileURLToPath(new URL('../cell/harness.js', import.meta.url));
    const sandbox = await detectSandbox({ denoPath: findEngine(), harnessPath, sandbox: config.sandbox });
    const groups = CellGroups.detect();
    groups.close();
    const layers = [...sandbox.layers, groups.layer];
    const required = config.sandbox === 'require-strong';
    const summary = sandbox.strong
      ? ok('sandbox', 'Strong: every layer that keeps hostile workers in is on.')
      : required
        ? repair('sandbox', 'Not strong, and SKEP_SANDBOX=require-strong: Skep refuses to start.')
        : warn('sandbox', 'Not strong on this machine. Do not run workers of people you do not trust.');
    return [summary, ...layers.map(aboutLayer)];
  } catch (error) {
    return [repair('sandbox', (error as Error).message)];
  }
}

const aboutLayer = ({ name, active, detail }: SandboxLayer): Finding =>
  active ? ok(`sandbox/${name}`, detail) : warn(`sandbox/${name}`, detail);

function aboutDataDir({ dataDir }: Config): Finding {
  if (!existsSync(dataDir)) return ok('data', `${dataDir} is not there yet; the first start makes it.`);
  try {
    readdirSync(dataDir);
    return ok('data', `${dataDir} is there.`);
  } catch (error) {
    return repair(
      'data',
      `${dataDir} cannot be read: ${(error as Error).message}. Give it to the user that runs Skep.`,
    );
  }
}

function aboutDisk({ dataDir, diskReserveMiB }: Config): Finding {
  let folder = dataDir;
  while (!existsSync(folder)) folder = join(folder, '..');
  const { bavail, bsize } = statfsSync(folder);
  const freeMiB = Math.floor((bavail * bsize) / MiB);
  const text = `${freeMiB.toLocaleString('en')} MiB are free for ${dataDir}.`;
  if (freeMiB < diskReserveMiB) {
    return warn(
      'disk',
      `${text} That is less than SKEP_DISK_RESERVE_MIB (${diskReserveMiB}): accounts can store nothing. Make room.`,
    );
  }
  return freeMiB < LOW_DISK_MIB
    ? warn('disk', `${text} A full disk stops deploys and writes: make room.`)
    : ok('disk', text);
}

function aboutMasterKey({ dataDir, masterKey }: Config): Finding {
  const file = join(dataDir, 'master.key');
  if (masterKey !== null)
    return ok('master key', 'Given by SKEP_MASTER_KEY. Keep a copy: without it secrets are lost.');
  if (!existsSync(file)) return ok('master key', 'Not there yet; the first start makes it.');
  if ((statSync(file).mode & 0o077) !== 0) {
    return repair('master key', `${file} can be read by others. Run: chmod 600 "${file}"`);
  }
  return ok('master key', `${file}. Keep a copy of it: without it secrets are lost.`);
}

async function aboutDatabase(config: Config): Promise<Finding> {
  if (config.databaseUrl === null) {
    const isThere = existsSync(join(config.dataDir, 'postgres'));
    return ok('database', `Embedded PostgreSQL, ${isThere ? 'in the data directory' : 'made at the first start'}.`);
  }
  try {
    const facts = await inspectDatabase(config.databaseUrl);
    const text = `PostgreSQL ${facts.version} at ${facts.url}`;
    if (facts.major < OLDEST_POSTGRES) return repair('database', `${text}: Skep needs ${OLDEST_POSTGRES} or newer.`);
    if (Math.abs(facts.clockOffsetMs) > MAX_CLOCK_OFFSET_MS) {
      return warn('database', `${text}: its clock is ${facts.clockOffsetMs} ms off this machine's. Set both by NTP.`);
    }
    return ok('database', `${text}, ${facts.schema === null ? 'not used by Skep yet' : `schema ${facts.schema}`}.`);
  } catch (error) {
    return repair('database', `Cannot be reached: ${(error as Error).message}. Check DATABASE_URL and that it runs.`);
  }
}

async function aboutPort(about: string, host: string, port: number): Promise<Finding> {
  const where = `${host}:${port}`;
  const refusal = await tryListen(host, port);
  if (refusal === null) return ok(about, `Port ${where} is free.`);
  if (refusal !== 'EADDRINUSE') return repair(about, `Port ${where} cannot be used: ${refusal}. Choose another.`);
  if (about === 'api' && (await isSkep(where))) return ok(about, `Port ${where} is in use by a Skep that answers.`);
  if (about === 'gateway') return ok(about, `Port ${where} is in use: by a running Skep, or change SKEP_GATEWAY_PORT.`);
  return repair(about, `Port ${where} is in use by something else. Stop it, or change SKEP_API_PORT.`);
}

function tryListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

async function isSkep(where: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${where}/readyz`, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    return 'ready' in ((await response.json()) as object);
  } catch {
    return false;
  }
}

function aboutMemory({ limitMemoryMiB, limitCells }: Config): Finding {
  const totalMiB = Math.floor(totalmem() / MiB);
  const freeMiB = Math.floor(freemem() / MiB);
  const text = `${totalMiB.toLocaleString('en')} MiB, ${freeMiB.toLocaleString('en')} free.`;
  const mostMiB = limitCells * limitMemoryMiB;
  if (mostMiB <= totalMiB) return ok('memory', text);
  return warn(
    'memory',
    `${text} ${limitCells} cells of ${limitMemoryMiB} MiB could take ${mostMiB.toLocaleString('en')}: lower SKEP_LIMIT_CELLS.`,
  );
}

const WORDS = { ok: 'ok    ', warn: 'warn  ', repair: 'REPAIR' } as const;

function print(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ about }) => about.length));
  for (const { level, about, message } of findings) {
    process.stdout.write(`${WORDS[level]}  ${about.padEnd(width)}  ${message}\n`);
  }
}

const HELP = `Usage: skep doctor [--json] [flags]

Looks at this machine without starting anything, also beside a Skep that serves: Node and the engine with its age, each wall around the
cells and why it is missing, database, ports, disk, memory, master key. Each line begins with ok, warn or REPAIR.
Ends with 1 when something has to be repaired. --json prints the same for machines.

Flags: those of \`skep --help\`; give those with which Skep is started.
`;

async function main(): Promise<void> {
  const given = process.argv.slice(3);
  if (given.includes('--help') || given.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const argv = given.filter((argument) => argument !== '--json');
  const config = loadConfig({ argv, env: process.env, cwd: process.cwd() });
  const findings = await examine(config);
  if (given.includes('--json')) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else print(findings);
  process.exitCode = findings.some(({ level }) => level === 'repair') ? 1 : 0;
}

main().catch((error: Error) => {
  process.stderr.write(`${error.name === 'ConfigError' ? error.message : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
});

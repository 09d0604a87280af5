/** Writes docs/limits.md from shared/limits.ts and what is said of each limit there. `--check` only compares and fails when it is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { limitsPage } from './lib/limits-page.ts';

const file = new URL('../docs/limits.md', import.meta.url);
const wanted = limitsPage();
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== wanted) {
    console.error('docs/limits.md is out of date. Run: node --import tsx tools/limits-docs.ts');
    process.exitCode = 1;
  }
} else writeFileSync(file, wanted);

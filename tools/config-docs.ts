/** Writes the table of settings into docs/configuration.md. `--check` only compares and fails when it is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '../server/config/docs.ts';

const file = new URL('../docs/configuration.md', import.meta.url);
const text = readFileSync(file, 'utf8');
const wanted = text.replace(
  /(<!-- settings:begin[^\n]*-->\n)[\s\S]*?(<!-- settings:end -->)/,
  `$1${settingsTable()}\n$2`,
);
if (wanted !== text && process.argv.includes('--check')) {
  console.error('docs/configuration.md is out of date. Run: node --import tsx tools/config-docs.ts');
  process.exitCode = 1;
} else if (wanted !== text) writeFileSync(file, wanted);

// The long form of test/e2e/crash.test.ts: kills a Skep with -9 again and again under writes, and checks every acknowledged one.
//
//   npm run crash                     30 kills, about two minutes
//   npm run crash -- --kills 200
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

const { values } = parseArgs({ options: { kills: { type: 'string', default: '30' } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1 || kills > 100_000) {
  console.error(`Cannot kill ${values.kills} times: --kills takes a whole number from 1 to 100000.`);
  process.exit(1);
}
const run = (args) =>
  spawnSync(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, CRASH_KILLS: String(kills) },
  }).status ?? 1;
process.exitCode =
  run(['tools/build.mjs']) || run(['--import=tsx', '--test', '--test-reporter=spec', 'test/e2e/crash.test.ts']);

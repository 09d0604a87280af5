#!/usr/bin/env node
// `skep [flags]`: starts the server, as `npm start` does; `skep doctor`: what holds on this machine; `skep backup` and `skep restore`: everything of an embedded
// node in a file, and back. Plain JavaScript that every old Node can parse, so that a too old one gets a sentence and not a syntax error.
import { existsSync } from 'node:fs';

const MINIMUM = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
  console.error(
    `Skep cannot start: this is Node ${process.versions.node}, it needs ${MINIMUM.join('.')} or newer. Install a newer Node.`,
  );
  process.exit(1);
}

const PROGRAMS = new Map([
  ['doctor', 'doctor'],
  ['backup', 'backup'],
  ['restore', 'backup'],
]);
const program = PROGRAMS.get(process.argv[2]) ?? 'main';
const server = new URL(`../dist/server/${program}.js`, import.meta.url);
if (!existsSync(server)) {
  console.error('Skep cannot start: dist/ is not built. Run `npm run build` in the folder of Skep.');
  process.exit(1);
}
await import(server.href);

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');
const CHECKER = join(ROOT, 'tools/check-layers.mjs');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'skep-layers-'));
  // The project's own table, so that these tests also guard what it says.
  write('layers.json', readFileSync(join(ROOT, 'layers.json'), 'utf8'));
  write('shared/limits.ts', 'export const LIMIT = 1;\n');
  write('server/storage/store.ts', 'export interface Store {}\nexport const openStore = 1;\n');
  write('server/catalog/types.ts', 'export interface Catalog {}\nexport const VALUE = 1;\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function check(): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CHECKER, '--root', root], { encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

function assertRefused(path: string, content: string, expected: RegExp): void {
  write(path, content);
  const { code, output } = check();
  assert.equal(code, 1, `expected a refusal of:\n${content}\ngot:\n${output}`);
  assert.match(output, expected);
}

function assertAccepted(path: string, content: string): void {
  write(path, content);
  const { code, output } = check();
  assert.equal(code, 0, output);
  assert.equal(output, '');
}

test('a tree that keeps to the table passes and prints nothing', () => {
  assertAccepted(
    'server/gateway/server.ts',
    `import { createServer } from 'node:http';
     import { LIMIT } from '../../shared/limits.ts';
     import type { Catalog } from '../catalog/types.ts';
     import { type Catalog as Other } from '../catalog/types.ts';
     type Third = import('../catalog/types.ts').Catalog;
     export const x: [Catalog, Other, Third, typeof createServer, number] | undefined = LIMIT === 1 ? undefined : undefined;`,
  );
});

test('the gateway importing storage is refused with file, line and what is allowed', () => {
  assertRefused(
    'server/gateway/server.ts',
    `// a comment first\n\nimport { openStore } from '../storage/store.ts';\n`,
    /^server\/gateway\/server\.ts:3: server\/gateway must not import server\/storage\/store\.ts\. Allowed: shared, server\/log, server\/routing/m,
  );
});

test('even a type of a folder that is not in the table is refused', () => {
  assertRefused(
    'server/gateway/a.ts',
    `import type { Store } from '../storage/store.ts';`,
    /must not import server\/storage/,
  );
});

test('a value from where only types are allowed is refused, and the message says so', () => {
  assertRefused('server/gateway/a.ts', `import { VALUE } from '../catalog/types.ts';`, /write `import type`/);
  assertRefused(
    'server/gateway/a.ts',
    `import { type Catalog, VALUE } from '../catalog/types.ts';`,
    /write `import type`/,
  );
});

const spellings: Record<string, string> = {
  'a re-export': `export { openStore } from '../storage/store.ts';`,
  'a star re-export': `export * from '../storage/store.ts';`,
  'a namespace re-export': `export * as store from '../storage/store.ts';`,
  'a side-effect import': `import '../storage/store.ts';`,
  'a namespace import': `import * as store from '../storage/store.ts';`,
  'a default import called type': `import type from '../storage/store.ts';`,
  'a dynamic import': `const store = await import('../storage/store.ts');`,
  'a dynamic import in a template substitution': 'const s = `${await import("../storage/store.ts")}`;',
  'an import type expression': `type S = import('../storage/store.ts').Store;`,
  'an import over several lines': `import {\n  openStore, // note\n} from\n  '../storage/store.ts';`,
  'an import after a regular expression with quotes': `const r = /['"\`/*]/g;\nimport { openStore } from '../storage/store.ts';`,
  'an import after a template with a brace in it':
    'const t = `a ${{ b: `}` }.b} /*`;\nimport { openStore } from "../storage/store.ts";',
};
for (const [name, source] of Object.entries(spellings)) {
  test(`a forbidden import is found when written as ${name}`, () => {
    assertRefused('server/gateway/a.ts', source, /must not import server\/storage\/store\.ts/);
  });
}

test('imports in comments and strings are not imports', () => {
  assertAccepted(
    'server/gateway/a.ts',
    `// import { openStore } from '../storage/store.ts';
     /* import '../storage/store.ts';
        process.env.HOME */
     const text = "import '../storage/store.ts'; process.env";
     export const half = 4 / 2; // import '../storage/store.ts'
     export const more = text.length / 2 / half;`,
  );
});

test('shared imports nothing: no node module, no package, no server file', () => {
  assertRefused(
    'shared/a.ts',
    `import fs from 'node:fs';`,
    /shared must not import node:fs\. Allowed node: modules: nothing/,
  );
  assertRefused('shared/a.ts', `import fs from 'fs/promises';`, /shared must not import node:fs\/promises/);
  assertRefused(
    'shared/a.ts',
    `import { z } from 'zod';`,
    /shared must not import the package zod\. Allowed packages: nothing/,
  );
  assertRefused(
    'shared/a.ts',
    `import { openStore } from '../server/storage/store.ts';`,
    /shared must not import server/,
  );
});

test('the cell imports only shared, itself and the node modules that the harness needs', () => {
  assertAccepted(
    'cell/a.ts',
    `import { LIMIT } from '../shared/limits.ts';\nimport 'node:async_hooks';\nexport default LIMIT;`,
  );
  assertRefused('cell/a.ts', `import 'node:fs';`, /cell must not import node:fs/);
  assertRefused('cell/a.ts', `import { VALUE } from '../server/catalog/types.ts';`, /cell must not import server/);
});

test('the server does not import the cell', () => {
  write('cell/a.ts', 'export const a = 1;');
  assertRefused('server/api/a.ts', `import { a } from '../../cell/a.ts';`, /server\/api must not import cell\/a\.ts/);
});

test('a package is allowed only where the table names it', () => {
  assertAccepted('server/storage/pool.ts', `import pg from 'pg';\nexport default pg;`);
  assertRefused('server/api/a.ts', `import pg from 'pg';`, /server\/api must not import the package pg/);
  assertRefused(
    'server/log/a.ts',
    `import { x } from '@hono/node-server/serve-static';`,
    /the package @hono\/node-server/,
  );
});

test('child processes are started only by the supervisor and the PostgreSQL launcher', () => {
  assertAccepted('server/supervisor/spawn.ts', `import { spawn } from 'node:child_process';\nexport default spawn;`);
  assertAccepted(
    'server/storage/embedded/start.ts',
    `import { spawn } from 'node:child_process';\nexport default spawn;`,
  );
  assertRefused(
    'server/storage/a.ts',
    `import 'node:child_process';`,
    /node:child_process is only for: server\/supervisor/,
  );
  assertRefused('server/storage/a.ts', `import 'child_process';`, /node:child_process is only for/);
  assertRefused(
    'server/storage/a.ts',
    `import { createRequire } from 'node:module';\nconst cp = require('child_process');`,
    /:2: node:child_process is only for/,
  );
});

test('the environment is read only by config and main', () => {
  assertAccepted('server/config/a.ts', 'export default process.env.HOME;');
  for (const source of [
    'export default process.env.HOME;',
    `export default process['env'].HOME;`,
    'const { argv, env } = process;',
    'export default globalThis.process.env;',
    'export default process?.env;',
  ]) {
    assertRefused(
      'server/api/a.ts',
      `\n${source}`,
      /server\/api\/a\.ts:2: process\.env is only for: server\/config, server\/main\.ts/,
    );
  }
});

test('SQL stands only in storage', () => {
  const query = 'export default `\n  SELECT * FROM workers WHERE id = $1`;';
  assertAccepted('server/storage/workers.ts', query);
  assertRefused('server/api/workers.ts', query, /server\/api\/workers\.ts:1: SQL is only for: server\/storage/);
  assertRefused('server/api/workers.ts', `export default "DELETE FROM workers";`, /SQL is only for/);
  assertRefused(
    'server/api/workers.ts',
    'export default `UPDATE ${1} SET`; export const b = `INSERT INTO x VALUES (1)`;',
    /SQL is only for/,
  );
});

test('prose that names SQL words is not SQL', () => {
  assertAccepted(
    'server/api/a.ts',
    `export default ['Select a worker', 'UPDATE', 'Deleted from the list', 'delete from here'];`,
  );
});

test('files that import one another in a ring are refused, with the whole ring', () => {
  write('server/api/a.ts', `import { b } from './b.ts';\nexport const a = b;`);
  write('server/api/b.ts', `import { c } from './c.ts';\nexport const b = c;`);
  assertRefused(
    'server/api/c.ts',
    `export const c = 1;\nimport { a } from './a.ts';`,
    /server\/api\/c\.ts:2: Import ring: server\/api\/a\.ts → server\/api\/b\.ts → server\/api\/c\.ts → server\/api\/a\.ts/,
  );
  assertAccepted('server/api/c.ts', `export const c = 1;\nimport type { a } from './a.ts';`);
});

test('a source file in a folder that the table does not know is refused', () => {
  assertRefused('server/newpart/a.ts', 'export const a = 1;', /server\/newpart\/a\.ts:1: No layer covers this file/);
});

test('a root without any sources is an error, not a pass', () => {
  for (const folder of ['shared', 'server']) rmSync(join(root, folder), { recursive: true });
  const { code, output } = check();
  assert.equal(code, 1);
  assert.match(output, /no source files/);
});

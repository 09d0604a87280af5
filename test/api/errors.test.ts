import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  CLOUDFLARE_ERRORS,
  type CloudflareErrorEntry,
  type CloudflareErrorName,
  cloudflareProblem,
} from '../../shared/cloudflare-errors.ts';
import { createApi } from '../../server/api/api.ts';
import type { ApiOptions } from '../../server/api/router.ts';

const entries = Object.entries(CLOUDFLARE_ERRORS) as [CloudflareErrorName, CloudflareErrorEntry][];

test('every error says what happened and what to do, as sentences', () => {
  for (const [name, { message, remedy, status, code }] of entries) {
    assert.ok(remedy.length > 10 && /[.)]$/.test(remedy), `${name}: ${remedy}`);
    assert.ok(/^[A-Z{'i]/.test(message), `${name}: ${message}`);
    assert.ok(status >= 400 && status < 600 && code >= 1000, name);
  }
});

test('the codes by which wrangler decides have the one meaning it knows', () => {
  const codes = (code: number) => entries.filter(([, entry]) => entry.code === code).map(([name]) => name);
  // R2 has codes of its own, and wrangler does not look at this one there.
  assert.deepEqual(codes(10007), ['workerNotFound', 'r2ObjectNotFound']);
  assert.deepEqual(codes(10000), [], 'wrangler would run whoami and print stack traces');
  assert.deepEqual(codes(9106), []);
  assert.deepEqual(codes(10057), ['invalidInherit']);
  assert.deepEqual(codes(10215), ['latestNotDeployed']);
  assert.deepEqual(codes(10220), ['secretsChanged']);
  assert.deepEqual(codes(10222), ['noVersions']);
});

test('a value that a message needs and does not get is an error of ours, not a hole in the sentence', () => {
  assert.throws(() => cloudflareProblem('workerNotFound'), /needs a value for 'name'/);
  assert.equal(
    cloudflareProblem('workerNotFound', { name: '$& {x}' }).message,
    "This Worker does not exist on your account: '$& {x}'.",
  );
});

test('docs/api.md lists every error code and every route, and none that is gone', async () => {
  const docs = await readFile('docs/api.md', 'utf8');
  const documentedErrors = new Set(
    [...docs.matchAll(/^\| (\d+) \| (\d+) \|/gm)].map(([, code, status]) => `${code} ${status}`),
  );
  const realErrors = new Set(entries.map(([, { code, status }]) => `${code} ${status}`));
  assert.deepEqual([...documentedErrors].sort(), [...realErrors].sort());
  // Building the API opens nothing, so no option is touched.
  const { routes } = createApi({} as ApiOptions & { log: { child: never } });
  const documentedRoutes = [...docs.matchAll(/^\| `([A-Z]+) (\/[^`]*)` \|/gm)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  assert.deepEqual(documentedRoutes.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
});

/** Pages that promise to name everything do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as limits from '../../shared/limits.ts';
import { limitsPage } from '../../tools/lib/limits-page.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('docs/limits.md has a row with the present number for every limit', () => {
  const page = read('docs/limits.md');
  assert.equal(page, limitsPage(), 'run: node tools/check.mjs docs --write');
  const sections = new Map(page.split('\n## ').map((text) => [text.slice(0, text.indexOf('\n')), text]));
  for (const [group, values] of Object.entries(limits)) {
    for (const name of Object.keys(values)) {
      assert.match(sections.get(group) ?? '', new RegExp(`^\\| \`${name}\` \\| \\S`, 'm'), `${group}.${name}`);
    }
  }
});

test('of the limits of cells, connections, queues and the gateway the page says what happens beyond them', () => {
  const page = limitsPage();
  for (const group of ['GATEWAY', 'UPLOAD', 'CELL', 'CONNECTION', 'WEBSOCKET', 'QUEUE', 'CACHE'] as const) {
    const rows =
      page
        .split(`## ${group}_LIMITS`)[1]
        ?.split('\n## ')[0]
        ?.match(/^\| `.*$/gm) ?? [];
    assert.ok(rows.length > 0, group);
    assert.deepEqual(
      rows.filter((row) => row.endsWith(' |  |')),
      [],
    );
  }
});

test('docs/operations.md tells every outcome an invocation can have', () => {
  const type = /export type Outcome =([^;]+);/.exec(read('server/supervisor/types.ts'))?.[1] ?? '';
  const outcomes = [...type.matchAll(/'(\w+)'/g)].map(([, name]) => name);
  assert.ok(outcomes.length >= 8, type);
  const section = read('docs/operations.md').split('## Outcomes')[1]?.split('\n## ')[0] ?? '';
  for (const outcome of outcomes) assert.match(section, new RegExp(`^\\| \`${outcome}\` \\|`, 'm'), outcome);
});

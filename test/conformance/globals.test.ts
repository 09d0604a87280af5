/**
 * What a worker finds in its global scope, name by name and attribute by attribute, is what it finds in workerd: on three dates, and
 * with nodejs_compat. Every difference that stays is in `conformance/globals-ledger.json`, with its reason.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startWorkerd } from '../../conformance/workerd.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

/** Reads every global first, so that what is made when it is named has been made. */
const SURVEY = `
const describe = (object, key) => {
  const found = Object.getOwnPropertyDescriptor(object, key);
  const flags = (found.enumerable ? 'e' : '-') + (found.configurable ? 'c' : '-');
  return 'value' in found
    ? flags + (found.writable ? 'w ' : '- ') + typeof found.value
    : flags + ' ' + (found.get ? 'get' : '') + (found.set ? 'set' : '');
};
const shape = (object) => {
  const properties = {};
  for (const key of Reflect.ownKeys(object)) properties[String(key)] = describe(object, key);
  return properties;
};
export default { fetch() {
  const chain = [];
  for (let object = globalThis; object !== null && object !== Object.prototype; object = Object.getPrototypeOf(object)) chain.push(object);
  const names = new Set(chain.flatMap((object) => Object.getOwnPropertyNames(object)).filter((name) => name !== 'constructor'));
  const values = new Map([...names].map((name) => [name, globalThis[name]]));
  const facts = {};
  chain.forEach((object, depth) => {
    for (const [key, attributes] of Object.entries(shape(object))) facts['globalThis[' + depth + '].' + key] = attributes;
  });
  for (const [name, value] of values) {
    if (value === null || value === globalThis || (typeof value !== 'object' && typeof value !== 'function')) continue;
    for (const [key, attributes] of Object.entries(shape(value))) facts[name + '.' + key] = attributes;
    const prototype = typeof value === 'function' ? value.prototype : Object.getPrototypeOf(value);
    if (typeof prototype !== 'object' || prototype === null) continue;
    facts[name + ' inherits from'] = String(Object.getPrototypeOf(prototype)?.constructor?.name);
    if (typeof value !== 'function') continue;
    for (const [key, attributes] of Object.entries(shape(prototype))) facts[name + '.prototype.' + key] = attributes;
  }
  return Response.json(facts);
} };`;

type Facts = Record<string, string>;

interface LedgerEntry {
  /** Each a regular expression for whole differences. */
  readonly differences: readonly string[];
  readonly reason: string;
}

const ledger = JSON.parse(
  readFileSync(new URL('../../conformance/globals-ledger.json', import.meta.url), 'utf8'),
) as readonly LedgerEntry[];

const SURVEYS: readonly (readonly [date: string, flags: readonly string[]])[] = [
  ['2022-12-15', []],
  ['2024-09-01', []],
  ['2026-05-01', []],
  ['2026-05-01', ['nodejs_compat']],
];

let cells: TestSupervisor;
let folder: string;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 1 });
  folder = mkdtempSync(join(tmpdir(), 'skep-globals-'));
  writeFileSync(join(folder, 'worker.js'), SURVEY);
});
after(async () => {
  await cells.close();
  rmSync(folder, { recursive: true, force: true });
});

async function surveyWorkerd(compatibilityDate: string, compatibilityFlags: readonly string[]): Promise<Facts> {
  const modules = [{ name: 'worker.js', type: 'esm', path: join(folder, 'worker.js') }] as const;
  const workerd = await startWorkerd([
    {
      scriptName: 'survey',
      main: 'worker.js',
      format: 'modules',
      compatibilityDate,
      compatibilityFlags,
      bindings: [],
      modules,
    },
  ]);
  if (workerd.port === null) throw new Error(workerd.log());
  try {
    return (await (await fetch(`http://127.0.0.1:${workerd.port}/`)).json()) as Facts;
  } finally {
    await workerd.stop();
  }
}

/** One line per fact that is not the same. */
function differences(expected: Facts, found: Facts): string[] {
  const lines: string[] = [];
  for (const [name, fact] of Object.entries(expected)) {
    if (found[name] === undefined) lines.push(`${name} is missing`);
    else if (found[name] !== fact) lines.push(`${name} is "${found[name]}", not "${fact}"`);
  }
  for (const name of Object.keys(found)) if (expected[name] === undefined) lines.push(`${name} is not in workerd`);
  return lines;
}

const patterns = ledger.flatMap((entry) => entry.differences.map((difference) => new RegExp(`^(?:${difference})$`)));
const used = new Set<RegExp>();

for (const [date, flags] of SURVEYS) {
  test(`the global scope of ${date}${flags.length > 0 ? ` with ${flags.join(', ')}` : ''} is workerd’s but for the ledger`, async () => {
    const name = `survey-${date}-${flags.length}`;
    cells.deploy({
      name,
      modules: { 'worker.js': SURVEY },
      compatibilityDate: date,
      compatibilityFlags: flags,
      limits: { cpuMs: 5_000 },
    });
    const [expected, found] = await Promise.all([surveyWorkerd(date, flags), cells.json(name) as Promise<Facts>]);
    const unexplained = differences(expected, found).filter((line) => {
      const matching = patterns.filter((pattern) => pattern.test(line));
      for (const pattern of matching) used.add(pattern);
      return matching.length === 0;
    });
    assert.equal(unexplained.join('\n'), '');
  });
}

test('the ledger holds no difference that is gone', () => {
  assert.deepEqual(
    patterns.filter((pattern) => !used.has(pattern)).map((pattern) => pattern.source),
    [],
  );
});

/** What `console` sends: one line per call, with counters, timers, groups and tables as people know them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 1 });
});
after(async () => cells.close());

async function logged(name: string, body: string): Promise<{ level: string; text: string }[]> {
  cells.deploy({
    name,
    modules: {
      'index.js': `export default { async fetch() { ${body}; console.log('end'); return new Response('ok'); } };`,
    },
  });
  const before = cells.events.length;
  await cells.fetch(name);
  const lines = () =>
    cells.events
      .slice(before)
      .flatMap((event) => ('message' in event && Array.isArray(event.message) ? [event as unknown as Line] : []))
      .map(({ level, message }) => ({ level, text: message.join(' ') }));
  await until(() => lines().some(({ text }) => text.trim() === 'end'), 'the last line has come');
  return lines().filter(({ text }) => text.trim() !== 'end');
}

interface Line {
  readonly level: string;
  readonly message: string[];
}

test('counts and timers are told by label, and labels that are not there are warned of', async () => {
  const lines = await logged(
    'counts',
    `console.count(); console.count('x'); console.count(); console.countReset(); console.count(); console.countReset('none');
     console.time('t'); await scheduler.wait(20); console.timeLog('t', 'extra'); console.timeEnd('t'); console.timeEnd('t')`,
  );
  assert.deepEqual(
    lines.map(({ text }) => text).map((text) => text.replace(/\d+ms/, 'Nms')),
    [
      'default: 1',
      'x: 1',
      'default: 2',
      'default: 1',
      "Count for 'none' does not exist",
      't: Nms extra',
      't: Nms',
      "Timer 't' does not exist",
    ],
  );
});

test('assert says what failed, trace shows where in the worker’s own files, and each has its level', async () => {
  const lines = await logged(
    'levels',
    `console.assert(true, 'no'); console.assert(false, 'two', 2); console.trace('here')`,
  );
  assert.deepEqual(lines[0], { level: 'error', text: 'Assertion failed: two 2' });
  assert.equal(lines[1]?.level, 'debug');
  assert.match(lines[1]?.text ?? '', /^here Trace\n {4}at .*index\.js:1:/);
});

test('lines within a group are indented, however many lines a value has', async () => {
  const lines = await logged(
    'groups',
    `console.group('a'); console.log('x\\ny'); console.groupEnd(); console.groupEnd(); console.log('z')`,
  );
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['a', '  x\n  y', 'z'],
  );
});

test('a table has the keys as its first column and a column for each property', async () => {
  const [line] = await logged('table', `console.table([{ a: 1, b: 'two' }, { a: 3 }])`);
  const cells = (line?.text ?? '').split('\n').map((row) => row.split('│').map((cell) => cell.trim()));
  assert.deepEqual(
    cells.filter((row) => row.length > 1).map((row) => row.slice(1, -1)),
    [
      ['(index)', 'a', 'b'],
      ['0', '1', 'two'],
      ['1', '3', ''],
    ],
  );
});

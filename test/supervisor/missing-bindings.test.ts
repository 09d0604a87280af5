/** Exceptions of workers that use a binding they do not have: thrown in real cells, read as the operator reads them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { explainMissingBindings } from '../../server/missing-bindings.ts';
import type { WorkerEvent } from '../../server/supervisor/types.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor();
});
after(() => cells.close());

let count = 0;
async function explain(expression: string, bindings: readonly string[] = ['TEXT', 'OTHER']) {
  const name = `worker${++count}`;
  cells.deploy({
    name,
    modules: {
      'index.js': `export default {\n  async fetch(request, env) {\n    const none = {};\n    ${expression}\n  }\n};`,
    },
    bindings: bindings.map((binding) => ({ type: 'plain_text', name: binding, text: 'x' })),
  });
  cells.events.length = 0;
  const answer = await cells.fetch(name);
  await until(() => cells.eventsOf('exception').length === 1, 'it has thrown');
  const seen: WorkerEvent[] = [];
  const listener = explainMissingBindings({
    loadModules: async (version) => cells.modulesOf(version),
    onEvent: (event) => seen.push(event),
  });
  listener(cells.eventsOf('exception')[0] as WorkerEvent);
  await until(() => seen.length === 1, 'it is passed on');
  return { ...(seen[0] as Extract<WorkerEvent, { type: 'exception' }>), answer };
}

test('the exception says which binding there is not, and which there are', async () => {
  const hint = '(env.CACHE is undefined: this Worker has no binding of that name. It has TEXT, OTHER.)';
  for (const expression of [
    `return env.CACHE.get('x');`,
    `return env['CACHE'].get('x');`,
    `await 1; const a = 1, b = env.CACHE.some.more;`,
  ]) {
    const { message, stack } = await explain(expression);
    assert.match(message, /^Cannot read properties of undefined \(reading '(?:get|some)'\) /);
    assert.ok(message.endsWith(hint), `${expression}: ${message}`);
    assert.ok(stack?.split('\n')[0]?.endsWith(hint), stack);
  }
  assert.match((await explain(`return env.KV.get('x');`, [])).message, /It has none\.\)$/);
});

test('what is undefined for another reason is left as it is', async () => {
  for (const expression of ['return none.thing.more;', 'return env.TEXT.thing.more;', 'return none.env.thing;']) {
    assert.match(
      (await explain(expression)).message,
      /^Cannot read properties of undefined \(reading '\w+'\)$/,
      expression,
    );
  }
});

test('a program that throws everywhere has its modules read once in a second, and what is known is told each time', async () => {
  const { version } = await explain(`return env.CACHE.get('x');`);
  const [seen, reads]: [WorkerEvent[], string[]] = [[], []];
  const listen = explainMissingBindings({
    loadModules: (one) => {
      reads.push(one.id);
      return Promise.resolve(cells.modulesOf(version));
    },
    onEvent: (event) => seen.push(event),
  });
  const event = cells.eventsOf('exception')[0] as Extract<WorkerEvent, { type: 'exception' }>;
  const throwAt = (line: number): void =>
    listen({ ...event, stack: event.stack?.replace(/index\.js:\d+:/, `index.js:${line}:`) ?? '' });
  listen(event);
  listen(event);
  for (let line = 10; line < 110; line++) throwAt(line);
  await until(() => seen.length === 102, 'all are passed on');
  assert.equal(reads.length, 1);
  listen(event);
  const hinted = seen.filter((one) => one.type === 'exception' && one.message.includes('env.CACHE is undefined'));
  assert.equal(hinted.length, 3);
});

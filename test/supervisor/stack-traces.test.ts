/** Stack traces in the terms of the sources, from maps that real tools write. */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { transform } from 'esbuild';
import { openSourceMapThread } from '../../server/source-maps.ts';
import { mapStackTraces } from '../../server/stack-traces.ts';
import { findOrigins } from '../../server/source-map-places.ts';
import type { WorkerEvent } from '../../server/supervisor/types.ts';
import { SOURCE_MAP_LIMITS } from '../../shared/limits.ts';
import { until } from '../support/until.ts';
import { type ModuleContent, SOURCE_MAP_PREFIX, type WorkerVersion } from '../../shared/worker.ts';

const SOURCE = `// a comment that vanishes
interface Options { readonly deep: boolean }

export function thrower(options: Options): never {
  throw new Error(options.deep ? 'deep' : 'shallow');
}
`;

/** A version of one bundle and, as wrangler uploads it, its map; and an exception of it with this stack. */
async function exceptionOf(stackOf: (code: string) => string, map: (json: string) => string = (json) => json) {
  const { code, map: json } = await transform(SOURCE, {
    loader: 'ts',
    minify: true,
    sourcemap: 'external',
    sourcefile: 'src/thrower.ts',
  });
  const content = Buffer.from(map(json));
  const module: ModuleContent = {
    name: `${SOURCE_MAP_PREFIX}index.js.map`,
    type: 'text',
    hash: 'h',
    sizeBytes: content.length,
    content,
  };
  const version = { id: 'v', accountId: 'a', modules: [module] } as unknown as WorkerVersion;
  const stack = stackOf(code);
  const event = { type: 'exception', version, invocationId: 1, pipelineId: 'p', name: 'Error', message: 'deep', stack };
  return { event: event as WorkerEvent, modules: [module] };
}

function told(event: WorkerEvent, modules: readonly ModuleContent[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const listen = mapStackTraces({
      loadModules: () => Promise.resolve(modules),
      findOrigins: (map, places) => Promise.resolve(findOrigins(map, places)),
      onEvent: (passed) => resolve(passed.type === 'exception' ? passed.stack : undefined),
    });
    listen(event);
  });
}

const place = (code: string): string => `1:${code.indexOf('new Error') + 1}`;

test('a frame in the bundle becomes a frame in the source, with its function and the other lines kept', async () => {
  const { event, modules } = await exceptionOf(
    (code) =>
      `Error: deep\n    at r (index.js:${place(code)})\n    at other.js:3:4\n    at async Object.fetch (index.js:9:9)`,
  );
  const stack = await told(event, modules);
  assert.match(stack ?? '', /^Error: deep\n {4}at r \(src\/thrower\.ts:5:9\)\n {4}at other\.js:3:4\n/);
});

test('names of the new module registry are mapped too', async () => {
  const { event, modules } = await exceptionOf((code) => `Error: deep\n    at file:///bundle/index.js:${place(code)}`);
  assert.equal(await told(event, modules), 'Error: deep\n    at src/thrower.ts:5:9');
});

test('a map that is no map leaves the stack as it came', async () => {
  for (const broken of ['', '{', 'null', '[]', '{"version":3,"mappings":5}']) {
    const { event, modules } = await exceptionOf(
      (code) => `Error: deep\n    at r (index.js:${place(code)})`,
      () => broken,
    );
    assert.match((await told(event, modules)) ?? '', /index\.js:1:\d+\)$/, broken);
  }
});

test('modules that cannot be read leave the stack as it came', async () => {
  const { event } = await exceptionOf(() => 'Error: deep\n    at r (index.js:1:1)');
  const stack = await new Promise((resolve) => {
    mapStackTraces({
      loadModules: () => Promise.reject(new Error('gone')),
      findOrigins: () => assert.fail('there is no map'),
      onEvent: (passed) => resolve(passed.type === 'exception' ? passed.stack : undefined),
    })(event);
  });
  assert.equal(stack, 'Error: deep\n    at r (index.js:1:1)');
});

/** What a deployer may upload as `mappings`, at its largest. */
const HOSTILE_MAPPINGS: Readonly<Record<string, string>> = {
  'a million segments': 'AAAA,'.repeat(1_600_000),
  'segments of one number': 'A,'.repeat(4_000_000),
  'columns that go back': 'gggggE,D,'.repeat(900_000),
  'eight million lines': ';'.repeat(8_000_000),
  'a number without end': 'g'.repeat(8_000_000),
};

test('the largest and strangest maps keep nobody waiting: this thread goes on while another one reads them', async (t) => {
  const maps = openSourceMapThread(new URL('../../dist/server/source-map-thread.js', import.meta.url));
  t.after(() => maps.close());
  await maps.findOrigins(Buffer.from('{}'), []);
  const places = Array.from({ length: 50 }, (_, index) => ({ line: 1 + (index % 2), column: 1 + index * 1_000 }));
  const files = Object.values(HOSTILE_MAPPINGS).map((mappings) =>
    Buffer.from(JSON.stringify({ version: 3, sources: ['a.ts'], names: [], mappings })),
  );
  const eventLoop = monitorEventLoopDelay({ resolution: 5 });
  eventLoop.enable();
  for (const map of files) assert.equal((await maps.findOrigins(map, places)).length, places.length);
  eventLoop.disable();
  // Parsed here, each took 0.7 to 4.2 s, and 16 versions of 32 MiB were kept at 300 MB for 8 MiB.
  assert.ok(eventLoop.max / 1e6 < 600, `this thread stood still for ${Math.round(eventLoop.max / 1e6)} ms`);
});

test('a map that becomes hundreds of megabytes of objects ends the thread, and the next one is read by a new one', async (t) => {
  const maps = openSourceMapThread(new URL('../../dist/server/source-map-thread.js', import.meta.url));
  t.after(() => maps.close());
  const place = { line: 1, column: 1 };
  const many = `{"version":3,"sources":["a.ts"],"mappings":"AAAA","x":[${'{},'.repeat(2_700_000)}{}]}`;
  await assert.rejects(maps.findOrigins(Buffer.from(many), [place]), /thread that reads source maps has ended/);
  const next = Buffer.from('{"version":3,"sources":["a.ts"],"mappings":"AAAA"}');
  assert.deepEqual(await maps.findOrigins(next, [place]), ['a.ts:1:1']);
});

test('a hostile map knows nothing, or something, but breaks nothing', () => {
  const at = (map: unknown, line = 1, column = 1) =>
    findOrigins(Buffer.from(JSON.stringify(map)), [{ line, column }])[0];
  const map = { version: 3, sources: ['a.ts'], names: [], mappings: 'AAAA;AACA' };
  assert.equal(at(map), 'a.ts:1:1');
  assert.equal(at(map, 2, 99), 'a.ts:2:1');
  assert.equal(at(map, 3), null);
  assert.equal(at({ ...map, sourceRoot: '/src/' }), '/src/a.ts:1:1');
  for (const strange of [
    { ...map, version: 2 },
    { ...map, mappings: 'AAA%' },
    { ...map, mappings: 'AgggggggggggggggA' },
    { ...map, mappings: 'AA' },
    { ...map, sources: [{ toString: 'x' }] },
    { ...map, sources: ['x'.repeat(10_000)] },
    { ...map, sources: null },
    { version: 3, sections: [{ offset: { line: 0, column: 0 }, map }] },
    [],
    null,
  ]) {
    assert.equal(at(strange), null, JSON.stringify(strange).slice(0, 80));
  }
  assert.equal(at(map, Number.MAX_SAFE_INTEGER, 1), null);
});

test('a place is looked up once, and an account that throws everywhere delays its own exceptions only', async () => {
  const { event, modules } = await exceptionOf((code) => `Error: deep\n    at r (index.js:${place(code)})`);
  const passed: WorkerEvent[] = [];
  const answers: (() => void)[] = [];
  let asked = 0;
  const listen = mapStackTraces({
    loadModules: () => Promise.resolve(modules),
    findOrigins: (map, places) => {
      asked++;
      return new Promise((resolve) => answers.push(() => resolve(findOrigins(map, places))));
    },
    onEvent: (one) => passed.push(one),
  });
  const throwAt = (accountId: string, column: number): void => {
    if (event.type !== 'exception') return;
    const version = { ...event.version, id: accountId, accountId };
    listen({ ...event, version, stack: `Error: deep\n    at r (index.js:1:${column})` });
  };
  for (let column = 1; column <= SOURCE_MAP_LIMITS.maxWaitingPerAccount + 5; column++) throwAt('flood', column);
  assert.equal(passed.length, 5, 'what finds no place in the line is told as it came');
  throwAt('other', 1);
  await until(() => asked === 2, 'each account asks one after the other');
  answers.splice(0).forEach((answer) => answer());
  await until(() => passed.length >= 7, 'both hear');
  throwAt('other', 1);
  await until(() => passed.length >= 8, 'what is known is told at once');
  assert.equal(answers.length + 2, asked);
});

/** Stack traces in the terms of the sources, from maps that real tools write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transform } from 'esbuild';
import { mapStackTraces } from '../../server/stack-traces.ts';
import type { WorkerEvent } from '../../server/supervisor/types.ts';
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
  const version = { id: 'v', modules: [module] } as unknown as WorkerVersion;
  const stack = stackOf(code);
  const event = { type: 'exception', version, invocationId: 1, pipelineId: 'p', name: 'Error', message: 'deep', stack };
  return { event: event as WorkerEvent, modules: [module] };
}

function told(event: WorkerEvent, modules: readonly ModuleContent[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const listen = mapStackTraces({
      loadModules: () => Promise.resolve(modules),
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
      onEvent: (passed) => resolve(passed.type === 'exception' ? passed.stack : undefined),
    })(event);
  });
  assert.equal(stack, 'Error: deep\n    at r (index.js:1:1)');
});

// Cloudflare's simulators of KV, R2 and D1 with the workers of one case, in a process of their own: they need a newer Node.js than Skep.
// Reads {workers} as JSON from stdin, prints {port} or {refusal} as one line, and ends at SIGTERM.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Log, LogLevel, Miniflare } = createRequire(import.meta.url)('miniflare');

/** Names of buckets are in lower case; the ids of other resources may be anything. */
const BINDINGS = {
  kv_namespace: ({ name, resource }) => ({ type: 'kv', id: resource ?? name }),
  r2_bucket: ({ name, resource }) => ({ type: 'r2', name: (resource ?? name).toLowerCase() }),
  d1: ({ name, resource }) => ({ type: 'd1', id: resource ?? name }),
  plain_text: ({ text }) => ({ type: 'text', value: text }),
  secret_text: ({ text }) => ({ type: 'text', value: text }),
  json: ({ json }) => ({ type: 'json', value: json }),
  service: ({ service, entrypoint }) => ({
    type: 'worker',
    worker: service,
    ...(entrypoint && { exportName: entrypoint }),
  }),
};
const MODULE_TYPES = { esm: 'esm', commonjs: 'cjs', text: 'text', data: 'data', wasm: 'wasm', json: 'json' };

const contentsOf = ({ type, path }) =>
  type === 'data' || type === 'wasm' ? new Uint8Array(readFileSync(path)) : readFileSync(path, 'utf8');

const configuration = (worker) => ({
  name: worker.scriptName,
  compatibilityDate: worker.compatibilityDate,
  compatibilityFlags: worker.compatibilityFlags,
  manifest: {
    mainModule: worker.main,
    modules: Object.fromEntries(
      worker.modules.map((module) => [module.name, { type: MODULE_TYPES[module.type], contents: contentsOf(module) }]),
    ),
  },
  env: Object.fromEntries(worker.bindings.map((binding) => [binding.name, BINDINGS[binding.type](binding)])),
});

const { workers } = JSON.parse(readFileSync(0, 'utf8').split('\n')[0]);
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
let miniflare;
try {
  // The last worker is the case's own; Miniflare serves the first.
  miniflare = new Miniflare({
    port: 0,
    log: new Log(LogLevel.NONE),
    handleStructuredLogs() {},
    workers: workers.toReversed().map((worker) => ({ config: configuration(worker) })),
  });
  const { port } = await miniflare.ready;
  say({ port: Number(port) });
} catch (error) {
  say({ refusal: String(error?.stack ?? error) });
  await miniflare?.dispose().catch(() => {});
  process.exit(1);
}
process.on('SIGTERM', async () => {
  await miniflare.dispose().catch(() => {});
  process.exit(0);
});

// Miniflare with one worker and one KV namespace on disk: node22 miniflare-kv.mjs PORT FOLDER SOURCE. Ends with SIGTERM.
import { createRequire } from 'node:module';
import { join } from 'node:path';

// The one that wrangler brings along.
const wrangler = createRequire(import.meta.url).resolve('wrangler/package.json');
const { Log, LogLevel, Miniflare } = createRequire(wrangler)('miniflare');

const [port, folder, source] = process.argv.slice(2);
const miniflare = new Miniflare({
  port: Number(port),
  host: '127.0.0.1',
  log: new Log(LogLevel.ERROR),
  resourcePersistencePath: join(folder, 'state'),
  workers: [
    {
      config: {
        name: 'kv',
        compatibilityDate: '2023-07-24',
        compatibilityFlags: [],
        manifest: { mainModule: 'worker.js', modules: { 'worker.js': { type: 'esm', contents: source } } },
        env: { KV: { type: 'kv', id: 'bench' } },
      },
    },
  ],
});
await miniflare.ready;
process.once('SIGTERM', () => {
  void miniflare.dispose().then(() => process.exit(0));
});

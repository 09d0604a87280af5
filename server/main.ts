/**
 * `npm start`: reads the configuration, opens all parts in order, and closes them in reverse. Together with `composition/` the one place
 * that knows all parts; no logic of its own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Resources } from '../shared/resources.ts';
import { createNameResolver } from './bindings/egress/names.ts';
import { announce } from './composition/announce.ts';
import { startCells } from './composition/cells.ts';
import { startApi, startGateway } from './composition/listeners.ts';
import { type Program, type Running, stopOnSignals } from './composition/running.ts';
import { openStores } from './composition/stores.ts';
import { commandOf, type Config, loadConfig } from './config/config.ts';
import { helpText } from './config/docs.ts';
import { createLogger } from './log/log.ts';
import type { Store } from './storage/store.ts';

/** As it lies in `dist/`, where this file is `dist/server/main.js`. */
const PROGRAM: Program = {
  version: (
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  ).version,
  harnessPath: fileURLToPath(new URL('../cell/harness.js', import.meta.url)),
  watchdogPath: new URL('./watchdog-thread.js', import.meta.url),
  sourceMapThreadPath: new URL('./source-map-thread.js', import.meta.url),
  spawnerPath: fileURLToPath(new URL('./spawner.js', import.meta.url)),
};

async function main(): Promise<void> {
  const startedAt = performance.now();
  const argv = process.argv.slice(2);
  const command = commandOf(argv);
  if (command !== 'start') {
    process.stdout.write(command === 'help' ? helpText() : `${PROGRAM.version}\n`);
    return;
  }
  const config = loadConfig({ argv, env: process.env, cwd: process.cwd() });
  const log = createLogger({ format: config.logFormat, verbose: config.verbose });
  const running: Running = {
    program: PROGRAM,
    config,
    log,
    resources: new Resources(),
    resolveName: createNameResolver(),
  };
  stopOnSignals(running);
  try {
    await start(running, startedAt);
  } catch (error) {
    await running.resources.close().catch(() => undefined);
    throw error;
  }
}

async function start(running: Running, startedAt: number): Promise<void> {
  const { config } = running;
  const stores = await openStores(running);
  const { account, hasAdminToken } = await bootstrap(config, stores.store, config.adminToken);
  const cells = await startCells(running, stores);
  const { supervisor, catalog } = cells;
  const gatewayPort = config.roles.includes('gateway') ? await startGateway(running, supervisor, catalog) : null;
  const apiPort = config.roles.includes('api') ? await startApi(running, stores, cells, gatewayPort) : null;
  // Last: a token that a failed start had stored would never be shown to anybody.
  const newToken = hasAdminToken ? null : await createFirstToken(config, stores.store);
  announce(running, { startedAt, account, newToken, gatewayPort, apiPort, supervisor });
}

/** The first account, and the administrator's token when the operator gave one. */
function bootstrap(
  { accountId, subdomain }: Config,
  store: Store,
  token: string | null,
): ReturnType<Store['bootstrap']> {
  return store.bootstrap({ accountId, subdomain, tokenHash: token === null ? null : sha256(token) });
}

/** The token exists in clear only here and in the banner. */
async function createFirstToken(config: Config, store: Store): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await bootstrap(config, store, token);
  return token;
}

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text, 'utf8').digest();

/** Errors that tell the operator in a sentence what to do; anything else is a defect and shows where it is. */
const SENTENCES = new Set([
  'ConfigError',
  'DatabaseError',
  'EngineError',
  'SandboxError',
  'EgressAllowError',
  'ListenError',
]);

main().catch((error: Error) => {
  const known = SENTENCES.has(error.name);
  process.stderr.write(`${known ? `Skep cannot start. ${error.message}` : (error.stack ?? error.message)}\n`);
  process.exit(1);
});

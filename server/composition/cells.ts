/** Joins the parts that run workers. */
import { join } from 'node:path';
import type { ModuleContent, WorkerVersion } from '../../shared/worker.ts';
import { createBus } from '../bus/postgres-bus.ts';
import { createCatalog, type RunningCatalog } from '../catalog/catalog.ts';
import type { Links } from '../metrics/links.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { explainMissingBindings } from '../missing-bindings.ts';
import { openSourceMapThread } from '../source-maps.ts';
import { mapStackTraces } from '../stack-traces.ts';
import { ConnectionCounts } from '../supervisor/connection-counts.ts';
import { findEngine } from '../supervisor/engine.ts';
import { openRunDir } from '../supervisor/run-dir.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { type Late, openBroker } from './broker.ts';
import { openObservers } from './observers.ts';
import { drainLeftMs, type Running } from './running.ts';
import type { Stores } from './stores.ts';

export interface Cells {
  readonly supervisor: Supervisor;
  readonly catalog: RunningCatalog;
  readonly metrics: Metrics;
  readonly links: Links;
}

/** Everything that runs workers: supervisor, broker, and the catalog that tells them what is deployed. */
export async function startCells(running: Running, opened: Stores): Promise<Cells> {
  const { config, log, program, resources } = running;
  const late: Late = { supervisor: () => supervisor, catalog: () => catalog };
  const observers = openObservers(running, opened, late.supervisor);
  const { metrics, links, onEvent } = observers;
  const connections = new ConnectionCounts();
  const broker = await openBroker(running, opened, observers, late, connections);
  const loadModules = (version: WorkerVersion): Promise<ModuleContent[]> => catalog.loadModules(version);
  const sourceMaps = resources.use('the source maps', openSourceMapThread(program.sourceMapThreadPath), (open) =>
    open.close(),
  );
  const supervisor = await Supervisor.start({
    runDir: resources.use('the run directory', openRunDir(config.dataDir), (dir) => dir.remove()).path,
    denoPath: findEngine(),
    harnessPath: program.harnessPath,
    watchdogPath: program.watchdogPath,
    spawnerPath: program.spawnerPath,
    sandbox: config.sandbox,
    cpuMs: config.limitCpuMs,
    maxCpuMs: config.limitCpuMaxMs,
    memoryMiB: config.limitMemoryMiB,
    connections,
    maxCells: config.limitCells,
    maxCellsPerAccount: config.limitCellsPerAccount,
    prestarted: config.prestartedCells,
    idleCellMs: config.idleCellSeconds * 1000,
    broker,
    log: log.child({ component: 'supervisor' }),
    loadModules,
    onEvent: explainMissingBindings({
      loadModules,
      onEvent: mapStackTraces({ loadModules, findOrigins: sourceMaps.findOrigins, onEvent }),
    }),
    onCellEvent: (event) => metrics.onCellEvent(event),
  });
  resources.use('the supervisor', supervisor, (open) => open.close(drainLeftMs(running)));
  const bus = createBus({ database: opened.database, log });
  resources.use('the bus', bus, (open) => open.close());
  const catalog = await createCatalog({
    store: opened.store,
    bus,
    log: log.child({ component: 'catalog' }),
    baseDomain: config.baseDomain,
    cacheDir: join(config.dataDir, 'modules'),
    beforeSwitch: async (worker) => {
      await Promise.all(worker.versions.map(({ version }) => supervisor.warm(version)));
    },
    afterSwitch: (previous, next) => {
      const kept = new Set(next?.versions.map(({ version }) => version.id));
      for (const { version } of previous?.versions ?? []) if (!kept.has(version.id)) supervisor.retire(version.id);
    },
  });
  resources.use('the catalog', catalog, (open) => open.close());
  return { supervisor, catalog, metrics, links };
}

/** Joins what workers do with whoever counts it and writes it down. */
import { createLinks, type Links } from '../metrics/links.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { WorkerEvent } from '../supervisor/types.ts';
import { logWorkerEvent } from '../worker-log.ts';
import type { Running } from './running.ts';
import type { Stores } from './stores.ts';

export interface Observers {
  readonly metrics: Metrics;
  readonly links: Links;
  readonly onEvent: (event: WorkerEvent) => void;
}

/** Whoever counts and logs what workers do. */
export function openObservers(running: Running, opened: Stores, supervisor: () => Supervisor): Observers {
  const { log, resources } = running;
  const metrics = createMetrics({
    version: running.program.version,
    cells: () => supervisor().counts(),
    gateway: () => running.gateway?.counters ?? null,
    kv: opened.kv.counts,
  });
  resources.use('the metrics', metrics, (open) => open.close());
  const links = createLinks({
    store: opened.store,
    onError: (error) =>
      log.warn('What workers call one another could not be written down; it is tried again', { error: error.message }),
  });
  resources.use('the counts of calls between workers', links, (open) => open.close());
  const logEvent = logWorkerEvent(log);
  const onEvent = (event: WorkerEvent): void => {
    links.onWorkerEvent(event);
    metrics.onWorkerEvent(event);
    logEvent(event);
  };
  return { metrics, links, onEvent };
}

/** What workers say and what becomes of them, as lines of the server's log. The trace store will be another listener of the same events. */
import type { Logger } from './log/types.ts';
import type { WorkerEvent } from './supervisor/types.ts';

export const logWorkerEvent =
  (log: Logger) =>
  (event: WorkerEvent): void => {
    const fields = { worker: event.version.workerName, version: event.version.id, pipeline: event.pipelineId };
    if (event.type === 'log') {
      const level = event.level === 'error' || event.level === 'warn' ? event.level : 'info';
      log[level](event.message.join(' '), fields);
    } else if (event.type === 'exception') {
      log.error(event.stack ?? `${event.name}: ${event.message}`, fields);
    } else if (event.outcome !== 'ok' && event.outcome !== 'exception' && event.outcome !== 'canceled') {
      log.warn('An invocation was ended', {
        ...fields,
        outcome: event.outcome,
        cpuMs: Math.round(event.cpuMs),
        wallMs: Math.round(event.wallMs),
      });
    }
  };

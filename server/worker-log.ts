/** What workers say and what becomes of them, as lines of the server's log. The trace store will be another listener of the same events. */
import { cutText } from '../shared/cut-text.ts';
import type { Logger } from './log/types.ts';
import type { WorkerEvent } from './supervisor/types.ts';
import { WORKER_LOG_LIMITS } from '../shared/limits.ts';

const SECOND_MS = 1_000;

/** What a version has logged in the second that runs. */
interface Usage {
  readonly workerName: string;
  bytes: number;
  dropped: number;
}

/** A listener that writes what workers say. Whoever says more than its share of a second is cut short and told so. */
export function logWorkerEvent(log: Logger): (event: WorkerEvent) => void {
  const usage = new Map<string, Usage>();
  let endsAt = 0;

  const startSecond = (now: number): void => {
    endsAt = now + SECOND_MS;
    for (const [version, { workerName, dropped }] of usage) {
      const allowed = `${WORKER_LOG_LIMITS.bytesPerSecond / 1024} KiB a second`;
      const fields = { worker: workerName, version, dropped };
      if (dropped > 0) log.warn(`A worker logged more than ${allowed}; ${dropped} lines were left out`, fields);
    }
    usage.clear();
  };

  /** Counts a line. False: too much. */
  const mayWrite = ({ version }: WorkerEvent, text: string): boolean => {
    const now = performance.now();
    if (now >= endsAt) startSecond(now);
    let used = usage.get(version.id);
    if (used === undefined) usage.set(version.id, (used = { workerName: version.workerName, bytes: 0, dropped: 0 }));
    used.bytes += text.length + WORKER_LOG_LIMITS.lineOverheadBytes;
    if (used.bytes <= WORKER_LOG_LIMITS.bytesPerSecond) return true;
    used.dropped++;
    return false;
  };

  return (event) => {
    const whole = textOf(event);
    if (whole === undefined) return;
    const text = cutText(whole, WORKER_LOG_LIMITS.maxLineCharacters);
    if (!mayWrite(event, text)) return;
    const fields = { worker: event.version.workerName, version: event.version.id, pipeline: event.pipelineId };
    if (event.type === 'log') log[levelOf(event.level)](text, fields);
    else if (event.type === 'exception') log.error(text, fields);
    else if (event.type === 'invocation') {
      const { outcome, cpuMs, wallMs } = event;
      log.warn(text, { ...fields, outcome, cpuMs: Math.round(cpuMs), wallMs: Math.round(wallMs) });
    }
  };
}

/** The line of an event; undefined: nothing to tell. */
function textOf(event: WorkerEvent): string | undefined {
  if (event.type === 'log') return event.message.join(' ');
  if (event.type === 'exception') return event.stack ?? `${event.name}: ${event.message}`;
  // A trace event has a span for each; a line for each would drown what the worker says.
  if (event.type === 'operation') return undefined;
  const isUsual = event.outcome === 'ok' || event.outcome === 'exception' || event.outcome === 'canceled';
  return isUsual ? undefined : 'An invocation was ended';
}

const levelOf = (level: string): 'error' | 'warn' | 'info' => (level === 'error' || level === 'warn' ? level : 'info');

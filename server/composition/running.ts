/** What all parts of a server share from its start to its end, and how it ends. */
import type { Resources } from '../../shared/resources.ts';
import type { ResolveName } from '../bindings/egress/names.ts';
import type { Config } from '../config/config.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { RootLogger } from '../log/log.ts';

/** From the first SIGTERM to the end, whatever still runs. */
const STOP_TIMEOUT_MS = 30_000;
/** Of which requests under way have this much. */
const DRAIN_MS = 25_000;

/** The build that runs. */
export interface Program {
  readonly version: string;
  /** What runs in the cells, the thread that watches them, and the process that starts them. */
  readonly harnessPath: string;
  readonly watchdogPath: URL;
  readonly sourceMapThreadPath: URL;
  readonly spawnerPath: string;
}

export interface Running {
  /** When the first signal came; what still runs then shares one deadline. */
  stopSignalMs?: number;
  gateway?: Gateway;
  gatewayPort?: number;
  readonly program: Program;
  readonly config: Config;
  readonly log: RootLogger;
  readonly resources: Resources;
  /** Names that workers and their databases' origins ask for. */
  readonly resolveName: ResolveName;
}

/** The first signal drains and ends with 0; a second one, or the deadline, ends at once. */
export function stopOnSignals(running: Running): void {
  const { log, resources } = running;
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) {
      log.warn('Second signal: ending at once', { signal });
      log.flush();
      process.exit(1);
    }
    stopping = true;
    running.stopSignalMs = performance.now();
    log.info('Stopping', { signal });
    setTimeout(() => {
      log.error('Stopping took too long: ending at once', { seconds: STOP_TIMEOUT_MS / 1000 });
      log.flush();
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    resources.close().then(
      () => finish(log, 0),
      (error: Error) => {
        log.error('Stopping failed', { error: error.message, cause: String(error.cause) });
        finish(log, 1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** What requests and `waitUntil` work under way have left; all of it when no signal asked to stop. */
export function drainLeftMs({ stopSignalMs }: Running): number {
  return stopSignalMs === undefined ? DRAIN_MS : Math.max(0, DRAIN_MS - (performance.now() - stopSignalMs));
}

function finish(log: RootLogger, code: number): void {
  log.flush();
  process.exit(code);
}

/** Load on a platform, with the CPU time it took of each part. */
import { percentile } from './cold.ts';
import { isCell, isDatabase, type Platform } from './platforms.ts';
import { cpuMs } from './processes.ts';
import type { Side } from './report.ts';
import type { Scenario } from './workers.ts';
import { load, type LoadResult } from './wrk.ts';

/** CPU milliseconds so far, by part of the platform. */
function cpuByPart(platform: Platform): Map<string, number> {
  const parts = new Map<string, number>();
  for (const process of platform.processes()) {
    const isOneProcess = platform.name === 'workerd';
    const part = isOneProcess ? 'workerd' : isCell(process) ? 'cells' : isDatabase(process) ? 'database' : 'server';
    parts.set(part, (parts.get(part) ?? 0) + cpuMs(process.pid));
  }
  return parts;
}

export interface Measured {
  readonly result: LoadResult;
  readonly cpuUs: ReadonlyMap<string, number>;
}

/** One run of load on one platform. */
export async function measure(
  platform: Platform,
  scenario: Scenario,
  seconds: number,
  folder: string,
): Promise<Measured> {
  const before = cpuByPart(platform);
  const result = await load(scenario, platform.target(scenario.worker), seconds, folder);
  const after = cpuByPart(platform);
  const spent = [...after].map(
    ([part, total]) => [part, ((total - (before.get(part) ?? 0)) * 1000) / result.requests] as const,
  );
  return { result, cpuUs: new Map(spent) };
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Medians over the runs. */
export function toSide(measured: readonly Measured[]): Side {
  const runs = measured.map(({ result }) => result);
  const parts = new Set(measured.flatMap(({ cpuUs }) => [...cpuUs.keys()]));
  const cpuOf = (part: string): number => median(measured.map(({ cpuUs }) => cpuUs.get(part) ?? 0));
  return {
    requestsPerSecond: median(runs.map((run) => run.requestsPerSecond)),
    p50Ms: median(runs.map((run) => run.p50Ms)),
    p99Ms: median(runs.map((run) => run.p99Ms)),
    errors: runs.reduce((sum, run) => sum + run.errors, 0),
    errorText: runs.flatMap((run) => (run.errorText === '' ? [] : [run.errorText])).join('; '),
    runs,
    cpuUsPerRequest: Object.fromEntries([...parts].map((part) => [part, cpuOf(part)])),
  };
}

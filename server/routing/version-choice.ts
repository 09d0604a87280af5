/** Which version of a deployed worker serves a request. */
import type { DeployedWorker } from '../catalog/types.ts';
import type { WorkerVersion } from '../../shared/worker.ts';

/**
 * Chooses by share. `unit` is a number from 0 up to but not including 1: the same number always gives the same version, so
 * a caller may pass a random number or a hash of a visitor's key. Undefined when nothing is deployed.
 */
export function pickVersion(worker: Pick<DeployedWorker, 'versions'>, unit: number): WorkerVersion | undefined {
  const { versions } = worker;
  if (versions.length < 2) return versions[0]?.version;
  let total = 0;
  for (const share of versions) total += share.percentage;
  let left = unit * total;
  for (const share of versions) {
    left -= share.percentage;
    if (left < 0) return share.version;
  }
  // Rounding at the very top, or shares that add up to nothing: the largest share comes first.
  return versions[0]?.version;
}

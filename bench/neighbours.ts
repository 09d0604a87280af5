/** What a worker notices of another one that misbehaves: its answers before and during, family by family, on one Skep. */
import { getPriority } from 'node:os';
import { startAttacker } from './attackers.ts';
import { FAMILIES, type Family, hostileWorker, NEIGHBOUR } from './families.ts';
import { type Skep, startSkep } from './platforms.ts';
import { runFirst, steadyLoad, type SteadyResult } from './steady.ts';

export interface NeighbourRow {
  readonly family: string;
  readonly title: string;
  readonly before: SteadyResult;
  readonly during: SteadyResult;
}

export interface NeighbourPlan {
  readonly seconds: number;
  /** Only these families; empty: all. */
  readonly families: readonly string[];
}

const REQUESTS_PER_SECOND = 200;
/** An attack has this long to get going before it is measured. */
const ONSET_MS = 500;
/** After an attack: its cells end, its connections close. */
const CALM_MS = 1500;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function tryFamily(skep: Skep, family: Family, seconds: number, priority: number): Promise<NeighbourRow> {
  const target = skep.target(NEIGHBOUR.name);
  const load = { perSecond: REQUESTS_PER_SECOND, seconds };
  const attacker = await startAttacker(priority);
  try {
    const worker = hostileWorker(family, attacker.origin);
    await skep.deploy(worker);
    await steadyLoad(target, { ...load, seconds: 0.5 });
    const before = await steadyLoad(target, load);
    attacker.attack({ target: skep.target(worker.name), visitors: family.visitors });
    await sleep(ONSET_MS);
    const during = await steadyLoad(target, load);
    return { family: family.name, title: family.title, before, during };
  } finally {
    await attacker.stop();
    await sleep(CALM_MS);
  }
}

/** Runs the families one after the other. */
export async function runNeighbours(plan: NeighbourPlan): Promise<NeighbourRow[]> {
  const families = FAMILIES.filter(({ name }) => plan.families.length === 0 || plan.families.includes(name));
  const skep = await startSkep({ SKEP_EGRESS_ALLOW: '127.0.0.1' });
  const priority = getPriority();
  // After Skep was started, which would inherit it.
  runFirst();
  const rows: NeighbourRow[] = [];
  try {
    await skep.deploy(NEIGHBOUR);
    for (const family of families) {
      console.error(`bench: neighbour of ${family.title} …`);
      rows.push(await tryFamily(skep, family, plan.seconds, priority));
    }
    return rows;
  } finally {
    await skep.stop();
  }
}

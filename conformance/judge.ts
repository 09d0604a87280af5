/** Running a case somewhere, and what comes of it against the expectation and the ledger. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { canonical, type CaseResult, differences } from './compare.ts';
import type { CaseBinding, ConformanceCase, Expected } from './corpus.ts';
import { exchange, makeTarget, type Target } from './exchange.ts';
import { hasDataBindings, startMiniflare } from './miniflare.ts';
import { createResource, deploy, type Skep } from './skep.ts';
import { startWorkerd } from './workerd.ts';

/** How a runtime took a case: it refused the worker, or gave these answers. */
export interface CaseRun {
  /** Why the worker was refused; null when it was taken. */
  readonly refusal: string | null;
  readonly results: readonly CaseResult[];
}

export async function runOnSkep(conformanceCase: ConformanceCase, skep: Skep): Promise<CaseRun> {
  const resources = await makeResources(conformanceCase, skep);
  for (const worker of conformanceCase.workers) {
    const refusal = await deploy(skep, { ...worker, bindings: worker.bindings.map((one) => bound(one, resources)) });
    if (refusal !== null) return { refusal, results: [] };
  }
  const host = `${conformanceCase.name}.${skep.domain}:${skep.gatewayPort}`;
  return { refusal: null, results: await ask(conformanceCase, makeTarget(host, skep.gatewayPort)) };
}

/** Namespaces, buckets and databases, fresh for each run of a case: what the API calls each, by type and resource. */
async function makeResources({ workers }: ConformanceCase, skep: Skep): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>();
  for (const binding of workers.flatMap(({ bindings }) => bindings)) {
    const { type } = binding;
    if (type !== 'kv_namespace' && type !== 'r2_bucket' && type !== 'd1') continue;
    const key = resourceKey(binding);
    if (!made.has(key)) made.set(key, await createResource(skep, type));
  }
  return made;
}

const resourceKey = ({ type, name, resource }: CaseBinding): string => `${type}:${resource ?? name}`;

/** The binding as the upload names it. */
function bound(binding: CaseBinding, resources: ReadonlyMap<string, string>): CaseBinding {
  const id = resources.get(resourceKey(binding));
  const { type, name } = binding;
  if (type === 'kv_namespace') return { type, name, namespace_id: id };
  if (type === 'r2_bucket') return { type, name, bucket_name: id };
  if (type === 'd1') return { type, name, id };
  return binding;
}

/** On workerd, or on Miniflare where there are data bindings. */
export async function runOnReference(conformanceCase: ConformanceCase): Promise<CaseRun & { readonly log: string }> {
  const start = hasDataBindings(conformanceCase) ? startMiniflare : startWorkerd;
  const workerd = await start(conformanceCase.workers);
  if (workerd.port === null) return { refusal: startupMessage(workerd.log()), results: [], log: workerd.log() };
  try {
    const results = await ask(conformanceCase, makeTarget(`${conformanceCase.name}.localhost:8787`, workerd.port));
    return { refusal: null, results, log: workerd.log() };
  } finally {
    await workerd.stop();
  }
}

/** The line in which workerd says why it refuses a worker. */
const startupMessage = (log: string): string =>
  (log.split('\n').find((line) => line.startsWith('service ') && !line.includes('default as of')) ?? log)
    .replace(/^service \S+: /, '')
    .slice(0, 300);

async function ask(conformanceCase: ConformanceCase, target: Target): Promise<CaseResult[]> {
  const one = async (request: ConformanceCase['requests'][number]): Promise<CaseResult> =>
    canonical(await exchange(request, target), request, conformanceCase, target);
  if (conformanceCase.parallel) {
    const { requests } = conformanceCase;
    const together = await Promise.all(requests.filter(({ after }) => after !== true).map(one));
    for (const request of requests.filter(({ after }) => after === true)) together.push(await one(request));
    return requests.map(({ id }) => together.find((result) => result.id === id) as CaseResult);
  }
  const results: CaseResult[] = [];
  for (const request of conformanceCase.requests) {
    if (request.delayMs !== undefined) await sleep(request.delayMs);
    results.push(await one(request));
  }
  return results;
}

/** In these areas the texts of errors are part of the answer. */
export const comparesTexts = ({ area }: ConformanceCase): boolean => area === 'kv-errors' || area === 'r2-errors';

/** One line for each difference between what is expected of a case and how it ran; none: it passed. */
export function judge(expected: Expected, run: CaseRun, strict: boolean): string[] {
  if (expected.startup === 'error') return judgeRefusal(run);
  if (run.refusal !== null) return [`not deployed: ${run.refusal}`];
  return (expected.requests ?? []).flatMap((request, index) =>
    differences(request, run.results[index] as CaseResult, strict).map((line) => `${request.id} ${line}`),
  );
}

/** A worker that workerd refuses to start may be taken here, as long as it answers nothing but errors of the server. */
function judgeRefusal(run: CaseRun): string[] {
  if (run.refusal !== null) return [];
  const answered = run.results.find(({ failure, status }) => failure === undefined && (status ?? 0) < 500);
  return answered === undefined ? [] : [`workerd refuses to start this worker; here it answered ${answered.status}`];
}

/** Cases that are known to differ, each with the reason. */
export type Ledger = ReadonlyMap<string, string>;

export function readLedger(): Ledger {
  const entries = JSON.parse(readFileSync(new URL('./ledger.json', import.meta.url), 'utf8')) as readonly {
    readonly case: string;
    readonly reason: string;
  }[];
  return new Map(entries.map((entry) => [entry.case, entry.reason]));
}

export type Verdict = 'pass' | 'known difference' | 'unexpected failure' | 'unexpected pass';

export function verdictOf(id: string, found: readonly string[], ledger: Ledger): Verdict {
  if (found.length === 0) return ledger.has(id) ? 'unexpected pass' : 'pass';
  return ledger.has(id) ? 'known difference' : 'unexpected failure';
}

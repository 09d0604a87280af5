/**
 * Load at a fixed rate: a request is sent when its time has come, whether or not the ones before it have been answered. A platform that
 * stalls is so measured by everybody who would have come meanwhile.
 */
import { Agent, request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { percentile } from './cold.ts';
import type { Target } from './wrk.ts';

export interface SteadyResult {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly errors: number;
  /** The first one. */
  readonly errorText: string;
}

const TIMEOUT_MS = 10_000;
/** The clients stand for other machines: no load here may slow them. */
const CLIENT_PRIORITY = -15;

/** Lets this process run before the platform that it measures. Needs root; without it the times are a little too long. */
export const runFirst = (): void => setOwnPriority(CLIENT_PRIORITY);

/** Of this process and its session. What the kernel refuses stays as it was. */
export function setOwnPriority(nice: number): void {
  for (const set of [() => setPriority(nice), () => writeFileSync('/proc/self/autogroup', String(nice))]) {
    try {
      set();
    } catch {
      // Not root, or a kernel without autogroups.
    }
  }
}

function ask({ url, host }: Target, n: number, agent: Agent): Promise<string | null> {
  return new Promise((done) => {
    const call = request(`${url}?n=${n}`, { agent, headers: { host }, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const isRight = response.statusCode === 200 && text.startsWith(`{"hello":"${n}"`);
        done(isRight ? null : `status ${response.statusCode ?? 0}: ${text.slice(0, 100)}`);
      });
      response.on('error', (error) => done(error.message));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on('error', (error) => done(error.message));
    call.end();
  });
}

/** Asks the neighbour `perSecond` times a second for `seconds` seconds, or until `stop` is aborted. */
export async function steadyLoad(
  target: Target,
  plan: { readonly perSecond: number; readonly seconds: number; readonly stop?: AbortSignal },
): Promise<SteadyResult> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  const errors: string[] = [];
  const open = new Set<Promise<void>>();
  const started = performance.now();
  const send = (n: number): void => {
    const sent = performance.now();
    const one = ask(target, n, agent).then((error) => {
      times.push(performance.now() - sent);
      if (error !== null) errors.push(error);
      open.delete(one);
    });
    open.add(one);
  };
  const total = Math.round(plan.perSecond * plan.seconds);
  for (let n = 0; n < total && plan.stop?.aborted !== true; ) {
    const due = Math.min(total, Math.ceil(((performance.now() - started) / 1000) * plan.perSecond));
    while (n < due) send(n++);
    await new Promise((done) => setTimeout(done, 1));
  }
  await Promise.all(open);
  agent.destroy();
  return {
    requests: times.length,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    worstMs: times.reduce((worst, time) => Math.max(worst, time), 0),
    errors: errors.length,
    errorText: errors[0] ?? '',
  };
}

// Runs every case on workerd and writes expected.json into each case folder.
//   node oracle.mjs [--runs 2] [--jobs 2] [--filter text[,text]] [--area a,b] [--check] [--show]
// Each case gets a fresh workerd process per run. A case whose runs disagree is written with
// "stable": false and run.mjs leaves it out. --check compares with the stored expected.json
// instead of writing it (--loose: without the texts of error messages).
import fs from 'node:fs';
import path from 'node:path';
import { loadCases, makeTarget, execCase, diffResult } from './lib.mjs';
import { startWorkerd, WORKERD } from './workerd.mjs';
import { execFileSync } from 'node:child_process';

const args = process.argv.slice(2);
const opt = (n, d) => {
  const i = args.indexOf('--' + n);
  return i < 0 ? d : args[i + 1];
};
const flag = (n) => args.includes('--' + n);
const runs = +opt('runs', 2),
  jobs = +opt('jobs', 2);
const version = execFileSync(WORKERD, ['--version']).toString().trim();
const cases = loadCases(undefined, { ids: opt('filter')?.split(','), areas: opt('area')?.split(',') });

async function once(cs) {
  const w = await startWorkerd(cs.workers);
  if (w.error) return { startup: 'error', log: w.stderr() };
  const t = makeTarget(cs.name, { baseUrlTemplate: 'http://{name}.localhost:8787', connect: `127.0.0.1:${w.port}` });
  const results = await execCase(cs, t);
  const log = w.stderr();
  await w.stop();
  return { startup: 'ok', results, log };
}
function same(a, b, strict = true) {
  if (a.startup !== b.startup) return [`startup: ${a.startup} then ${b.startup}`];
  if (a.startup === 'error') return [];
  return a.results.flatMap((r, i) => diffResult(r, b.results[i], { strict }).map((d) => `${r.id}: ${d}`));
}

function brief(r) {
  if (r.failure) return `FAILURE ${r.failure}`;
  const { 'content-type': ct, ...h } = r.headers;
  const b = r.body ?? {};
  const v = JSON.stringify(
    r.ws ?? b.value ?? b.text ?? b.base64 ?? (b.sha256 ? `sha256 ${b.length} ${b.sha256.slice(0, 8)}` : b.kind),
  );
  return [
    r.id,
    r.status,
    r.statusText ?? '',
    ct === 'application/json' ? '' : (ct ?? '-'),
    Object.keys(h).length ? JSON.stringify(h) : '',
    r.truncated ? 'TRUNCATED' : '',
    'streamed' in r ? `streamed=${r.streamed}` : '',
    v,
  ]
    .filter((x) => x !== '')
    .join(' ');
}
let unstable = 0,
  bad = 0,
  failedStart = 0,
  n = 0;
async function one(cs) {
  const got = [];
  for (let i = 0; i < runs; i++) got.push(await once(cs));
  const diffs = got.slice(1).flatMap((g) => same(got[0], g));
  const g = got[0];
  const failures = (g.results ?? []).filter((r) => r.failure && !cs.spec.breaks_connection);
  const exp = { oracle: version, stable: diffs.length === 0, startup: g.startup };
  if (g.startup === 'ok') exp.requests = g.results;
  else
    exp.startup_message = g.log
      .split('\n')
      .find((l) => l.startsWith('service ') && !/default as of/.test(l))
      ?.replace(/^service \S+: /, '')
      .slice(0, 300); // for information; not compared
  if (diffs.length) exp.unstable_because = diffs.slice(0, 5);
  if (diffs.length) {
    unstable++;
    console.log(`UNSTABLE ${cs.id}\n   ${diffs.slice(0, 5).join('\n   ')}`);
  }
  if (g.startup === 'error' && !cs.expectStartupFailure) {
    failedStart++;
    console.log(`NO START ${cs.id}\n${g.log.slice(0, 1500)}`);
  }
  if (g.startup === 'ok' && cs.expectStartupFailure) {
    bad++;
    console.log(`STARTED although marked startup_failure: ${cs.id}`);
  }
  if (failures.length) {
    bad++;
    console.log(`FAILURE ${cs.id}: ${JSON.stringify(failures)}\n${g.log.slice(0, 800)}`);
  }
  if (flag('show')) {
    console.log(`== ${cs.id}`);
    for (const r of g.results ?? []) console.log('  ', brief(r));
    if (g.log) console.log('   LOG ' + g.log.slice(0, +opt('log', 600)).replaceAll('\n', '\n   LOG '));
  }
  const file = path.join(cs.dir, 'expected.json');
  if (flag('check')) {
    if (!cs.expected) {
      bad++;
      console.log(`NO EXPECTED ${cs.id}`);
    } else {
      const d = same({ startup: cs.expected.startup, results: cs.expected.requests }, g, !flag('loose'));
      if (d.length) {
        bad++;
        console.log(`DIFFERS ${cs.id}\n   ${d.slice(0, 5).join('\n   ')}`);
      }
    }
  } else fs.writeFileSync(file, JSON.stringify(exp, null, 1) + '\n');
  n++;
}
const queue = cases.slice();
await Promise.all(
  Array.from({ length: jobs }, async () => {
    while (queue.length) await one(queue.shift());
  }),
);
console.log(`${n} cases, ${runs} runs each: ${unstable} unstable, ${failedStart} did not start, ${bad} other problems`);
process.exitCode = bad || failedStart ? 1 : 0;

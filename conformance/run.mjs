// Replays the corpus against some other runtime and compares with expected.json.
//
//   node run.mjs --base-url-template 'http://{name}.localhost:8080' [options]
//
// options
//   --base-url-template T   where each case answers; {name} is the case's script name. Its host is the
//                           Host header. A *.localhost host is connected to at 127.0.0.1.
//   --public-origin-template T   the origin the worker sees in request.url, when a proxy in front
//                           makes it differ from the base URL (default: the base URL)
//   --connect HOST:PORT     connect here whatever the host of the base URL is
//   --deploy wrangler|api|none|HOOK   how a case is put on the runtime (default: wrangler);
//                           HOOK is a .mjs file with a default export, or any other command
//   --api-base URL --account ID --token T [--api-parallel N]   for --deploy api
//                           (or CLOUDFLARE_API_BASE_URL, CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_API_TOKEN)
//   --settle MS             wait after each deployment before the requests (default 0)
//   --split public|heldout|all   from split.json (default: all)
//   --area a,b   --filter text,text   --jobs N   --timeout MS
//   --strict                also compare the texts of error messages ($message)
//   --report FILE           the JSON report (default: report.json)
//   --no-canary             do not first deploy and ask a worker that must work
//   --quiet                 only the totals
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT, loadCases, makeTarget, execCase, diffResult } from './lib.mjs';
import { loadHook } from './deploy.mjs';

const args = process.argv.slice(2);
const opt = (n, d) => {
  const i = args.indexOf('--' + n);
  return i < 0 ? d : args[i + 1];
};
const flag = (n) => args.includes('--' + n);
const base = opt('base-url-template');
if (!base || flag('help')) {
  console.log(
    fs
      .readFileSync(new URL(import.meta.url), 'utf8')
      .split('\nimport ')[0]
      .replace(/^\/\/ ?/gm, ''),
  );
  process.exit(base ? 0 : 2);
}
const where = { baseUrlTemplate: base, publicOriginTemplate: opt('public-origin-template'), connect: opt('connect') };
const strict = flag('strict'),
  jobs = +opt('jobs', 4),
  settle = +opt('settle', 0),
  timeout = +opt('timeout', 15000);

let only;
const split = opt('split', 'all');
if (split !== 'all') only = new Set(JSON.parse(fs.readFileSync(path.join(ROOT, 'split.json'), 'utf8'))[split]);
const all = loadCases(undefined, { areas: opt('area')?.split(','), ids: opt('filter')?.split(','), only });
const skipped = all.filter((c) => !c.expected || c.expected.stable === false);
const cases = all.filter((c) => c.expected && c.expected.stable !== false);
const hook = await loadHook(opt('deploy', 'wrangler'), {
  apiBase: opt('api-base', process.env.CLOUDFLARE_API_BASE_URL),
  account: opt('account', process.env.CLOUDFLARE_ACCOUNT_ID),
  token: opt('token', process.env.CLOUDFLARE_API_TOKEN),
});

// A case that workerd refused to start passes if the deployment is refused, or if it then answers
// nothing but 5xx.
function judgeStartupFailure(deployed, results) {
  if (!deployed.ok) return [];
  // with --deploy none the refusal was seen by whoever deployed; a 404 then means "no such worker"
  const good = results.find((r) => !r.failure && r.status < (opt('deploy') === 'none' ? 400 : 500));
  return good ? [`workerd refuses to start this worker; here it was deployed and answered ${good.status}`] : [];
}

async function one(cs) {
  const rec = {
    id: cs.id,
    name: cs.name,
    area: cs.area,
    title: cs.title,
    tags: cs.spec.tags ?? [],
    pass: false,
    requests: [],
  };
  const t0 = Date.now();
  const deployed = { ok: true };
  try {
    for (const w of cs.workers) {
      // helpers first, the case's own worker last
      const r = (await hook(w, cs)) ?? { ok: true };
      if (!r.ok) {
        deployed.ok = false;
        deployed.error = r.error;
        break;
      }
    }
    if (settle) await new Promise((r) => setTimeout(r, settle));
  } catch (e) {
    deployed.ok = false;
    deployed.error = String(e?.stack ?? e);
  }
  const target = makeTarget(cs.name, where);
  let results = [];
  if (deployed.ok) results = await execCase(cs, target, { timeout });
  if (cs.expected.startup === 'error') {
    rec.diffs = judgeStartupFailure(deployed, results);
    rec.pass = rec.diffs.length === 0;
    rec.requests = [{ id: 'startup', pass: rec.pass }];
  } else if (!deployed.ok) {
    rec.diffs = [`not deployed: ${String(deployed.error).slice(0, 2000)}`];
    rec.requests = cs.expected.requests.map((r) => ({ id: r.id, pass: false }));
  } else {
    rec.requests = cs.expected.requests.map((exp, i) => {
      const diffs = diffResult(exp, results[i], { strict });
      return {
        id: exp.id,
        method: cs.requests[i].method,
        path: cs.requests[i].path,
        pass: diffs.length === 0,
        diffs,
        ...(diffs.length ? { got: results[i] } : {}),
      };
    });
    rec.pass = rec.requests.every((r) => r.pass);
    rec.diffs = rec.requests.flatMap((r) => r.diffs.map((d) => `${r.id} ${r.method} ${r.path}: ${d}`));
  }
  rec.ms = Date.now() - t0;
  return rec;
}

// A worker that must work, so that a broken deployment hook is not taken for a strict runtime.
if (!flag('no-canary')) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'canary-'));
  fs.writeFileSync(
    path.join(dir, 'worker.js'),
    'export default { async fetch() { return new Response("canary"); } };\n',
  );
  const w = {
    key: null,
    dir,
    main: 'worker.js',
    format: 'modules',
    scriptName: 'conformance-canary',
    compatibility_date: '2024-01-01',
    compatibility_flags: [],
    bindings: [],
    modules: [{ name: 'worker.js', type: 'esm', path: path.join(dir, 'worker.js') }],
  };
  const cs = {
    name: 'conformance-canary',
    dir,
    compare: {},
    spec: {},
    requests: [{ id: 'r1', method: 'GET', path: '/' }],
  };
  const r = opt('deploy') === 'none' ? { ok: true } : ((await hook(w, cs)) ?? { ok: true });
  if (!r.ok) {
    console.error(`the canary worker could not be deployed:\n${r.error}`);
    process.exit(3);
  }
  if (opt('deploy') !== 'none') {
    if (settle) await new Promise((x) => setTimeout(x, settle));
    const [a] = await execCase(cs, makeTarget(cs.name, where), { timeout });
    if (a.body?.text !== 'canary') {
      console.error(`the canary worker was deployed but did not answer: ${JSON.stringify(a)}`);
      process.exit(3);
    }
  }
  fs.rmSync(dir, { recursive: true, force: true });
}

const records = [];
const queue = cases.slice();
await Promise.all(
  Array.from({ length: jobs }, async () => {
    while (queue.length) {
      const cs = queue.shift();
      const r = await one(cs);
      records.push(r);
      if (!flag('quiet')) {
        console.log(`${r.pass ? 'pass' : 'FAIL'} ${r.id}`);
        if (!r.pass) for (const d of r.diffs.slice(0, 6)) console.log(`       ${d.slice(0, 400)}`);
      }
    }
  }),
);
await hook.close?.();
records.sort((a, b) => (a.id < b.id ? -1 : 1));

const areas = {};
const count = (o, r) => {
  o.cases++;
  if (r.pass) o.passed++;
  o.requests += r.requests.length;
  o.requests_passed += r.requests.filter((x) => x.pass).length;
};
const zero = () => ({ cases: 0, passed: 0, requests: 0, requests_passed: 0 });
const total = zero(),
  core = zero(),
  settled = zero();
for (const r of records) {
  count((areas[r.area] ??= zero()), r);
  count(total, r);
  if (!r.tags.includes('quirk')) {
    count(core, r);
    if (!r.tags.includes('recent')) count(settled, r);
  }
}
const pc = (a, b) => (b ? ((100 * a) / b).toFixed(1) : '-').padStart(5) + '%';
console.log('');
for (const [a, v] of Object.entries(areas))
  console.log(
    `${a.padEnd(20)} cases ${String(v.passed).padStart(4)}/${String(v.cases).padEnd(4)} ${pc(v.passed, v.cases)}   requests ${String(v.requests_passed).padStart(4)}/${String(v.requests).padEnd(4)} ${pc(v.requests_passed, v.requests)}`,
  );
console.log(
  `${'total'.padEnd(20)} cases ${String(total.passed).padStart(4)}/${String(total.cases).padEnd(4)} ${pc(total.passed, total.cases)}   requests ${String(total.requests_passed).padStart(4)}/${String(total.requests).padEnd(4)} ${pc(total.requests_passed, total.requests)}`,
);
console.log(
  `${'without quirks'.padEnd(20)} cases ${String(core.passed).padStart(4)}/${String(core.cases).padEnd(4)} ${pc(core.passed, core.cases)}`,
);
console.log(
  `${'also without recent'.padEnd(20)} cases ${String(settled.passed).padStart(4)}/${String(settled.cases).padEnd(4)} ${pc(settled.passed, settled.cases)}`,
);
if (skipped.length) console.log(`left out (unstable or without expected.json): ${skipped.map((c) => c.id).join(', ')}`);
fs.writeFileSync(
  opt('report', 'report.json'),
  JSON.stringify(
    {
      when: new Date().toISOString(),
      base,
      split,
      strict,
      total,
      without_quirks: core,
      without_quirks_and_recent: settled,
      areas,
      skipped: skipped.map((c) => c.id),
      cases: records,
    },
    null,
    1,
  ) + '\n',
);
process.exitCode = total.passed === total.cases ? 0 : 1;

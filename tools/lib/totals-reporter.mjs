// A node:test reporter that writes lines of JSON: which test began and ended, which failed, and at the end how many passed and failed.
// tools/lib/run-files.mjs reads them. (The text reporters' closing lines are for people and change.)
const TOTALS = /^(tests|pass|fail|cancelled|skipped|todo) (\d+)$/;

export default async function* totals(source) {
  const counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && data.nesting === 0) {
      const match = TOTALS.exec(data.message);
      // A test file may print a diagnostic of the same form; the runner's own come last and win.
      if (match !== null) counts[match[1]] = Number(match[2]);
    }
    if (type === 'test:dequeue') yield line({ began: data.name, nesting: data.nesting });
    if (type === 'test:pass') yield line({ ended: data.name, nesting: data.nesting });
    if (type === 'test:fail') {
      const isFailure =
        data.todo === undefined && data.skip === undefined && data.details?.error?.failureType !== 'subtestsFailed';
      const failure = isFailure ? { failure: { name: data.name, file: data.file ?? null } } : {};
      yield line({ ended: data.name, nesting: data.nesting, ...failure });
    }
  }
  yield line({ counts });
}

const line = (entry) => `${JSON.stringify(entry)}\n`;

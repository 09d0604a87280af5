// A node:test reporter that writes one JSON line at the end: how many tests passed and failed, and which failed.
// tools/test.mjs adds the lines of several runs up. (The text reporters' closing lines are for people and change.)
const TOTALS = /^(tests|pass|fail|cancelled|skipped|todo) (\d+)$/;

export default async function* totals(source) {
  const counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  const failures = [];
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && data.nesting === 0) {
      const match = TOTALS.exec(data.message);
      // A test file may print a diagnostic of the same form; the runner's own come last and win.
      if (match !== null) counts[match[1]] = Number(match[2]);
    } else if (type === 'test:fail' && data.todo === undefined && data.skip === undefined) {
      const subtests = data.details?.error?.failureType === 'subtestsFailed';
      if (!subtests) failures.push({ name: data.name, file: data.file ?? null });
    }
  }
  yield `${JSON.stringify({ counts, failures })}\n`;
}

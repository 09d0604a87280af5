// A node:test reporter that writes one JSON line at the end: how many tests passed and failed, which failed, and how long each file took.
// tools/test.mjs adds the lines of several runs up. (The text reporters' closing lines are for people and change.)
const TOTALS = /^(tests|pass|fail|cancelled|skipped|todo) (\d+)$/;

export default async function* totals(source) {
  const counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  const failures = [];
  const fileMs = {};
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && data.nesting === 0) {
      const match = TOTALS.exec(data.message);
      // A test file may print a diagnostic of the same form; the runner's own come last and win.
      if (match !== null) counts[match[1]] = Number(match[2]);
    }
    if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0 && data.file !== undefined) {
      fileMs[data.file] = (fileMs[data.file] ?? 0) + (data.details?.duration_ms ?? 0);
    }
    if (type === 'test:fail' && data.todo === undefined && data.skip === undefined) {
      const subtests = data.details?.error?.failureType === 'subtestsFailed';
      if (!subtests) failures.push({ name: data.name, file: data.file ?? null });
    }
  }
  yield `${JSON.stringify({ counts, failures, fileMs })}\n`;
}

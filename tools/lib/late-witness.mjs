// Loaded into each test file by tools/lib/run-files.mjs: a file whose time is over is asked with SIGUSR2 what it still waits for, before it is
// ended. One that computes without end does not answer, which says as much.
import { writeSync } from 'node:fs';

process.on('SIGUSR2', () => {
  const counts = new Map();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  const open = [...counts].map(([type, count]) => `${count} ${type}`).join(', ');
  writeSync(2, `late: it waits for ${open === '' ? 'nothing that keeps it alive' : open}\n`);
});

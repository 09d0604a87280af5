/** What workers say in the server's own log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { logWorkerEvent } from '../../server/worker-log.ts';
import type { WorkerEvent } from '../../server/supervisor/types.ts';
import { WORKER_LOG_LIMITS } from '../../shared/limits.ts';
import { buildVersion } from '../support/cells.ts';
import { recordingLog } from '../support/log.ts';

const versionOf = (name: string) => buildVersion({ name, modules: { 'index.js': '' } }).version;

const said = (version: WorkerEvent['version'], text: string): WorkerEvent => ({
  type: 'log',
  version,
  invocationId: 1,
  pipelineId: 'p',
  level: 'log',
  message: [text],
});

test('a worker that logs up to its share of a second loses nothing; beyond it lines are left out and counted', async () => {
  const { log, lines } = recordingLog();
  const listen = logWorkerEvent(log);
  const loud = versionOf('loud');
  const text = 'x'.repeat(1024 - WORKER_LOG_LIMITS.lineOverheadBytes);
  const allowed = WORKER_LOG_LIMITS.bytesPerSecond / 1024;
  for (let n = 0; n < allowed; n++) listen(said(loud, text));
  assert.equal(lines.length, allowed, 'at the limit');
  for (let n = 0; n < 100; n++) listen(said(loud, text));
  assert.equal(lines.length, allowed, 'above the limit');
  await sleep(1_050);
  listen(said(loud, 'again'));
  assert.match(lines[allowed] ?? '', /100 lines were left out/);
  assert.match(lines[allowed + 1] ?? '', /again/);
});

test('a flood of empty lines is cut short, too', () => {
  const { log, lines } = recordingLog();
  const listen = logWorkerEvent(log);
  const loud = versionOf('loud');
  for (let n = 0; n < 10_000; n++) listen(said(loud, ''));
  assert.equal(lines.length, WORKER_LOG_LIMITS.bytesPerSecond / WORKER_LOG_LIMITS.lineOverheadBytes);
});

test('a line that a cell made as long as a frame is cut where an honest one ends', () => {
  const { log, lines } = recordingLog();
  const listen = logWorkerEvent(log);
  const { maxLineCharacters } = WORKER_LOG_LIMITS;
  const liar = versionOf('liar');
  listen(said(liar, 'x'.repeat(maxLineCharacters)));
  listen(said(liar, 'x'.repeat(250_000)));
  listen({
    type: 'exception',
    version: liar,
    invocationId: 1,
    pipelineId: 'p',
    name: 'E',
    message: 'm',
    stack: 'y'.repeat(60_000),
  });
  const [whole = '', cut = '', thrown = ''] = lines;
  assert.doesNotMatch(whole, /left out/);
  assert.match(cut, new RegExp(`${250_000 - maxLineCharacters} more characters are left out`));
  assert.match(thrown, /more characters are left out/);
  for (const line of lines) assert.ok(line.length < maxLineCharacters + 1_000, `${line.length} characters`);
});

test('what one worker says too much of takes nothing from another', () => {
  const { log, lines } = recordingLog();
  const listen = logWorkerEvent(log);
  const loud = versionOf('loud');
  const quiet = versionOf('quiet');
  for (let n = 0; n < 10_000; n++) listen(said(loud, 'x'.repeat(1000)));
  listen(said(quiet, 'still heard'));
  assert.match(lines.at(-1) ?? '', /still heard/);
});

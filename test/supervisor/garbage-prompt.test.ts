/** When a cell is asked to collect its garbage: sizes in MiB above what it started with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GarbagePrompt } from '../../server/supervisor/garbage-prompt.ts';

const MiB = 1024 * 1024;
const BASELINE = 20 * MiB;

/** Which of the sizes, seen one after the other, make it ask. */
function asked(sizes: readonly number[], isBusy: boolean): number[] {
  const prompt = new GarbagePrompt(BASELINE, 128 * MiB);
  return sizes.filter((size) => prompt.isDue(BASELINE + size * MiB, isBusy));
}

test('a cell that nobody waits for is asked for its garbage from half of its memory on', () => {
  assert.deepEqual(asked([0, 30, 60, 63, 64], false), [64]);
});

test('one that is busy is asked from three quarters on', () => {
  assert.deepEqual(asked([64, 95, 96], true), [96]);
});

test('what is really used is not asked for again until it has grown by 16 MiB', () => {
  assert.deepEqual(asked([70, 70, 80, 85, 86, 90, 101, 102], false), [70, 86, 102]);
});

test('after a collection it is asked when 16 MiB of new garbage are there', () => {
  assert.deepEqual(asked([70, 70, 50, 60, 65, 66, 50, 63, 66], false), [70, 66, 66]);
});

import assert from 'node:assert/strict';
import { ApiError } from '../../server/api/errors.ts';

/** Runs what the API is to refuse; gives `<code> <message>` of each problem. */
export function refusals(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error.problems.map(({ code, message }) => `${code} ${message}`);
  }
  return assert.fail('was not refused');
}

/** The server's real log for tests: silent, unless TEST_LOG is set in the environment of the tests. */
import { Writable } from 'node:stream';
import { createLogger } from '../../server/log/log.ts';
import type { Logger } from '../../server/log/types.ts';

function sink(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
}

export const testLog: Logger =
  process.env['TEST_LOG'] === undefined
    ? createLogger({ format: 'text', verbose: false, stream: sink([]) })
    : createLogger({ format: 'text', verbose: true, stream: process.stderr });

/** A log whose lines a test can read. */
export function recordingLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ format: 'text', verbose: true, stream: sink(lines) }), lines };
}

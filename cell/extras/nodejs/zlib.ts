/** `node:zlib`: Deno's. The functions that do a whole buffer at once throw on Workers what its engine says, without Node's codes. */
import { numbers, ZLIB_CONSTANTS } from './constants.ts';
import { denoNode, type Exports } from './deno-node.ts';
import { shaped } from './errors.ts';

type Run = (...args: unknown[]) => unknown;
type Done = (error: unknown, result?: unknown) => void;

const WHOLE_BUFFER = [
  ...[
    'gzip',
    'gunzip',
    'deflate',
    'inflate',
    'deflateRaw',
    'inflateRaw',
    'unzip',
    'brotliCompress',
    'brotliDecompress',
  ],
  ...['zstdCompress', 'zstdDecompress'],
];

/** A Brotli stream of nothing is no longer than this. */
const EMPTY_BROTLI_BYTES = 3;

/** The exception as Workers' engine throws it: of the same class, and only words. */
function plain(error: unknown): unknown {
  const { code, errno, message } = error as { code?: string; errno?: number; message: string };
  if (!(error instanceof Error) || (code ?? errno) === undefined) return error;
  if (code === 'ERR_BUFFER_TOO_LARGE') return new RangeError('Memory limit exceeded');
  if (code === 'ERR_BROTLI_INVALID_PARAM') return new Error('Setting parameter failed');
  const isOfBrotli =
    (code ?? message).startsWith('ERR_') && !(error instanceof TypeError || error instanceof RangeError);
  if (isOfBrotli) return new Error('Compression failed');
  return error instanceof TypeError
    ? new TypeError(message)
    : error instanceof RangeError
      ? new RangeError(message)
      : new Error(message);
}

/** Deno says nothing of Brotli data that is cut off or is none, and hands out an empty buffer. */
function refuseNothing(input: unknown, result: unknown): void {
  const { byteLength, length } = input as { byteLength?: number; length?: number };
  const bytes = byteLength ?? length ?? 0;
  if ((result as Uint8Array).length > 0 || (bytes > 0 && bytes <= EMPTY_BROTLI_BYTES)) return;
  throw new Error(bytes === 0 ? 'Unexpected end of file' : 'Compression failed');
}

function wholeBuffer(name: string, run: Run, isSync: boolean): Run {
  const check = (input: unknown, result: unknown): void => {
    if (name === 'brotliDecompress') refuseNothing(input, result);
  };
  const sync = (...args: unknown[]): unknown => {
    try {
      const result = run(...args);
      check(args[0], result);
      return result;
    } catch (error) {
      throw plain(error);
    }
  };
  const withCallback = (...args: unknown[]): unknown => {
    const done = args.at(-1);
    if (typeof done !== 'function') return run(...args);
    const settle: Done = (error, result) => {
      let failure = error;
      try {
        if (!error && (args[1] as { info?: boolean } | undefined)?.info !== true) check(args[0], result);
      } catch (reason) {
        failure = reason;
      }
      (done as Done)(failure ? plain(failure) : failure, failure ? undefined : result);
    };
    try {
      return run(...args.slice(0, -1), settle);
    } catch (error) {
      throw plain(error);
    }
  };
  return shaped(isSync ? sync : withCallback, run.name, run.length) as Run;
}

export function zlib(): Exports {
  const constants = numbers(ZLIB_CONSTANTS);
  const source = denoNode('zlib');
  const own: Exports = {};
  for (const name of WHOLE_BUFFER) {
    for (const key of [name, `${name}Sync`]) {
      if (typeof source[key] === 'function') own[key] = wholeBuffer(name, source[key] as Run, key !== name);
    }
  }
  return { ...constants, ...source, ...own, constants };
}

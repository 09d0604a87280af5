/**
 * The program that Deno starts. It is small because Deno reads a program twice, once to find its imports; the harness itself (`cell/main.ts`)
 * lies in the file of extras as a script, with the engine's code cache beside it, and is run from there: half the work of a start.
 *
 * Arguments: those of the harness (see `cell/main.ts`), of which the sixth is the file of extras; or `make-code-cache` and that file, from
 * the build: then the harness is set up as in a cell but takes no worker, and what the engine has compiled of it is written out.
 */
import { Script } from 'node:vm';
import { readU32 } from '../shared/frames.ts';
import { deno, type DenoFile } from './deno.ts';
import type { Boot, ExtrasIndex } from './host.ts';

const HARNESS = 'harness.js';
const CODE_CACHE = 'harness.cache';
const MAKE_CODE_CACHE = 'make-code-cache';
/** Also how frames of the harness are told from the worker's in stack traces. */
const FILE_NAME = 'skep:harness.js';

const { getBuiltinModule } = (globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } })
  .process;

function readAt(file: DenoFile, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, 0);
  for (let at = 0; at < length; ) {
    const count = file.readSync(bytes.subarray(at));
    if (count === null) throw new Error('The file of extras is too short');
    at += count;
  }
  return bytes;
}

function openExtras(path: string): Boot['extras'] {
  const file = deno.openSync(path, { read: true });
  const size = readU32(readAt(file, 0, 4), 0);
  const index = JSON.parse(new TextDecoder().decode(readAt(file, 4, size))) as ExtrasIndex;
  return { file, index, base: 4 + size };
}

function boot(): void {
  const makesCache = deno.args[0] === MAKE_CODE_CACHE;
  const extras = openExtras(deno.args[makesCache ? 1 : 5] as string);
  const read = (name: string): Uint8Array<ArrayBuffer> | undefined => {
    const place = extras.index[name];
    return place === undefined ? undefined : readAt(extras.file, extras.base + place[0], place[1]);
  };
  const source = new TextDecoder().decode(read(HARNESS));
  const cachedData = read(CODE_CACHE);
  const script = new Script(`(function (require, module, exports, skepBoot) {${source}\n})`, {
    filename: FILE_NAME,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const run = script.runInThisContext() as (...args: unknown[]) => void;
  const module = { exports: {} };
  const host: Boot = {
    extras,
    // A script has no `import()` of its own.
    importModule: (url) => import(url) as Promise<Record<string, unknown>>,
    onlyInstall: makesCache,
  };
  run(getBuiltinModule, module, module.exports, host);
  if (makesCache) writeCache(script.createCachedData());
}

function writeCache(cache: Uint8Array): void {
  deno.stdout.writeSync(cache);
}

boot();

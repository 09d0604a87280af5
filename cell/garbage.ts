/** Collecting garbage when the server asks for it: it sees how much memory the process has, and cannot see how much of that is used. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deno } from './deno.ts';

const MiB = 1024 * 1024;
/** With more objects than that a whole collection would take much of a request's CPU time: only young ones are looked at. */
const WHOLE_UP_TO_BYTES = 24 * MiB;

type Collect = (options?: { readonly type: 'minor' }) => void;

const { memoryUsage } = deno;
let collect: Collect | undefined;

/** Buffers that nobody holds are given back, by another thread a moment later. */
export function collectGarbage(): void {
  collect ??= findCollect();
  if (memoryUsage().heapUsed <= WHOLE_UP_TO_BYTES) collect();
  else collect({ type: 'minor' });
}

/** V8 puts it into every global scope that is made while the flag is set; from that of the worker it could not be taken away again. */
function findCollect(): Collect {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return found;
}

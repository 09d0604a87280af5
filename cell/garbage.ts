/** Collecting garbage when the server asks for it: it sees how much memory the process has, and cannot see how much of that is used. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deno } from './deno.ts';

const MiB = 1024 * 1024;
/** With more objects than that a collection would take much of a request's CPU time, and is V8's own affair: it knows what they take. */
const UP_TO_BYTES = 24 * MiB;

type Collect = () => void;

const { memoryUsage } = deno;
let collect: Collect | undefined;

/** Buffers that nobody holds are given back, by another thread a moment later. */
export function collectGarbage(): void {
  if (memoryUsage().heapUsed > UP_TO_BYTES) return;
  collect ??= findCollect();
  collect();
}

/** V8 puts it into every global scope that is made while the flag is set; from that of the worker it could not be taken away again. */
function findCollect(): Collect {
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return found;
}

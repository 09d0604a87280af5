/**
 * A binding that does not exist is `undefined`, as on Workers, and `env.DB.get(…)` throws that it cannot read properties of undefined.
 * Whoever reads the exception is told which binding is missing and which there are.
 */
import type { WorkerEvent } from './supervisor/types.ts';
import { isSourceMap, type ModuleContent, type WorkerVersion } from '../shared/worker.ts';

export interface MissingBindingOptions {
  readonly loadModules: (version: WorkerVersion) => Promise<readonly ModuleContent[]>;
  readonly onEvent: (event: WorkerEvent) => void;
}

type Exception = Extract<WorkerEvent, { type: 'exception' }>;

/** The first place in the version's own program. */
const FRAME = /^ {4}at (?:.*\()?(?:file:\/\/\/bundle\/)?([^()\n]+):(\d+):(\d+)\)?$/m;
/** What stands right before the place that V8 names: the property that is read of nothing. */
const READ_OF_ENV = /\benv\s*(?:\?\.|\.)\s*([A-Za-z_$][\w$]*)\s*\.?$|\benv\s*\[\s*(["'`])([^"'`]+)\2\s*\]\s*\.?$/;
/** So much of a line is looked at: bundles have long ones. */
const LOOK_BACK = 200;
const MOST_NAMED = 50;

/** Exceptions of one account that are looked into, in so much time: each reads a version's modules, which may be 64 MiB. */
const LOOK_EVERY_MS = 1_000;
/** Places that are remembered, of all versions; then all are forgotten. */
const MAX_PLACES = 10_000;
const MAX_ACCOUNTS = 10_000;

/** A listener that passes every event on, exceptions with the hint. Before places are mapped to sources: it reads what ran. */
export function explainMissingBindings({ loadModules, onEvent }: MissingBindingOptions): (event: WorkerEvent) => void {
  /** The name that is read at a place of a version; '' for none. */
  const names = new Map<string, string>();
  const lookedMs = new Map<string, number>();
  const looking = new Map<string, Promise<void>>();

  const lookUp = async (key: string, { version, stack }: Exception): Promise<void> => {
    const name = nameRead(stack as string, await loadModules(version)) ?? '';
    if (names.size >= MAX_PLACES) names.clear();
    names.set(key, name);
  };
  const mayLook = (accountId: string): boolean => {
    const now = performance.now();
    if (now - (lookedMs.get(accountId) ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS) return false;
    if (lookedMs.size >= MAX_ACCOUNTS) lookedMs.clear();
    lookedMs.set(accountId, now);
    return true;
  };

  return (event) => {
    const place = event.type === 'exception' && isReadOfNothing(event) && FRAME.exec(event.stack as string)?.slice(1);
    if (event.type !== 'exception' || place === false || place === null || place === undefined) {
      onEvent(event);
      return;
    }
    const key = `${event.version.id} ${place.join(':')}`;
    const pass = (): void => onEvent(explained(event, names.get(key)));
    let look = looking.get(key);
    if (look === undefined && !names.has(key) && mayLook(event.version.accountId)) {
      // Modules that cannot be read just now: the exception is told as it came.
      look = lookUp(key, event)
        .catch(() => undefined)
        .finally(() => looking.delete(key));
      looking.set(key, look);
    }
    if (look === undefined) pass();
    else void look.then(pass);
  };
}

const isReadOfNothing = ({ name, message, stack }: Exception): boolean =>
  name === 'TypeError' && stack !== undefined && message.startsWith('Cannot read properties of undefined');

function explained(event: Exception, name: string | undefined): Exception {
  const { bindings } = event.version;
  if (name === undefined || name === '' || bindings.some((binding) => binding.name === name)) return event;
  const there = bindings.slice(0, MOST_NAMED).map((binding) => binding.name);
  const hint = ` (env.${name} is undefined: this Worker has no binding of that name. It has ${there.length === 0 ? 'none' : there.join(', ')}.)`;
  return {
    ...event,
    message: event.message + hint,
    stack: (event.stack as string).replace(event.message, () => event.message + hint),
  };
}

/** The name in `env.NAME.` where the stack begins. */
function nameRead(stack: string, modules: readonly ModuleContent[]): string | undefined {
  const [, file, line, column] = FRAME.exec(stack) ?? [];
  const module = modules.find((one) => one.name === file && !isSourceMap(one));
  if (module === undefined) return undefined;
  const text = lineOf(
    Buffer.from(module.content.buffer, module.content.byteOffset, module.content.byteLength),
    Number(line),
  );
  const end = Number(column) - 1;
  const [, dotted, , quoted] = READ_OF_ENV.exec(text.slice(Math.max(0, end - LOOK_BACK), end)) ?? [];
  return dotted ?? quoted;
}

/** Counted from 1; '' when there are not so many. Without making text of all the others. */
function lineOf(bytes: Buffer, line: number): string {
  let start = 0;
  for (let at = 1; at < line; at++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) return '';
    start = end + 1;
  }
  const end = bytes.indexOf(0x0a, start);
  return bytes.toString('utf8', start, end < 0 ? bytes.length : end);
}

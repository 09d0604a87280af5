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

/** A listener that passes every event on, exceptions with the hint. Before places are mapped to sources: it reads what ran. */
export function explainMissingBindings({ loadModules, onEvent }: MissingBindingOptions): (event: WorkerEvent) => void {
  return (event) => {
    if (event.type !== 'exception' || !isReadOfNothing(event)) {
      onEvent(event);
      return;
    }
    loadModules(event.version).then(
      (modules) => onEvent(explained(event, modules)),
      () => onEvent(event),
    );
  };
}

const isReadOfNothing = ({ name, message, stack }: Exception): boolean =>
  name === 'TypeError' && stack !== undefined && message.startsWith('Cannot read properties of undefined');

function explained(event: Exception, modules: readonly ModuleContent[]): Exception {
  const name = nameRead(event.stack as string, modules);
  const { bindings } = event.version;
  if (name === undefined || bindings.some((binding) => binding.name === name)) return event;
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
  const text = Buffer.from(module.content).toString('utf8').split('\n', Number(line))[Number(line) - 1] ?? '';
  const end = Number(column) - 1;
  const [, dotted, , quoted] = READ_OF_ENV.exec(text.slice(Math.max(0, end - LOOK_BACK), end)) ?? [];
  return dotted ?? quoted;
}

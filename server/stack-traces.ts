/**
 * Stack traces of exceptions in the terms of the program as it was written: when a version was uploaded with source maps, the places in its
 * bundle become places in the sources. A place is looked up when it first occurs, and kept; a broken map changes nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SOURCE_MAP_LIMITS } from '../shared/limits.ts';
import { isSourceMap, type ModuleContent, SOURCE_MAP_PREFIX, type WorkerVersion } from '../shared/worker.ts';
import type { Origin, Place } from './source-map-places.ts';
import type { FindOrigins } from './source-maps.ts';
import type { WorkerEvent } from './supervisor/types.ts';

export interface StackTraceOptions {
  readonly loadModules: (version: WorkerVersion) => Promise<readonly ModuleContent[]>;
  readonly findOrigins: FindOrigins;
  readonly onEvent: (event: WorkerEvent) => void;
}

type Exception = Extract<WorkerEvent, { type: 'exception' }>;
/** Origins by place as the stack has it, `index.js:1:234`. */
type Origins = Map<string, Origin>;

/**
 * A listener that passes every event on, exceptions with mapped stacks. An exception whose places are not known yet waits for them a little while, and in
 * the line of its account: other events do not.
 */
export function mapStackTraces(options: StackTraceOptions): (event: WorkerEvent) => void {
  const { onEvent } = options;
  const known = new Map<string, Origins>();
  const lines = new Map<string, { waiting: number; last: Promise<void> }>();

  const originsOf = ({ id }: WorkerVersion): Origins => {
    const origins = known.get(id) ?? new Map<string, Origin>();
    // The one that threw longest ago is the first.
    known.delete(id);
    known.set(id, origins);
    if (known.size > SOURCE_MAP_LIMITS.versionsKept) known.delete(known.keys().next().value as string);
    return origins;
  };

  /** False: too many of the account wait already. */
  const lookUpInLine = (event: Exception, origins: Origins): Promise<unknown> | false => {
    const { accountId } = event.version;
    const line = lines.get(accountId) ?? { waiting: 0, last: Promise.resolve() };
    if (line.waiting >= SOURCE_MAP_LIMITS.maxWaitingPerAccount) return false;
    lines.set(accountId, line);
    line.waiting++;
    line.last = line.last
      .then(() => lookUp(options, event, origins))
      .catch(() => undefined)
      .finally(() => {
        if (--line.waiting === 0) lines.delete(accountId);
      });
    return Promise.race([line.last, sleep(SOURCE_MAP_LIMITS.patienceMs, undefined, { ref: false })]);
  };

  return (event) => {
    if (event.type !== 'exception' || event.stack === undefined || !event.version.modules.some(isSourceMap)) {
      onEvent(event);
      return;
    }
    const { stack } = event;
    const origins = originsOf(event.version);
    const pass = (): void => onEvent({ ...event, stack: mapStack(stack, origins) });
    const looking = unknownPlaces(event, origins).size > 0 && lookUpInLine(event, origins);
    if (looking === false) pass();
    else void looking.then(pass);
  };
}

/** `    at name (file:line:column)` or without a name. */
const FRAME = /^( {4}at (?:.*\()?)(?:file:\/\/\/bundle\/)?([^()\n]+):(\d+):(\d+)(\)?)$/gm;

/** The first frames of a stack. */
const framesOf = (stack: string): RegExpMatchArray[] =>
  [...stack.matchAll(FRAME)].slice(0, SOURCE_MAP_LIMITS.framesOfStack);

/** Places that nobody has asked about, by the file they are in; only files that have a map. */
function unknownPlaces({ stack, version }: Exception, origins: Origins): Map<string, Map<string, Place>> {
  const files = new Map<string, Map<string, Place>>();
  for (const [, , file = '', line, column] of framesOf(stack ?? '')) {
    const key = `${file}:${line}:${column}`;
    if (origins.has(key) || mapOf(version, file) === undefined) continue;
    const places = files.get(file) ?? new Map<string, Place>();
    files.set(file, places.set(key, { line: Number(line), column: Number(column) }));
  }
  return files;
}

const mapOf = (
  { modules }: Pick<WorkerVersion, 'modules'>,
  file: string,
): WorkerVersion['modules'][number] | undefined =>
  modules.find(
    (module) => isSourceMap(module) && module.name.slice(SOURCE_MAP_PREFIX.length).replace(/\.map$/, '') === file,
  );

/** Asks about the places of an exception, and keeps what it hears. */
async function lookUp(
  { loadModules, findOrigins }: StackTraceOptions,
  event: Exception,
  origins: Origins,
): Promise<void> {
  const unknown = unknownPlaces(event, origins);
  if (unknown.size === 0) return;
  const modules = await loadModules(event.version);
  for (const [file, places] of unknown) {
    const map = mapOf({ modules }, file) as ModuleContent | undefined;
    const isRead = map !== undefined && map.content.byteLength <= SOURCE_MAP_LIMITS.maxBytes;
    const found = isRead ? await findOrigins(map.content, [...places.values()]) : [];
    if (origins.size + places.size > SOURCE_MAP_LIMITS.placesKept) origins.clear();
    [...places.keys()].forEach((key, index) => origins.set(key, found[index] ?? null));
  }
}

/** The stack with each place that is known put into the terms of its source. */
function mapStack(stack: string, origins: Origins): string {
  let frames = 0;
  return stack.replace(FRAME, (frame, before: string, file: string, line: string, column: string, after: string) => {
    const origin = frames++ < SOURCE_MAP_LIMITS.framesOfStack ? origins.get(`${file}:${line}:${column}`) : undefined;
    return origin === undefined || origin === null ? frame : `${before}${origin}${after}`;
  });
}

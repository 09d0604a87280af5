/**
 * Stack traces of exceptions in the terms of the program as it was written: when a version was uploaded with source maps, the places in its
 * bundle become places in the sources. A map is read when the version first throws, and kept; a broken one changes nothing.
 */
import { SourceMap } from 'node:module';
import type { WorkerEvent } from './supervisor/types.ts';
import { SOURCE_MAP_LIMITS } from '../shared/limits.ts';
import { isSourceMap, type ModuleContent, SOURCE_MAP_PREFIX, type WorkerVersion } from '../shared/worker.ts';

export interface StackTraceOptions {
  readonly loadModules: (version: WorkerVersion) => Promise<readonly ModuleContent[]>;
  readonly onEvent: (event: WorkerEvent) => void;
}

/** Source maps by the name of the module they are of. */
type VersionMaps = ReadonlyMap<string, SourceMap>;

/**
 * A listener that passes every event on, exceptions with mapped stacks. The exceptions of a version whose maps are being read wait for that;
 * other events do not.
 */
export function mapStackTraces({ loadModules, onEvent }: StackTraceOptions): (event: WorkerEvent) => void {
  const known = new Map<string, VersionMaps>();
  const reading = new Map<string, Promise<VersionMaps>>();

  const mapsOf = (version: WorkerVersion): Promise<VersionMaps> => {
    const started = reading.get(version.id);
    if (started !== undefined) return started;
    const maps = readMaps(version, loadModules).then((read) => {
      reading.delete(version.id);
      remember(known, version.id, read);
      return read;
    });
    reading.set(version.id, maps);
    return maps;
  };

  return (event) => {
    if (event.type !== 'exception' || event.stack === undefined || !event.version.modules.some(isSourceMap)) {
      onEvent(event);
      return;
    }
    const { stack } = event;
    const pass = (maps: VersionMaps) => onEvent({ ...event, stack: mapStack(stack, maps) });
    const maps = known.get(event.version.id);
    if (maps === undefined) void mapsOf(event.version).then(pass);
    else pass(maps);
  };
}

/** The version that threw longest ago gives way. */
function remember(known: Map<string, VersionMaps>, id: string, maps: VersionMaps): void {
  known.set(id, maps);
  if (known.size <= SOURCE_MAP_LIMITS.versionsKept) return;
  const oldest = known.keys().next().value;
  if (oldest !== undefined) known.delete(oldest);
}

async function readMaps(version: WorkerVersion, loadModules: StackTraceOptions['loadModules']): Promise<VersionMaps> {
  const maps = new Map<string, SourceMap>();
  try {
    for (const module of await loadModules(version)) {
      if (!isSourceMap(module) || module.content.byteLength > SOURCE_MAP_LIMITS.maxBytes) continue;
      const map = parseMap(module.content);
      if (map !== undefined) maps.set(module.name.slice(SOURCE_MAP_PREFIX.length).replace(/\.map$/, ''), map);
    }
  } catch {
    // The modules cannot be had just now (a node that stops, say): the stack is told as it came.
  }
  return maps;
}

/** Whoever uploads writes it: anything may be in there. */
function parseMap(content: Uint8Array): SourceMap | undefined {
  try {
    return new SourceMap(
      JSON.parse(Buffer.from(content).toString('utf8')) as ConstructorParameters<typeof SourceMap>[0],
    );
  } catch {
    return undefined;
  }
}

/** `    at name (file:line:column)` or without a name. */
const FRAME = /^( {4}at (?:.*\()?)(?:file:\/\/\/bundle\/)?([^()\n]+):(\d+):(\d+)(\)?)$/gm;

/** The stack with each place that a map knows put into the terms of its source. */
function mapStack(stack: string, maps: VersionMaps): string {
  return stack.replace(FRAME, (frame, before: string, file: string, line: string, column: string, after: string) => {
    const place = maps.get(file)?.findOrigin(Number(line), Number(column));
    if (place === undefined || !('fileName' in place) || typeof place.fileName !== 'string') return frame;
    return `${before}${place.fileName}:${place.lineNumber}:${place.columnNumber}${after}`;
  });
}

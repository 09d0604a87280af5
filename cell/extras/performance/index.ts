/**
 * The Performance classes, for workers with `enable_global_performance_classes`: marks and measures by the worker's own clock, which
 * moves at I/O only. Nothing is observed, and no resource is timed, as on Workers.
 */
import { defineTag } from '../../constructors.ts';
import { compatFlag } from '../../compat.ts';
import { workerNow } from '../../clock.ts';
import { apply, defineProperty, deleteProperty } from '../../primordials.ts';
import { constructorParameterError, fieldError, illegalConstructor, isObject, parameterError } from '../../webidl.ts';

const CREATE = {};
/** A worker that never clears its entries loses the oldest. */
const MAX_ENTRIES = 10_000;
const clone = structuredClone;

class PerformanceEntry {
  readonly #name: string;
  readonly #entryType: string;
  readonly #startTime: number;
  readonly #duration: number;

  constructor(key?: unknown, name = '', entryType = '', startTime = 0, duration = 0) {
    if (key !== CREATE) throw illegalConstructor();
    this.#name = name;
    this.#entryType = entryType;
    this.#startTime = startTime;
    this.#duration = duration;
  }

  get name(): string {
    return this.#name;
  }

  get entryType(): string {
    return this.#entryType;
  }

  get startTime(): number {
    return this.#startTime;
  }

  get duration(): number {
    return this.#duration;
  }

  toJSON(): object {
    return { name: this.#name, entryType: this.#entryType, startTime: this.#startTime, duration: this.#duration };
  }
}

class PerformanceMark extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(...args: unknown[]) {
    if (args.length === 0) throw constructorParameterError('PerformanceMark', 1, 'string');
    const { startTime, detail } = takeMarkOptions(args[1]);
    super(CREATE, `${args[0] as string}`, 'mark', startTime ?? workerNow(), 0);
    this.#detail = detail;
  }

  get detail(): unknown {
    return this.#detail;
  }

  override toJSON(): object {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

class PerformanceMeasure extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(key?: unknown, name = '', startTime = 0, duration = 0, detail?: unknown) {
    super(key, name, 'measure', startTime, duration);
    this.#detail = detail;
  }

  get detail(): unknown {
    return this.#detail;
  }

  override toJSON(): object {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

const RESOURCE_TIMES = [
  'connectEnd',
  'connectStart',
  'decodedBodySize',
  'domainLookupEnd',
  'domainLookupStart',
  'encodedBodySize',
  'fetchStart',
  'initiatorType',
  'nextHopProtocol',
  'redirectEnd',
  'redirectStart',
  'requestStart',
  'responseEnd',
  'responseStart',
  'responseStatus',
  'secureConnectionStart',
  'transferSize',
  'workerStart',
];

/** Never made: workers time no resources. Its attributes are there to be asked for. */
class PerformanceResourceTiming extends PerformanceEntry {}
for (const name of RESOURCE_TIMES) {
  defineProperty(PerformanceResourceTiming.prototype, name, {
    get: () => undefined,
    enumerable: true,
    configurable: true,
  });
}

/** As workerd has it: it takes registrations and reports nothing. */
class PerformanceObserver {
  static get supportedEntryTypes(): string[] {
    return ['measure', 'mark'];
  }

  constructor(callback?: unknown) {
    if (callback === undefined) throw constructorParameterError('PerformanceObserver', 1, 'function');
  }

  disconnect(): void {}

  observe(options?: unknown): void {
    if (options !== undefined && !isObject(options)) {
      throw parameterError('observe', 'PerformanceObserver', 1, 'ObserveOptions');
    }
  }

  takeRecords(): PerformanceEntry[] {
    return [];
  }
}

class PerformanceObserverEntryList {
  constructor() {
    throw illegalConstructor();
  }

  getEntries(): PerformanceEntry[] {
    return [];
  }

  getEntriesByType(): PerformanceEntry[] {
    return [];
  }

  getEntriesByName(): PerformanceEntry[] {
    return [];
  }
}

interface MarkOptions {
  readonly startTime: number | undefined;
  readonly detail: unknown;
}

function takeMarkOptions(options: unknown): MarkOptions {
  if (options === undefined || options === null) return { startTime: undefined, detail: null };
  if (!isObject(options)) throw parameterError('mark', 'Performance', 2, 'Options');
  const { detail, startTime } = options as { detail?: unknown; startTime?: unknown };
  if (detail !== undefined && detail !== null && !isObject(detail)) throw fieldError('detail', 'Options', 'Object');
  return {
    startTime: startTime === undefined ? undefined : +(startTime as number),
    detail: detail === undefined ? null : clone(detail),
  };
}

class Performance extends EventTarget {
  #entries: PerformanceEntry[] = [];

  constructor(key?: unknown) {
    if (key !== CREATE) throw illegalConstructor();
    super();
  }

  get timeOrigin(): number {
    return 0;
  }

  now(): number {
    return workerNow();
  }

  get eventCounts(): Map<string, number> {
    return new Map();
  }

  clearMarks(name?: unknown): void {
    this.#clear('mark', name);
  }

  clearMeasures(name?: unknown): void {
    this.#clear('measure', name);
  }

  #clear(type: string, name: unknown): void {
    const kept: PerformanceEntry[] = [];
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as PerformanceEntry;
      const matches = entry.entryType === type && (name === undefined || entry.name === `${name as string}`);
      if (!matches) kept[kept.length] = entry;
    }
    this.#entries = kept;
  }

  clearResourceTimings(): void {}

  getEntries(): PerformanceEntry[] {
    return this.#select(() => true);
  }

  getEntriesByName(name?: unknown, type?: unknown): PerformanceEntry[] {
    return this.#select(
      (entry) => entry.name === `${name as string}` && (type === undefined || entry.entryType === `${type as string}`),
    );
  }

  getEntriesByType(type?: unknown): PerformanceEntry[] {
    return this.#select((entry) => entry.entryType === `${type as string}`);
  }

  #select(matches: (entry: PerformanceEntry) => boolean): PerformanceEntry[] {
    const selected: PerformanceEntry[] = [];
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as PerformanceEntry;
      if (matches(entry)) selected[selected.length] = entry;
    }
    return selected;
  }

  #add<Entry extends PerformanceEntry>(entry: Entry): Entry {
    if (this.#entries.length >= MAX_ENTRIES) apply(shift, this.#entries, []);
    this.#entries[this.#entries.length] = entry;
    return entry;
  }

  mark(...args: unknown[]): PerformanceMark {
    if (args.length === 0) throw parameterError('mark', 'Performance', 1, 'string');
    return this.#add(new PerformanceMark(args[0], args[1]));
  }

  measure(...args: unknown[]): PerformanceMeasure {
    if (args.length === 0) throw parameterError('measure', 'Performance', 1, 'string');
    const given = isObject(args[1]) ? (args[1] as MeasureOptions) : { start: args[1], end: args[2] };
    const detail = (isObject(args[1]) ? (args[1] as MeasureOptions).detail : undefined) ?? null;
    const end =
      given.end === undefined && given.duration !== undefined && given.start !== undefined
        ? this.#timeOf(given.start) + +(given.duration as number)
        : given.end === undefined
          ? workerNow()
          : this.#timeOf(given.end);
    const start = given.start === undefined ? 0 : this.#timeOf(given.start);
    return this.#add(new PerformanceMeasure(CREATE, `${args[0] as string}`, start, end - start, detail));
  }

  /** A time, or that of the last mark of that name; an unknown mark is at 0. */
  #timeOf(point: unknown): number {
    if (typeof point === 'number') return point;
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      const entry = this.#entries[index] as PerformanceEntry;
      if (entry.entryType === 'mark' && entry.name === `${point as string}`) return entry.startTime;
    }
    return 0;
  }

  setResourceTimingBufferSize(): void {}

  toJSON(): object {
    return { timeOrigin: this.timeOrigin };
  }

  get nodeTiming(): object {
    return {};
  }

  eventLoopUtilization(): object {
    return { idle: 0, active: 0, utilization: 0 };
  }

  markResourceTiming(): void {}

  timerify(wrapped?: unknown): unknown {
    if (typeof wrapped !== 'function') throw parameterError('timerify', 'Performance', 1, 'function');
    return wrapped;
  }
}

interface MeasureOptions {
  readonly start?: unknown;
  readonly end?: unknown;
  readonly duration?: unknown;
  readonly detail?: unknown;
}

const shift = Array.prototype.shift as (...args: never[]) => unknown;
/** Of these only `node:perf_hooks` knows in Node; workerd has them on the one object when that module is there. */
const NODE_MEMBERS = ['nodeTiming', 'eventLoopUtilization', 'markResourceTiming', 'timerify'];

const classes = {
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceResourceTiming,
  PerformanceObserver,
  PerformanceObserverEntryList,
};
for (const value of Object.values(classes)) {
  defineTag(value);
  for (const key of Object.getOwnPropertyNames(value.prototype)) {
    if (key !== 'constructor') defineProperty(value.prototype, key, { enumerable: true });
  }
}
if (!compatFlag('enable_nodejs_perf_hooks_module')) {
  for (const key of NODE_MEMBERS) deleteProperty(Performance.prototype, key);
}

export { classes, PerformanceMark, PerformanceMeasure };
/** The global `performance`. */
export const performance = new Performance(CREATE);

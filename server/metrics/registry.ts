/** Numbers in Prometheus' text format (version 0.0.4), with a bound on how many series one name may have. */
import { METRICS_LIMITS } from '../../shared/limits.ts';

export type Labels = Readonly<Record<string, string>>;

/** Where what comes after those is counted: totals stay right. */
const OTHERS = 'others';

interface Metric {
  render(lines: string[]): void;
}

/** All metrics of a process, shown in the order they were added. */
export class Registry {
  readonly #metrics: Metric[] = [];

  counter(name: string, help: string): Counter {
    return this.#add(new Counter(name, help));
  }

  /** `bounds`: upper ends of the buckets, ascending. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds));
  }

  /** Read when somebody asks. */
  gauge(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): void {
    this.#add(new Read(name, help, 'gauge', read));
  }

  /** A number that somebody else counts up. */
  counted(name: string, help: string, read: () => Iterable<readonly [Labels, number]>): void {
    this.#add(new Read(name, help, 'counter', read));
  }

  render(): string {
    const lines: string[] = [];
    for (const metric of this.#metrics) metric.render(lines);
    return `${lines.join('\n')}\n`;
  }

  #add<T extends Metric>(metric: T): T {
    this.#metrics.push(metric);
    return metric;
  }
}

/** Series by their labels, in bounded number. */
class Series<T> {
  readonly #byKey = new Map<string, T>();
  readonly #create: () => T;

  constructor(create: () => T) {
    this.#create = create;
  }

  at(labels: Labels): T {
    const key = keyOf(labels);
    return this.#byKey.get(key) ?? this.#make(key, labels);
  }

  #make(key: string, labels: Labels): T {
    if (this.#byKey.size >= METRICS_LIMITS.maxSeries) {
      // Few labels have many values; those of the rest keep theirs.
      const bounded = { ...labels, ...(labels['worker'] !== undefined && { account: OTHERS, worker: OTHERS }) };
      const other = keyOf(bounded);
      const found = this.#byKey.get(other);
      if (found !== undefined) return found;
      key = other;
    }
    const created = this.#create();
    this.#byKey.set(key, created);
    return created;
  }

  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.#byKey[Symbol.iterator]();
  }
}

/** A number that only grows, for each combination of labels. */
export class Counter implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #series = new Series(() => ({ value: 0 }));

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Labels, amount = 1): void {
    this.#series.at(labels).value += amount;
  }

  /** What `add` counts up, for whoever counts the same labels many times. */
  series(labels: Labels): { value: number } {
    return this.#series.at(labels);
  }

  render(lines: string[]): void {
    lines.push(...headOf(this.#name, this.#help, 'counter'));
    for (const [key, { value }] of this.#series) lines.push(`${this.#name}${braced(key)} ${value}`);
  }
}

class Histogram implements Metric {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series: Series<{ buckets: number[]; sum: number; count: number }>;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#series = new Series(() => ({ buckets: bounds.map(() => 0), sum: 0, count: 0 }));
  }

  observe(labels: Labels, value: number): void {
    this.series(labels)(value);
  }

  /** `observe` for whoever has many values of the same labels. */
  series(labels: Labels): (value: number) => void {
    const series = this.#series.at(labels);
    return (value) => {
      series.sum += value;
      series.count++;
      const index = this.#bounds.findIndex((bound) => value <= bound);
      if (index >= 0) series.buckets[index] = (series.buckets[index] as number) + 1;
    };
  }

  render(lines: string[]): void {
    lines.push(...headOf(this.#name, this.#help, 'histogram'));
    for (const [key, { buckets, sum, count }] of this.#series) {
      let below = 0;
      for (const [index, bound] of this.#bounds.entries()) {
        below += buckets[index] as number;
        lines.push(`${this.#name}_bucket${braced(joined(key, `le="${bound}"`))} ${below}`);
      }
      lines.push(`${this.#name}_bucket${braced(joined(key, 'le="+Inf"'))} ${count}`);
      lines.push(`${this.#name}_sum${braced(key)} ${sum}`, `${this.#name}_count${braced(key)} ${count}`);
    }
  }
}

class Read implements Metric {
  readonly #head: readonly string[];
  readonly #name: string;
  readonly #read: () => Iterable<readonly [Labels, number]>;

  constructor(name: string, help: string, type: string, read: () => Iterable<readonly [Labels, number]>) {
    this.#head = headOf(name, help, type);
    this.#name = name;
    this.#read = read;
  }

  render(lines: string[]): void {
    lines.push(...this.#head);
    for (const [labels, value] of this.#read()) lines.push(`${this.#name}${braced(keyOf(labels))} ${value}`);
  }
}

const headOf = (name: string, help: string, type: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

function keyOf(labels: Labels): string {
  let key = '';
  for (const name in labels) key = joined(key, `${name}="${escape(labels[name] as string)}"`);
  return key;
}

const joined = (key: string, more: string): string => (key === '' ? more : `${key},${more}`);
const braced = (key: string): string => (key === '' ? '' : `{${key}}`);

/** As the format asks; worker names need none of it, but a label must never break a line. */
const escape = (value: string): string =>
  /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;

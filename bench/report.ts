/** What a run measured, and its table. */
import { AIM_CELL_RATIO, type CellShare } from './cell.ts';
import type { CellMemory, ColdStart } from './cold.ts';
import type { KvRow } from './kv.ts';
import type { NeighbourRow } from './neighbours.ts';
import type { PostgresRow } from './postgres.ts';
import type { LoadResult } from './wrk.ts';
import { CONNECTIONS } from './wrk.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly workerd: string;
  readonly deno: string;
  readonly wrk: string;
  /** One-minute load average before the first measurement: other work on the machine makes all numbers worse. */
  readonly loadAverage: number;
}

/** CPU time of a platform's processes per request, in microseconds. */
export type CpuPerRequest = Readonly<Record<string, number>>;

export interface Side {
  /** Medians over the runs. */
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly errorText: string;
  readonly runs: readonly LoadResult[];
  readonly cpuUsPerRequest: CpuPerRequest;
}

export interface Row {
  readonly scenario: string;
  readonly title: string;
  readonly aimRatio: number;
  /** Of scenarios that make RPC calls: how many a request makes, and how many a second are aimed at. */
  readonly calls: { readonly perRequest: number; readonly aimPerSecond: number } | null;
  /** Between the two workers, per request on Skep; null: not counted. */
  readonly roundTrips: { readonly counted: number; readonly aim: number } | null;
  readonly skep: Side;
  readonly workerd: Side;
}

export interface Memory {
  readonly kind: 'pss' | 'rss';
  readonly skepIdleBytes: number;
  readonly workerdIdleBytes: number;
  readonly skepAfterBytes: number;
  readonly workerdAfterBytes: number;
}

export interface Results {
  readonly startedAt: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly runs: number;
  readonly rows: readonly Row[];
  readonly kv: readonly KvRow[];
  readonly neighbours: readonly NeighbourRow[];
  readonly coldStarts: readonly ColdStart[];
  readonly cell: CellShare | null;
  readonly postgres: readonly PostgresRow[];
  readonly cellMemory: CellMemory | null;
  readonly memory: Memory | null;
}

/** p99 of Skep is to be at most this share of workerd's. */
const AIM_P99_RATIO = 0.1;
const AIM_COLD_START_MS = 60;
/** What a neighbour may notice: its p99 at most doubled. */
const AIM_NEIGHBOUR_P99_RATIO = 2;

export const isValid = (row: Row): boolean => row.skep.errors === 0 && row.workerd.errors === 0;

/** False when any number of the run cannot be trusted. */
export function allValid(results: Results): boolean {
  // Errors of a neighbour are what that part measures: an aim missed, unless they were there before anybody attacked.
  const calm = results.neighbours.every(({ before }) => before.errors === 0);
  return (
    calm &&
    results.postgres.every(({ errors }) => errors === 0) &&
    results.rows.every(isValid) &&
    results.coldStarts.every((cold) => cold.error === null)
  );
}

const count = (value: number): string => (Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '-');
const ms = (value: number): string => (Number.isFinite(value) ? value.toFixed(value < 10 ? 2 : 1) : '-');
const ratio = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(value < 0.1 ? 3 : 2)}×` : '-');
const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

function loadRow(row: Row): string[] {
  const { skep, workerd } = row;
  const numbers = [skep, workerd].flatMap((side) => [count(side.requestsPerSecond), ms(side.p50Ms), ms(side.p99Ms)]);
  if (!isValid(row)) return [row.title, ...numbers, 'INVALID', '', ''];
  return [
    row.title,
    ...numbers,
    ratio(skep.requestsPerSecond / workerd.requestsPerSecond),
    ratio(skep.p50Ms / workerd.p50Ms),
    ratio(skep.p99Ms / workerd.p99Ms),
  ];
}

const LOAD_HEAD = ['', 'skep req/s', 'p50 ms', 'p99 ms', 'workerd req/s', 'p50 ms', 'p99 ms', 'req/s', 'p50', 'p99'];

function cpuLine(row: Row): string {
  const side = (cpu: CpuPerRequest): string =>
    Object.entries(cpu)
      .map(([part, us]) => `${part} ${us.toFixed(1)}`)
      .join(', ');
  return `  ${row.title}: skep ${side(row.skep.cpuUsPerRequest)}; workerd ${side(row.workerd.cpuUsPerRequest)}`;
}

function rpcLines({ rows }: Results): string[] {
  return rows.flatMap(({ title, calls, roundTrips, skep, workerd }) => [
    ...(calls === null
      ? []
      : [
          `${title}: skep ${count(skep.requestsPerSecond * calls.perRequest)} calls/s, workerd ${count(workerd.requestsPerSecond * calls.perRequest)}`,
        ]),
    ...(roundTrips === null ? [] : [`${title}: ${roundTrips.counted.toFixed(2)} round trips a request (counted)`]),
  ]);
}

function kvLines({ kv, seconds, runs }: Results): string[] {
  if (kv.length === 0) return [];
  const row = ({ title, skep, simulator }: KvRow): string[] => [
    title,
    ...[skep, simulator].flatMap((side) => [count(side.requestsPerSecond), ms(side.p50Ms), ms(side.p99Ms)]),
    ratio(skep.requestsPerSecond / simulator.requestsPerSecond),
  ];
  return [
    '',
    `KV, ${CONNECTIONS} connections, ${seconds} s a run, platforms in turn, median of ${runs}. Beside it Miniflare: Cloudflare's simulator of KV, on workerd`,
    table(['', 'skep req/s', 'p50 ms', 'p99 ms', 'simulator req/s', 'p50 ms', 'p99 ms', 'req/s'], kv.map(row)),
    ...kv.map(
      ({ title, skep }) =>
        `  ${title}: CPU µs a request: ${Object.entries(skep.cpuUsPerRequest)
          .map(([part, us]) => `${part} ${us.toFixed(1)}`)
          .join(', ')}`,
    ),
    ...kv.flatMap(({ title, skep, simulator }) =>
      [skep, simulator].flatMap(({ errorText }) => (errorText === '' ? [] : [`INVALID: ${title}: ${errorText}`])),
    ),
  ];
}

function errorLines(results: Results): string[] {
  const rows = results.rows.filter((row) => !isValid(row));
  return rows.flatMap((row) =>
    (
      [
        ['skep', row.skep],
        ['workerd', row.workerd],
      ] as const
    )
      .filter(([, side]) => side.errors > 0)
      .map(([name, side]) => `INVALID: ${row.title} on ${name} had errors: ${side.errorText}`),
  );
}

function coldLines(results: Results): string[] {
  if (results.coldStarts.length === 0) return [];
  const rows = results.coldStarts.map((cold) => [
    cold.title,
    cold.error === null ? ms(cold.p50Ms) : 'INVALID',
    ms(cold.p99Ms),
    ms(cold.worstMs),
    String(cold.samples),
  ]);
  const errors = results.coldStarts.flatMap(({ title, error }) =>
    error === null ? [] : [`INVALID: ${title}: ${error}`],
  );
  return ['', table(['cold start', 'p50 ms', 'p99 ms', 'worst ms', 'samples'], rows), ...errors];
}

function cellLines({ cell }: Results): string[] {
  if (cell === null) return [];
  const [own, bare] = [cell.cellPerCpuSecond, cell.bareDenoPerCpuSecond].map((value) => Math.round(value).toString());
  return ['', `a cell's own socket: ${own} requests per second of CPU, bare Deno.serve ${bare}: ${ratio(cell.ratio)}`];
}

function postgresLines({ postgres }: Results): string[] {
  if (postgres.length === 0) return [];
  const rows = postgres.map(({ title, requestsPerSecond, p50Ms, p99Ms, errors, cpuUsPerRequest }) => [
    title,
    errors === 0 ? count(requestsPerSecond) : `INVALID: ${errors} errors`,
    ms(p50Ms),
    ms(p99Ms),
    Object.entries(cpuUsPerRequest)
      .map(([part, us]) => `${part} ${Math.round(us)}`)
      .join(', '),
  ]);
  return ['', table(['PostgreSQL', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs per request'], rows)];
}

function postgresAims({ postgres }: Results): { text: string; met: boolean }[] {
  return postgres
    .filter(({ errors, aimPerSecond }) => errors === 0 && aimPerSecond !== null)
    .map(({ title, requestsPerSecond, aimPerSecond }) => ({
      text: `${title}: at least ${count(aimPerSecond ?? 0)} requests/s, got ${count(requestsPerSecond)}`,
      met: requestsPerSecond >= (aimPerSecond ?? 0),
    }));
}

function neighbourLines({ neighbours }: Results): string[] {
  if (neighbours.length === 0) return [];
  const rows = neighbours.map(({ title, before, during }) => [
    title,
    ...[before, during].flatMap((side) => [ms(side.p50Ms), ms(side.p99Ms), ms(side.worstMs), String(side.errors)]),
    ratio(during.p50Ms / before.p50Ms),
    ratio(during.p99Ms / before.p99Ms),
  ]);
  const side = ['p50 ms', 'p99 ms', 'worst', 'errors'];
  const errors = neighbours.flatMap(({ title, before, during }) =>
    [before, during]
      .filter((result) => result.errors > 0)
      .map((result) => `${title}: ${result.errors} of ${result.requests} failed, the first: ${result.errorText}`),
  );
  const head = ['neighbour of', ...side.map((name) => `before: ${name}`), ...side.map((name) => `during: ${name}`)];
  return ['', table([...head, 'p50', 'p99'], rows), ...errors];
}

function neighbourAims({ neighbours }: Results): { text: string; met: boolean }[] {
  return neighbours.map(({ title, before, during }) => {
    const tail = during.p99Ms / before.p99Ms;
    return {
      text: `neighbour of ${title}: no errors, p99 at most ${AIM_NEIGHBOUR_P99_RATIO}×, got ${during.errors} and ${ratio(tail)}`,
      met: during.errors === 0 && tail <= AIM_NEIGHBOUR_P99_RATIO,
    };
  });
}

function memoryLines(results: Results): string[] {
  const lines: string[] = [];
  const { memory, cellMemory } = results;
  if (memory !== null) {
    const head = [`memory (${memory.kind.toUpperCase()}), MiB`, 'skep, all processes', 'workerd'];
    const idle = ['all workers deployed, idle', mib(memory.skepIdleBytes), mib(memory.workerdIdleBytes)];
    const after = ['after the runs', mib(memory.skepAfterBytes), mib(memory.workerdAfterBytes)];
    lines.push('', table(head, [idle, after]));
  }
  if (cellMemory !== null) {
    const { cells, bytesPerCell, privateBytesPerCell, kind } = cellMemory;
    lines.push(
      `idle cell, mean of ${cells}: ${mib(bytesPerCell)} MiB ${kind.toUpperCase()}, ${mib(privateBytesPerCell)} MiB private`,
    );
  }
  return lines;
}

function rpcAims({ title, calls, roundTrips, skep }: Row): { text: string; met: boolean }[] {
  const aims: { text: string; met: boolean }[] = [];
  if (calls !== null) {
    const got = skep.requestsPerSecond * calls.perRequest;
    const text = `${title}: at least ${count(calls.aimPerSecond)} calls/s, got ${count(got)}`;
    aims.push({ text, met: got >= calls.aimPerSecond });
  }
  if (roundTrips !== null) {
    const { counted, aim } = roundTrips;
    aims.push({ text: `${title}: at most ${aim} round trips, got ${counted.toFixed(2)}`, met: counted <= aim });
  }
  return aims;
}

/** What the project aims at, and whether this run got there. An aim missed is not an error of the bench. */
function aimLines(results: Results): string[] {
  const aims = results.rows.filter(isValid).flatMap((row) => {
    const throughput = row.skep.requestsPerSecond / row.workerd.requestsPerSecond;
    const tail = row.skep.p99Ms / row.workerd.p99Ms;
    return [
      {
        text: `${row.title}: requests/s at least ${row.aimRatio}×, got ${ratio(throughput)}`,
        met: throughput >= row.aimRatio,
      },
      { text: `${row.title}: p99 at most ${AIM_P99_RATIO}×, got ${ratio(tail)}`, met: tail <= AIM_P99_RATIO },
      ...rpcAims(row),
    ];
  });
  for (const cold of results.coldStarts.filter(({ title, error }) => title.startsWith('skep') && error === null)) {
    const text = `cold start, ${cold.title}: p50 under ${AIM_COLD_START_MS} ms, got ${ms(cold.p50Ms)}`;
    aims.push({ text, met: cold.p50Ms < AIM_COLD_START_MS });
  }
  if (results.cell !== null) {
    const text = `a cell's own socket: at least ${AIM_CELL_RATIO}× of bare Deno.serve, got ${ratio(results.cell.ratio)}`;
    aims.push({ text, met: results.cell.ratio >= AIM_CELL_RATIO });
  }
  for (const { title, aimPerSecond, skep } of results.kv) {
    const text = `${title}: at least ${count(aimPerSecond)} a second, got ${count(skep.requestsPerSecond)}`;
    aims.push({ text, met: skep.requestsPerSecond >= aimPerSecond });
  }
  aims.push(...postgresAims(results), ...neighbourAims(results));
  return aims.length === 0
    ? []
    : ['', 'Aims', ...aims.map(({ text, met }) => `  ${met ? 'met   ' : 'MISSED'} ${text}`)];
}

export function machineLine(machine: Machine): string {
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}; load average ${machine.loadAverage}\n` +
    `Node ${machine.node}, Deno ${machine.deno}, workerd ${machine.workerd}, ${machine.wrk}`
  );
}

export function formatResults(results: Results): string {
  const lines = [machineLine(results.machine)];
  if (results.rows.length > 0) {
    lines.push(
      `wrk: 1 thread, ${CONNECTIONS} connections, ${results.seconds} s a run, platforms in turn, median of ${results.runs}`,
      '',
      table(LOAD_HEAD, results.rows.map(loadRow)),
      ...errorLines(results),
      ...rpcLines(results),
      '',
      'CPU per request, microseconds (wrk itself not counted)',
      ...results.rows.map(cpuLine),
    );
  }
  lines.push(
    ...kvLines(results),
    ...neighbourLines(results),
    ...coldLines(results),
    ...cellLines(results),
    ...postgresLines(results),
    ...memoryLines(results),
    ...aimLines(results),
  );
  return lines.join('\n');
}

/** What a node counts, from the events of its parts. `docs/operations.md` lists it. */
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { SubrequestKind } from '../broker/broker.ts';
import type { GatewayCounters } from '../gateway/counters.ts';
import type { CallEnding, Caller, CellEvent, Outcome, WorkerEvent } from '../supervisor/types.ts';
import type { WorkerVersion } from '../../shared/worker.ts';
import { type Labels, Registry } from './registry.ts';

export interface MetricsSources {
  readonly version: string;
  readonly cells: () => { generic: number; serving: number; inFlight: number; waiting: number };
  /** Null: this process has no gateway. */
  readonly gateway: () => Readonly<GatewayCounters> | null;
  /** Keys of KV that were read, and the bytes cached; absent: this process has no KV. */
  readonly kv?: () => { readonly cached: number; readonly asked: number; readonly bytes: number };
}

export interface Metrics {
  onWorkerEvent(event: WorkerEvent): void;
  onCellEvent(event: CellEvent): void;
  onSubrequest(caller: Caller, kind: SubrequestKind, isRefused: boolean): void;
  /** Prometheus' text format. */
  render(): string;
  close(): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const NOTHING: Labels = {};

/** The event of a worker that has this type. */
type EventOf<T extends WorkerEvent['type']> = Extract<WorkerEvent, { type: T }>;

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  addGauges(registry, sources);
  if (sources.kv !== undefined) addKv(registry, sources.kv);
  const close = addProcess(registry);
  return {
    onWorkerEvent: addWorkers(registry),
    onSubrequest: addSubrequests(registry),
    onCellEvent: addCells(registry),
    render: () => registry.render(),
    close,
  };
}

/** What workers do: each returned function takes one event of theirs. */
function addWorkers(registry: Registry): Metrics['onWorkerEvent'] {
  const onEnd = addInvocations(registry);
  const onOperation = addOperations(registry);
  const logs = registry.counter('skep_worker_log_lines_total', 'Lines that workers logged.');
  const exceptions = registry.counter('skep_worker_exceptions_total', 'Exceptions that nobody caught.');
  return (event) => {
    if (event.type === 'log') logs.add(workerLabels(event.version));
    else if (event.type === 'exception') exceptions.add(workerLabels(event.version));
    else if (event.type === 'operation') onOperation(event);
    else onEnd(event);
  };
}

function addInvocations(registry: Registry): (event: EventOf<'invocation'>) => void {
  const ended = registry.counter(
    'skep_invocations_total',
    'Invocations that have ended, by worker, by how they ended, and by who asked: a visitor or a worker.',
  );
  const cpu = registry.counter('skep_invocation_cpu_seconds_total', 'CPU time that invocations were charged with.');
  const duration = registry.histogram(
    'skep_invocation_duration_seconds',
    'From the beginning of an invocation to the end of its answer.',
    SECONDS,
  );
  const truncated = registry.counter(
    'skep_invocations_truncated_total',
    'Invocations that logged more than they may; the rest was left out.',
  );
  const endedOf = perVersion((labels, outcome: Outcome, source: 'visitor' | 'worker') =>
    ended.series({ ...labels, outcome, source }),
  );
  const cpuOf = perVersion((labels) => cpu.series(labels));
  return ({ version, outcome, caller, cpuMs, answerMs, truncated: isTruncated }) => {
    endedOf(version, outcome, caller === null ? 'visitor' : 'worker').value++;
    cpuOf(version).value += cpuMs / 1000;
    if (isTruncated) truncated.add(workerLabels(version));
    duration.observe(NOTHING, answerMs / 1000);
  };
}

function addOperations(registry: Registry): (event: EventOf<'operation'>) => void {
  const operations = registry.counter(
    'skep_binding_operations_total',
    'Operations of data bindings, by how they ended.',
  );
  const duration = registry.histogram(
    'skep_binding_operation_duration_seconds',
    'From the call of an operation to the end of its answer.',
    SECONDS,
  );
  const operationsOf = perVersion((labels, kind: string, ending: CallEnding) =>
    operations.series({ ...labels, ...kindLabels(kind), ending }),
  );
  const durations = new Map<string, (seconds: number) => void>();
  const durationOf = (kind: string): ((seconds: number) => void) => {
    const found = durations.get(kind) ?? duration.series(kindLabels(kind));
    durations.set(kind, found);
    return found;
  };
  return ({ version, bindingType, operation, ending, ms }) => {
    const kind = `${bindingType} ${operation}`;
    operationsOf(version, kind, ending).value++;
    durationOf(kind)(ms / 1000);
  };
}

function addSubrequests(registry: Registry): Metrics['onSubrequest'] {
  const subrequests = registry.counter(
    'skep_subrequests_total',
    'Calls of workers by kind, and whether the limit of the pipeline refused them.',
  );
  const subrequestsOf = perVersion((labels, kind: SubrequestKind, refused: 'true' | 'false') =>
    subrequests.series({ ...labels, kind, refused }),
  );
  return ({ version }, kind, isRefused) => {
    subrequestsOf(version, kind, isRefused ? 'true' : 'false').value++;
  };
}

function addCells(registry: Registry): Metrics['onCellEvent'] {
  const started = registry.histogram(
    'skep_cell_start_seconds',
    'From the start of a process to a closed sandbox.',
    SECONDS,
  );
  const coldStarts = registry.histogram(
    'skep_cold_start_seconds',
    'From the wish for a cell of a version to its loaded program.',
    SECONDS,
  );
  const sessions = registry
    .counter('skep_rpc_sessions_total', 'RPC sessions between workers that are over.')
    .series(NOTHING);
  const roundTrips = registry
    .counter(
      'skep_rpc_round_trips_total',
      'How often a worker in such a session answered what its caller had said since: pipelined calls share one.',
    )
    .series(NOTHING);
  const ended = registry.counter(
    'skep_cells_ended_total',
    'Cells that ended, by reason; all but "stopped" are faults.',
  );
  const waited = registry.histogram('skep_queue_wait_seconds', 'How long requests waited for a cell.', SECONDS);
  return (event) => {
    if (event.type === 'started') started.observe(NOTHING, event.ms / 1000);
    else if (event.type === 'loaded') coldStarts.observe({ prestarted: String(event.prestarted) }, event.ms / 1000);
    else if (event.type === 'ended') ended.add({ reason: event.reason });
    else if (event.type === 'session') {
      sessions.value++;
      roundTrips.value += event.roundTrips;
    } else waited.observe({ outcome: event.gotCell ? 'cell' : 'refused' }, event.ms / 1000);
  };
}

/** `kv_namespace get`: few, and known to the server. */
function kindLabels(kind: string): Labels {
  const space = kind.indexOf(' ');
  return { binding_type: kind.slice(0, space), operation: kind.slice(space + 1) };
}

const workerLabels = ({ accountId, workerName }: WorkerVersion): Labels => ({ account: accountId, worker: workerName });

/**
 * Keeps what `find` gives by version and one or two words: writing labels as text for each event costs more than all else that is done
 * with it.
 */
function perVersion<A extends string, B extends string>(
  find: (labels: Labels, first: A, second: B) => { value: number },
): (version: WorkerVersion, first?: A, second?: B) => { value: number } {
  const byVersion = new WeakMap<WorkerVersion, Map<A | undefined, Map<B | undefined, { value: number }>>>();
  return (version, first, second) => {
    const found = byVersion.get(version)?.get(first)?.get(second);
    if (found !== undefined) return found;
    const series = find(workerLabels(version), first as A, second as B);
    const byFirst = byVersion.get(version) ?? new Map<A | undefined, Map<B | undefined, { value: number }>>();
    byVersion.set(version, byFirst);
    const bySecond = byFirst.get(first) ?? new Map<B | undefined, { value: number }>();
    byFirst.set(first, bySecond.set(second, series));
    return series;
  };
}

function addKv(registry: Registry, kv: NonNullable<MetricsSources['kv']>): void {
  registry.counted('skep_kv_reads_total', 'Keys of KV that were read, out of the cache of this node or not.', () => {
    const { cached, asked } = kv();
    return [
      [{ cached: 'true' }, cached],
      [{ cached: 'false' }, asked],
    ];
  });
  registry.gauge('skep_kv_cache_bytes', 'What the cache of KV on this node takes.', () => [[NOTHING, kv().bytes]]);
}

function addGauges(registry: Registry, { version, cells, gateway }: MetricsSources): void {
  registry.gauge('skep_info', 'The version of Skep.', () => [[{ version, node: process.version }, 1]]);
  registry.gauge('skep_cells', 'Cells that run: generic ones wait for a version.', () => {
    const { generic, serving } = cells();
    return [
      [{ state: 'generic' }, generic],
      [{ state: 'serving' }, serving],
    ];
  });
  registry.gauge('skep_invocations_in_flight', 'Invocations under way.', () => [[NOTHING, cells().inFlight]]);
  registry.gauge('skep_queue_length', 'Requests that wait for a cell.', () => [[NOTHING, cells().waiting]]);
  const ofGateway = (read: (counters: Readonly<GatewayCounters>) => (readonly [Labels, number])[]) => () => {
    const counters = gateway();
    return counters === null ? [] : read(counters);
  };
  registry.counted(
    'skep_gateway_responses_total',
    'Answers to visitors by class of status; 1xx are WebSockets.',
    ofGateway(({ byClass }) => byClass.slice(1).map((count, index) => [{ class: `${index + 1}xx` }, count] as const)),
  );
  registry.counted(
    'skep_gateway_faults_total',
    'Answers cut off in the middle, visitors who left before theirs, connections refused for what they sent.',
    ofGateway((counters) => [
      [{ fault: 'truncated' }, counters.truncated],
      [{ fault: 'aborted' }, counters.aborted],
      [{ fault: 'rejected' }, counters.rejectedConnections],
    ]),
  );
  registry.gauge(
    'skep_gateway_connections',
    'Open connections of visitors, and how many of them are WebSockets.',
    ofGateway((counters) => [
      [{ kind: 'all' }, counters.connections],
      [{ kind: 'websocket' }, counters.openTunnels],
    ]),
  );
}

/** The server's own process. Returns what ends the measuring. */
function addProcess(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  registry.counted('process_cpu_seconds_total', 'CPU time of the server, without its cells.', () => {
    const { user, system } = process.cpuUsage();
    return [[NOTHING, (user + system) / 1e6]];
  });
  registry.gauge('process_resident_memory_bytes', 'Resident memory of the server.', () => [
    [NOTHING, process.memoryUsage.rss()],
  ]);
  registry.gauge('process_open_fds', 'Open file descriptors of the server.', () => [
    [NOTHING, readdirSync('/proc/self/fd').length],
  ]);
  registry.gauge(
    'skep_event_loop_delay_seconds',
    'How late the server’s event loop was, since the last scrape.',
    () => {
      const read = [0.5, 0.99].map((q) => [{ quantile: String(q) }, delay.percentile(q * 100) / 1e9] as const);
      delay.reset();
      return read;
    },
  );
  return () => delay.disable();
}

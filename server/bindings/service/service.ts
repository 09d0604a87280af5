/**
 * Service bindings: from cell to cell on this node, never over the internet. A `fetch` gives the callee the URL, method, headers and body
 * as the caller gave them, whatever host the URL names; everything else is an RPC session. A loopback (`ctx.exports`) is the same with the
 * caller's own version.
 */
import type { Duplex } from 'node:stream';
import { CELL_LIMITS } from '../../../shared/limits.ts';
import type { Failure, InvocationTarget } from '../../../shared/protocol.ts';
import type { ServiceBinding, WorkerVersion } from '../../../shared/worker.ts';
import type { Catalog, DeployedWorker } from '../../catalog/types.ts';
import type { BindingHandler, BrokerOptions } from '../../broker/broker.ts';
import { pickVersion } from '../../routing/version-choice.ts';
import { cannotConnect } from '../connect-errors.ts';
import { joinDuplexes } from '../join-duplexes.ts';
import type {
  BindingCall,
  BindingSession,
  Caller,
  Dispatcher,
  FetchControl,
  FetchSink,
  FetchCall,
  InvocationFailure,
  Pipeline,
  RelayedRequest,
} from '../../supervisor/types.ts';

export interface ServiceBindingOptions {
  readonly catalog: Pick<Catalog, 'findByName'>;
  /** Resolved at call time: the dispatcher is built after the broker. */
  readonly dispatcher: () => Dispatcher;
}

export interface ServiceBindings extends Pick<BrokerOptions, 'loopback' | 'session'> {
  readonly call: BindingHandler<ServiceBinding>;
}

/** workerd's words for a chain that is too deep. */
const TOO_DEEP =
  'Subrequest depth limit exceeded. This request recursed through Workers too many times. This can happen e.g. if you have a Worker or Durable Object that calls other Workers or objects recursively.';

/** Whom a call goes to, or why it goes nowhere. */
type Callee =
  | { readonly version: WorkerVersion; readonly target: InvocationTarget | undefined }
  | { readonly error: { readonly name: string; readonly message: string } };

/** Answers `fetch` and RPC on service bindings and on a worker's own entrypoints. */
export function createServiceBinding(options: ServiceBindingOptions): ServiceBindings {
  const { dispatcher } = options;
  return {
    call: (call, binding) => callFetch(dispatcher(), call, boundCallee(options, call.caller, binding)),
    loopback: (call) => callFetch(dispatcher(), call, ownCallee(call.caller, call.loopback)),
    session(session, binding) {
      const { caller, loopback } = session;
      const callee = binding === null ? ownCallee(caller, loopback) : boundCallee(options, caller, binding);
      openSession(dispatcher(), session, callee);
    },
  };
}

function boundCallee(options: ServiceBindingOptions, caller: Caller, binding: ServiceBinding): Callee {
  if (caller.depth >= CELL_LIMITS.pipelineDepth) return { error: { name: 'Error', message: TOO_DEEP } };
  const worker = options.catalog.findByName(caller.version.accountId, binding.service);
  const version = worker === undefined ? undefined : chooseVersion(caller.pipeline, worker);
  if (version === undefined) {
    const message = `The worker "${binding.service}" that "${binding.name}" is bound to has no deployment.`;
    return { error: { name: 'Error', message } };
  }
  return { version, target: targetOf(binding) };
}

const targets = new WeakMap<ServiceBinding, InvocationTarget>();

/** The same object for each call: it is encoded once. */
function targetOf(binding: ServiceBinding): InvocationTarget | undefined {
  const { entrypoint, props } = binding;
  if (entrypoint === undefined && props === undefined) return undefined;
  const known = targets.get(binding);
  if (known !== undefined) return known;
  const target = { entrypoint: entrypoint ?? null, props: props === undefined ? null : { json: props } };
  targets.set(binding, target);
  return target;
}

/** One choice for the whole pipeline, as long as what was chosen is deployed. */
function chooseVersion(pipeline: Pipeline, worker: DeployedWorker): WorkerVersion | undefined {
  const { workerId, versions } = worker;
  if (versions.length < 2) return versions[0]?.version;
  const { root } = pipeline;
  const chosen = pipeline.versions?.get(workerId) ?? (root.workerId === workerId ? root.id : undefined);
  const kept = versions.find(({ version }) => version.id === chosen)?.version;
  if (kept !== undefined) return kept;
  const version = pickVersion(worker, Math.random());
  if (version !== undefined) (pipeline.versions ??= new Map()).set(workerId, version.id);
  return version;
}

/** The caller's own version: a loopback never crosses to another deployment. */
function ownCallee(caller: Caller, target: InvocationTarget | undefined): Callee {
  if (caller.depth >= CELL_LIMITS.pipelineDepth) return { error: { name: 'Error', message: TOO_DEEP } };
  return { version: caller.version, target };
}

function callFetch(dispatcher: Dispatcher, call: BindingCall, callee: Callee): void {
  if ('error' in callee) {
    call.fail(callee.error);
    return;
  }
  if (call.upgrade === 'socket') {
    // No worker has a `connect()` handler here.
    call.fail(cannotConnect(URL.canParse(call.url) ? Number(new URL(call.url).port) : 0));
    return;
  }
  const { version, target } = callee;
  if (call.relay !== undefined) relayCall(dispatcher, call, version, target);
  else
    forwardCall(dispatcher, call, { version, target, headers: calleeHeaders(call), parent: call.caller, cf: call.cf });
}

/** As `forwardCall`, for a call that is all there and goes on as it came. */
function relayCall(
  dispatcher: Dispatcher,
  call: BindingCall,
  version: WorkerVersion,
  target: InvocationTarget | undefined,
): void {
  const answer = new RelayedAnswer(call);
  call.onAbort = answer.cancel;
  answer.control = dispatcher.fetch(new RelayedFetch(call, version, target), answer);
}

/** Method, URL and headers are read out of the call only when the callee gets it over HTTP. */
class RelayedFetch implements FetchCall {
  readonly #call: BindingCall;
  readonly version: WorkerVersion;
  readonly target: InvocationTarget | undefined;
  readonly body = null;
  readonly upgrade = false;

  constructor(call: BindingCall, version: WorkerVersion, target: InvocationTarget | undefined) {
    this.#call = call;
    this.version = version;
    this.target = target;
  }

  get relay(): RelayedRequest | undefined {
    return this.#call.relay;
  }

  get parent(): Caller {
    return this.#call.caller;
  }

  get bodyBytes(): number | null {
    return this.#call.bodyBytes;
  }

  get method(): string {
    return this.#call.method;
  }

  get url(): string {
    return this.#call.url;
  }

  get headers(): readonly string[] {
    return this.#call.headers;
  }

  get cf(): string | undefined {
    return this.#call.cf;
  }
}

/** Hands a worker's call to a worker: what comes back is the call's answer, and who gives one up gives up the other. */
export function forwardCall(
  dispatcher: Dispatcher,
  call: BindingCall,
  to: Pick<FetchCall, 'version' | 'target' | 'headers' | 'parent' | 'publicHops' | 'cf'>,
): void {
  const control = dispatcher.fetch(
    {
      ...to,
      method: call.method,
      url: call.url,
      body: call.body,
      bodyBytes: call.bodyBytes,
      upgrade: call.upgrade === 'websocket',
    },
    answerTo(call, () => control.resume()),
  );
  call.onAbort = () => control.cancel();
}

function openSession(dispatcher: Dispatcher, session: BindingSession, callee: Callee): void {
  if ('error' in callee) session.fail(callee.error);
  else dispatcher.openSession({ ...callee, describe: calleeError }, session);
}

/** The caller's headers, and the length of a body that is empty: nothing else would say that there is one. */
const calleeHeaders = ({ headers, body, bodyBytes }: BindingCall): readonly string[] =>
  body === null && bodyBytes === 0 ? [...headers, 'content-length', '0'] : headers;

const answerTo = (call: BindingCall, resume: () => void): FetchSink => new CallAnswer(call, resume);

/** The answer of a worker becomes the answer of a call. */
class CallAnswer implements FetchSink {
  readonly call: BindingCall;
  readonly #resume: () => void;

  constructor(call: BindingCall, resume: () => void) {
    this.call = call;
    this.#resume = resume;
  }

  head(status: number, statusText: string, headers: string[], ownLength?: string | null): void {
    this.call.onDrain = this.#resume;
    if (ownLength === undefined) this.call.respond(status, statusText, headers);
    else this.#respondWithLength(status, statusText, headers, ownLength);
  }

  /** A worker sees of another's answer the length that this one gave, not that of the connection in between. */
  #respondWithLength(status: number, statusText: string, headers: readonly string[], ownLength: string | null): void {
    const kept: string[] = [];
    let bodyBytes: number | null = null;
    for (let index = 0; index < headers.length; index += 2) {
      if (headers[index] === 'content-length') bodyBytes = Number(headers[index + 1]);
      else kept.push(headers[index] as string, headers[index + 1] as string);
    }
    if (ownLength !== null) kept.push('content-length', ownLength);
    this.call.respond(status, statusText, kept, bodyBytes);
  }

  data(chunk: Buffer): boolean {
    return this.call.write(chunk);
  }

  end(): void {
    this.call.end();
  }

  fail(failure: InvocationFailure): void {
    this.call.fail(calleeError(failure));
  }

  upgrade(headers: string[], socket: Duplex, head: Buffer): void {
    const { call } = this;
    const duplex = call.switchProtocols(headers);
    if (duplex === undefined) {
      socket.destroy();
      return;
    }
    call.onAbort = () => socket.destroy();
    joinDuplexes(duplex, socket, head);
  }
}

class RelayedAnswer extends CallAnswer {
  control: FetchControl | undefined;

  constructor(call: BindingCall) {
    super(call, () => this.control?.resume());
  }

  readonly cancel = (): void => this.control?.cancel();

  whole(status: number, content: Uint8Array): void {
    this.call.respondWhole?.(status, content);
  }
}

/** What the callee threw is thrown in the caller; what the platform did is said in its words. */
function calleeError(failure: InvocationFailure): Failure {
  if (failure.error !== undefined) return withoutStack(failure.error);
  if (failure.outcome === 'exceededCpu') return { name: 'Error', message: 'Worker exceeded CPU time limit.' };
  if (failure.outcome === 'exceededMemory') return { name: 'Error', message: 'Worker exceeded memory limit.' };
  if (failure.outcome === 'exceededWallTime') return { name: 'Error', message: 'Worker exceeded wall time limit.' };
  return { name: 'Error', message: 'The called Worker did not answer.' };
}

/** The callee's frames stay with it: the caller sees, as on Workers, its own. */
const withoutStack = ({ name, message, thrown }: Failure): Failure => ({ name, message, ...(thrown && { thrown }) });

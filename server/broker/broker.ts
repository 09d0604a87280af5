/**
 * The node's side of every binding. A cell's call names a binding of its own version, nothing else: what that binding leads to is decided
 * here, from the deployed version, and counted against the pipeline whatever the cell says.
 */
import { CELL_LIMITS } from '../../shared/limits.ts';
import type { Binding, ServiceBinding } from '../../shared/worker.ts';
import type { BindingCall, BindingSession, Broker, Caller } from '../supervisor/types.ts';
import type { ConnectionCounts } from '../supervisor/connection-counts.ts';
import { type ConnectionGate, createConnectionGate } from './connections.ts';

/** One kind of binding. Must answer the call (respond…end, or fail); must not throw. */
export type BindingHandler<B extends Binding = Binding> = (call: BindingCall, binding: B) => void;

/** What a call of a worker goes to. */
export type SubrequestKind = 'internet' | 'binding' | 'data' | 'cache' | 'self' | 'session';

export interface BrokerOptions {
  /** Handlers by binding type: add a binding by adding one (in `server/composition/broker.ts`). */
  readonly bindings: { readonly [T in Binding['type']]?: BindingHandler<Extract<Binding, { type: T }>> };
  /** Calls of a worker's own entrypoints (`ctx.exports`). */
  readonly loopback: (call: BindingCall) => void;
  /** The Cache API. */
  readonly cache: (call: BindingCall) => void;
  /** RPC sessions, with a service or, without one, with the worker itself. */
  readonly session: (session: BindingSession, binding: ServiceBinding | null) => void;
  /** `fetch()` of the global scope. */
  readonly egress: (call: BindingCall) => void;
  /** Calls to the internet per pipeline when the version asks for nothing else, and the most it may ask for. */
  readonly externalSubrequests: number;
  readonly maxExternalSubrequests: number;
  /** Connections that workers hold open. */
  readonly connections: Pick<ConnectionCounts, 'open' | 'refusal'>;
  /** For metrics. */
  readonly onSubrequest?: (caller: Caller, kind: SubrequestKind, isRefused: boolean) => void;
}

const TOO_MANY = { name: 'Error', message: 'Too many subrequests.' };

export function createBroker(options: BrokerOptions): Broker {
  const gate = createConnectionGate(options.connections);
  return {
    call(call) {
      if (call.binding !== null) callBinding(options, gate, call, call.binding);
      else if (call.cache !== undefined) {
        if (mayCall(options, call, 'cache')) gate(call, options.cache);
      } else if (call.loopback !== undefined) {
        if (mayCall(options, call, 'self')) options.loopback(call);
      } else if (mayCall(options, call, 'internet')) gate(call, options.egress);
    },
    openSession(session) {
      const { binding: name, caller } = session;
      const binding = name === null ? null : findBinding(caller, name);
      if (binding !== null && binding?.type !== 'service') session.fail(noSuchBinding(name as string));
      else if (mayCall(options, session, 'session')) options.session(session, binding);
    },
  };
}

function callBinding(options: BrokerOptions, gate: ConnectionGate, call: BindingCall, name: string): void {
  const binding = findBinding(call.caller, name);
  const handler = binding === undefined ? undefined : (options.bindings[binding.type] as BindingHandler | undefined);
  const isService = binding?.type === 'service';
  // A service has no operations; of a data binding nothing else is asked, but for the sockets of databases.
  const fits = isService ? call.operation === undefined : call.operation !== undefined || call.upgrade === 'socket';
  if (binding === undefined || handler === undefined || !fits) call.fail(noSuchBinding(name));
  else if (!mayCall(options, call, isService ? 'binding' : 'data')) return;
  else if (isService) handler(call, binding);
  else gate(call, () => handler(call, binding));
}

/** Counts a call against the pipeline; answers it when there were too many. */
function mayCall(options: BrokerOptions, call: BindingCall | BindingSession, kind: SubrequestKind): boolean {
  const { caller } = call;
  const isRefused = kind === 'internet' ? !mayCallOutside(options, caller) : !mayCallInside(caller);
  options.onSubrequest?.(caller, kind, isRefused);
  if (isRefused) call.fail(TOO_MANY);
  return !isRefused;
}

function mayCallOutside(
  { externalSubrequests, maxExternalSubrequests }: BrokerOptions,
  { pipeline, version }: Caller,
): boolean {
  const allowed = Math.min(version.limits.subrequests ?? externalSubrequests, maxExternalSubrequests);
  return ++pipeline.externalSubrequests <= allowed;
}

const mayCallInside = ({ pipeline }: Caller): boolean =>
  ++pipeline.internalSubrequests <= CELL_LIMITS.internalSubrequests;

const findBinding = ({ version }: Caller, name: string): Binding | undefined =>
  version.bindings.find((candidate) => candidate.name === name);

const noSuchBinding = (name: string): { name: string; message: string } => ({
  name: 'TypeError',
  message: `There is no binding "${name.slice(0, 100)}" that can be called.`,
});

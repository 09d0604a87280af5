/* oxlint-disable oxc/no-this-in-exported-function -- these functions are constructors */
/** The classes of `cloudflare:workers` that workers extend. They are markers: what they mean is decided by who calls them. */
import { dressBase, needsNew } from './jsg.ts';
import { getPrototypeOf } from './primordials.ts';
import { isExecutionContext } from './execution-context.ts';
import { constructorParameterError } from './webidl.ts';

interface Entrypoint {
  ctx: unknown;
  env: unknown;
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** Base of entrypoints: `this.ctx` and `this.env` are what the handlers of an object get as arguments. */
function WorkerEntrypoint(this: Entrypoint, ctx: unknown, env: unknown): void {
  if (new.target === undefined) throw needsNew('WorkerEntrypoint');
  if (!isObject(ctx)) throw constructorParameterError('WorkerEntrypoint', 1, 'Object');
  this.ctx = ctx;
  this.env = env;
}

/** Can be extended and exported; nobody can make one, because bindings to Durable Objects are refused at deploy. */
function DurableObject(this: Entrypoint): void {
  if (new.target === undefined) throw needsNew('DurableObjectBase');
  throw constructorParameterError('DurableObjectBase', 1, 'DurableObjectState');
}

function WorkflowEntrypoint(this: Entrypoint, ctx: unknown, env: unknown): void {
  if (new.target === undefined) throw needsNew('WorkflowEntrypoint');
  if (!isExecutionContext(ctx)) throw constructorParameterError('WorkflowEntrypoint', 1, 'ExecutionContext');
  this.ctx = ctx;
  this.env = env;
}

/** Base of objects that are passed by reference through RPC. */
function RpcTarget(this: object): void {
  if (new.target === undefined) throw needsNew('JsRpcTarget');
}

export { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint };

dressBase(WorkerEntrypoint, 'WorkerEntrypoint');
dressBase(DurableObject, 'DurableObject');
dressBase(WorkflowEntrypoint, 'WorkflowEntrypoint');
dressBase(RpcTarget, 'JsRpcTarget');

const entrypointPrototype: unknown = WorkerEntrypoint.prototype;
const targetPrototype: unknown = RpcTarget.prototype;

function inherits(value: object, prototype: unknown): boolean {
  for (let step = getPrototypeOf(value); step !== null; step = getPrototypeOf(step)) {
    if (step === prototype) return true;
  }
  return false;
}

/** Whether the class extends `WorkerEntrypoint`. */
export const isEntrypointClass = (constructor: object): boolean =>
  inherits((constructor as { prototype?: object }).prototype ?? {}, entrypointPrototype);
export const isEntrypoint = (value: object): boolean => inherits(value, entrypointPrototype);
export const isRpcTarget = (value: object): boolean => inherits(value, targetPrototype);

/**
 * What all data bindings (KV, objects, databases) have in common: a table of operations, a span for each, and an answer whatever happens.
 */
import type { Binding } from '../../shared/worker.ts';
import type { Logger } from '../log/types.ts';
import type { BindingCall, CallEnding, WorkerEvent } from '../supervisor/types.ts';

/** Answers the call: `respondWith`, then `write`… and `end`; or `fail`. `args` are the worker's own words and have to be checked. */
export type Operation<B extends Binding> = (call: BindingCall, binding: B, args: unknown) => Promise<void> | void;

export interface DataBindingOptions<B extends Binding> {
  /** By the name the cell gives. */
  readonly operations: Readonly<Record<string, Operation<B>>>;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly log: Logger;
  /** What a worker hears when an operation failed for a reason that is not its own, such as an unreachable database. */
  readonly unavailable: (error: Error, operation: string) => { readonly name: string; readonly message: string };
}

/** An error whose text is for the worker. Operations may throw it instead of calling `fail`. */
export class OperationError extends Error {
  override readonly name: string;

  constructor(message: string, name = 'Error') {
    super(message);
    this.name = name;
  }
}

/** A broker's handler of one type of data bindings. */
export function createDataBinding<B extends Binding>(
  options: DataBindingOptions<B>,
): (call: BindingCall, binding: B) => void {
  const operations = new Map(Object.entries(options.operations));
  return (call, binding) => {
    const { name, args } = call.operation ?? { name: '', args: null };
    const operation = operations.get(name);
    if (operation === undefined) {
      call.fail({ name: 'TypeError', message: `The binding has no operation "${name.slice(0, 40)}".` });
      return;
    }
    observe(call, binding, name, options.onEvent);
    try {
      // Many answer at once, out of a cache; a promise for each would cost more than the answer.
      operation(call, binding, args)?.catch((error: unknown) => failWith(options, call, name, error));
    } catch (error) {
      failWith(options, call, name, error);
    }
  };
}

function failWith<B extends Binding>(
  { log, unavailable }: DataBindingOptions<B>,
  call: BindingCall,
  operation: string,
  error: unknown,
): void {
  if (error instanceof OperationError) {
    call.fail({ name: error.name, message: error.message });
    return;
  }
  const cause = error instanceof Error ? error : new Error(String(error));
  log.warn('An operation of a data binding failed', {
    operation,
    worker: call.caller.version.workerName,
    error: cause.message,
  });
  call.fail(unavailable(cause, operation));
}

/** Says when the call is over. Whoever observed it before (the six connections) still hears of it. */
function observe(
  call: BindingCall,
  binding: Binding,
  operation: string,
  onEvent: DataBindingOptions<Binding>['onEvent'],
): void {
  const startedAtMs = performance.now();
  const { observer } = call;
  call.observer = {
    answered: (isConnection) => observer?.answered(isConnection),
    over(ending: CallEnding) {
      observer?.over(ending);
      onEvent(operationEvent(call, binding, operation, ending, performance.now() - startedAtMs));
    },
  };
}

/** The span of something that was asked of a data binding and is over. */
export function operationEvent(
  { caller }: BindingCall,
  binding: Binding,
  operation: string,
  ending: CallEnding,
  ms: number,
): WorkerEvent {
  return {
    type: 'operation',
    version: caller.version,
    invocationId: caller.invocationId,
    pipelineId: caller.pipeline.id,
    binding: binding.name,
    bindingType: binding.type,
    operation,
    ending,
    ms,
  };
}

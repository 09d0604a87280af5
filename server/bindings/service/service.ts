/**
 * Service bindings by `fetch`: from cell to cell on this node, never over the internet. The callee sees the URL, method, headers and body
 * as the caller gave them; whatever host the URL names, the call goes to the bound worker.
 */
import { CELL_LIMITS } from '../../../shared/limits.ts';
import type { ServiceBinding } from '../../../shared/worker.ts';
import type { Catalog } from '../../catalog/types.ts';
import type { BindingHandler } from '../../broker/broker.ts';
import { pickVersion } from '../../routing/version-choice.ts';
import type { BindingCall, Dispatcher, FetchSink, InvocationFailure } from '../../supervisor/types.ts';

export interface ServiceBindingOptions {
  readonly catalog: Pick<Catalog, 'findByName'>;
  /** Resolved at call time: the dispatcher is built after the broker. */
  readonly dispatcher: () => Dispatcher;
}

/** workerd's words for a chain that is too deep. */
const TOO_DEEP =
  'Subrequest depth limit exceeded. This request recursed through Workers too many times. This can happen e.g. if you have a Worker or Durable Object that calls other Workers or objects recursively.';

export function createServiceBinding(options: ServiceBindingOptions): BindingHandler<ServiceBinding> {
  return (call, binding) => {
    const { caller } = call;
    if (caller.depth >= CELL_LIMITS.pipelineDepth) {
      call.fail({ name: 'Error', message: TOO_DEEP });
      return;
    }
    const callee = options.catalog.findByName(caller.version.accountId, binding.service);
    const version = callee === undefined ? undefined : pickVersion(callee, Math.random());
    if (version === undefined) {
      call.fail({
        name: 'Error',
        message: `The worker "${binding.service}" that "${binding.name}" is bound to has no deployment.`,
      });
      return;
    }
    const control = options.dispatcher().fetch(
      {
        version,
        method: call.method,
        url: call.url,
        headers: withHost(call.headers, call.url),
        body: call.body,
        bodyBytes: call.bodyBytes,
        upgrade: false,
        parent: { pipeline: caller.pipeline, depth: caller.depth },
      },
      answerTo(call, () => control.resume()),
    );
    call.onAbort = () => control.cancel();
  };
}

/** HTTP wants a host; it is the URL's, as in a request from outside. */
function withHost(headers: readonly string[], url: string): string[] {
  const start = url.indexOf('//') + 2;
  const end = url.slice(start).search(/[/?#]/);
  return ['host', end < 0 ? url.slice(start) : url.slice(start, start + end), ...headers];
}

function answerTo(call: BindingCall, resume: () => void): FetchSink {
  return {
    head(status, statusText, headers) {
      call.onDrain = resume;
      call.respond(status, statusText, headers);
    },
    data: (chunk) => call.write(chunk),
    end: () => call.end(),
    fail: (failure) => call.fail(calleeError(failure)),
    upgrade(_headers, socket) {
      socket.destroy();
      call.fail({
        name: 'Error',
        message: 'WebSockets over service bindings are not supported by this version of Skep.',
      });
    },
  };
}

/** What the callee threw is thrown in the caller; what the platform did is said in its words. */
function calleeError(failure: InvocationFailure): { name: string; message: string } {
  if (failure.error !== undefined) return failure.error;
  if (failure.outcome === 'exceededCpu') return { name: 'Error', message: 'Worker exceeded CPU time limit.' };
  if (failure.outcome === 'exceededMemory') return { name: 'Error', message: 'Worker exceeded memory limit.' };
  return { name: 'Error', message: 'The called Worker did not answer.' };
}

/**
 * Events that the platform dispatches to user code's listeners, where an exception of a listener has consequences: a WebSocket whose
 * listener throws is broken. Deno reports such exceptions to the global scope; here they are told apart by the dispatch under way.
 */
import { compatFlag } from './compat.ts';
import { eventStopImmediatePropagation, eventTargetDispatch, slotOf } from './primordials.ts';

interface Dispatch {
  readonly event: Event;
  thrown: boolean;
  error: unknown;
}

/** Where Deno keeps what `isTrusted` reads: true for events that come from the platform. */
const trusted = slotOf(new Event('slots'), '[[isTrusted]]');

let current: Dispatch | undefined;

/** The first exception of a listener, if there was one. Without `spec_compliant_dispatch_exceptions` it ends the dispatch. */
export function dispatchCatching(target: EventTarget, event: Event): { readonly error: unknown } | undefined {
  const outer = current;
  const dispatch: Dispatch = { event, thrown: false, error: undefined };
  current = dispatch;
  (event as unknown as Record<symbol, boolean>)[trusted] = true;
  try {
    eventTargetDispatch(target, event);
  } finally {
    current = outer;
  }
  return dispatch.thrown ? dispatch : undefined;
}

/** Called with every exception that Deno reports to the global scope. */
export function noteListenerException(error: unknown): void {
  if (current === undefined || current.thrown) return;
  current.thrown = true;
  current.error = error;
  if (!compatFlag('spec_compliant_dispatch_exceptions')) eventStopImmediatePropagation(current.event);
}

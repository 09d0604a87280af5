/** The `error` event of the global scope as workerd dispatches it: the engine's own has other words and shows URLs of the harness. */
import { noteListenerException } from './dispatch.ts';
import { reportException } from './console.ts';
import { dispatchReporting, markPrevented } from './event-target.ts';
import {
  captureStackTrace,
  errorToString,
  eventStopImmediatePropagation,
  eventTargetAdd,
  NativeError,
  nativeString,
  regExpExec,
} from './primordials.ts';

const NativeErrorEvent = ErrorEvent;
const scope = globalThis as unknown as EventTarget;

/** `(worker.js:3:5)` or `worker.js:3:5` at the end of the first frame. */
const PLACE = /\n {4}at (?:.*\()?([^\n()]+):(\d+):(\d+)\)?(?:\n|$)/;

/** Takes the engine's event from user code's listeners and dispatches ours instead. To be called before any other listener is there. */
export function installErrorEvents(): void {
  eventTargetAdd(scope, 'error', (event) => {
    // With the default prevented Deno does not end the process.
    markPrevented(event);
    if (event instanceof OwnErrorEvent) return;
    eventStopImmediatePropagation(event);
    const { error } = event as ErrorEvent;
    noteListenerException(error);
    reportToScope(error);
  });
}

class OwnErrorEvent extends NativeErrorEvent {}
Object.defineProperty(OwnErrorEvent.prototype, 'constructor', {
  value: NativeErrorEvent,
  writable: true,
  enumerable: false,
  configurable: true,
});

/** `reportError(value)`, and every exception that nobody caught: an event for the listeners, then a line in the trace. */
export function reportToScope(value: unknown): void {
  const { filename, lineno, colno } = placeOf(value);
  const event = new OwnErrorEvent('error', {
    message: `Uncaught ${textOf(value)}`,
    filename,
    lineno,
    colno,
    error: value,
  });
  dispatchReporting(scope, event, reportException);
  reportException(value);
}

function textOf(value: unknown): string {
  try {
    return value instanceof NativeError ? errorToString(value) : nativeString(value);
  } catch {
    return 'exception';
  }
}

interface Place {
  readonly filename: string;
  readonly lineno: number;
  readonly colno: number;
}

/** Where the error was made; for a value without a stack, where it is reported. */
function placeOf(value: unknown): Place {
  const found = regExpExec(PLACE, stackOf(value)) ?? regExpExec(PLACE, stackHere());
  if (found === null) return { filename: '', lineno: 0, colno: 0 };
  return { filename: found[1] as string, lineno: +(found[2] as string), colno: +(found[3] as string) };
}

function stackOf(value: unknown): string {
  try {
    const stack = value instanceof NativeError ? value.stack : '';
    return typeof stack === 'string' ? stack : '';
  } catch {
    return '';
  }
}

function stackHere(): string {
  const holder: { stack?: unknown } = {};
  captureStackTrace(holder);
  return typeof holder.stack === 'string' ? holder.stack : '';
}

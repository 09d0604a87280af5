/** `navigator`, as much of it as a worker has. */
import { markPlatform } from './function-text.ts';
import { fetchThrough } from './fetch.ts';
import { compatFlag } from './compat.ts';
import { currentInvocation } from './context.ts';
import { waitUntil } from './invocation.ts';
import { defineGlobal, removeGlobal } from './globals.ts';
import { defineProperty, promiseThen } from './primordials.ts';
import { illegalConstructor, parameterError } from './webidl.ts';

let mayConstruct = false;

class Navigator {
  constructor() {
    if (!mayConstruct) throw illegalConstructor();
  }

  /** Sends the data after the response, if need be; whether it arrives nobody hears. */
  sendBeacon(...args: unknown[]): boolean {
    if (args.length === 0) throw parameterError('sendBeacon', 'Navigator', 1, 'string');
    const invocation = currentInvocation();
    if (invocation === undefined) return false;
    const sent = fetchThrough(null, `${args[0] as string}`, {
      method: 'POST',
      body: (args[1] ?? null) as BodyInit | null,
    });
    waitUntil(
      invocation,
      promiseThen(
        sent,
        () => undefined,
        () => undefined,
      ),
    );
    return true;
  }
}

/** workerd has its facts on the object itself, in this order. */
const FACTS: readonly (readonly [name: string, value: unknown])[] = [
  ['languages', Object.freeze(['en'])],
  ['language', 'en'],
  ['platform', ''],
  ['hardwareConcurrency', 1],
  ['userAgent', 'Cloudflare-Workers'],
];

export function applyNavigatorCompatibility(): void {
  if (!compatFlag('global_navigator')) {
    removeGlobal('navigator');
    return;
  }
  mayConstruct = true;
  const navigator = new Navigator();
  markPlatform(navigator);
  mayConstruct = false;
  defineProperty(Navigator.prototype, 'sendBeacon', { enumerable: true });
  defineProperty(Navigator.prototype, Symbol.toStringTag, { value: 'Navigator', writable: true, configurable: true });
  const hasLanguage = compatFlag('enable_navigator_language');
  for (const [name, value] of FACTS) {
    if (!hasLanguage && (name === 'language' || name === 'languages')) continue;
    defineProperty(navigator, name, { value, writable: false, enumerable: true, configurable: true });
  }
  defineGlobal('Navigator', Navigator);
  defineGlobal('navigator', navigator);
}

/** The argument checks that all of workerd's interfaces share, with its words. */
import { NativeTypeError } from './primordials.ts';

export const SCOPE = 'ServiceWorkerGlobalScope';

/** `Failed to execute 'wait' on 'Scheduler': parameter 1 is not of type 'number'.` */
export const parameterError = (method: string, owner: string, position: number, type: string): TypeError =>
  new NativeTypeError(`Failed to execute '${method}' on '${owner}': parameter ${position} is not of type '${type}'.`);

/** `Failed to construct 'Event': constructor parameter 1 is not of type 'string'.` */
export const constructorParameterError = (owner: string, position: number, type: string): TypeError =>
  new NativeTypeError(`Failed to construct '${owner}': constructor parameter ${position} is not of type '${type}'.`);

/** `Incorrect type for the 'signal' field on 'WaitOptions': the provided value is not of type 'AbortSignal'.` */
export const fieldError = (field: string, dictionary: string, type: string): TypeError =>
  new NativeTypeError(
    `Incorrect type for the '${field}' field on '${dictionary}': the provided value is not of type '${type}'.`,
  );

export const illegalConstructor = (): TypeError => new NativeTypeError('Illegal constructor');

export const illegalInvocation = (): TypeError =>
  new NativeTypeError(
    'Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.',
  );

/** Functions of the global scope may be called on it or detached from it, and on nothing else. */
export function requireScopeThis(self: unknown): void {
  if (self !== undefined && self !== null && self !== globalThis) throw illegalInvocation();
}

/** A number as WebIDL converts it: Symbols and BigInts are refused, anything else goes through `valueOf`. */
export const toNumber = (value: unknown): number => +(value as number);

export const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** Errors of Node's kind: an ordinary exception with a `code`. */
import { defineProperty, NativeError, NativeRangeError, NativeTypeError } from '../../primordials.ts';

type ErrorClass = new (message: string) => Error;

function withCode(Class: ErrorClass, code: string, message: string): Error {
  const error = new Class(message);
  // Node shows the code in the stack and in `String(error)`-like output only through `stack`; `name` stays that of the class.
  defineProperty(error, 'stack', {
    value: `${error.name} [${code}]: ${message}${(error.stack ?? '').slice(error.name.length + 2 + message.length)}`,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return Object.assign(error, { code });
}

export const nodeError = (code: string, message: string): Error => withCode(NativeError, code, message);
export const nodeTypeError = (code: string, message: string): Error => withCode(NativeTypeError, code, message);
export const nodeRangeError = (code: string, message: string): Error => withCode(NativeRangeError, code, message);

/** What Workers throws for a Node method that it has by name only. */
export const notImplemented = (method: string): Error =>
  nodeError('ERR_METHOD_NOT_IMPLEMENTED', `The ${method} method is not implemented`);

/** A function with this name and length that always throws `ERR_METHOD_NOT_IMPLEMENTED` for `method`. */
export function unimplemented(method: string, name: string, length: number): (...args: unknown[]) => never {
  const refuse = (): never => {
    throw notImplemented(method);
  };
  return shaped(refuse, name, length);
}

/** Gives a function the name and length that Workers shows for it. */
export function shaped<F extends (...args: never[]) => unknown>(target: F, name: string, length: number): F {
  defineProperty(target, 'name', { value: name, configurable: true });
  defineProperty(target, 'length', { value: length, configurable: true });
  return target;
}

/** `String(value)`, for values whose conversion is up to the user. */
export const toText = (value: unknown): string => String(value as string);

/** How Node names a received value in `ERR_INVALID_ARG_TYPE`. */
export function describeReceived(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === 'function') return ` Received function ${value.name}`;
  if (typeof value === 'object') {
    const name = (value as { constructor?: { name?: string } }).constructor?.name;
    return name ? ` Received an instance of ${name}` : ' Received [Object: null prototype] {}';
  }
  let text = typeof value === 'string' ? `'${value}'` : typeof value === 'bigint' ? `${value}n` : toText(value);
  if (text.length > 28) text = `${text.slice(0, 25)}...${typeof value === 'string' ? "'" : ''}`;
  return ` Received type ${typeof value} (${text})`;
}

export const invalidArgType = (name: string, expected: string, value: unknown): Error =>
  nodeTypeError('ERR_INVALID_ARG_TYPE', `The "${name}" argument must be ${expected}.${describeReceived(value)}`);

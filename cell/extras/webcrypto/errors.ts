/** The exceptions of Web Crypto, by the names workerd gives them. */
import { NativeTypeError } from '../../primordials.ts';

const NativeDOMException = DOMException;

const domError =
  (name: string) =>
  (message: string): DOMException =>
    new NativeDOMException(message, name);

export const dataError = domError('DataError');
export const operationError = domError('OperationError');
export const notSupported = domError('NotSupportedError');
export const invalidAccess = domError('InvalidAccessError');
export const syntaxError = domError('SyntaxError');
export const typeError = (message: string): TypeError => new NativeTypeError(message);

/** A member of an algorithm's dictionary that the operation cannot do without. */
export function requireField<T>(value: T | undefined, field: string, where = 'algorithm'): T {
  if (value === undefined) throw typeError(`Missing field "${field}" in "${where}".`);
  return value;
}

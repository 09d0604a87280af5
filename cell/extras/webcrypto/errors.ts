/** The exceptions of Web Crypto, by the names workerd gives them. */
import { NativeDOMException, NativeError, NativeTypeError, NativeUint8Array } from '../../primordials.ts';
import { fillRandom } from '../../random.ts';

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

const REFERENCE_LETTERS = '0123456789abcdefghijklmnopqrstuv';

/** What workerd answers where it was not written to answer: a reference that leads nowhere, and no reason. */
export function internalError(): Error {
  const random = new NativeUint8Array(24);
  fillRandom(random);
  let reference = '';
  for (let index = 0; index < random.length; index++) {
    reference += REFERENCE_LETTERS[(random[index] as number) & 31] as string;
  }
  return new NativeError(`internal error; reference = ${reference}`);
}

/** A member of an algorithm's dictionary that the operation cannot do without. */
export function requireField<T>(value: T | undefined, field: string, where = 'algorithm'): T {
  if (value === undefined) throw typeError(`Missing field "${field}" in "${where}".`);
  return value;
}

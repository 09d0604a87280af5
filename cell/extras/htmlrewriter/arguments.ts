/** Arguments as workerd checks them, with its words. */
import { fieldError, isObject, parameterError } from '../../webidl.ts';

/** The string at this place, converted as WebIDL does. `undefined` given by name is the string "undefined", a missing one an error. */
export function stringParameter(type: string, method: string, args: readonly unknown[], index: number): string {
  if (args.length <= index) throw parameterError(method, type, index + 1, 'string');
  return `${args[index] as string}`;
}

/** A dictionary that may be undefined or null, which are an empty one. */
export function dictionaryParameter(
  type: string,
  method: string,
  args: readonly unknown[],
  index: number,
  expected: string,
): Record<string, unknown> {
  const value = args[index];
  if (args.length <= index) throw parameterError(method, type, index + 1, expected);
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw parameterError(method, type, index + 1, expected);
  return value as Record<string, unknown>;
}

/** A member that must be a function when it is there. Read once. */
export function functionMember(
  dictionary: Record<string, unknown>,
  member: string,
  type: string,
): ((...args: never[]) => unknown) | undefined {
  const value = dictionary[member];
  if (value === undefined) return undefined;
  if (typeof value !== 'function') throw fieldError(member, type, 'function');
  return value as (...args: never[]) => unknown;
}

/** What a worker hears when a database says no. */
import { isUnavailable } from '../../storage/errors.ts';
import { ServerError } from '../../storage/wire/frames.ts';
import { NoConnection } from '../../storage/wire/pool.ts';
import { SessionEnded, SessionLost } from '../../storage/wire/session.ts';
import type { BindingCall } from '../../supervisor/types.ts';
import { DATABASE_LIMITS } from '../../../shared/limits.ts';

type CallFailure = Parameters<BindingCall['fail']>[0];

/** Undefined: no failure that a worker may hear about in its own words. */
export function failureOf(error: unknown): CallFailure | undefined {
  if (error instanceof ServerError) return serverFailure(error);
  if (error instanceof NoConnection) {
    return withCode(error.message, error.isUnreachable ? '08006' : '53300', error.isUnreachable);
  }
  if (error instanceof SessionEnded) return withCode(error.message, '57014', false);
  if (error instanceof SessionLost) return withCode(error.message, '08006', true);
  if (isUnavailable(error)) {
    return withCode('The database cannot be reached.', '08006', true);
  }
  return undefined;
}

/** SQLSTATE, position and the rest as properties, as PostgreSQL's drivers have them. */
function serverFailure({ message, fields }: ServerError): CallFailure {
  const own: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(fields)) if (name !== 'message') own[name] = clip(value);
  return { name: 'Error', message: clip(message), thrown: { kind: 'Error', own } };
}

const withCode = (message: string, code: string, retryable: boolean): CallFailure => ({
  name: 'Error',
  message,
  thrown: { kind: 'Error', own: { code, ...(retryable ? { retryable } : {}) } },
});

/** A statement may raise errors of any length. */
const clip = <T extends string | number>(value: T): T =>
  typeof value === 'string' && value.length > DATABASE_LIMITS.maxErrorCharacters
    ? (`${value.slice(0, DATABASE_LIMITS.maxErrorCharacters)}…` as T)
    : value;

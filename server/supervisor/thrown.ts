/** What a cell says of an exception that another worker is to see. It is an attacker's word: only what has the agreed shape goes on. */
import { CHANNEL_LIMITS } from '../../shared/limits.ts';
import {
  ERROR_KINDS,
  type ErrorKind,
  type Failure,
  MAX_THROWN_PROPERTIES,
  type ThrownError,
} from '../../shared/protocol.ts';

/** Never throws on an object. */
export function readThrownFailure(parsed: Record<string, unknown>): Failure {
  const thrown = readThrown(parsed.thrown);
  const error = { name: textOr('Error', parsed.name), message: textOr('', parsed.message), ...(thrown && { thrown }) };
  return typeof parsed.stack === 'string' ? { ...error, stack: parsed.stack } : error;
}

const textOr = (otherwise: string, value: unknown): string => (typeof value === 'string' ? value : otherwise);

const isThrownValue = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= CHANNEL_LIMITS.maxThrownValueChars &&
  /^[A-Za-z0-9+/]*={0,2}$/.test(value);

function readThrown(value: unknown): ThrownError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, own, value: encoded } = value as Record<string, unknown>;
  if (!(ERROR_KINDS as readonly unknown[]).includes(kind) || typeof own !== 'object' || own === null) return undefined;
  const kept = Object.entries(own)
    .filter(([, item]) => item === null || ['string', 'number', 'boolean'].includes(typeof item))
    .slice(0, MAX_THROWN_PROPERTIES);
  const thrown = { kind: kind as ErrorKind, own: Object.fromEntries(kept) as ThrownError['own'] };
  return isThrownValue(encoded) ? { ...thrown, value: encoded } : thrown;
}

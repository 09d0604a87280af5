/** What KV says of keys and metadata that it does not take: in Workers' words, in the cell and in the server alike. */
import { KV_LIMITS } from './limits.ts';

export interface KvProblem {
  readonly name: 'Error' | 'TypeError';
  readonly message: string;
}

/** How the runtime calls an operation when it fails. */
export type KvOperationLabel = 'GET' | 'GET_BULK' | 'PUT' | 'DELETE';

/** `KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.` */
export const kvFailure = (label: KvOperationLabel, status: number, text: string): KvProblem => ({
  name: 'Error',
  message: `KV ${label} failed: ${status} ${text}`,
});

/** @param bytes the key's length in UTF-8 */
export function kvKeyProblem(label: KvOperationLabel, key: string, bytes: number): KvProblem | undefined {
  if (label === 'GET_BULK') {
    if (key === '') return kvFailure(label, 400, 'Key names must not be empty');
    if (key === '.' || key === '..') {
      return kvFailure(label, 400, `Illegal key name "${key}". Please use a different name.`);
    }
  }
  if (key === '') return { name: 'TypeError', message: 'Key name cannot be empty.' };
  if (key === '.' || key === '..') return { name: 'TypeError', message: `"${key}" is not allowed as a key name.` };
  return kvLengthProblem(label, bytes);
}

/** Of a key or a prefix. */
export const kvLengthProblem = (label: KvOperationLabel, bytes: number): KvProblem | undefined =>
  bytes <= KV_LIMITS.maxKeyBytes
    ? undefined
    : kvFailure(label, 414, `UTF-8 encoded length of ${bytes} exceeds key length limit of ${KV_LIMITS.maxKeyBytes}.`);

/** @param bytes of the metadata as JSON */
export const kvMetadataProblem = (bytes: number): KvProblem | undefined =>
  bytes <= KV_LIMITS.maxMetadataBytes
    ? undefined
    : kvFailure('PUT', 413, `Metadata length of ${bytes} exceeds limit of ${KV_LIMITS.maxMetadataBytes}.`);

/** @param bytes of the value, as far as it was read */
export const kvValueProblem = (bytes: number): KvProblem =>
  kvFailure('PUT', 413, `Value length of ${bytes} exceeds limit of ${KV_LIMITS.maxValueBytes}.`);

/** Where a bucket's objects lie when it is not the embedded store. */
import { open, seal } from '../envelope.ts';

/** Somebody else's S3. */
export interface S3BackendSettings {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** In front of every key, e.g. `skep/`; may be empty. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** As it lies in the database. */
export interface SealedBackend extends Omit<S3BackendSettings, 'secretAccessKey'> {
  readonly secret: Uint8Array;
}

const placeOf = (bucketId: string): string[] => ['r2-backend', bucketId];

export const sealBackend = (
  masterKey: Uint8Array,
  bucketId: string,
  { secretAccessKey, ...rest }: S3BackendSettings,
): SealedBackend => ({ ...rest, secret: seal(masterKey, placeOf(bucketId), secretAccessKey) });

export const openBackend = (
  masterKey: Uint8Array,
  bucketId: string,
  { secret, ...rest }: SealedBackend,
): S3BackendSettings => ({ ...rest, secretAccessKey: open(masterKey, placeOf(bucketId), secret) });

/** The settings in a URL: `https://<access key id>:<secret>@<host>/<bucket>[/<prefix>]?region=<region>`. */
export function parseBackendUrl(text: string): S3BackendSettings {
  const url = new URL(text);
  const [bucket = '', ...prefix] = url.pathname.slice(1).split('/').map(decodeURIComponent);
  return {
    endpoint: url.origin,
    region: url.searchParams.get('region') ?? 'auto',
    bucket,
    prefix: prefix.join('/'),
    accessKeyId: decodeURIComponent(url.username),
    secretAccessKey: decodeURIComponent(url.password),
  };
}

/** What S3 has and this has not: whoever asks for it hears its name, and nothing is stored as if it had been done. */
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** Parameters that ask for something else than the object or the bucket itself. */
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'versions',
  'website',
];

/**
 * Headers that ask for something else, but with these values, which ask for what is the case anyway. An object that everybody may read by its ACL, or that only
 * the holder of a key can read, would be a lie.
 */
const HEADERS: readonly (readonly [name: string, harmless: RegExp])[] = [
  ['x-amz-acl', /^(private|bucket-owner-full-control)$/],
  ['x-amz-grant-full-control', /^$/],
  ['x-amz-grant-read', /^$/],
  ['x-amz-grant-read-acp', /^$/],
  ['x-amz-grant-write', /^$/],
  ['x-amz-grant-write-acp', /^$/],
  ['x-amz-copy-source-server-side-encryption-customer-algorithm', /^$/],
  ['x-amz-copy-source-server-side-encryption-customer-key', /^$/],
  ['x-amz-object-lock-legal-hold', /^OFF$/],
  ['x-amz-object-lock-mode', /^$/],
  ['x-amz-server-side-encryption', /^AES256$/],
  ['x-amz-server-side-encryption-customer-algorithm', /^$/],
  ['x-amz-server-side-encryption-customer-key', /^$/],
  ['x-amz-tagging', /^$/],
  ['x-amz-website-redirect-location', /^$/],
];

/** @throws S3Error NotImplemented */
export function requireImplemented(request: S3Request): void {
  const asked =
    SUBRESOURCES.find((name) => request.has(name)) ??
    HEADERS.find(([name, harmless]) => {
      const value = request.header(name);
      return value !== undefined && !harmless.test(value);
    })?.[0];
  if (asked === undefined) return;
  throw new S3Error(
    'NotImplemented',
    `A header or parameter you provided implies functionality that is not implemented: ${asked}`,
  );
}

/** The shapes of values that settings may have, with one sentence each for the error message. */
import { isIP } from 'node:net';
import { z } from 'zod';

/** How a setting is written: decides how flags and variables (always text) become values, and which TOML type fits. */
export type Kind = 'text' | 'number' | 'boolean' | 'list';

/** A checked type of value: `allowed` ends the sentence "Allowed: …" and stands in the documentation. */
export interface ValueType<T> {
  readonly kind: Kind;
  readonly schema: z.ZodType<T>;
  readonly allowed: string;
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NODE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** A whole number from `min` to `max`, both allowed. `note` explains special values. */
export function wholeNumber(min: number, max: number, note = ''): ValueType<number> {
  return {
    kind: 'number',
    schema: z.int().min(min).max(max),
    allowed: `a whole number from ${min} to ${max}${note === '' ? '' : ` (${note})`}`,
  };
}

/** As `wholeNumber`, of a setting that may be left out. */
export const optionalNumber = (min: number, max: number, note = ''): ValueType<number | null> =>
  wholeNumber(min, max, note);

/** One of the given words. */
export function oneOf<const T extends string>(...words: [T, ...T[]]): ValueType<T> {
  return { kind: 'text', schema: z.enum(words), allowed: words.join(' or ') };
}

/** True or false; `--name` alone is true. */
export const truth: ValueType<boolean> = { kind: 'boolean', schema: z.boolean(), allowed: 'true or false' };

/** A path of the file system; made absolute by the loader. */
export const path: ValueType<string> = {
  kind: 'text',
  schema: z
    .string()
    .min(1)
    .refine((value) => !value.includes('\0')),
  allowed: 'a path',
};

/** An address to listen on. */
export const listenHost: ValueType<string> = {
  kind: 'text',
  schema: z
    .string()
    .toLowerCase()
    .refine((value) => isIP(value) !== 0 || HOST_NAME.test(value)),
  allowed: 'an IP address or a host name, without a port',
};

/** A DNS name without port; compared in lower case everywhere. */
export const domain: ValueType<string> = {
  kind: 'text',
  schema: z
    .string()
    .toLowerCase()
    .refine((value) => HOST_NAME.test(value) && isIP(value) === 0),
  allowed: 'a domain name, without a scheme, port or trailing dot',
};

/** One label of a DNS name. */
export const dnsLabel: ValueType<string> = {
  kind: 'text',
  schema: z.string().toLowerCase().regex(DNS_LABEL),
  allowed: 'letters, digits and dashes, at most 63, not starting or ending with a dash',
};

/** The node's name goes into request ids and logs. */
export const nodeName: ValueType<string> = {
  kind: 'text',
  schema: z.string().regex(NODE_NAME),
  allowed: 'letters, digits, dots, underscores and dashes, at most 63',
};

/** A bearer token: anything that fits one HTTP header field unchanged. */
export const token: ValueType<string | null> = {
  kind: 'text',
  schema: z.string().regex(/^[\x21-\x7e]{1,512}$/),
  allowed: '1 to 512 visible ASCII characters without spaces',
};

/** Cloudflare's account ids are 32 hexadecimal digits; wrangler checks nothing but sends it as given. */
export const accountId: ValueType<string | null> = {
  kind: 'text',
  schema: z
    .string()
    .toLowerCase()
    .regex(/^[0-9a-f]{32}$/),
  allowed: '32 hexadecimal digits',
};

/** Where an S3-compatible object store is, and with which key. */
export const s3Url: ValueType<string | null> = {
  kind: 'text',
  schema: z.string().refine(isS3Url),
  allowed:
    'a URL of the form https://<access key id>:<secret>@<host>/<bucket>?region=<region>; special characters percent-encoded',
};

/** A connection URL of PostgreSQL. */
export const postgresUrl: ValueType<string | null> = {
  kind: 'text',
  schema: z.string().refine(isPostgresUrl),
  allowed: 'a URL of the form postgresql://user:password@host:5432/database',
};

/** 32 bytes in base64 or hexadecimal. */
export const key32: ValueType<Uint8Array | null> = {
  kind: 'text',
  schema: z
    .string()
    .transform(decodeKey)
    .refine((bytes) => bytes !== null),
  allowed: '32 bytes as 44 characters of base64 or 64 hexadecimal digits (openssl rand -base64 32 makes one)',
};

/** A list of single addresses and networks. */
export const networks: ValueType<readonly string[]> = {
  kind: 'list',
  schema: z.array(z.string().toLowerCase().refine(isAddressOrNetwork)),
  allowed: 'a list of IP addresses and networks such as 10.0.0.0/8',
};

/** A list of destinations: what `fetch` may reach. */
export const destinations: ValueType<readonly string[]> = {
  kind: 'list',
  schema: z.array(z.string().toLowerCase().refine(isDestination)),
  allowed: 'a list of host names, IP addresses, either with :port, and networks such as 10.0.0.0/8',
};

/** True for `10.0.0.1`, `::1`, `10.0.0.0/8`, `fd00::/8`. */
function isAddressOrNetwork(value: string): boolean {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(value);
  if (match === null) return false;
  const family = isIP(match[1] ?? '');
  if (family === 0) return false;
  return match[2] === undefined || Number(match[2]) <= (family === 4 ? 32 : 128);
}

function isDestination(value: string): boolean {
  if (isAddressOrNetwork(value)) return true;
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(value);
  if (match === null) return false;
  if (match[2] !== undefined && (Number(match[2]) < 1 || Number(match[2]) > 65_535)) return false;
  const host = match[1] ?? '';
  if (host.startsWith('[')) return isIP(host.slice(1, -1)) === 6;
  // All digits and dots but no IPv4 address (`10.0.0`) is a slip of the pen, never a name.
  return /^[\d.]+$/.test(host) ? isIP(host) === 4 : HOST_NAME.test(host);
}

function isPostgresUrl(value: string): boolean {
  // `postgresql://user:password@/database?host=/socket/dir` has no host; URL takes that only without a user.
  return /^postgres(?:ql)?:\/\//.test(value) && URL.canParse(value.replace('@/', '@localhost/'));
}

function decodeKey(value: string): Uint8Array | null {
  if (/^[0-9a-fA-F]{64}$/.test(value)) return Buffer.from(value, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(value)) return null;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === 32 ? bytes : null;
}

function isS3Url(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, pathname } = new URL(text);
  return /^https?:$/.test(protocol) && username !== '' && password !== '' && /^\/[^/]/.test(pathname);
}

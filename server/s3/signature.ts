/**
 * AWS signature version 4, checked: in the Authorization header and in the query of presigned URLs
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html). Whatever is wrong is said before a body is read.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { OpenedKey } from '../storage/objects/keys.ts';
import { S3Error } from './errors.ts';
import { encode, type S3Request } from './request.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** AWS: clocks may differ by 15 minutes. Bounds how long a request can be sent again by somebody else. */
const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRY_S = 7 * 24 * 3600;
const EMPTY_HASH = createHash('sha256').digest('hex');

/** Who asks, and what the signatures of the body's chunks are checked with. */
export interface Signed {
  readonly key: OpenedKey;
  /** The value of `x-amz-content-sha256`, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string;
  readonly signingKey: Buffer;
  readonly scope: string;
  readonly dateTime: string;
  readonly signature: string;
}

interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly dateTime: string;
  readonly payload: string;
  readonly isPresigned: boolean;
}

/** Whether a request on a port that it shares with the control API is for S3. */
export const looksSigned = (authorization: string | undefined, url: string | undefined): boolean =>
  authorization?.startsWith(`${ALGORITHM} `) === true || /[?&]X-Amz-Algorithm=/.test(url ?? '');

/** The key that a request says it is signed with; nothing of that is checked. */
export function claimedKeyId(request: S3Request): string | undefined {
  const presigned = request.param('X-Amz-Credential');
  const signed = /[ ,]Credential=([^,]*)/.exec(request.header('authorization') ?? '')?.[1];
  return /^([A-Z0-9]{1,128})\//.exec(presigned ?? signed ?? '')?.[1];
}

/** @throws S3Error AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed … */
export async function authenticate(
  request: S3Request,
  findKey: (id: string) => Promise<OpenedKey | null>,
  nowMs: number,
): Promise<Signed> {
  const claim = request.has('X-Amz-Algorithm') ? presignedClaim(request, nowMs) : headerClaim(request, nowMs);
  checkSignedHeaders(request, claim);
  const key = await findKey(claim.accessKeyId);
  if (key === null) {
    throw new S3Error('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  }
  const scope = `${claim.date}/${claim.region}/s3/aws4_request`;
  const signingKey = deriveKey(key.secret, claim.date, claim.region);
  const text = [ALGORITHM, claim.dateTime, scope, sha256(canonicalRequest(request, claim))].join('\n');
  const expected = createHmac('sha256', signingKey).update(text).digest();
  const given = Buffer.from(claim.signature, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw noMatch();
  const { payload, dateTime, signature } = claim;
  return { key, payload, signingKey, scope, dateTime, signature };
}

export const noMatch = (): S3Error =>
  new S3Error(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  );

export const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

const deriveKey = (secret: string, date: string, region: string): Buffer =>
  hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), 's3'), 'aws4_request');

function headerClaim(request: S3Request, nowMs: number): Claim {
  const authorization = request.header('authorization');
  if (authorization === undefined) {
    throw new S3Error('AccessDenied', 'Access Denied: the request is not signed (signature version 4 is needed).');
  }
  const fields = new Map(
    authorization
      .slice(authorization.indexOf(' ') + 1)
      .split(',')
      .map((field) => {
        const [name, ...value] = field.trim().split('=');
        return [name ?? '', value.join('=')] as const;
      }),
  );
  const payload = request.header('x-amz-content-sha256');
  if (payload === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  if (!authorization.startsWith(`${ALGORITHM} `)) throw malformed('the algorithm has to be AWS4-HMAC-SHA256');
  const dateTime = request.header('x-amz-date') ?? httpDate(request.header('date'));
  const claim = readClaim(fields.get('Credential'), fields.get('SignedHeaders'), fields.get('Signature'), dateTime);
  if (Math.abs(nowMs - parseTime(claim.dateTime)) > MAX_SKEW_MS) {
    throw new S3Error(
      'RequestTimeTooSkewed',
      `The difference between the request time (${claim.dateTime}) and the server's time (${toTime(nowMs)}) is too large.`,
    );
  }
  return { ...claim, payload, isPresigned: false };
}

function presignedClaim(request: S3Request, nowMs: number): Claim {
  if (request.param('X-Amz-Algorithm') !== ALGORITHM) throw malformed('the algorithm has to be AWS4-HMAC-SHA256');
  const claim = readClaim(
    request.param('X-Amz-Credential'),
    request.param('X-Amz-SignedHeaders'),
    request.param('X-Amz-Signature'),
    request.param('X-Amz-Date'),
  );
  const expiry = Number(request.param('X-Amz-Expires') ?? Number.NaN);
  if (!Number.isInteger(expiry) || expiry < 1 || expiry > MAX_EXPIRY_S) {
    throw malformed('X-Amz-Expires has to be between 1 and 604800 seconds');
  }
  const signedMs = parseTime(claim.dateTime);
  if (nowMs > signedMs + expiry * 1000 || nowMs < signedMs - MAX_SKEW_MS) {
    throw new S3Error('AccessDenied', 'Request has expired');
  }
  return { ...claim, payload: request.header('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD', isPresigned: true };
}

function readClaim(
  credential: string | undefined,
  signedHeaders: string | undefined,
  signature: string | undefined,
  dateTime: string | undefined,
): Omit<Claim, 'payload' | 'isPresigned'> {
  const scope = /^([^/]{1,128})\/(\d{8})\/([\w-]{1,64})\/s3\/aws4_request$/.exec(credential ?? '');
  if (scope === null) throw malformed('Credential has to be <key>/<date>/<region>/s3/aws4_request');
  if (signature === undefined || !/^[0-9a-f]{64}$/.test(signature)) throw noMatch();
  if (dateTime === undefined || !/^\d{8}T\d{6}Z$/.test(dateTime)) throw malformed('X-Amz-Date is missing or malformed');
  const [, accessKeyId, date, region] = scope as unknown as [string, string, string, string];
  if (!dateTime.startsWith(date)) throw malformed('the date of the credential is another one than X-Amz-Date');
  return { accessKeyId, date, region, signedHeaders: (signedHeaders ?? '').split(';'), signature, dateTime };
}

const malformed = (what: string): S3Error =>
  new S3Error('AuthorizationHeaderMalformed', `The authorization that you provided is malformed; ${what}.`);

/** What changes the meaning of a request has to be signed, or anybody on the way could add it. */
function checkSignedHeaders({ headers }: S3Request, { signedHeaders }: Claim): void {
  const signed = new Set(signedHeaders);
  for (const name of Object.keys(headers)) {
    if ((name === 'host' || name.startsWith('x-amz-')) && !signed.has(name)) {
      throw new S3Error('AccessDenied', `There were headers present in the request which were not signed: ${name}`);
    }
  }
}

function canonicalRequest(request: S3Request, { signedHeaders, payload, isPresigned }: Claim): string {
  const query = request.query
    .filter(([name]) => !(isPresigned && name === 'X-Amz-Signature'))
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = signedHeaders.map((name) => `${name}:${(request.header(name) ?? '').trim().replace(/ +/g, ' ')}\n`);
  // Decoded and encoded again: what a client left unescaped is signed escaped.
  const path = request.rawPath.split('/').map((part) => encode(decodeURIComponent(part)));
  return [request.method, path.join('/'), query, headers.join(''), signedHeaders.join(';'), payload].join('\n');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const parseTime = (text: string): number =>
  Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));

const toTime = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');

const httpDate = (text: string | undefined): string | undefined => {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : toTime(ms);
};

/** The signature of one chunk of an `aws-chunked` body. */
export function chunkSignature({ signingKey, dateTime, scope }: Signed, previous: string, contentHash: string): string {
  const text = ['AWS4-HMAC-SHA256-PAYLOAD', dateTime, scope, previous, EMPTY_HASH, contentHash].join('\n');
  return hmac(signingKey, text).toString('hex');
}

/** The signature of the trailer behind such a body. */
export function trailerSignature({ signingKey, dateTime, scope }: Signed, previous: string, trailers: string): string {
  const text = ['AWS4-HMAC-SHA256-TRAILER', dateTime, scope, previous, sha256(trailers)].join('\n');
  return hmac(signingKey, text).toString('hex');
}

/**
 * Cross-origin requests of browsers: which pages may use presigned URLs of a bucket (https://developers.cloudflare.com/r2/buckets/cors/). Rules
 * guard no data, a signature does; they tell browsers what other pages may read.
 */
import type { ServerResponse } from 'node:http';
import type { ObjectStorage } from '../storage/objects/open.ts';
import { type BucketRecord, type CorsRule, R2Error } from '../storage/objects/types.ts';
import { sendNothing } from './answers.ts';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { claimedKeyId } from './signature.ts';

type Buckets = Pick<ObjectStorage, 'findKey' | 'requireBucket'>;

/**
 * Says of an answer, whatever it will be, that the page may read it: also of a refusal, whose reason would be lost otherwise. That is why it comes
 * before the signature is checked.
 */
export async function allowOrigin(buckets: Buckets, request: S3Request, response: ServerResponse): Promise<void> {
  const origin = request.header('origin');
  if (origin === undefined) return;
  const { cors } = (await claimedBucket(buckets, request)) ?? {};
  const rule = cors?.find((candidate) => allows(candidate, origin, request.method));
  if (rule !== undefined) setHeaders(response, originHeaders(rule, origin));
}

/**
 * Answers OPTIONS, with which a browser asks before it sends what a page could not send by itself. It carries no signature of its own: the
 * bucket is the one of the key in the presigned URL.
 * @throws S3Error AccessForbidden
 */
export async function answerPreflight(buckets: Buckets, request: S3Request, response: ServerResponse): Promise<void> {
  const origin = request.header('origin');
  const method = request.header('access-control-request-method');
  if (origin === undefined || method === undefined) {
    throw forbidden('OPTIONS needs the headers Origin and Access-Control-Request-Method.');
  }
  const bucket = await claimedBucket(buckets, request);
  if (bucket === undefined) {
    throw forbidden('only presigned URLs can be used by pages of other origins: their key says whose bucket it is.');
  }
  if (bucket.cors === null) throw forbidden('CORS is not enabled for this bucket.');
  const asked = namesIn(request.header('access-control-request-headers'));
  const rule = bucket.cors.find(
    (candidate) => allows(candidate, origin, method) && asked.every((name) => allowsHeader(candidate, name)),
  );
  if (rule === undefined) {
    throw forbidden(
      'This CORS request is not allowed: no rule of the bucket has this Origin, Access-Control-Request-Method and all of Access-Control-Request-Headers.',
    );
  }
  setHeaders(response, { ...originHeaders(rule, origin), ...preflightHeaders(rule, asked) });
  sendNothing(response, 204);
}

/** Undefined: no such key, or it does not open the bucket in the path. */
async function claimedBucket(buckets: Buckets, request: S3Request): Promise<BucketRecord | undefined> {
  const id = claimedKeyId(request);
  const key = id === undefined ? null : await buckets.findKey(id);
  if (key === null || key.bucketName !== request.bucket) return undefined;
  try {
    return await buckets.requireBucket(key.accountId, key.bucketName);
  } catch (error) {
    if (error instanceof R2Error && error.kind === 'noSuchBucket') return undefined;
    throw error;
  }
}

const allows = ({ allowed }: CorsRule, origin: string, method: string): boolean =>
  allowed.methods.some((name) => name === method) && allowed.origins.some((pattern) => fits(pattern, origin));

const allowsHeader = ({ allowed }: CorsRule, name: string): boolean =>
  (allowed.headers ?? []).some((pattern) => fits(pattern.toLowerCase(), name));

/** A pattern may have one `*`, which stands for anything. */
export function fits(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const end = pattern.slice(star + 1);
  return text.length >= pattern.length - 1 && text.startsWith(pattern.slice(0, star)) && text.endsWith(end);
}

function originHeaders(rule: CorsRule, origin: string): Record<string, string> {
  const { exposeHeaders = [], allowed } = rule;
  return {
    'access-control-allow-origin': allowed.origins.includes('*') ? '*' : origin,
    ...(exposeHeaders.length === 0 ? {} : { 'access-control-expose-headers': exposeHeaders.join(', ') }),
    vary: 'Origin',
  };
}

const preflightHeaders = ({ allowed, maxAgeSeconds }: CorsRule, asked: readonly string[]): Record<string, string> => ({
  'access-control-allow-methods': allowed.methods.join(', '),
  ...(asked.length === 0 ? {} : { 'access-control-allow-headers': asked.join(', ') }),
  ...(maxAgeSeconds === undefined ? {} : { 'access-control-max-age': String(maxAgeSeconds) }),
  vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
});

function setHeaders(response: ServerResponse, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

const namesIn = (list: string | undefined): string[] =>
  (list ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');

const forbidden = (reason: string): S3Error => new S3Error('AccessForbidden', `CORSResponse: ${reason}`);

/**
 * Requests to somebody else's S3, signed, and bounded in time at every step: what does not answer, is slow or answers garbage is an error that
 * a worker hears, not a call that hangs.
 */
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { AwsV4Signer } from 'aws4fetch';
import { R2_LIMITS } from '../../shared/limits.ts';
import { R2Error } from '../storage/objects/types.ts';
import type { S3BackendSettings } from '../storage/objects/backends.ts';
import { readBounded } from '../storage/read-bounded.ts';
import { Circuit } from './circuit.ts';
import { boundReading, boundTimes, NoAnswer, type RequestClock } from './patience.ts';
import { Pulse } from './pulse.ts';
import { encode } from './request.ts';

/** More than this of a body that nobody wants costs more than a new connection. */
const MAX_DISCARDED_BYTES = 65_536;

export interface BackendRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Within the bucket; '' for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | { readonly content: AsyncIterable<Uint8Array>; readonly size: number };
}

export interface BackendAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Not yet read. */
  readonly body: IncomingMessage;
}

/**
 * Whether a URL with this key in its path would be one with another key: `.` and `..` are steps in the tree of folders, however they are escaped.
 * Buckets of all accounts may share one bucket here, each under a prefix: `../<another>/key` would be the other's, signed by the platform.
 */
const leavesItsFolder = (key: string): boolean => key.split('/').some((step) => step === '.' || step === '..');

/** Sends signed requests to one bucket of an S3-compatible store, and knows when that store is gone. */
export class S3Client {
  readonly #settings: S3BackendSettings;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #circuit = new Circuit();
  readonly #pulse: Pulse;

  constructor(settings: S3BackendSettings) {
    this.#settings = settings;
    const Agent = settings.endpoint.startsWith('https:') ? HttpsAgent : HttpAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: R2_LIMITS.backendConnections, maxFreeSockets: 16 });
    this.#pulse = new Pulse(() => this.#probe(), this.#circuit);
  }

  /** Resolves with the head of the answer. @throws R2Error unavailable, invalidObjectName */
  async send(request: BackendRequest): Promise<BackendAnswer> {
    if (leavesItsFolder(request.key)) throw new R2Error('invalidObjectName');
    const { url, headers } = await this.#sign(request);
    return await this.#exchange(url, request, headers);
  }

  async #sign(request: BackendRequest): Promise<{ readonly url: string; readonly headers: Record<string, string> }> {
    const { bucket, endpoint, region, accessKeyId, secretAccessKey } = this.#settings;
    const path = `/${encode(bucket)}${request.key === '' ? '' : `/${request.key.split('/').map(encode).join('/')}`}`;
    const query = Object.entries(request.query ?? {}).map(([name, value]) => `${encode(name)}=${encode(value)}`);
    const url = `${endpoint.replace(/\/$/, '')}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`;
    const size =
      request.body === undefined ? 0 : request.body instanceof Uint8Array ? request.body.length : request.body.size;
    const signer = new AwsV4Signer({
      method: request.method,
      url,
      accessKeyId,
      secretAccessKey,
      region,
      service: 's3',
      headers: { ...request.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    });
    const signed = await signer.sign();
    const headers = { ...Object.fromEntries(signed.headers), host: new URL(url).host, 'content-length': String(size) };
    return { url, headers };
  }

  /** A request that can be sent again is, when the connection it was given had just been closed by the other side. */
  async #exchange(url: string, request: BackendRequest, headers: Record<string, string>): Promise<BackendAnswer> {
    const isRepeatable = request.body === undefined || request.body instanceof Uint8Array;
    for (let attempt = 1; ; attempt++) {
      const sentAt = performance.now();
      if (!this.#circuit.admits(sentAt)) throw silent(this.#circuit.silentMs(sentAt));
      const outgoing = starter(url)(url, { method: request.method, headers, agent: this.#agent });
      try {
        const answer = await answerOf(outgoing, request, this.#pulse);
        this.#circuit.answered(performance.now());
        return answer;
      } catch (error) {
        outgoing.destroy();
        if (error instanceof NoAnswer) this.#circuit.gaveUp(sentAt, performance.now());
        if (isRepeatable && outgoing.reusedSocket && isReset(error) && attempt === 1) continue;
        throw toR2Error(error);
      }
    }
  }

  /**
   * Whatever it answers, it is alive; whether the key may look at the bucket does not matter. On a connection of its own and new: the others
   * may all be taken by requests that wait, and an old one may have been closed.
   */
  async #probe(): Promise<void> {
    const { url, headers } = await this.#sign({ method: 'HEAD', key: '' });
    await new Promise<void>((resolve, reject) => {
      const outgoing = starter(url)(url, { method: 'HEAD', headers, agent: false });
      const late = setTimeout(() => outgoing.destroy(), R2_LIMITS.backendProbeMs);
      outgoing.once('response', (answer) => resolve(void answer.resume()));
      outgoing.once('error', reject);
      outgoing.once('close', () => clearTimeout(late));
      outgoing.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Both at once: an endpoint may refuse before it has read everything. */
async function answerOf(
  outgoing: ClientRequest,
  { method, key, query, body }: BackendRequest,
  pulse: Pulse,
): Promise<BackendAnswer> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  // A list is work for a store, and takes its time.
  const isOfObject = (method === 'GET' || method === 'HEAD') && key !== '' && query === undefined;
  const idleMs = isOfObject ? R2_LIMITS.backendReadMs : R2_LIMITS.backendIdleMs;
  const clock = boundTimes(outgoing, idleMs, pulse);
  try {
    const [answer] = await Promise.all([answered, sendBody(outgoing, body, clock, answered)]);
    pulse.moved();
    boundReading(answer, idleMs, pulse);
    if (!outgoing.writableEnded) {
      // No other request can follow on a connection that waits for the rest of this one.
      answer.once('close', () => outgoing.destroy());
      if (isSuccess(answer)) throw garbage();
    }
    return {
      status: answer.statusCode ?? 0,
      header: (name) => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value.join(',') : value;
      },
      body: answer,
    };
  } finally {
    clock.stop();
  }
}

/** Stops when the answer is there already: what refuses a body does not have to take it. */
async function sendBody(
  outgoing: ClientRequest,
  body: BackendRequest['body'],
  clock: RequestClock,
  answered: Promise<unknown>,
): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  let isAnswered = false;
  void answered.then(
    () => (isAnswered = true),
    () => undefined,
  );
  clock.stop();
  for await (const chunk of body.content) {
    if (outgoing.destroyed || isAnswered) return;
    clock.start();
    if (!outgoing.write(chunk)) {
      const drained = new Promise<void>((resolve) => {
        outgoing.once('drain', resolve);
        outgoing.once('close', resolve);
      });
      await Promise.race([drained, answered.catch(() => undefined)]);
    }
    clock.stop();
  }
  clock.start();
  outgoing.end();
}

const starter = (url: string): typeof httpRequest => (url.startsWith('https:') ? httpsRequest : httpRequest);

const isSuccess = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300;

const isReset = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ECONNRESET';

const silent = (ms: number): R2Error =>
  new R2Error(
    'unavailable',
    `The object store behind this bucket has not answered for ${Math.ceil(ms / 1000)} s. Please try again.`,
  );

function toR2Error(error: unknown): R2Error {
  if (error instanceof R2Error) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'connection lost';
  if (code.startsWith('HPE_')) return garbage();
  const text = `The object store behind this bucket cannot be reached (${code}). Please try again.`;
  return new R2Error('unavailable', text, { cause: error });
}

/** All of an answer's body, which is a document. @throws R2Error unavailable */
export async function readText({ body }: BackendAnswer): Promise<string> {
  const deadline = setTimeout(() => body.destroy(new NoAnswer('did not end its answer')), R2_LIMITS.backendDocumentMs);
  try {
    return (await readBounded(body, R2_LIMITS.maxXmlBytes, garbage)).toString('utf8');
  } catch (error) {
    body.destroy();
    throw toR2Error(error);
  } finally {
    clearTimeout(deadline);
  }
}

export const garbage = (): R2Error =>
  new R2Error('unavailable', 'The object store behind this bucket answered with something that is not S3.');

/** Lets go of an answer of which only the head matters. A short body is read, so that its connection can be used again. */
export function discard({ body }: BackendAnswer): void {
  let bytes = 0;
  const deadline = setTimeout(() => body.destroy(), R2_LIMITS.backendReadMs);
  body.on('error', () => undefined);
  body.once('close', () => clearTimeout(deadline));
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) body.destroy();
  });
}

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
import { encode } from './request.ts';

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

export class S3Client {
  readonly #settings: S3BackendSettings;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(settings: S3BackendSettings) {
    this.#settings = settings;
    const options = { keepAlive: true, maxSockets: R2_LIMITS.backendConnections, maxFreeSockets: 16 };
    this.#agent = settings.endpoint.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Resolves with the head of the answer. @throws R2Error unavailable */
  async send(request: BackendRequest): Promise<BackendAnswer> {
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
    return await this.#exchange(url, request, headers);
  }

  async #exchange(
    url: string,
    { method, body }: BackendRequest,
    headers: Record<string, string>,
  ): Promise<BackendAnswer> {
    const start = url.startsWith('https:') ? httpsRequest : httpRequest;
    const outgoing = start(url, { method, headers, agent: this.#agent });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      outgoing.once('error', reject);
    });
    const clock = boundTimes(outgoing);
    try {
      // Both at once: an endpoint may refuse before it has read everything.
      const [answer] = await Promise.all([answered, sendBody(outgoing, body, () => clock.moved())]);
      clock.stop();
      answer.setTimeout(R2_LIMITS.backendIdleMs, () => answer.destroy(timedOut('sent nothing')));
      return {
        status: answer.statusCode ?? 0,
        header: (name) => {
          const value = answer.headers[name];
          return Array.isArray(value) ? value.join(',') : value;
        },
        body: answer,
      };
    } catch (error) {
      clock.stop();
      outgoing.destroy();
      throw error instanceof R2Error ? error : unreachable(error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A connection has to be there soon, and after that something has to move. */
function boundTimes(outgoing: ClientRequest): { moved(): void; stop(): void } {
  const timer = setTimeout(() => outgoing.destroy(timedOut('did not answer')), R2_LIMITS.backendIdleMs);
  let connecting: NodeJS.Timeout | undefined;
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    connecting = setTimeout(() => outgoing.destroy(timedOut('could not be connected to')), R2_LIMITS.backendConnectMs);
    socket.once('connect', () => clearTimeout(connecting));
  });
  outgoing.on('error', () => undefined);
  return {
    moved: () => timer.refresh(),
    stop() {
      clearTimeout(timer);
      clearTimeout(connecting);
    },
  };
}

async function sendBody(outgoing: ClientRequest, body: BackendRequest['body'], moved: () => void): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  for await (const chunk of body.content) {
    if (outgoing.destroyed) return;
    moved();
    if (!outgoing.write(chunk)) {
      await new Promise<void>((resolve) => {
        outgoing.once('drain', resolve);
        outgoing.once('close', resolve);
      });
    }
  }
  outgoing.end();
}

const timedOut = (what: string): R2Error =>
  new R2Error('unavailable', `The object store behind this bucket ${what} in time. Please try again.`);

const unreachable = (error: unknown): R2Error =>
  new R2Error(
    'unavailable',
    `The object store behind this bucket cannot be reached (${(error as NodeJS.ErrnoException).code ?? 'connection lost'}). Please try again.`,
    { cause: error },
  );

/** All of an answer's body, which is a document. @throws R2Error unavailable */
export async function readText({ body }: BackendAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (bytes > R2_LIMITS.maxXmlBytes) throw garbage();
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    body.destroy();
    throw error instanceof R2Error ? error : unreachable(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export const garbage = (): R2Error =>
  new R2Error('unavailable', 'The object store behind this bucket answered with something that is not S3.');

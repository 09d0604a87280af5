/** One request of a case, over HTTP or as a WebSocket, and the raw answer. */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { CaseRequest, WebSocketStep } from './corpus.ts';

const TIMEOUT_MS = 15_000;

/** Where a case's worker answers. */
export interface Target {
  readonly port: number;
  /** The Host header; what the worker sees in `request.url`. */
  readonly host: string;
  /** A fresh value for each run, where a case needs one (cache keys). */
  readonly nonce: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The body broke off. */
  readonly truncated: boolean;
  /** From the first byte of the body to its end, in milliseconds. */
  readonly bodyMs: number;
  readonly webSocket?: WebSocketRecord;
}

export interface WebSocketRecord {
  readonly messages: readonly ({ text: string } | { binary: string })[];
  readonly closed: { readonly code: number; readonly reason: string } | null;
  readonly protocol: string;
}

export interface Failure {
  readonly failure: string;
}

export const makeTarget = (host: string, port: number): Target => ({
  host,
  port,
  nonce: randomBytes(6).toString('hex'),
});

/** Placeholders of a case, filled in for this installation. */
const fill = (text: string, target: Target): string =>
  text
    .replaceAll('{{nonce}}', target.nonce)
    .replaceAll('{{origin}}', `http://${target.host}`)
    .replaceAll('{{host}}', target.host)
    .replaceAll('{{hostname}}', target.host.split(':')[0] as string);

/** The reverse of `fill`: what differs between installations, made the same. */
export const unfill = (text: string, target: Target): string =>
  text
    .replaceAll(target.nonce, '{{nonce}}')
    .replaceAll(`http://${target.host}`, '{{origin}}')
    .replaceAll(target.host, '{{host}}')
    .replaceAll(target.host.split(':')[0] as string, '{{hostname}}');

export const exchange = (request: CaseRequest, target: Target): Promise<RawAnswer | Failure> =>
  request.ws === undefined ? exchangeHttp(request, target) : exchangeWebSocket(request, request.ws, target);

/** `Promise.withResolvers`, which Node 20 does not have. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function bodyOf(request: CaseRequest, target: Target): Buffer | null {
  if (request.bodyJson !== undefined) return Buffer.from(fill(JSON.stringify(request.bodyJson), target));
  if (request.body !== undefined) return Buffer.from(fill(request.body, target));
  if (request.bodyBase64 !== undefined) return Buffer.from(request.bodyBase64, 'base64');
  if (request.bodyRepeat !== undefined) return Buffer.from(request.bodyRepeat[0].repeat(request.bodyRepeat[1]));
  return null;
}

function headersOf(request: CaseRequest, target: Target): [string, string][] {
  const given = Array.isArray(request.headers) ? request.headers : Object.entries(request.headers ?? {});
  const headers = (given as readonly (readonly [string, string])[]).map(([name, value]): [string, string] => [
    name,
    fill(value, target),
  ]);
  const hasHost = headers.some(([name]) => name.toLowerCase() === 'host');
  return hasHost ? headers : [['Host', target.host], ...headers];
}

function exchangeHttp(request: CaseRequest, target: Target): Promise<RawAnswer | Failure> {
  const { promise, resolve } = deferred<RawAnswer | Failure>();
  const body = bodyOf(request, target);
  const headers = headersOf(request, target);
  const isNamed = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  if (request.bodyJson !== undefined && !isNamed('content-type')) headers.push(['Content-Type', 'application/json']);
  if (request.bodyChunks !== undefined) headers.push(['Transfer-Encoding', 'chunked']);
  else if (body !== null) headers.push(['Content-Length', String(body.length)]);
  headers.push(['Connection', 'close']);
  const outgoing = http.request({
    host: '127.0.0.1',
    port: target.port,
    method: request.method,
    path: fill(request.path, target),
    agent: false,
    setHost: false,
    headers: headers.flat(),
  });
  const timer = setTimeout(() => {
    resolve({ failure: 'timeout' });
    outgoing.destroy();
  }, request.timeoutMs ?? TIMEOUT_MS);
  outgoing.on('error', (error: NodeJS.ErrnoException) =>
    resolve({ failure: `connection: ${error.code ?? error.message}` }),
  );
  outgoing.on('response', (response) => void readAnswer(response).then(resolve));
  outgoing.on('upgrade', (response, socket) => {
    socket.destroy();
    resolve({ ...headOf(response), body: Buffer.alloc(0), truncated: false, bodyMs: 0 });
  });
  void sendBody(outgoing, request, body);
  return promise.finally(() => clearTimeout(timer));
}

async function sendBody(outgoing: http.ClientRequest, request: CaseRequest, body: Buffer | null): Promise<void> {
  for (const chunk of request.bodyChunks ?? []) {
    if (typeof chunk === 'number') await sleep(chunk);
    else outgoing.write(Buffer.from(chunk));
  }
  if (request.bodyChunks === undefined && body !== null) outgoing.end(body);
  else outgoing.end();
}

const headOf = (response: http.IncomingMessage): Pick<RawAnswer, 'status' | 'statusText' | 'rawHeaders'> => ({
  status: response.statusCode ?? 0,
  statusText: response.statusMessage ?? '',
  rawHeaders: response.rawHeaders,
});

async function readAnswer(response: http.IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let firstAt = 0;
  try {
    for await (const chunk of response) {
      if (firstAt === 0) firstAt = performance.now();
      chunks.push(chunk as Buffer);
    }
  } catch {
    // Broken off: what came is the answer, and `complete` says so.
  }
  return {
    ...headOf(response),
    body: Buffer.concat(chunks),
    truncated: !response.complete,
    bodyMs: firstAt === 0 ? 0 : performance.now() - firstAt,
  };
}

function exchangeWebSocket(
  request: CaseRequest,
  steps: readonly WebSocketStep[],
  target: Target,
): Promise<RawAnswer | Failure> {
  const { promise, resolve } = deferred<RawAnswer | Failure>();
  const socket = new WebSocket(
    `ws://127.0.0.1:${target.port}${fill(request.path, target)}`,
    [...(request.wsProtocols ?? [])],
    { headers: Object.fromEntries(headersOf(request, target)), perMessageDeflate: false },
  );
  const script = new WebSocketScript(socket);
  const timer = setTimeout(() => resolve({ failure: 'timeout' }), request.timeoutMs ?? TIMEOUT_MS);
  let upgraded: http.IncomingMessage | undefined;
  socket.on('upgrade', (response) => {
    upgraded = response;
  });
  socket.on('unexpected-response', (_request, response) => void readAnswer(response).then(resolve));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // After the close frame an error is only the connection's end.
    if (script.closed === null) resolve({ failure: `websocket: ${error.code ?? error.message}` });
  });
  socket.on('open', () => {
    void script.play(steps).then(() =>
      resolve({
        ...headOf(upgraded as http.IncomingMessage),
        body: Buffer.alloc(0),
        truncated: false,
        bodyMs: 0,
        webSocket: { messages: script.messages, closed: script.closed, protocol: socket.protocol },
      }),
    );
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.terminate();
  });
}

class WebSocketScript {
  readonly messages: ({ text: string } | { binary: string })[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly #socket: WebSocket;
  #wake = (): void => undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data, isBinary) => {
      const bytes = data as Buffer;
      this.messages.push(isBinary ? { binary: bytes.toString('base64') } : { text: bytes.toString('utf8') });
      this.#wake();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
  }

  async play(steps: readonly WebSocketStep[]): Promise<void> {
    let wanted = 0;
    for (const step of steps) {
      if ('send' in step) this.#socket.send(step.send);
      else if ('sendBase64' in step) this.#socket.send(Buffer.from(step.sendBase64, 'base64'));
      else if ('recv' in step) {
        wanted += step.recv;
        const enough = wanted;
        await this.#until(() => this.messages.length >= enough || this.closed !== null);
      } else if ('close' in step) this.#socket.close(...step.close);
      else if ('terminate' in step) this.#socket.terminate();
      else if ('waitClose' in step) await this.#until(() => this.closed !== null);
      else await sleep(step.sleep);
    }
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        if (condition()) resolve();
      };
      this.#wake();
    });
  }
}

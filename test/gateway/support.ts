/** A real gateway on a real socket, in front of small dispatchers that stand where the supervisor stands. */
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { DeployedWorker } from '../../server/catalog/types.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../server/gateway/gateway.ts';
import { createLogger } from '../../server/log/log.ts';
import { parseHostHeader } from '../../server/routing/host.ts';
import type { FetchCall, FetchControl, FetchDispatcher, FetchSink } from '../../server/supervisor/types.ts';
import type { WorkerVersion } from '../../shared/worker.ts';

export const HOST = 'apple.dev.localhost';

export function version(workerName = 'apple', id = 'version-1'): WorkerVersion {
  return {
    id,
    accountId: 'a'.repeat(32),
    workerId: `worker-${workerName}`,
    workerName,
    number: 1,
    createdAt: new Date(0),
    format: 'modules',
    mainModule: 'worker.js',
    compatibilityDate: '2026-01-01',
    compatibilityFlags: [],
    bindings: [],
    limits: {},
    modules: [],
    annotations: {},
  };
}

export function deployed(name: string, options: Partial<DeployedWorker> = {}): DeployedWorker {
  return {
    workerId: `worker-${name}`,
    accountId: 'a'.repeat(32),
    name,
    workersDev: true,
    deploymentId: 'deployment-1',
    versions: [{ version: version(name), percentage: 100 }],
    ...options,
  };
}

export type Handler = (call: FetchCall, sink: FetchSink) => Partial<FetchControl> | void;

/** A dispatcher from a function; it notes every call and counts cancels and resumes. */
export class Recorder implements FetchDispatcher {
  readonly calls: FetchCall[] = [];
  cancels = 0;
  resumes = 0;
  readonly #handler: Handler;

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  fetch(call: FetchCall, sink: FetchSink): FetchControl {
    this.calls.push(call);
    const control = this.#handler(call, sink);
    return {
      resume: () => {
        this.resumes++;
        control?.resume?.();
      },
      cancel: () => {
        this.cancels++;
        control?.cancel?.();
      },
    };
  }
}

export const say =
  (text: string): Handler =>
  (_call, sink) => {
    sink.head(200, 'OK', ['content-type', 'text/plain', 'content-length', String(Buffer.byteLength(text))]);
    sink.data(Buffer.from(text));
    sink.end();
  };

/** Answers with what it was called with, as JSON, once the body has arrived. */
export const describe: Handler = (call, sink) => {
  const chunks: Buffer[] = [];
  const answer = (): void => {
    const { method, url, headers, bodyBytes, upgrade } = call;
    const body = call.body === null ? null : Buffer.concat(chunks).toString('latin1');
    sink.head(200, '', ['content-type', 'application/json']);
    // Latin-1, as the raw client reads it.
    sink.data(Buffer.from(JSON.stringify({ method, url, headers, bodyBytes, upgrade, body }), 'latin1'));
    sink.end();
  };
  if (call.body === null) setImmediate(answer);
  else call.body.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', answer);
};

export interface Described {
  readonly method: string;
  readonly url: string;
  readonly headers: string[];
  readonly bodyBytes: number | null;
  readonly upgrade: boolean;
  readonly body: string | null;
}

/** All values of a header in a flat list. */
export function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_value, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name);
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly dispatcher: Recorder;
  /** Everything logged so far. */
  readonly logText: () => string;
}

type Overrides = Partial<GatewayOptions> & { readonly workers?: readonly DeployedWorker[] };

/** Starts a gateway that is closed when the test ends. */
export async function startGateway(t: TestContext, handler: Handler, overrides: Overrides = {}): Promise<TestGateway> {
  const dispatcher = new Recorder(handler);
  const workers = new Map(
    (overrides.workers ?? [deployed('apple')]).map((worker) => [`${worker.name}.dev.localhost`, worker]),
  );
  let logText = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logText += chunk.toString();
      done();
    },
  });
  const gateway = createGateway({
    catalog: { findByHost: (host) => workers.get(parseHostHeader(host)?.name ?? '') },
    dispatcher,
    log: createLogger({ format: 'json', verbose: true, stream }),
    host: '127.0.0.1',
    port: 0,
    nodeName: 'test',
    trustedProxies: [],
    readyz: () => ({ ready: true, detail: { sandbox: 'none' } }),
    ...overrides,
  });
  const { port } = await gateway.listen();
  t.after(() => gateway.close({ graceMs: 0 }));
  return { gateway, port, dispatcher, logText: () => logText };
}

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  /** Lower-case names; lines of one name joined with a comma. */
  readonly headers: Record<string, string>;
  /** As on the wire. */
  readonly raw: string;
  readonly body: string;
  /** The body ended as its framing says. */
  readonly isWhole: boolean;
}

/** Takes one response off the front of what came from a socket (Latin-1), with its own strict reading of the framing. */
function parseAnswer(text: string, method = 'GET'): { answer: Answer; rest: string } | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const [, code = '0', statusText = ''] = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(statusLine) ?? [];
  const status = Number(code);
  const after = text.slice(headEnd + 4);
  const framed = takeBody(after, headers, method === 'HEAD' || status === 204 || status === 304 || status < 200);
  const raw = text.slice(0, text.length - framed.rest.length);
  return {
    answer: { status, statusText, headers, raw, body: framed.body, isWhole: framed.isWhole },
    rest: framed.rest,
  };
}

function takeBody(
  text: string,
  headers: Record<string, string>,
  hasNone: boolean,
): { body: string; rest: string; isWhole: boolean } {
  if (hasNone) return { body: '', rest: text, isWhole: true };
  if (headers['transfer-encoding'] === 'chunked') return takeChunks(text);
  const length = headers['content-length'];
  if (length === undefined) return { body: text, rest: '', isWhole: true };
  const size = Number(length);
  return { body: text.slice(0, size), rest: text.slice(size), isWhole: text.length >= size };
}

function takeChunks(text: string): { body: string; rest: string; isWhole: boolean } {
  let body = '';
  let rest = text;
  for (;;) {
    const match = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (match === null) return { body, rest: '', isWhole: false };
    const size = Number.parseInt(match[1] as string, 16);
    const chunk = rest.slice(match[0].length, match[0].length + size);
    body += chunk;
    rest = rest.slice(match[0].length + size + 2);
    if (chunk.length < size) return { body, rest: '', isWhole: false };
    if (size === 0) return { body, rest, isWhole: true };
  }
}

/** A client that writes what it is told, byte for byte. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  readonly closed: Promise<void>;
  #isClosed = false;
  #onData: (() => void) | undefined;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
      this.#onData?.();
    });
    this.socket.on('end', () => this.socket.end());
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#isClosed = true;
        this.#onData?.();
        resolve();
      });
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Waits until `test` holds of what came, or the connection is closed. Fails after `timeoutMs`. */
  async until(test: () => boolean, timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!test() && !this.#isClosed) {
      const left = deadline - Date.now();
      if (left <= 0)
        throw new Error(`Nothing more came within ${timeoutMs} ms after: ${JSON.stringify(this.text.slice(-300))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onData = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The next whole answer; what came of it when the connection closed in the middle; null when nothing came. */
  async answer(method = 'GET'): Promise<Answer | null> {
    const parse = (): ReturnType<typeof parseAnswer> => parseAnswer(this.text, method);
    const isDone = (): boolean => {
      const parsed = parse();
      const closes =
        parsed?.answer.headers['content-length'] === undefined &&
        parsed?.answer.headers['transfer-encoding'] === undefined;
      const isOpenEnded = closes && method !== 'HEAD' && ![101, 204, 304].includes(parsed?.answer.status ?? 0);
      return parsed !== null && parsed.answer.isWhole && !isOpenEnded;
    };
    await this.until(isDone);
    const parsed = parse();
    if (parsed === null) return null;
    this.text = parsed.rest;
    return parsed.answer;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export function openClient(t: TestContext, port: number, host?: string): RawClient {
  const client = new RawClient(port, host);
  t.after(async () => {
    client.destroy();
    await client.closed;
  });
  return client;
}

/** Sends bytes on a connection of its own and gives back the first answer. */
export async function ask(t: TestContext, port: number, bytes: string, method?: string): Promise<Answer | null> {
  const client = openClient(t, port);
  client.write(bytes);
  return client.answer(method);
}

/** A request with the usual Host; `extra` are header lines, each with its line end. */
export function request(line = 'GET /', extra = '', body = ''): string {
  return `${line} HTTP/1.1\r\nHost: ${HOST}\r\n${extra}\r\n${body}`;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until the condition holds; fails with `what` after `timeoutMs`. */
export async function eventually(what: string, test: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!test()) {
    if (Date.now() > deadline) throw new Error(`It did not happen within ${timeoutMs} ms: ${what}`);
    await sleep(5);
  }
}

/** WebSockets from a worker to the internet: HTTP/1.1 up to the answer, then bytes both ways. */
import { createHash, randomBytes } from 'node:crypto';
import { type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { joinDuplexes } from '../join-duplexes.ts';
import type { BindingCall } from '../../supervisor/types.ts';

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface UpgradeOptions {
  readonly url: URL;
  /** Flat, without anything that belongs to the handshake. */
  readonly headers: readonly string[];
  /** Answers with the addresses that were judged. */
  readonly lookup: LookupFunction;
  readonly timeoutMs: number;
  readonly maxHeaderBytes: number;
  /** An answer that is no upgrade. */
  readonly onResponse: (response: IncomingMessage) => void;
  readonly onError: (error: Error) => void;
}

/** Asks the origin for a WebSocket and, when it agrees, joins the worker's stream to the connection. */
export function upgradeToOrigin(call: BindingCall, options: UpgradeOptions): void {
  const key = randomBytes(16).toString('base64');
  const request = (options.url.protocol === 'https:' ? requestHttps : requestHttp)(requestOptions(options, key));
  call.onAbort = () => request.destroy();
  request.setTimeout(options.timeoutMs, () =>
    request.destroy(new Error(`The origin did not answer within ${options.timeoutMs / 1000} s`)),
  );
  let isAnswered = false;
  // It may fail behind the head of an answer, too: then the answer's body says so. An error that nobody listens to would end the server.
  request.on('error', (error) => {
    if (!isAnswered) options.onError(error);
  });
  request.once('response', (response) => {
    isAnswered = true;
    options.onResponse(response);
  });
  request.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
    isAnswered = true;
    request.setTimeout(0);
    const expected = createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
    const accept = response.headers['sec-websocket-accept'];
    if (accept !== expected) {
      socket.destroy();
      refuse(call, expected, accept);
      return;
    }
    const duplex = call.switchProtocols(lowerCased(response.rawHeaders));
    if (duplex === undefined) {
      socket.destroy();
      return;
    }
    call.onAbort = () => socket.destroy();
    joinDuplexes(duplex, socket, head);
  });
  request.end();
}

function requestOptions({ url, headers, lookup, maxHeaderBytes }: UpgradeOptions, key: string): RequestOptions {
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? undefined : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: [
      'host',
      url.host,
      ...headers.filter((_, index) => !isHandshake(headers[index - (index % 2)] as string)),
      'connection',
      'Upgrade',
      'upgrade',
      'websocket',
      'sec-websocket-key',
      key,
      'sec-websocket-version',
      '13',
    ],
    lookup,
    agent: false,
    maxHeaderSize: maxHeaderBytes,
  };
}

/** What only we may say: extensions would change the frames that the cell reads. */
const isHandshake = (name: string): boolean =>
  name === 'sec-websocket-key' || name === 'sec-websocket-version' || name === 'sec-websocket-extensions';

/** As workerd: to the worker a broken handshake is an answer 502. */
function refuse(call: BindingCall, expected: string, got: string | undefined): void {
  const text = `Server failed WebSocket handshake: incorrect Sec-WebSocket-Accept header: expected '${expected}', got '${got ?? '(null)'}'.`;
  call.respond(502, 'Bad Gateway', []);
  call.write(Buffer.from(text));
  call.end();
}

function lowerCased(raw: readonly string[]): string[] {
  return raw.map((value, index) => (index % 2 === 0 ? value.toLowerCase() : value));
}

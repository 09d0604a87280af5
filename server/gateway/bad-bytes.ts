/** Bytes that never became a request: Node's parser gave up, or the client was too slow. */
import { renderErrorPage } from '../routing/error-page.ts';
import { VISITOR_ERRORS, type VisitorError } from '../../shared/visitor-errors.ts';
import type { GatewayCore } from './core.ts';
import type { ClientSocket } from './request.ts';
import { GATEWAY_LIMITS } from '../../shared/limits.ts';

const PARSER_ERRORS: Readonly<Record<string, VisitorError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: VISITOR_ERRORS.timeout,
  HPE_HEADER_OVERFLOW: VISITOR_ERRORS.headersTooLarge,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: VISITOR_ERRORS.bodyTooLarge,
};

/** For the server's `clientError`. Node may call it many times for one connection. */
export function handleClientError(core: GatewayCore, error: NodeJS.ErrnoException, socket: ClientSocket): void {
  const code = error.code ?? '';
  const isHttp = code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const connection = socket.skepConnection;
  if (!isHttp || connection === undefined || !socket.writable) {
    socket.destroy();
    return;
  }
  // The client closed its side in the middle of a message: it has left.
  if (code === 'HPE_INVALID_EOF_STATE' && connection.current !== null) {
    socket.destroy();
    return;
  }
  if (connection.isClosing) return;
  core.counters.rejectedConnections++;
  const page = PARSER_ERRORS[code] ?? VISITOR_ERRORS.malformed;
  const isIdle = connection.current === null;
  connection.stopReading(page);
  // A page for bytes that follow a request in progress would be taken for the answer to that request.
  if (isIdle) answerRaw(core, socket, page);
}

/** Writes an answer to a socket that has no request and closes it, without letting a reset overtake the answer. */
export function answerRaw(core: GatewayCore, socket: ClientSocket, error: VisitorError): void {
  const ray = core.newRay();
  const { contentType, body } = renderErrorPage(error, { ray, host: null, accept: undefined });
  core.counters.requests++;
  core.counters.answered(error.status);
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${error.status} ${error.title}\r\n` +
      `Date: ${new Date().toUTCString()}\r\n` +
      `Content-Type: ${contentType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\nserver: skep\r\ncf-ray: ${ray}\r\n\r\n${body}`,
  );
  const upTo = socket.bytesRead + GATEWAY_LIMITS.maxLingerBytes;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    if (socket.bytesRead > upTo || performance.now() - startedAt > GATEWAY_LIMITS.lingerMs) socket.destroy();
  }, 50);
  socket.once('close', () => clearInterval(timer));
}

/**
 * What a visitor may be told when there is no answer from a worker: the code, the status and a short text. The operator's
 * reason is never in here; it goes to the log and the trace event. Codes and statuses are Cloudflare's
 * (developers.cloudflare.com/workers/observability/errors), the words are ours. A code is never reused.
 */

export interface VisitorError {
  /** Cloudflare's number, shown as `error code: 1101`; null when only the HTTP status says it. */
  readonly code: number | null;
  /** HTTP status and its reason phrase. */
  readonly status: number;
  readonly title: string;
  /** One sentence for the visitor. */
  readonly text: string;
  /** Sent as Retry-After. */
  readonly retryAfterSeconds?: number;
}

export const VISITOR_ERRORS = {
  exception: {
    code: 1101,
    status: 500,
    title: 'Internal Server Error',
    text: 'The worker behind this address failed before it could answer.',
  },
  limit: {
    code: 1102,
    status: 503,
    title: 'Service Unavailable',
    text: 'The worker behind this address used more CPU time or memory than it may.',
  },
  loop: {
    code: 1019,
    status: 500,
    title: 'Internal Server Error',
    text: 'The workers behind this address call each other without end.',
  },
  sameZoneFetch: {
    code: 1042,
    status: 404,
    title: 'Not Found',
    text: 'A worker asked for the public name of another worker on this platform; a service binding is the way to call it.',
  },
  noCell: {
    code: null,
    status: 503,
    title: 'Service Unavailable',
    text: 'The worker behind this address cannot be started right now. Please try again in a moment.',
    retryAfterSeconds: 2,
  },
  tooManyUpgrades: {
    code: null,
    status: 503,
    title: 'Service Unavailable',
    text: 'This server holds as many WebSocket connections as it may. Please try again in a moment.',
    retryAfterSeconds: 10,
  },
  internal: {
    code: null,
    status: 500,
    title: 'Internal Server Error',
    text: 'This server failed to handle the request.',
  },
  unknownHost: {
    code: null,
    status: 404,
    title: 'Not Found',
    text: 'No worker answers at this host.',
  },
  hostMissing: {
    code: null,
    status: 400,
    title: 'Bad Request',
    text: 'The request must name one host, in exactly one Host header.',
  },
  hostInvalid: {
    code: null,
    status: 400,
    title: 'Bad Request',
    text: 'The Host header is not a host name with an optional port.',
  },
  targetInvalid: {
    code: null,
    status: 400,
    title: 'Bad Request',
    text: 'The request target is not a path or an absolute http URL without fragment.',
  },
  malformed: {
    code: null,
    status: 400,
    title: 'Bad Request',
    text: 'The request does not follow HTTP/1.1.',
  },
  methodNotAllowed: {
    code: null,
    status: 405,
    title: 'Method Not Allowed',
    text: 'This server does not take CONNECT and TRACE.',
  },
  timeout: {
    code: null,
    status: 408,
    title: 'Request Timeout',
    text: 'The request did not arrive in time.',
  },
  bodyTooLarge: {
    code: null,
    status: 413,
    title: 'Payload Too Large',
    text: 'The request body is larger than this server takes.',
  },
  urlTooLong: {
    code: null,
    status: 414,
    title: 'URI Too Long',
    text: 'The URL is longer than this server takes.',
  },
  expectationFailed: {
    code: null,
    status: 417,
    title: 'Expectation Failed',
    text: 'The only expectation this server knows is 100-continue.',
  },
  headersTooLarge: {
    code: null,
    status: 431,
    title: 'Request Header Fields Too Large',
    text: 'The request headers are larger or more than this server takes.',
  },
  transferEncoding: {
    code: null,
    status: 501,
    title: 'Not Implemented',
    text: 'The only transfer encoding this server knows is chunked.',
  },
  httpVersion: {
    code: null,
    status: 505,
    title: 'HTTP Version Not Supported',
    text: 'This server speaks HTTP/1.1 and HTTP/1.0.',
  },
} as const satisfies Record<string, VisitorError>;

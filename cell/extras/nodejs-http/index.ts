/** `node:http`, `node:https`, their internals that programs import, and the servers of `cloudflare:node`. */
import type { BuiltinNamespace } from '../../builtins.ts';
import type { Exports } from '../nodejs/deno-node.ts';
import { shaped, unimplemented } from '../nodejs/errors.ts';
import { exportedNames } from '../nodejs/exports.ts';
import { Agent, ClientRequest, clientFunctions, globalAgent, HttpsAgent, httpsGlobalAgent } from './client.ts';
import { httpCommon, methods, STATUS_CODES, validateHeaderName, validateHeaderValue } from './common.ts';
import { IncomingMessage } from './incoming.ts';
import { OutgoingMessage } from './outgoing.ts';
import { createServer, Server, ServerResponse } from './server.ts';

export { handleAsNodeRequest, httpServerHandler } from './server.ts';
export { exportedNames };

const MAX_HEADER_BYTES = 16_384;

type AnyFunction = (...args: never[]) => unknown;

function http(): Exports {
  const { request, get } = clientFunctions(globalAgent);
  return {
    ...serverInternals(),
    Agent,
    ClientRequest,
    IncomingMessage,
    METHODS: methods(),
    OutgoingMessage,
    WebSocket: globalThis.WebSocket,
    CloseEvent: globalThis.CloseEvent,
    MessageEvent: globalThis.MessageEvent,
    createServer: shaped(createServer as AnyFunction, 'createServer', 2),
    get: shaped(get as AnyFunction, 'get', 3),
    globalAgent,
    maxHeaderSize: MAX_HEADER_BYTES,
    request: shaped(request as AnyFunction, 'request', 3),
    setMaxIdleHTTPParsers: shaped(() => undefined, 'setMaxIdleHTTPParsers', 1),
    validateHeaderName: shaped((name: unknown) => validateHeaderName(name), 'validateHeaderName', 1),
    validateHeaderValue: shaped(validateHeaderValue as AnyFunction, 'validateHeaderValue', 2),
  };
}

const serverInternals = (): Exports => ({
  STATUS_CODES,
  Server,
  ServerResponse,
  _connectionListener: unimplemented('_connectionListener', '_connectionListener', 0),
  kConnectionsCheckingInterval: Symbol('http.server.connectionsCheckingInterval'),
  kServerResponse: Symbol('ServerResponse'),
  httpServerPreClose: () => undefined,
  setupConnectionsTracking: () => undefined,
  storeHTTPOptions: () => undefined,
});

function https(): Exports {
  const { request, get } = clientFunctions(httpsGlobalAgent);
  return {
    Agent: HttpsAgent,
    Server,
    createServer: shaped(createServer as AnyFunction, 'createServer', 2),
    get: shaped(get as AnyFunction, 'get', 3),
    globalAgent: httpsGlobalAgent,
    request: shaped(request as AnyFunction, 'request', 0),
  };
}

const MODULES: Readonly<Record<string, () => Exports>> = {
  __proto__: null as never,
  http,
  https,
  _http_agent: () => ({ Agent, globalAgent }),
  _http_client: () => ({ ClientRequest }),
  _http_common: httpCommon,
  _http_incoming: () => ({ IncomingMessage, readStart: () => undefined, readStop: () => undefined }),
  _http_outgoing: () => ({
    OutgoingMessage,
    validateHeaderName: shaped((name: unknown) => validateHeaderName(name), 'validateHeaderName', 1),
    validateHeaderValue: shaped(validateHeaderValue as AnyFunction, 'validateHeaderValue', 2),
    parseUniqueHeadersOption: () => null,
    kHighWaterMark: Symbol('kHighWaterMark'),
    kUniqueHeaders: Symbol('kUniqueHeaders'),
  }),
  _http_server: serverInternals,
};

export function createModule(name: string): BuiltinNamespace {
  const made = MODULES[name]?.() ?? {};
  const exports: Exports = {};
  for (const key of exportedNames(name)) if (key in made) exports[key] = made[key];
  return { ...exports, default: { ...exports } };
}

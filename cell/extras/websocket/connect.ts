/** Connections to the outside: `new WebSocket(url)`, and the answer 101 to a `fetch()` that asked for an upgrade. */
import { callForWebSocket } from '../../calls.ts';
import {
  isArray,
  NativeDOMException,
  NativeTypeError,
  NativeURL,
  promiseThen,
  stringReplace,
  urlHash,
  urlHref,
  urlProtocol,
} from '../../primordials.ts';
import { requireInvocation } from '../../timers.ts';
import { connectedEnds } from './inbox.ts';
import { CREATE, type Opening, setConnect, WebSocket } from './socket.ts';
import { joinClientWire } from './wire.ts';

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const EXPECTED_101 =
  'Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching protocols), but received ';

const syntaxError = (what: string): DOMException =>
  new NativeDOMException(`WebSocket Constructor: ${what}`, 'SyntaxError');

/** Where a WebSocket's address leads over HTTP. Throws what `new WebSocket()` throws. */
function httpAddress(text: string): string {
  let url: URL;
  try {
    url = new NativeURL(text);
  } catch {
    throw syntaxError('The url is invalid.');
  }
  const protocol = urlProtocol(url);
  if (protocol !== 'ws:' && protocol !== 'wss:') throw syntaxError('The url scheme must be ws or wss.');
  if (urlHash(url) !== '') throw syntaxError('The url fragment must be empty.');
  return stringReplace(urlHref(url), 'ws', 'http');
}

function isToken(text: string): boolean {
  if (text === '') return false;
  for (let index = 0; index < text.length; index++) {
    let known = false;
    for (let at = 0; at < TOKEN_CHARACTERS.length; at++) known ||= TOKEN_CHARACTERS[at] === text[index];
    if (!known) return false;
  }
  return true;
}

/** The value of `sec-websocket-protocol`; undefined: none asked for. */
function protocolHeader(protocols: unknown): string | undefined {
  if (protocols === undefined) return undefined;
  if (!isArray(protocols)) {
    const single = `${protocols as string}`;
    if (!isToken(single)) throw syntaxError('The protocol header token is invalid.');
    return single;
  }
  const seen: string[] = [];
  let header = '';
  for (let index = 0; index < protocols.length; index++) {
    const one = `${protocols[index] as string}`;
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] === one) throw syntaxError('The protocols header cannot have repeating values.');
    }
    if (!isToken(one)) throw syntaxError('One of the protocol header tokens is invalid.');
    seen[index] = one;
    header += index === 0 ? one : `, ${one}`;
  }
  return header === '' ? undefined : header;
}

function headerOf(flat: readonly string[], name: string): string | null {
  for (let index = 0; index + 1 < flat.length; index += 2) if (flat[index] === name) return flat[index + 1] as string;
  return null;
}

setConnect((text, protocols, opening: Opening) => {
  const address = httpAddress(text);
  const header = protocolHeader(protocols);
  const headers = header === undefined ? [] : ['sec-websocket-protocol', header];
  const invocation = requireInvocation();
  void promiseThen(
    callForWebSocket(invocation, address, headers),
    ({ status, headers: answered, stream }) => {
      if (stream === undefined) opening.fail(new NativeTypeError(`${EXPECTED_101}${status} instead.`));
      else {
        const [near, far] = connectedEnds();
        joinClientWire(far, stream);
        const protocol = headerOf(answered, 'sec-websocket-protocol');
        opening.succeed(near, protocol ?? '', headerOf(answered, 'sec-websocket-extensions'));
      }
    },
    (error) => opening.fail(error),
  );
  return text;
});

/** The `webSocket` of a response whose call goes on as this stream. */
export function clientSocket(stream: number): WebSocket {
  const [near, far] = connectedEnds();
  joinClientWire(far, stream);
  return new WebSocket(CREATE, near);
}

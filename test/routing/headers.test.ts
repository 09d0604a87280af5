import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addIdentity,
  asksForWebSocket,
  readRequestHead,
  readResponseHead,
  replaceHost,
  requestScheme,
} from '../../server/routing/headers.ts';
import { trustedProxies } from '../../server/routing/address.ts';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
];
const IDENTITY = [
  'cf-connecting-ip',
  'cf-ray',
  'cf-worker',
  'cf-ew-via',
  'cf-visitor',
  'cf-ipcountry',
  'true-client-ip',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'forwarded',
];

/** Any mix of upper and lower case of a name. */
const anyCase = (name: string): fc.Arbitrary<string> =>
  fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((uppers) =>
    name
      .split('')
      .map((letter, index) => (uppers[index] === true ? letter.toUpperCase() : letter))
      .join(''),
  );

test('no spelling of a hop-by-hop, identity or x-skep header passes a stranger', () => {
  const name = fc.constantFrom(...HOP_BY_HOP, ...IDENTITY, 'x-skep-', 'x-skep-cell').chain(anyCase);
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 20 }), (names) => {
      assert.deepEqual(
        readRequestHead(
          names.flatMap((header) => [header, 'forged']),
          false,
        ).kept,
        [],
      );
    }),
  );
});

test('all other headers pass untouched and in order', () => {
  const special = new Set([...HOP_BY_HOP, ...IDENTITY, 'content-length']);
  const name = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9-]{1,40}$/),
    fc.constantFrom(
      'Host',
      'accept',
      'Cookie',
      'X-Custom',
      'x-forwarde',
      'xx-skep-a',
      'cf',
      'Cfoo',
      'upgrade-insecure-requests',
    ),
  );
  const passes = (header: string): boolean =>
    !special.has(header.toLowerCase()) &&
    !/^(x-skep|x-forwarded|cf)-/i.test(header) &&
    !/^proxy-authenticate$/i.test(header);
  fc.assert(
    fc.property(fc.array(fc.tuple(name.filter(passes), fc.string()), { maxLength: 30 }), (pairs) => {
      assert.deepEqual(readRequestHead(pairs.flat(), false).kept, pairs.flat());
    }),
  );
});

test('the head notes what the gateway decides by', () => {
  const raw = [
    'HOST',
    'a',
    'host',
    'b',
    'Expect',
    '100-continue',
    'TE',
    'trailers',
    'Upgrade',
    'websocket',
    'Connection',
    'Upgrade',
    'Transfer-Encoding',
    'gzip',
    'transfer-encoding',
    'chunked',
    'Content-Length',
    '5',
    'Accept',
    'text/html',
  ];
  const head = readRequestHead(raw, false);
  assert.equal(head.host, 'a');
  assert.equal(head.hostCount, 2);
  assert.equal(head.expect, '100-continue');
  assert.equal(head.te, 'trailers');
  assert.equal(head.upgrade, 'websocket');
  assert.equal(head.transferEncoding, 'gzip, chunked');
  assert.equal(head.contentLength, '5');
  assert.equal(head.accept, 'text/html');
  assert.equal(
    head.bytes,
    raw.reduce((sum, text) => sum + text.length + 2, 0),
  );
});

test('Connection takes out what it names, in any case, and nothing that says where a message goes or ends', () => {
  const head = readRequestHead(
    [
      'Host',
      'a',
      'X-One',
      '1',
      'Content-Length',
      '5',
      'x-two',
      '2',
      'Connection',
      'close, x-ONE ,HOST',
      'x-three',
      '3',
      'connection',
      'X-Two, content-length',
    ],
    false,
  );
  assert.deepEqual(head.kept, ['Host', 'a', 'x-three', '3']);
});

test('from a trusted proxy the forwarded headers count, the visitor’s own words still do not', () => {
  const raw = [
    'X-Forwarded-For',
    '1.1.1.1',
    'x-forwarded-for',
    '2.2.2.2',
    'X-Forwarded-Proto',
    'HTTPS',
    'X-Forwarded-Port',
    '443',
    'CF-IPCountry',
    'SE',
    'CF-Connecting-IP',
    '6.6.6.6',
    'X-Real-IP',
    '6.6.6.6',
    'x-skep-a',
    '1',
    'Host',
    'h',
  ];
  const head = readRequestHead(raw, true);
  assert.deepEqual(head.kept, ['X-Forwarded-Port', '443', 'CF-IPCountry', 'SE', 'Host', 'h']);
  assert.equal(requestScheme(head), 'https');
  const isTrusted = trustedProxies(['10.0.0.0/8']);
  const headers: string[] = [];
  addIdentity(headers, head, { peer: '10.0.0.1', isTrustedPeer: true, isTrusted }, 'ray');
  assert.deepEqual(headers, [
    ...['cf-connecting-ip', '2.2.2.2', 'x-real-ip', '2.2.2.2', 'x-forwarded-for', '1.1.1.1, 2.2.2.2, 10.0.0.1'],
    ...['x-forwarded-proto', 'https', 'x-forwarded-host', 'h', 'cf-ray', 'ray', 'cf-visitor', '{"scheme":"https"}'],
  ]);
});

test('a scheme other than https is http', () => {
  for (const proto of ['http', 'ftp', 'https, http', 'httpsx', '']) {
    assert.equal(requestScheme(readRequestHead(['X-Forwarded-Proto', proto], true)), 'http', proto);
  }
});

test('Host is replaced where it stands', () => {
  const headers = ['a', '1', 'HOST', 'old', 'b', '2'];
  replaceHost(headers, 'new');
  assert.deepEqual(headers, ['a', '1', 'HOST', 'new', 'b', '2']);
});

test('only a GET with both tokens and without a body asks for a WebSocket', () => {
  const asks = (method: string, ...raw: string[]): boolean => asksForWebSocket(method, readRequestHead(raw, false));
  const both = ['Connection', 'keep-alive, Upgrade', 'Upgrade', 'WebSocket'];
  assert.ok(asks('GET', ...both));
  assert.ok(asks('GET', ...both, 'Content-Length', '0'));
  assert.ok(asks('GET', 'Connection', 'upgrade', 'Upgrade', 'h2c, websocket'));
  assert.ok(!asks('POST', ...both));
  assert.ok(!asks('GET', ...both, 'Content-Length', '1'));
  assert.ok(!asks('GET', ...both, 'Transfer-Encoding', 'chunked'));
  assert.ok(!asks('GET', 'Upgrade', 'websocket'));
  assert.ok(!asks('GET', 'Connection', 'Upgrade', 'Upgrade', 'h2c'));
  assert.ok(!asks('GET', 'Connection', 'Upgrade', 'Upgrade', 'websocketx'));
});

test('no spelling of a hop-by-hop or x-skep header, server or cf-ray comes out of a worker', () => {
  const name = fc
    .constantFrom(
      'connection',
      'keep-alive',
      'proxy-connection',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'server',
      'cf-ray',
      'x-skep-a',
    )
    .chain(anyCase);
  fc.assert(
    fc.property(fc.array(name, { maxLength: 20 }), (names) => {
      const { headers } = readResponseHead(
        ['X-Kept', '1', ...names.flatMap((header) => [header, 'x']), 'set-cookie', 'a', 'set-cookie', 'b'],
        200,
        10_000,
      );
      assert.deepEqual(headers, ['X-Kept', '1', 'set-cookie', 'a', 'set-cookie', 'b']);
    }),
  );
});

test('a response’s content-length is read once, and is never in a 1xx or 204', () => {
  assert.equal(readResponseHead(['Content-Length', '42'], 200, 1_000).contentLength, 42);
  assert.equal(readResponseHead([], 200, 1_000).contentLength, -1);
  assert.deepEqual(readResponseHead(['content-length', '42'], 204, 1_000).headers, []);
  assert.deepEqual(readResponseHead(['content-length', '42'], 101, 1_000).headers, []);
  assert.deepEqual(readResponseHead(['content-length', '42'], 304, 1_000).headers, ['content-length', '42']);
  for (const value of ['', ' ', '+1', '-1', '1.0', '0x1', '1e3', '1,1', '9'.repeat(16), '٣']) {
    assert.ok(readResponseHead(['content-length', value], 200, 1_000).problem !== undefined, value);
  }
  assert.ok(readResponseHead(['content-length', '1', 'Content-Length', '1'], 200, 1_000).problem !== undefined);
});

test('a response’s headers may be exactly as large as the limit', () => {
  // Name, value and the four bytes around them.
  assert.equal(readResponseHead(['x', 'a'.repeat(95)], 200, 100).problem, undefined);
  assert.match(readResponseHead(['x', 'a'.repeat(96)], 200, 100).problem ?? '', /101 bytes/);
});

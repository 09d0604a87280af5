/** Response heads from a cell are an attacker's: only plain ones are taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CellProtocolError, MAX_ANSWER_LINES, parseHead } from '../../server/supervisor/cell-http-heads.ts';

const head = (...lines: string[]): string => lines.join('\r\n');

test('a plain head is read: status, reason, names in lower case, values trimmed', () => {
  const { status, statusText, headers } = parseHead(
    head('HTTP/1.1 200 All fine', 'Content-Type:  text/plain ', 'X-Empty:', 'content-length: 5'),
  );
  assert.deepEqual({ status, statusText }, { status: 200, statusText: 'All fine' });
  assert.deepEqual(headers, ['content-type', 'text/plain', 'x-empty', '', 'content-length', '5']);
});

test('a reason may be absent or hold bytes above ASCII', () => {
  assert.equal(parseHead('HTTP/1.1 204').statusText, '');
  assert.equal(parseHead('HTTP/1.1 204 ').statusText, '');
  assert.equal(parseHead('HTTP/1.1 200 \u00fcber').statusText, '\u00fcber');
});

test('framing and hop-by-hop headers are understood and not passed on', () => {
  const read = parseHead(
    head(
      'HTTP/1.1 200 OK',
      'Transfer-Encoding: Chunked',
      'Connection: close',
      'Keep-Alive: timeout=5',
      'Upgrade: h2c',
      'TE: x',
      'Trailer: x',
      'a: b',
    ),
  );
  assert.deepEqual(
    { chunked: read.chunked, contentLength: read.contentLength },
    { chunked: true, contentLength: null },
  );
  assert.deepEqual(read.headers, ['a', 'b']);
});

const MALFORMED: Readonly<Record<string, string>> = {
  'an older version': 'HTTP/1.0 200 OK',
  'a newer version': 'HTTP/2 200 OK',
  'no status': 'HTTP/1.1 OK',
  'a short status': 'HTTP/1.1 20 OK',
  'a long status': 'HTTP/1.1 2000 OK',
  'a control character in the reason': 'HTTP/1.1 200 O\u0001K',
  'a leading blank': ' HTTP/1.1 200 OK',
  'no status line': 'content-length: 1',
  'a name with a blank': head('HTTP/1.1 200 OK', 'bad name: x'),
  'a blank before the colon': head('HTTP/1.1 200 OK', 'content-length : 5'),
  'a folded line': head('HTTP/1.1 200 OK', 'a: b', ' c'),
  'a line without a colon': head('HTTP/1.1 200 OK', 'nothing'),
  'an empty name': head('HTTP/1.1 200 OK', ': x'),
  'a bare carriage return': head('HTTP/1.1 200 OK', 'a: b\rc: d'),
  'a bare line feed': head('HTTP/1.1 200 OK', 'a: b\nset-cookie: c'),
  'a NUL in a value': head('HTTP/1.1 200 OK', 'a: b\u0000'),
  'two lengths': head('HTTP/1.1 200 OK', 'content-length: 5', 'content-length: 5'),
  'a list of lengths': head('HTTP/1.1 200 OK', 'content-length: 5, 5'),
  'a negative length': head('HTTP/1.1 200 OK', 'content-length: -1'),
  'a hexadecimal length': head('HTTP/1.1 200 OK', 'content-length: 0x10'),
  'an empty length': head('HTTP/1.1 200 OK', 'content-length:'),
  'a length beyond counting': head('HTTP/1.1 200 OK', 'content-length: 99999999999999999999'),
  'length and chunked': head('HTTP/1.1 200 OK', 'content-length: 5', 'transfer-encoding: chunked'),
  'chunked and length': head('HTTP/1.1 200 OK', 'transfer-encoding: chunked', 'content-length: 5'),
  'another encoding': head('HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked'),
  'chunked twice': head('HTTP/1.1 200 OK', 'transfer-encoding: chunked', 'transfer-encoding: chunked'),
};

for (const [what, text] of Object.entries(MALFORMED)) {
  test(`a head with ${what} is refused`, () => {
    assert.throws(() => parseHead(text), CellProtocolError);
  });
}

test('whatever comes in, a head is either refused or safe to send on: no line break, no framing header', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'HTTP/1.1 200 OK',
      '\r\n',
      '\n',
      '\r',
      ': ',
      'content-length',
      'transfer-encoding',
      'chunked',
      '5',
      'x',
      '\u0000',
      ' ',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = `HTTP/1.1 200 OK\r\n${pieces.join('')}`.replace(/[^\u0000-\u00ff]/g, '?');
      let read: ReturnType<typeof parseHead>;
      try {
        read = parseHead(text);
      } catch (error) {
        assert.ok(error instanceof CellProtocolError, String(error));
        return;
      }
      for (const value of read.headers) assert.doesNotMatch(value, /[\r\n\0]/);
      for (let index = 0; index < read.headers.length; index += 2) {
        assert.match(read.headers[index] as string, /^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        assert.notEqual(read.headers[index], 'transfer-encoding');
        assert.notEqual(read.headers[index], 'connection');
      }
      assert.ok(!(read.chunked && read.contentLength !== null));
    }),
    { numRuns: 3_000 },
  );
});

test('a head has as many lines as a worker may have and the harness adds; one more is refused', () => {
  const lines = (count: number): string => head('HTTP/1.1 200', ...Array.from({ length: count }, () => 'a:'));
  for (const count of [MAX_ANSWER_LINES - 1, MAX_ANSWER_LINES])
    assert.equal(parseHead(lines(count)).headers.length, count * 2);
  assert.throws(() => parseHead(lines(MAX_ANSWER_LINES + 1)), CellProtocolError);
});

/** Bodies in `aws-chunked` pieces, read without a server: what becomes of the stream they come from. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { readContent } from '../../server/s3/body.ts';
import type { S3Request } from '../../server/s3/request.ts';
import type { Signed } from '../../server/s3/signature.ts';

const UNSIGNED = { payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' } as Signed;

/** The body, and what is read of it. It goes on for ever behind what is given when it is `endless`. */
function read(pieces: readonly string[], endless = false): { body: Readable; content: AsyncIterable<Uint8Array> } {
  const left = [...pieces].map((piece) => Buffer.from(piece));
  const body = new Readable({
    read() {
      this.push(left.shift() ?? (endless ? Buffer.alloc(64) : null));
    },
  });
  const headers: IncomingMessage['headers'] = { 'x-amz-decoded-content-length': '5' };
  const request = { headers, header: (name: string) => headers[name], body } as unknown as S3Request;
  return { body, content: readContent(request, UNSIGNED).content };
}

test('a body in pieces is read to its end, so that no time limit of it goes on and later cuts the connection', async () => {
  for (const behind of ['\r\n', '\r\n\r\n', 'x-amz-checksum-crc32: NhCmhg==\r\n\r\n']) {
    const { body, content } = read(['5\r\nhello\r\n', '0\r\n', behind]);
    assert.equal(await text(content), 'hello');
    assert.deepEqual([body.readableEnded, body.destroyed], [true, true], JSON.stringify(behind));
  }
});

test('a body in pieces that is refused, or that nobody reads on, is given up at once', async () => {
  const refused = read(['5\r\nhello\r\n', 'nonsense\r\n'], true);
  await assert.rejects(text(refused.content), { code: 'InvalidRequest' });
  assert.equal(refused.body.destroyed, true);
  const left = read(['5\r\nhello\r\n'], true);
  for await (const _chunk of left.content) break;
  assert.equal(left.body.destroyed, true);
});

test('a body that goes on behind its last chunk is refused', async () => {
  const { body, content } = read(['5\r\nhello\r\n0\r\n\r\n'], true);
  await assert.rejects(text(content), { code: 'InvalidRequest', message: /goes on behind its last chunk/ });
  assert.equal(body.destroyed, true);
});

import assert from 'node:assert/strict';
import { AccountSlots } from '../../server/storage/account-slots.ts';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { ApiError } from '../../server/api/errors.ts';
import { readMultipart, type UploadPart } from '../../server/api/upload/multipart.ts';
import { bodyStream, ESM, MULTIPART_TYPE, multipartBody, type TestPart } from '../support/multipart.ts';

function read(bytes: Uint8Array, chunkBytes?: number): Promise<UploadPart[]> {
  return readMultipart(bodyStream(bytes, chunkBytes), MULTIPART_TYPE);
}

async function refusal(promise: Promise<unknown>): Promise<{ code: number; message: string }> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ApiError, `not an ApiError: ${String(error)}`);
    const first = error.problems[0];
    assert.ok(first);
    return { code: first.code, message: first.message };
  }
  return assert.fail('was not refused');
}

const SAMPLE: readonly TestPart[] = [
  { name: 'metadata', content: '{"main_module":"index.js"}' },
  { name: 'index.js', content: 'export default {}', type: ESM },
  { name: './a.bin', content: randomBytes(5_000), type: 'application/octet-stream' },
  { name: 'empty.txt', content: '', type: 'text/plain' },
];

test('parts arrive byte for byte with name, type and hash, however the body is cut', async () => {
  const body = multipartBody(SAMPLE);
  for (const chunkBytes of [1, 7, 1_000, body.byteLength]) {
    const parts = await read(body, chunkBytes);
    assert.deepEqual(
      parts.map(({ name, contentType }) => [name, contentType]),
      [
        ['metadata', 'text/plain'],
        ['index.js', ESM],
        ['./a.bin', 'application/octet-stream'],
        ['empty.txt', 'text/plain'],
      ],
    );
    parts.forEach((part, index) => {
      const sent = Buffer.from(SAMPLE[index]?.content ?? '');
      assert.ok(part.content.equals(sent), `part ${index} in pieces of ${chunkBytes}`);
      assert.equal(part.hash, createHash('sha256').update(sent).digest('hex'));
    });
  }
});

test('a file name with folders is kept whole', async () => {
  const [part] = await read(multipartBody([{ name: 'x', filename: 'sub/dir/x.mjs', content: '1', type: ESM }]));
  assert.equal(part?.filename, 'sub/dir/x.mjs');
});

test('a body cut off anywhere is refused and never half accepted', async () => {
  const body = multipartBody(SAMPLE);
  // The last 4 bytes ("--\r\n") are the end mark; up to there every length is incomplete.
  for (let length = 0; length < body.byteLength - 4; length += 37) {
    const { code } = await refusal(read(body.subarray(0, length)));
    assert.equal(code, 10026, `cut at ${length}`);
  }
});

test('what is not multipart is refused with the type that was seen', async () => {
  const json = await refusal(readMultipart(bodyStream(Buffer.from('{}')), 'application/json'));
  assert.equal(json.code, 10026);
  assert.match(json.message, /'application\/json'/);
  assert.equal((await refusal(readMultipart(null, ''))).code, 10026);
  assert.equal((await refusal(readMultipart(bodyStream(Buffer.from('x')), 'multipart/form-data; x=1'))).code, 10026);
  assert.equal((await refusal(read(Buffer.from('not a multipart body at all')))).code, 10026);
});

test('a part without a name is refused', async () => {
  const { code, message } = await refusal(read(multipartBody([{ name: '', content: 'x' }])));
  assert.equal(code, 10026);
  assert.match(message, /no name/);
});

test('more parts than any Worker can have are refused', async () => {
  const parts = Array.from({ length: UPLOAD_LIMITS.maxModules * 2 + 2 }, (_, index) => ({
    name: `m${index}`,
    content: '',
  }));
  const { code, message } = await refusal(read(multipartBody(parts)));
  assert.equal(code, 10021);
  assert.match(message, /more than 2001 parts/);
});

test('a Worker at the size limit is read; one byte more is 10027', async () => {
  const atLimit = Buffer.alloc(UPLOAD_LIMITS.maxWorkerBytes);
  const [part] = await read(multipartBody([{ name: 'big.bin', content: atLimit, type: 'application/octet-stream' }]));
  assert.equal(part?.content.byteLength, UPLOAD_LIMITS.maxWorkerBytes);
  const above = await refusal(
    read(
      multipartBody([
        { name: 'big.bin', content: atLimit, type: 'application/octet-stream' },
        { name: 'one.bin', content: 'x', type: 'application/octet-stream' },
      ]),
    ),
  );
  assert.equal(above.code, 10027);
  assert.match(above.message, /exceeded the size limit of 64 MiB/);
});

test('source maps have a limit of their own', async () => {
  const map = Buffer.alloc(UPLOAD_LIMITS.maxSourceMapBytes + 1);
  const { code, message } = await refusal(
    read(multipartBody([{ name: 'index.js.map', content: map, type: 'application/source-map' }])),
  );
  assert.equal(code, 10027);
  assert.match(message, /upload_source_maps/);
});

test('the rest of a refused body is read to its end, but not for ever', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 1;
      controller.enqueue(
        pulled === 1
          ? Buffer.from(`--${MULTIPART_TYPE.split('boundary=')[1]}\r\nContent-Disposition: form-data; name="a"\r\n\r\n`)
          : chunk,
      );
    },
  });
  const { code } = await refusal(readMultipart(endless, MULTIPART_TYPE));
  assert.equal(code, 10027);
  const megabytes = (UPLOAD_LIMITS.maxWorkerBytes + UPLOAD_LIMITS.maxDrainBytes) / chunk.byteLength;
  assert.ok(pulled > megabytes && pulled < megabytes + 10, `${pulled} MiB were read`);
});

test('no more uploads are read at once than there are places, and those waiting go in order', async () => {
  const slots = new AccountSlots(2, 2);
  const log: string[] = [];
  const finish: (() => void)[] = [];
  const job = (name: string) =>
    slots.run('account', async () => {
      log.push(`start ${name}`);
      await new Promise<void>((resolve) => finish.push(resolve));
      if (name === 'b') throw new Error('fails');
      log.push(`end ${name}`);
    });
  const jobs = ['a', 'b', 'c', 'd'].map((name) => job(name).catch(() => log.push(`failed ${name}`)));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  assert.deepEqual(log, ['start a', 'start b']);
  finish.shift()?.();
  await turn();
  assert.deepEqual(log, ['start a', 'start b', 'end a', 'start c']);
  finish.shift()?.();
  await turn();
  assert.deepEqual(log.slice(4).sort(), ['failed b', 'start d']);
  finish.shift()?.();
  finish.shift()?.();
  await Promise.all(jobs);
  await slots.run('account', async () => log.push('free again'));
  assert.equal(log.at(-1), 'free again');
});

test('uploads of one account leave places for others, and have their turn after them', async () => {
  const slots = new AccountSlots(3, 2);
  const started: string[] = [];
  const finish = new Map<string, () => void>();
  const job = (account: string, name: string) =>
    slots.run(account, async () => {
      started.push(name);
      await new Promise<void>((resolve) => finish.set(name, resolve));
    });
  const jobs = [job('a', 'a1'), job('a', 'a2'), job('a', 'a3'), job('b', 'b1'), job('b', 'b2')];
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  assert.deepEqual(started, ['a1', 'a2', 'b1']);
  finish.get('b1')?.();
  await turn();
  assert.deepEqual(started, ['a1', 'a2', 'b1', 'b2'], 'a has its share, so b goes on');
  finish.get('a1')?.();
  await turn();
  assert.deepEqual(started.at(-1), 'a3');
  for (const end of finish.values()) end();
  await Promise.all(jobs);
});

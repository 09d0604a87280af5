/** Bodies that are refused, requests that take too long, and too many connections: below, at and above what the API still takes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BodyLimits, readChunks } from '../../server/api/body.ts';
import { UPLOAD_LIMITS } from '../../shared/limits.ts';
import { createTestApi, type TestApi, TOKEN } from '../support/api.ts';
import { createTestS3 } from '../support/s3.ts';
import { until } from '../support/until.ts';

const REQUEST_TIMEOUT_MS = 2_000;
let api: TestApi;
before(async () => {
  api = await createTestApi({ requestTimeoutMs: REQUEST_TIMEOUT_MS });
});
after(() => api.close());

const KIB = 1024;
const REFUSAL = new Error('refused');

/** Refuses a body at its first byte; returns how much of the rest was read, whether its end was, and how long that took. */
async function readRefused(
  rest: readonly { readonly bytes: number; readonly afterMs?: number }[],
  limits: Partial<BodyLimits>,
): Promise<{ readonly readBytes: number; readonly isWhole: boolean; readonly tookMs: number }> {
  let readBytes = 0;
  let isWhole = false;
  const pieces = [{ bytes: 1, afterMs: 0 }, ...rest];
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) {
          isWhole = true;
          controller.close();
          return;
        }
        await sleep(piece.afterMs ?? 0);
        readBytes += piece.bytes;
        controller.enqueue(new Uint8Array(piece.bytes));
      },
    },
    { highWaterMark: 0 },
  );
  const startedAt = performance.now();
  await assert.rejects(
    readChunks(body, () => Promise.reject(REFUSAL), { ...UPLOAD_LIMITS, ...limits }),
    REFUSAL,
  );
  return { readBytes: readBytes - 1, isWhole, tookMs: performance.now() - startedAt };
}

test('of a refused body one byte less than `maxDrainBytes` is read to its end; from the limit on nothing more is read', async () => {
  const limits = { maxDrainBytes: 8 * KIB };
  const pieces = (last: number) => [{ bytes: 4 * KIB }, { bytes: 4 * KIB + last }, { bytes: 100 }];
  const below = await readRefused(pieces(-1).slice(0, 2), limits);
  assert.deepEqual([below.readBytes, below.isWhole], [8 * KIB - 1, true]);
  for (const last of [0, 1]) {
    const { readBytes, isWhole } = await readRefused(pieces(last), limits);
    assert.deepEqual([readBytes, isWhole], [8 * KIB + last, false], 'the 100 bytes behind the limit are left');
  }
});

test('of a refused body what comes within `maxDrainMs` is read, and nobody waits for what comes later', async () => {
  // A timer never fires early; how late it fires is the machine's business: a second and a half of it are tolerated.
  const maxDrainMs = 600;
  const below = await readRefused([{ bytes: 10, afterMs: maxDrainMs / 3 }], { maxDrainMs });
  assert.deepEqual([below.readBytes, below.isWhole], [10, true]);
  assert.ok(below.tookMs < maxDrainMs, `${below.tookMs} ms`);
  // At: the timer of the piece is set later than the deadline was.
  for (const afterMs of [maxDrainMs, maxDrainMs * 4]) {
    const { isWhole, tookMs } = await readRefused(
      [
        { bytes: 10, afterMs },
        { bytes: 10, afterMs },
      ],
      { maxDrainMs },
    );
    assert.equal(isWhole, false);
    assert.ok(tookMs >= maxDrainMs - 1 && tookMs < maxDrainMs + 1_500, `${tookMs} ms`);
  }
});

const dial = (to: TestApi = api): Socket & { text: string; isClosed: boolean } =>
  dialPort(Number(new URL(to.origin).port));

/** A connection whose every byte the test writes itself. */
function dialPort(port: number): Socket & { text: string; isClosed: boolean } {
  const socket = Object.assign(connect(port, '127.0.0.1'), { text: '', isClosed: false });
  socket.setEncoding('latin1').on('data', (chunk: string) => (socket.text += chunk));
  const closed = (): void => void (socket.isClosed = true);
  socket
    .on('error', () => undefined)
    .on('end', closed)
    .on('close', closed);
  return socket;
}

const head = (bytes: number, to: TestApi = api): string =>
  `POST /client/v4/accounts/${to.account.id}/workers/scripts/none/subdomain HTTP/1.1\r\nhost: api\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`;
const OK_HEAD = `GET /healthz HTTP/1.1\r\nhost: api\r\n\r\n`;

test('after a body that was refused and read to its end the connection goes on; beyond `maxDrainBytes` it is closed, after the answer', async (t) => {
  // With all the time that a request has: so many bytes take a second on a machine that is busy.
  const patient = await createTestApi();
  t.after(() => patient.close());
  const { maxJsonBodyBytes, maxDrainBytes } = UPLOAD_LIMITS;
  const assertRefused = async (socket: { readonly text: string; readonly isClosed: boolean }): Promise<void> => {
    await until(() => socket.text.includes('\r\n') || socket.isClosed, 'an answer or the end', 30_000);
    assert.match(socket.text, /^HTTP\/1\.1 413 /);
  };
  const below = dial(patient);
  below.write(head(maxJsonBodyBytes + 1_000_000, patient));
  below.write(Buffer.alloc(maxJsonBodyBytes + 1_000_000, ' '));
  await assertRefused(below);
  below.write(OK_HEAD);
  await until(() => /HTTP\/1\.1 200 /.test(below.text), 'the next request of the connection is answered');
  below.destroy();

  const above = dial(patient);
  // Endless, as far as the server can know.
  above.write(head(maxJsonBodyBytes + 4 * maxDrainBytes, patient));
  const piece = Buffer.alloc(1_000_000, ' ');
  const write = (): void => {
    if (!above.isClosed) above.write(piece, write);
  };
  write();
  await assertRefused(above);
  await until(() => above.isClosed, 'the connection is closed');
  const slackBytes = 16_000_000;
  assert.ok(above.bytesWritten < maxJsonBodyBytes + maxDrainBytes + slackBytes, `${above.bytesWritten} bytes`);
});

test('a request that is whole within `requestTimeoutMs` is answered, a later one is 408 and its connection closed', async () => {
  const body = JSON.stringify({ enabled: true });
  const send = async (restAfterMs: number) => {
    const socket = dial();
    const startedAt = performance.now();
    socket.write(head(body.length) + body.slice(0, 5));
    await sleep(restAfterMs);
    socket.write(body.slice(5));
    await until(() => socket.text.includes('\r\n\r\n'), 'an answer');
    const tookMs = performance.now() - startedAt;
    return { socket, status: Number(socket.text.slice(9, 12)), tookMs };
  };
  const below = await send(REQUEST_TIMEOUT_MS / 4);
  assert.equal(below.status, 404, 'there is no such worker');
  below.socket.destroy();
  const above = await send(REQUEST_TIMEOUT_MS * 1.5);
  assert.equal(above.status, 408);
  await until(() => above.socket.isClosed, 'the connection is closed');
});

test('a request that never ends is ended at `requestTimeoutMs`, not before, and at most a tenth of it later', async () => {
  const socket = dial();
  const startedAt = performance.now();
  socket.write(head(100));
  const dripping = setInterval(() => socket.write(' '), 50);
  await until(() => socket.text.startsWith('HTTP/1.1 408 ') && socket.isClosed, 'it is ended');
  clearInterval(dripping);
  const tookMs = performance.now() - startedAt;
  // Node looks at its connections at times; the rest is for a machine that is busy.
  assert.ok(tookMs >= REQUEST_TIMEOUT_MS && tookMs < REQUEST_TIMEOUT_MS * 1.1 + 3_000, `${tookMs} ms`);
});

for (const [name, portOf] of [
  ['the control API', () => Number(new URL(api.origin).port)],
  ['the S3 port', async (t: TestContext) => await portOfS3(t)],
] as const) {
  test(`${name} has \`maxConnections\` at once; one more is closed, and its place is free again when one of them ends`, async (t) => {
    const open: ReturnType<typeof dialPort>[] = [];
    t.after(() => open.forEach((socket) => socket.destroy()));
    const port = await portOf(t);
    const add = (): ReturnType<typeof dialPort> => {
      const socket = dialPort(port);
      open.push(socket);
      return socket;
    };
    const isServed = async (socket: ReturnType<typeof dialPort>): Promise<boolean> => {
      socket.write(OK_HEAD);
      await until(() => socket.text !== '' || socket.isClosed, 'an answer or the end');
      return !socket.isClosed;
    };
    // One after the other: more at once than the system's queue holds would come a second later.
    while (open.length < UPLOAD_LIMITS.maxConnections - 1) await once(add(), 'connect');
    assert.ok(await isServed(add()), 'the last allowed one');
    assert.ok(!(await isServed(add())), 'one more');
    open[0]?.destroy();
    await until(() => isServed(add()), 'a place is free');
  });
}

async function portOfS3(t: TestContext): Promise<number> {
  const s3 = await createTestS3();
  t.after(() => s3.close());
  return s3.port;
}

/** Large and endless bodies: flat memory, back-pressure both ways, clients that leave or stand still. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { FetchSink } from '../../server/supervisor/types.ts';
import { eventually, HOST, openClient, request, say, sleep, startGateway, type Handler } from './support.ts';

const MiB = 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');
const LARGE = 256 * MiB;

/** Sends `bytes` as fast as the sink takes them, and no faster. */
function source(bytes: number, onSent: (bytes: number) => void = () => {}): Handler {
  return (_call, sink) => {
    let left = bytes;
    let isCanceled = false;
    const pump = (): void => {
      // oxlint-disable-next-line no-unmodified-loop-condition -- cancel may come while the sink is being called
      while (left > 0 && !isCanceled) {
        const chunk = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
        left -= chunk.length;
        onSent(chunk.length);
        if (!sink.data(chunk)) return;
      }
      if (!isCanceled) sink.end();
    };
    sink.head(200, '', ['content-length', String(bytes)]);
    setImmediate(pump);
    return { resume: pump, cancel: () => (isCanceled = true) };
  };
}

/** Watches the resident size while `work` runs; gives back by how much it grew at most. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
  await work().finally(() => clearInterval(timer));
  return most - before;
}

test('256 MB go down at flat memory', async (t) => {
  const { port } = await startGateway(t, source(LARGE));
  const growth = await growthDuring(async () => {
    const client = openClient(t, port);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk) => (received += chunk.length));
    client.write(request('GET /', 'Connection: close\r\n'));
    await client.closed;
    assert.ok(received > LARGE && received < LARGE + 1_000, String(received));
  });
  assert.ok(growth < 64 * MiB, `grew by ${Math.round(growth / MiB)} MiB`);
});

test('256 MB go up at flat memory, with a length and in chunks', async (t) => {
  const { port } = await startGateway(
    t,
    (call, sink) => {
      let received = 0;
      call.body
        ?.on('data', (chunk: Buffer) => (received += chunk.length))
        .on('end', () => say(String(received))(call, sink));
    },
    { limits: { maxBodyBytes: 0 } },
  );
  const upload = async (head: string, chunk: Buffer, times: number, end: string): Promise<string | undefined> => {
    const client = openClient(t, port);
    client.write(head);
    for (let index = 0; index < times; index++) {
      if (!client.socket.write(chunk)) await new Promise((resolve) => client.socket.once('drain', resolve));
    }
    client.write(end);
    return (await client.answer())?.body;
  };
  const times = LARGE / CHUNK.length;
  const growth = await growthDuring(async () => {
    assert.equal(await upload(request('POST /', `Content-Length: ${LARGE}\r\n`), CHUNK, times, ''), String(LARGE));
    const chunked = Buffer.concat([Buffer.from('10000\r\n'), CHUNK, Buffer.from('\r\n')]);
    assert.equal(
      await upload(request('POST /', 'Transfer-Encoding: chunked\r\n'), chunked, times, '0\r\n\r\n'),
      String(LARGE),
    );
  });
  assert.ok(growth < 64 * MiB, `grew by ${Math.round(growth / MiB)} MiB`);
});

test('a reader that pauses stops the worker, and gets every byte once it goes on', async (t) => {
  const total = 64 * MiB;
  let sent = 0;
  const { port, dispatcher } = await startGateway(
    t,
    source(total, (bytes) => (sent += bytes)),
  );
  const client = openClient(t, port);
  let received = 0;
  client.socket.removeAllListeners('data');
  client.socket.on('data', (chunk) => (received += chunk.length));
  client.socket.pause();
  client.write(request('GET /', 'Connection: close\r\n'));
  await eventually('bytes sent', () => sent > 0);
  let before = -1;
  while (before !== sent) {
    before = sent;
    await sleep(100);
  }
  // What the two kernels hold for one connection, and two chunks of ours.
  assert.ok(sent < 24 * MiB, `${Math.round(sent / MiB)} MiB were taken from the worker`);
  client.socket.resume();
  await client.closed;
  assert.ok(received > total, String(received));
  assert.ok(dispatcher.resumes > 0);
  assert.equal(dispatcher.cancels, 0);
});

test('a worker that does not read its body stops the client', async (t) => {
  const { port } = await startGateway(t, (call, sink) => {
    setTimeout(() => {
      call.body?.resume();
      call.body?.on('end', () => say('read')(call, sink));
    }, 400);
  });
  const client = openClient(t, port);
  const total = 64 * MiB;
  client.write(request('POST /', `Content-Length: ${total}\r\n`));
  const body = Buffer.alloc(total);
  client.write(body);
  await sleep(300);
  assert.ok(client.socket.writableLength > total / 2, `only ${client.socket.writableLength} bytes wait`);
  assert.equal((await client.answer())?.body, 'read');
});

test('both directions stream at once', async (t) => {
  const { port } = await startGateway(t, (call, sink) => {
    sink.head(200, '', []);
    call.body?.on('data', (chunk: Buffer) => sink.data(chunk)).on('end', () => sink.end());
  });
  const client = openClient(t, port);
  client.write(request('POST /', 'Transfer-Encoding: chunked\r\n'));
  for (const word of ['one', 'two', 'three']) {
    client.write(`${word.length}\r\n${word}\r\n`);
    await client.until(() => client.text.includes(`${word.length}\r\n${word}\r\n`));
  }
  client.write('0\r\n\r\n');
  assert.equal((await client.answer())?.body, 'onetwothree');
});

test('a reader that takes nothing is cut off, and its worker cancelled', async (t) => {
  const { port, dispatcher, gateway } = await startGateway(t, source(LARGE), { limits: { writeIdleTimeoutMs: 200 } });
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  socket.write(request());
  await eventually('cancel', () => dispatcher.cancels === 1);
  await eventually('connection closed', () => gateway.counters.connections === 0);
  assert.equal(gateway.counters.truncated, 1);
  assert.equal(gateway.counters.aborted, 0);
});

test('a reader that stands still at the tail of a finished answer is cut off too', async (t) => {
  const { port, gateway } = await startGateway(
    t,
    (_call, sink) => {
      sink.head(200, '', []);
      // A dispatcher that ignores back-pressure; the answer is complete on our side.
      for (let index = 0; index < 512; index++) sink.data(CHUNK);
      sink.end();
    },
    { limits: { writeIdleTimeoutMs: 200 } },
  );
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  socket.write(request());
  await eventually('call', () => gateway.counters.requests === 1);
  await eventually('connection closed', () => gateway.counters.connections === 0);
});

test('a slow reader that takes a little now and then is not cut off', async (t) => {
  const total = 24 * MiB;
  const { port, dispatcher } = await startGateway(t, source(total), { limits: { writeIdleTimeoutMs: 400 } });
  const client = openClient(t, port);
  let received = 0;
  client.socket.removeAllListeners('data');
  client.socket.pause();
  client.socket.on('data', (chunk) => (received += chunk.length));
  client.write(request('GET /', 'Connection: close\r\n'));
  // Longer than the time-out in all, in bursts of 1 MB that the kernel sees.
  const pace = setInterval(() => {
    const upTo = received + 2 * MiB;
    client.socket.resume();
    const stop = (): void => {
      if (received < upTo) return;
      client.socket.pause();
      client.socket.off('data', stop);
    };
    client.socket.on('data', stop);
  }, 100);
  await client.closed.finally(() => clearInterval(pace));
  assert.ok(received > total, `${received} bytes of ${total} and a head`);
  assert.equal(dispatcher.cancels, 0);
});

const waiting: Handler = () => {};
const reading: Handler = (call) => void call.body?.resume();
const streaming: Handler = (call, sink: FetchSink) => {
  call.body?.resume();
  sink.head(200, '', []);
  sink.data(Buffer.from('first'));
};

test('a client that leaves cancels its worker once, in every phase', async (t) => {
  const get = request();
  const post = request('POST /', 'Content-Length: 3\r\n', 'abc');
  const unfinished = request('POST /', 'Content-Length: 9\r\n', 'abc');
  const cases: readonly (readonly [string, Handler, string])[] = [
    ['before the answer', waiting, get],
    ['before the answer, its body read', reading, post],
    ['before the answer, its body not read', waiting, post],
    ['in the middle of its upload', reading, unfinished],
    ['in the middle of the answer', streaming, get],
    ['in the middle of both', streaming, unfinished],
  ];
  for (const [name, handler, bytes] of cases) {
    for (const how of ['end', 'reset'] as const) {
      await t.test(`${name} (${how})`, async (t) => {
        const { port, dispatcher, gateway } = await startGateway(t, handler);
        const client = openClient(t, port);
        client.write(bytes);
        await eventually('call', () => dispatcher.calls.length === 1);
        if (handler === streaming) await client.until(() => client.text.includes('first'));
        if (how === 'end') client.destroy();
        else client.socket.resetAndDestroy();
        await eventually('cancel', () => dispatcher.cancels === 1);
        await eventually('exchange over', () => gateway.counters.inFlight === 0);
        await sleep(10);
        assert.equal(dispatcher.cancels, 1);
        assert.equal(gateway.counters.aborted, 1);
      });
    }
  }
});

test('requests that waited behind one whose client left are never run', async (t) => {
  const { port, dispatcher, gateway } = await startGateway(t, waiting);
  const client = openClient(t, port);
  client.write(request().repeat(5));
  await eventually('call', () => dispatcher.calls.length === 1);
  client.destroy();
  await eventually('connection closed', () => gateway.counters.connections === 0);
  await sleep(20);
  assert.equal(dispatcher.calls.length, 1);
  assert.equal(gateway.counters.inFlight, 0);
});

test('an answered request is not cancelled when its client leaves afterwards', async (t) => {
  const { port, dispatcher, gateway } = await startGateway(t, say('done'));
  const client = openClient(t, port);
  client.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  assert.equal((await client.answer())?.body, 'done');
  client.destroy();
  await eventually('connection closed', () => gateway.counters.connections === 0);
  assert.equal(dispatcher.cancels, 0);
});

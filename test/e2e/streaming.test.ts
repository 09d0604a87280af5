/** Bytes through the whole platform: large ones at flat memory, small ones at once, WebSockets, and clients that go away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { descendantsOf, residentBytes } from '../support/processes.ts';
import { type Skep, startSkep } from '../support/server.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;
const LARGE_BYTES = 1024 * MiB;
const MAX_GROWTH_BYTES = 100 * MiB;

const LARGE = `
const CHUNK = new Uint8Array(65536).fill(120);
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === '/echo') return new Response(request.body);
    if (url.pathname === '/upload') {
      let bytes = 0, sum = 0;
      for await (const chunk of request.body) { bytes += chunk.length; sum += chunk[0] + chunk[chunk.length - 1]; }
      return Response.json({ bytes, sum: sum > 0 });
    }
    let left = Number(url.searchParams.get('bytes'));
    return new Response(new ReadableStream({
      pull(controller) {
        controller.enqueue(CHUNK.subarray(0, Math.min(left, CHUNK.length)));
        left -= CHUNK.length;
        if (left <= 0) controller.close();
      },
    }));
  },
};`;

const LIVE = `
const seen = { slow: 0, aborts: 0, pulls: 0 };
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === '/seen') return Response.json(seen);
    if (url.pathname === '/slow') {
      request.signal.addEventListener('abort', () => { seen.aborts += 1; });
      seen.slow += 1;
      await new Promise((resolve) => setTimeout(resolve, 30000));
      return new Response('too late');
    }
    if (url.pathname === '/endless') {
      request.signal.addEventListener('abort', () => { seen.aborts += 1; });
      return new Response(new ReadableStream({
        async pull(controller) { seen.pulls += 1; await new Promise((r) => setTimeout(r, 20)); controller.enqueue(new TextEncoder().encode('tick\\n')); },
      }));
    }
    if (url.pathname === '/echo') return new Response(request.body);
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    (async () => {
      for (let i = 0; i < 5; i++) {
        await writer.write(new TextEncoder().encode('chunk ' + i + '\\n'));
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      await writer.close();
    })();
    return new Response(readable, { headers: { 'content-type': 'text/plain' } });
  },
};`;

const SOCKET = `
export default {
  fetch(request) {
    if (request.headers.get('upgrade') !== 'websocket') return new Response('no upgrade', { status: 426 });
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener('message', ({ data }) => {
      if (data === 'close me') server.close(4321, 'as you wish');
      else server.send(data);
    });
    // On this compatibility date nobody else answers the client's Close.
    server.addEventListener('close', ({ code, reason }) => { console.log('closed', code, reason); server.close(code, reason); });
    return new Response(null, { status: 101, webSocket: client });
  },
};`;

const HOG = 'export default { fetch() { for (;;); } };';
const GOOD = "export default { fetch() { return new Response('good'); } };";

describe('large bodies', () => {
  let skep: Skep;
  before(async () => {
    // CPU is for the worker's own looping over the chunks: this is about memory.
    skep = await startSkep({ env: { SKEP_LIMIT_BODY_BYTES: '0', SKEP_LIMIT_CPU_MS: '30000' } });
    await skep.deploy('large', LARGE);
    // Buffers and code that stay: they must not count as growth.
    await upload(skep, '/upload', 64 * MiB);
    await download(skep, 64 * MiB);
  });
  after(() => skep?.stop());

  test('a 1 GB upload arrives whole, at flat memory', async (t) => {
    const memory = watchMemory(skep);
    const started = performance.now();
    const text = await upload(skep, '/upload', LARGE_BYTES);
    report(t, memory.stop(), performance.now() - started);
    assert.deepEqual(JSON.parse(text), { bytes: LARGE_BYTES, sum: true });
  });

  test('a 1 GB download arrives whole, at flat memory', async (t) => {
    const memory = watchMemory(skep);
    const started = performance.now();
    assert.equal(await download(skep, LARGE_BYTES), LARGE_BYTES);
    report(t, memory.stop(), performance.now() - started);
  });

  test('a client that takes nothing holds a download back: neither server nor cell collects it', async () => {
    const memory = watchMemory(skep);
    const response = await open(skep, 'large', '/?bytes=500000000', {});
    response.pause();
    await sleep(2_000);
    response.destroy();
    const { server, cells } = memory.stop();
    assert.ok(server < MAX_GROWTH_BYTES && cells < MAX_GROWTH_BYTES, `server +${server}, cells +${cells}`);
  });

  function report(t: { diagnostic(text: string): void }, growth: { server: number; cells: number }, ms: number): void {
    const rate = Math.round(LARGE_BYTES / MiB / (ms / 1000));
    const shown = (bytes: number): string => `${Math.round(bytes / MiB)} MiB`;
    t.diagnostic(
      `${(ms / 1000).toFixed(1)} s, ${rate} MiB/s; growth of the server ${shown(growth.server)}, of all cells ${shown(growth.cells)}`,
    );
    assert.ok(growth.server < MAX_GROWTH_BYTES, `the server grew by ${shown(growth.server)}`);
    assert.ok(growth.cells < MAX_GROWTH_BYTES, `the cells grew by ${shown(growth.cells)}`);
  }
});

/** How much the server and all of its cells have grown at most since now. */
function watchMemory(skep: Skep): { stop(): { server: number; cells: number } } {
  const cells = descendantsOf(skep.pid).filter(({ command }) => command.includes('deno run'));
  const read = () => ({
    server: residentBytes(skep.pid),
    cells: cells.reduce((sum, { pid }) => sum + residentBytes(pid), 0),
  });
  const first = read();
  let most = first;
  const look = (): void => {
    const now = read();
    most = { server: Math.max(most.server, now.server), cells: Math.max(most.cells, now.cells) };
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      look();
      clearInterval(timer);
      return { server: most.server - first.server, cells: most.cells - first.cells };
    },
  };
}

interface OpenOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: (write: (chunk: Uint8Array) => Promise<void>) => Promise<void>;
}

/** Sends a request and resolves with the head of the answer, at once. */
function open(skep: Skep, worker: string, path: string, options: OpenOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port: skep.gatewayPort,
      path,
      method: options.method ?? 'GET',
      headers: { host: `${worker}.dev.localhost`, ...options.headers },
      agent: false,
    });
    request.once('response', resolve);
    request.once('error', reject);
    const write = async (chunk: Uint8Array): Promise<void> => {
      if (!request.write(chunk)) await once(request, 'drain');
    };
    if (options.body === undefined) request.end();
    else options.body(write).then(() => request.end(), reject);
  });
}

async function upload(skep: Skep, path: string, bytes: number): Promise<string> {
  const chunk = Buffer.alloc(256 * 1024, 'y');
  const response = await open(skep, 'large', path, {
    method: 'POST',
    body: async (write) => {
      for (let sent = 0; sent < bytes; sent += chunk.length) await write(chunk);
    },
  });
  return await textOf(response);
}

async function download(skep: Skep, bytes: number): Promise<number> {
  const response = await open(skep, 'large', `/?bytes=${bytes}`, {});
  let received = 0;
  response.on('data', (chunk: Buffer) => (received += chunk.length));
  await once(response, 'end');
  return received;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk as string;
  return text;
}

describe('live streams', () => {
  let skep: Skep;
  before(async () => {
    skep = await startSkep({ env: { SKEP_VERBOSE: 'true' } });
    await skep.deploy('live', LIVE);
    await skep.deploy('socket', SOCKET);
    await skep.deploy('hog', HOG);
    await skep.deploy('good', GOOD);
  });
  after(() => skep?.stop());

  const seen = async (): Promise<{ slow: number; aborts: number; pulls: number }> =>
    (await skep.request('live', '/seen')).json();

  test('a request that only waits uses no CPU: it lives as long as it likes under the smallest limit', async () => {
    await skep.deploy(
      'waits',
      `export default { async fetch() {
        for (let i = 0; i < 8; i++) await new Promise((resolve) => setTimeout(resolve, 1000));
        return new Response('waited');
      } };`,
      { limits: { cpu_ms: 20 } },
    );
    const answer = await skep.request('waits');
    assert.deepEqual([answer.status, answer.text], [200, 'waited'], skep.stdout());
  });

  test('chunks arrive as they are written, not at the end', async () => {
    const response = await open(skep, 'live', '/', {});
    const arrivals: { text: string; at: number }[] = [];
    response.setEncoding('utf8').on('data', (text: string) => arrivals.push({ text, at: performance.now() }));
    await once(response, 'end');
    assert.equal(arrivals.map(({ text }) => text).join(''), 'chunk 0\nchunk 1\nchunk 2\nchunk 3\nchunk 4\n');
    assert.equal(arrivals.length, 5);
    const span = (arrivals[4]?.at ?? 0) - (arrivals[0]?.at ?? 0);
    assert.ok(span > 450, `all within ${span} ms`);
  });

  test('a body is echoed while it is still being sent', async () => {
    const echoed: string[] = [];
    const response = await open(skep, 'live', '/echo', {
      method: 'POST',
      body: async (write) => {
        await write(Buffer.from('first'));
        await until(() => echoed.join('') === 'first', 'the first chunk came back before the second was sent');
        await write(Buffer.from(' second'));
      },
    }).then((answer) => {
      answer.setEncoding('utf8').on('data', (text: string) => echoed.push(text));
      return answer;
    });
    await once(response, 'end');
    assert.equal(echoed.join(''), 'first second');
  });

  test('a client that goes away before the answer is seen by request.signal', async () => {
    const { aborts, slow } = await seen();
    const socket = connectTcp(skep.gatewayPort, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: live.dev.localhost\r\n\r\n');
    await until(async () => (await seen()).slow === slow + 1, 'the worker has the request');
    socket.destroy();
    await until(async () => (await seen()).aborts === aborts + 1, 'the abort arrives');
  });

  test('a client that goes away in the middle of an endless answer ends it', async () => {
    const { aborts } = await seen();
    const response = await open(skep, 'live', '/endless', {});
    await once(response, 'data');
    response.destroy();
    await until(async () => (await seen()).aborts === aborts + 1, 'the abort arrives');
    const isQuiet = async (): Promise<boolean> => {
      const { pulls } = await seen();
      await sleep(300);
      return (await seen()).pulls === pulls;
    };
    await until(isQuiet, 'the stream is not pulled any more');
  });

  test('a WebSocket: text, bytes, a large message, and close codes in both directions', async () => {
    const socket = await connect();
    const answers = collectMessages(socket);
    socket.send('hello ✓');
    socket.send(Buffer.from([0, 1, 254, 255]));
    const large = Buffer.alloc(500_000, 7);
    socket.send(large);
    await until(() => answers.length === 3, 'three answers');
    assert.deepEqual(answers[0], { text: 'hello ✓' });
    assert.deepEqual(answers[1], { bytes: '0001feff' });
    assert.equal(answers[2]?.bytes, large.toString('hex'));
    socket.send('close me');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [4321, 'as you wish']);

    const second = await connect();
    second.close(4001, 'bye');
    const [echoedCode, echoedReason] = (await once(second, 'close')) as [number, Buffer];
    assert.deepEqual([echoedCode, echoedReason.toString()], [4001, 'bye']);
    const closed = (): boolean => skep.lines.some((line) => line.includes('closed 4001 bye'));
    await until(closed, 'the worker sees the close code');
  });

  test('twenty WebSockets at a time keep their messages apart', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, connect));
    const answers = sockets.map(collectMessages);
    for (let round = 0; round < 10; round++) sockets.forEach((socket, index) => socket.send(`${index}:${round}`));
    await until(() => answers.every((list) => list.length === 10), 'all answers');
    answers.forEach((list, index) =>
      assert.deepEqual(
        list.map(({ text }) => text),
        Array.from({ length: 10 }, (_, round) => `${index}:${round}`),
      ),
    );
    for (const socket of sockets) socket.terminate();
  });

  test('a worker without upgrade answers a WebSocket client with its own status', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${skep.gatewayPort}/`, { headers: { host: 'good.dev.localhost' } });
    const [error] = (await once(socket, 'error')) as [Error];
    assert.match(error.message, /Unexpected server response: 200/);
  });

  test('a worker that spins gets 1102, as HTML for browsers, and its neighbour answers meanwhile', async (t) => {
    const html = skep.request('hog', '/', { headers: { accept: 'text/html,application/xhtml+xml' } });
    const started = performance.now();
    const good = await Promise.all(Array.from({ length: 20 }, () => skep.request('good')));
    for (const answer of good) assert.deepEqual([answer.status, answer.text], [200, 'good']);
    const neighbourMs = performance.now() - started;
    const page = await html;
    assert.equal(page.status, 503);
    assert.match(String(page.headers['content-type']), /text\/html/);
    assert.match(page.text, /<html[\s\S]*1102/i);
    const before = performance.now();
    const text = await skep.request('hog');
    const killMs = performance.now() - before;
    assert.deepEqual([text.status, text.text.trim()], [503, 'error code: 1102']);
    assert.match(String(text.headers['cf-ray']), /\w/);
    t.diagnostic(
      `1102 after ${Math.round(killMs)} ms; 20 requests of the neighbour took ${Math.round(neighbourMs)} ms`,
    );
    assert.ok(killMs < 10_000, `1102 took ${killMs} ms`);
  });

  function connect(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${skep.gatewayPort}/`, { headers: { host: 'socket.dev.localhost' } });
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  function collectMessages(socket: WebSocket): { text?: string; bytes?: string }[] {
    const messages: { text?: string; bytes?: string }[] = [];
    socket.on('message', (data: Buffer, isBinary: boolean) =>
      messages.push(isBinary ? { bytes: data.toString('hex') } : { text: data.toString() }),
    );
    return messages;
  }
});

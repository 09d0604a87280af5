/** The gateway in front of the real supervisor and real cells: what neither side's own tests can see. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { ask, eventually, openClient, request, startGateway, type TestGateway } from './support.ts';

async function startWithCell(
  t: TestContext,
  source: string,
): Promise<TestGateway & { readonly cells: TestSupervisor }> {
  const cells = await createTestSupervisor();
  t.after(() => cells.close());
  const worker = cells.deploy({ name: 'apple', modules: { 'index.js': source } });
  const gateway = await startGateway(t, () => {}, { dispatcher: cells.supervisor, workers: [worker] });
  return { ...gateway, cells };
}

const ECHO = `export default {
  async fetch(request) {
    if (request.url.endsWith('/early')) return new Response('enough');
    if (request.url.endsWith('/wait')) {
      request.signal.addEventListener('abort', () => console.log('client gone'));
      console.log('it waits');
      await new Promise((resolve) => setTimeout(resolve, 20_000));
    }
    const headers = Object.fromEntries(request.headers);
    return Response.json({ url: request.url, method: request.method, body: await request.text(), headers });
  },
};`;

interface Echo {
  readonly url: string;
  readonly method: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

test('a cell sees the request as the gateway wrote it, with either framing of a body', async (t) => {
  const { port } = await startWithCell(t, ECHO);
  const get = await ask(t, port, request('GET /a?b=c', 'X-Custom: 1\r\nX-Forwarded-For: 6.6.6.6\r\n'));
  const seen = JSON.parse(get?.body ?? '') as Echo;
  assert.equal(seen.url, 'http://apple.dev.localhost/a?b=c');
  assert.equal(seen.headers['x-custom'], '1');
  assert.equal(seen.headers['cf-connecting-ip'], '127.0.0.1');
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen.headers['cf-ray'], get?.headers['cf-ray']);
  const sized = await ask(t, port, request('POST /', 'Content-Length: 5\r\n', 'sized'));
  assert.equal((JSON.parse(sized?.body ?? '') as Echo).body, 'sized');
  const empty = await ask(t, port, request('POST /', 'Content-Length: 0\r\n'));
  assert.equal((JSON.parse(empty?.body ?? '') as Echo).body, '');
  const chunked = await ask(
    t,
    port,
    request('PUT /', 'Transfer-Encoding: chunked\r\n', '3\r\nchu\r\n4\r\nnked\r\n0\r\n\r\n'),
  );
  assert.equal((JSON.parse(chunked?.body ?? '') as Echo).body, 'chunked');
});

test('after an early answer the rest of the upload never becomes part of another request', async (t) => {
  const { port } = await startWithCell(t, ECHO);
  const poison = request('GET /poison');
  const client = openClient(t, port);
  client.write(request('POST /early', `Content-Length: ${poison.length + 3}\r\n`, 'abc'));
  assert.equal((await client.answer())?.body, 'enough');
  client.write(poison + request('GET /next'));
  assert.equal((JSON.parse((await client.answer())?.body ?? '') as Echo).url, 'http://apple.dev.localhost/next');
  for (let round = 0; round < 5; round++) {
    const other = await ask(t, port, request('GET /other'));
    assert.equal((JSON.parse(other?.body ?? '') as Echo).url, 'http://apple.dev.localhost/other');
  }
});

test('a client that leaves aborts the request’s signal in the cell', async (t) => {
  const { port, cells } = await startWithCell(t, ECHO);
  await ask(t, port, request('GET /warm'));
  const client = openClient(t, port);
  client.write(request('GET /wait'));
  await eventually('the worker has it', () => JSON.stringify(cells.events).includes('it waits'));
  client.destroy();
  await eventually('the worker heard of it', () => JSON.stringify(cells.events).includes('client gone'));
});

test('a worker that throws is 1101, one that spins is 1102, and the next request is served', async (t) => {
  const { port } = await startWithCell(
    t,
    `export default { fetch(request) {
      if (request.url.endsWith('/throw')) throw new TypeError('secret-reason');
      while (request.url.endsWith('/spin')) {}
      return new Response('fine');
    } };`,
  );
  const thrown = await ask(t, port, request('GET /throw'));
  assert.equal(thrown?.status, 500);
  assert.equal(thrown.body, 'error code: 1101');
  const spun = await ask(t, port, request('GET /spin'));
  assert.equal(spun?.status, 503);
  assert.equal(spun.body, 'error code: 1102');
  assert.equal((await ask(t, port, request('GET /')))?.body, 'fine');
});

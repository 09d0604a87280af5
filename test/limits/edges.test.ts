/** Limits of what a worker says and takes, with real cells: one below, at, and one above each. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { CELL_LIMITS, CHANNEL_LIMITS, GATEWAY_LIMITS, RPC_LIMITS, WEBSOCKET_LIMITS } from '../../shared/limits.ts';
import { serviceBinding } from '../support/cells.ts';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';
import { until } from '../support/until.ts';

let cells: TestSupervisor;
before(async () => {
  cells = await createTestSupervisor({ prestarted: 2, cpuMs: 20_000 });
});
after(() => cells.close());

const ATTEMPT = `const attempt = async (work) => { try { return await work(); } catch (error) { return error.name + ': ' + error.message; } };`;

const deploy = (name: string, handler: string, top = '', services: Readonly<Record<string, string>> = {}): unknown =>
  cells.deploy({
    name,
    modules: {
      'index.js': `import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers';
${ATTEMPT}\n${top}\nexport default { async fetch(request, env, ctx) { ${handler} } };`,
    },
    bindings: Object.entries(services).map(([binding, service]) => serviceBinding(binding, service)),
  });

/** What was logged, and the event of the invocation that did. */
async function logsOf(name: string): Promise<{ lines: string[][]; truncated: boolean }> {
  const isOfName = ({ version }: { version: { workerName: string } }): boolean => version.workerName === name;
  await until(() => cells.eventsOf('invocation').some(isOfName), 'the invocation is over');
  return {
    lines: cells
      .eventsOf('log')
      .filter(isOfName)
      .map(({ message }) => [...message]),
    truncated: cells.eventsOf('invocation').find(isOfName)?.truncated === true,
  };
}

/** The frame of a line without its text: the first invocation of a cell, at a time of 13 digits. */
const LINE_OVERHEAD = JSON.stringify({
  invocation: 1,
  level: 'log',
  message: [''],
  timestampMs: 1_700_000_000_000,
}).length;
const LOG_LINES = 64;

for (const [where, beyond] of [
  ['one byte below', -1],
  ['at', 0],
  ['one byte above', 1],
] as const) {
  test(`log lines of together ${where} 256 KiB ${beyond > 0 ? 'lose the last one and are marked as truncated' : 'are all kept'}`, async () => {
    const name = `logs-${beyond}`.replace('--', '-below');
    const each = CELL_LIMITS.logBytesPerInvocation / LOG_LINES - LINE_OVERHEAD;
    deploy(
      name,
      `for (let n = 1; n < ${LOG_LINES}; n++) console.log('x'.repeat(${each})); console.log('y'.repeat(${each + beyond})); console.log(''); return new Response('logged');`,
    );
    assert.equal((await cells.fetch(name)).body, 'logged');
    const { lines, truncated } = await logsOf(name);
    // The empty line at the end is too much for all but one: it tells a log that is full from one that has room.
    assert.equal(truncated, true);
    const kept = lines.filter(([text]) => text?.startsWith('x') === true || text?.startsWith('y') === true).length;
    assert.equal(kept, beyond > 0 ? LOG_LINES - 1 : LOG_LINES);
    assert.match(lines.at(-1)?.[0] ?? '', /^Log size limit exceeded: More than 256KB \(across console\.log statements/);
    assert.equal(lines.filter(([text]) => text?.startsWith('Log size') === true).length, 1, 'it is said once');
  });
}

test('one call of console.log sends at most 32 Ki characters, and says how many values are missing', async () => {
  deploy('log-wide', `console.log(...Array(9).fill('x'.repeat(8_000))); return new Response('logged');`);
  await cells.fetch('log-wide');
  const [line = []] = (await logsOf('log-wide')).lines;
  assert.ok(line.join('').length <= CHANNEL_LIMITS.maxLogCharacters, `${line.join('').length} characters`);
  assert.match(line.at(-1) ?? '', /^… \(\d more\)$/);
});

test('what the top level logs belongs to no request: 64 KiB a second of it are kept', async () => {
  const sent = 300;
  deploy(
    'log-top',
    `return new Response('up');`,
    `for (let n = 0; n < ${sent}; n++) console.log('top ' + 'x'.repeat(1_000));`,
  );
  const startedAt = performance.now();
  assert.equal((await cells.fetch('log-top')).body, 'up');
  const kept = (): number =>
    cells.eventsOf('log').filter(({ message }) => message[0]?.startsWith('top ') === true).length;
  await until(() => kept() > 0, 'lines come');
  const perSecond = CHANNEL_LIMITS.strayLogBytesPerSecond / 1_000;
  const seconds = 1 + Math.ceil((performance.now() - startedAt) / 1_000);
  const seen = `${kept()} of ${sent} lines, in ${seconds} seconds at most`;
  assert.ok(kept() > perSecond / 2 && kept() <= seconds * perSecond, seen);
  // On a machine so full that the lines took five seconds all may be kept.
  assert.ok(kept() < sent || seconds > 5, seen);
});

test('an invocation that logs less than it may is not marked as truncated', async () => {
  deploy('logs-little', `for (let n = 0; n < 7; n++) console.log('x'.repeat(8_000)); return new Response('logged');`);
  await cells.fetch('logs-little');
  const { lines, truncated } = await logsOf('logs-little');
  assert.deepEqual([lines.length, truncated], [7, false]);
});

for (const [count, expected] of [
  [CELL_LIMITS.activeTimers - 1, 'set'],
  [CELL_LIMITS.activeTimers, 'set'],
  [CELL_LIMITS.activeTimers + 1, 'QuotaExceededError'],
] as const) {
  test(`${count} timers of one request: ${expected}`, async () => {
    deploy(
      `timers-${count}`,
      `try { for (let n = 0; n < ${count}; n++) setTimeout(() => undefined, 1e8); } catch (error) { return new Response(error.name); } return new Response('set');`,
    );
    assert.equal((await cells.fetch(`timers-${count}`)).body, expected);
    assert.equal((await cells.fetch(`timers-${count}`)).body, expected, 'a second request has as many of its own');
  });
}

for (const bytes of [-1, 0, 1].map((more) => CHANNEL_LIMITS.maxInlineBodyBytes + more)) {
  test(`a body of ${bytes} bytes comes whole in both directions, whichever way it takes`, async () => {
    deploy('echo', 'return new Response(await request.arrayBuffer());');
    const body = randomBytes(bytes);
    const answer = await cells.fetch('echo', { method: 'POST', body });
    assert.ok(answer.bytes.equals(body), `${answer.bytes.length} bytes: ${answer.failure?.reason}`);
  });
}

test('URL and headers of a call may have 16 KiB and 160 KiB; one byte more is an exception', async () => {
  deploy('callee', `return new Response(String(request.url.length));`);
  deploy(
    'calls',
    `const { url, header } = await request.json();
    const headers = header === 0 ? {} : { large: 'x'.repeat(header) };
    return new Response(await attempt(async () => (await env.CALLEE.fetch('http://callee/' + 'x'.repeat(url - 14), { headers })).text()));`,
    '',
    { CALLEE: 'callee' },
  );
  const call = async (url: number, header = 0): Promise<string> => {
    const { body, failure } = await cells.fetch('calls', { method: 'POST', body: JSON.stringify({ url, header }) });
    return failure?.reason ?? body;
  };
  const { maxUrlBytes } = GATEWAY_LIMITS;
  assert.equal(await call(maxUrlBytes - 1), String(maxUrlBytes - 1));
  assert.equal(await call(maxUrlBytes), String(maxUrlBytes));
  assert.match(await call(maxUrlBytes + 1), new RegExp(`longer than ${maxUrlBytes} bytes`));
  // What the head holds besides the header's value is found by asking: the largest that goes and the smallest that does not are neighbours.
  let goes = CHANNEL_LIMITS.maxHeadBytes - 1_000;
  let fails: number = CHANNEL_LIMITS.maxHeadBytes;
  assert.equal(await call(100, goes), '100');
  while (fails - goes > 1) {
    const middle = Math.floor((goes + fails) / 2);
    if ((await call(100, middle)) === '100') goes = middle;
    else fails = middle;
  }
  assert.match(await call(100, fails), new RegExp(`${CHANNEL_LIMITS.maxHeadBytes} bytes together`));
});

for (const [lines, isTooMuch] of [-1, 0, 1].map((more) => [CHANNEL_LIMITS.maxHeaderLines + more, more > 0] as const)) {
  test(`a call with ${lines} header lines ${isTooMuch ? 'is an exception' : 'arrives whole'}, in one frame and with a body that streams`, async () => {
    deploy('lines-callee', `return new Response(String([...request.headers].length));`);
    deploy(
      'lines-caller',
      `const { lines, streams } = await request.json();
      const headers = Array.from({ length: lines }, (_, n) => ['h' + n, '']);
      const body = new ReadableStream({ pull(controller) { controller.close(); } });
      const init = streams ? { method: 'POST', headers, body } : { headers };
      return new Response(await attempt(async () => (await env.CALLEE.fetch('http://callee/', init)).text()));`,
      '',
      { CALLEE: 'lines-callee' },
    );
    for (const streams of [false, true]) {
      const { body } = await cells.fetch('lines-caller', { method: 'POST', body: JSON.stringify({ lines, streams }) });
      assert.equal(
        body,
        isTooMuch
          ? `TypeError: A request may have at most ${CHANNEL_LIMITS.maxHeaderLines} header lines; this one has more.`
          : String(lines),
      );
    }
  });

  test(`an answer with ${lines} header lines ${isTooMuch ? 'is an exception of its worker' : 'arrives whole'}, at a visitor and at another worker`, async () => {
    deploy(
      'lines-answer',
      `const { lines, streams } = await request.json();
      const headers = Array.from({ length: lines }, (_, n) => ['h' + n, '']);
      const body = streams ? new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(1)); controller.close(); } }) : new Uint8Array(1);
      return new Response(body, { headers });`,
    );
    deploy(
      'lines-asker',
      `return new Response(await attempt(async () => String([...(await env.CALLEE.fetch(request)).headers].filter(([name]) => name.startsWith('h')).length)));`,
      '',
      { CALLEE: 'lines-answer' },
    );
    const refused = `A response may have at most ${CHANNEL_LIMITS.maxHeaderLines} header lines; this one has ${lines}.`;
    for (const streams of [false, true]) {
      const request = { method: 'POST', body: JSON.stringify({ lines, streams }) };
      const { raw, failure } = await cells.fetch('lines-answer', request);
      const arrived = raw.filter((name, index) => index % 2 === 0 && name.startsWith('h')).length;
      assert.deepEqual([failure?.error?.message, arrived], isTooMuch ? [refused, 0] : [undefined, lines]);
      assert.equal((await cells.fetch('lines-asker', request)).body, isTooMuch ? `TypeError: ${refused}` : `${lines}`);
    }
  });
}

test('RPC takes messages of up to 32 MiB; one byte more is an exception with the size in it', async () => {
  cells.deploy({
    name: 'sizes-callee',
    modules: {
      'index.js': `import { WorkerEntrypoint } from 'cloudflare:workers'; export default class extends WorkerEntrypoint { size(bytes) { return 'took ' + bytes.length; } }`,
    },
  });
  deploy(
    'sizes',
    `const { bytes } = await request.json(); return new Response(await attempt(() => env.SIZES.size(new Uint8Array(bytes))));`,
    '',
    { SIZES: 'sizes-callee' },
  );
  const send = async (bytes: number): Promise<string> =>
    (await cells.fetch('sizes', { method: 'POST', body: JSON.stringify({ bytes }) })).body;
  // What is written around the bytes is found by asking: the largest that goes and the smallest that does not are neighbours.
  let goes = RPC_LIMITS.maxMessageBytes - 128;
  let fails: number = RPC_LIMITS.maxMessageBytes;
  assert.equal(await send(goes), `took ${goes}`);
  let refused = await send(fails);
  while (fails - goes > 1) {
    const middle = Math.floor((goes + fails) / 2);
    const answer = await send(middle);
    if (answer === `took ${middle}`) goes = middle;
    else [fails, refused] = [middle, answer];
  }
  const size =
    /^Error: Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: (\d+) bytes\.$/;
  const refusedBytes = Number(size.exec(refused)?.[1]);
  assert.ok(refusedBytes > RPC_LIMITS.maxMessageBytes && refusedBytes < RPC_LIMITS.maxMessageBytes + 16, refused);
});

test('an RPC session holds 10,000 stubs; one more is an exception, and the session goes on', async () => {
  cells.deploy({
    name: 'stubs-callee',
    modules: {
      'index.js': `import { WorkerEntrypoint } from 'cloudflare:workers';
      export default class extends WorkerEntrypoint { take(...all) { return all.flat().length; } }`,
    },
  });
  deploy(
    'stubs',
    `const take = (count) => attempt(() => env.STUBS.take(Array.from({ length: count }, () => () => 1)));
    return Response.json([await take(${RPC_LIMITS.maxExports - 1}), await take(${RPC_LIMITS.maxExports}), await take(${RPC_LIMITS.maxExports + 1}), await take(1)]);`,
    '',
    { STUBS: 'stubs-callee' },
  );
  const { body, failure } = await cells.fetch('stubs', { method: 'POST' });
  assert.equal(failure, undefined, failure?.reason);
  const [below, at, above, after] = JSON.parse(body) as unknown[];
  assert.deepEqual([below, after], [RPC_LIMITS.maxExports - 1, 1]);
  assert.equal(above, `Error: An RPC session may have ${RPC_LIMITS.maxExports} stubs at once.`);
  assert.equal(at, RPC_LIMITS.maxExports);
});

test('10,000 calls of an RPC session may wait for their answers; one more breaks it', async () => {
  cells.deploy({
    name: 'open-callee',
    modules: {
      'index.js': `import { RpcTarget, WorkerEntrypoint } from 'cloudflare:workers';
      class Gate extends RpcTarget {
        #waiting = []; #count = 0;
        wait() { this.#count++; return new Promise((resolve) => this.#waiting.push(resolve)); }
        open() { for (const resolve of this.#waiting) resolve('through'); return this.#count; }
      }
      export default class extends WorkerEntrypoint { gate() { return new Gate(); } }`,
    },
  });
  deploy(
    'open-calls',
    `const { count } = await request.json();
    const gate = await env.OPEN.gate();
    const waiting = Array.from({ length: count }, () => gate.wait().then((text) => text, (error) => error.message));
    const opened = await attempt(() => gate.open());
    return Response.json([opened, [...new Set(await Promise.all(waiting))]]);`,
    '',
    { OPEN: 'open-callee' },
  );
  const open = async (count: number): Promise<unknown[]> =>
    (await cells.json('open-calls', { method: 'POST', body: JSON.stringify({ count }) })) as unknown[];
  // `open` itself is one of them.
  for (const count of [RPC_LIMITS.maxOpenCalls - 2, RPC_LIMITS.maxOpenCalls - 1]) {
    assert.deepEqual(await open(count), [count, ['through']]);
  }
  const [opened, answers] = (await open(RPC_LIMITS.maxOpenCalls)) as [string, string[]];
  assert.match(opened, /^Error: /);
  assert.equal(answers.includes('through'), false, String(answers));
});

/** One masked binary message, as a client sends it; a mask of zeros changes nothing. */
function message(bytes: number): Buffer {
  const frame = Buffer.alloc(14 + bytes, 7);
  frame[0] = 0x82;
  frame[1] = 0x80 | 127;
  frame.writeBigUInt64BE(BigInt(bytes), 2);
  return frame.fill(0, 10, 14);
}

for (const bytes of [-1, 0, 1].map((more) => WEBSOCKET_LIMITS.maxMessageBytes + more)) {
  const isTooLarge = bytes > WEBSOCKET_LIMITS.maxMessageBytes;
  test(`a WebSocket message of ${bytes} bytes ${isTooLarge ? 'closes the connection with 1009' : 'arrives whole'}`, async () => {
    deploy(
      'ws-size',
      `const [client, server] = Object.values(new WebSocketPair()); server.accept();
      server.addEventListener('message', ({ data }) => server.send('got ' + (data.size ?? data.byteLength)));
      return new Response(null, { status: 101, webSocket: client });`,
    );
    const headers = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'sec-websocket-version': '13' };
    const { socket } = await cells.open('ws-size', { upgrade: true, headers }).upgraded;
    socket.on('error', () => undefined);
    const first = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.write(message(bytes));
    const frame = await first;
    socket.destroy();
    if (isTooLarge) assert.deepEqual([frame[0], frame.readUInt16BE(2)], [0x88, 1009]);
    else assert.equal(frame.subarray(2).toString(), `got ${bytes}`);
  });
}

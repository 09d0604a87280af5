/**
 * The visitors of a misbehaving worker, as a process of its own: what they burn is not the platform's doing, so it runs at low priority
 * and shares no thread with whoever measures. Its argument is that priority; each line of its standard input is an attack as JSON. Says `ready` and the address of its origin on its first
 * line; ends when its standard input does.
 */
import { randomBytes } from 'node:crypto';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { PACE_PER_SECOND, type Visitors } from './families.ts';
import { setOwnPriority } from './steady.ts';
import type { Target } from './wrk.ts';

export interface Attack {
  readonly target: Target;
  readonly visitors: Visitors;
}

const RETRY_MS = 200;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** One request; whatever comes of it is read to its end. */
function ask({ url, host }: Target, agent: Agent, body: Buffer | null): Promise<void> {
  return new Promise((done) => {
    const call = request(url, { agent, method: body === null ? 'GET' : 'POST', headers: { host } }, (response) => {
      response.resume();
      response.on('close', done);
    });
    call.on('error', () => done());
    call.end(body ?? undefined);
  });
}

async function askForEver(target: Target, bodyBytes: number): Promise<never> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = bodyBytes > 0 ? randomBytes(bodyBytes) : null;
  for (;;) {
    const started = performance.now();
    await ask(target, agent, body);
    await sleep(Math.max(0, 1000 / PACE_PER_SECOND - (performance.now() - started)));
  }
}

/** A connection that is made again when it ends. */
function keepConnected({ url }: Target, use: (socket: Socket) => void): void {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname, () => use(socket));
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(() => keepConnected({ url, host: '' }, use), RETRY_MS));
}

function readNothing(target: Target): void {
  keepConnected(target, (socket) => {
    socket.write(`GET / HTTP/1.1\r\nhost: ${target.host}\r\n\r\n`);
    socket.pause();
  });
}

function writeSlowly(target: Target): void {
  const head = `GET / HTTP/1.1\r\nhost: ${target.host}\r\nx-long: ${'z'.repeat(1000)}\r\n\r\n`;
  keepConnected(target, (socket) => {
    let sent = 0;
    const timer = setInterval(() => socket.write(head[sent++ % head.length] as string), 1000);
    socket.once('close', () => clearInterval(timer));
    socket.resume();
  });
}

/** A text message of 1000 bytes, masked with zeros (RFC 6455 §5.3). */
const MESSAGE = Buffer.concat([Buffer.from([0x81, 0xfe, 1000 >> 8, 1000 & 0xff, 0, 0, 0, 0]), Buffer.alloc(1000, 'w')]);

function floodWebSocket(target: Target, reads: boolean): void {
  keepConnected(target, (socket) => {
    const key = randomBytes(16).toString('base64');
    socket.write(
      `GET / HTTP/1.1\r\nhost: ${target.host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
        `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
    );
    const flood = (): void => {
      while (!socket.destroyed && socket.write(MESSAGE));
    };
    socket.on('drain', () => setImmediate(flood));
    socket.once('data', flood);
    if (reads) socket.resume();
    else socket.once('data', () => socket.pause());
  });
}

function attack({ target, visitors }: Attack): void {
  for (let index = 0; index < visitors.connections; index++) {
    if (visitors.kind === 'requests') void askForEver(target, visitors.bodyBytes ?? 0);
    else if (visitors.kind === 'slow-readers') readNothing(target);
    else if (visitors.kind === 'slow-writers') writeSlowly(target);
    else floodWebSocket(target, index % 2 === 0);
  }
}

setOwnPriority(Number(process.argv[2] ?? 10));
const origin = createServer((_request, response) => response.end('origin'));
origin.listen(0, '127.0.0.1', () => {
  process.stdout.write(`ready http://127.0.0.1:${(origin.address() as AddressInfo).port}\n`);
});
// Each line is one attack that begins.
let pending = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  const lines = (pending + text).split('\n');
  pending = lines.pop() ?? '';
  for (const line of lines) attack(JSON.parse(line) as Attack);
});
process.stdin.on('end', () => process.exit(0));

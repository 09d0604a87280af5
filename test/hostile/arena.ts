/**
 * Where attacks run: one real Skep, a neighbour that is asked all the time, and around them what an attack would like to have: files,
 * sockets and ports nobody may touch, secrets nobody may see. What got out is judged from here, never by the attacker's word alone.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { ESM, MULTIPART_TYPE, multipartBody } from '../support/multipart.ts';
import { descendantsOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { type HttpAnswer, type Skep, startSkep } from '../support/server.ts';

/** What every attack worker is told: where to aim. */
export interface Aim {
  /** A TCP and UDP port of this machine that nobody may reach. */
  readonly port: number;
  /** A port on 127.0.0.1 that the operator allows: the same way must lead there, or the attack proves nothing. */
  readonly allowedPort: number;
  readonly apiPort: number;
  readonly gatewayPort: number;
  /** An address of this machine that is not loopback, when there is one. */
  readonly ownAddress: string;
  readonly secretFile: string;
  readonly folder: string;
  readonly unixSocket: string;
  readonly dataDir: string;
  readonly serverPid: number;
}

/**
 * How an attack ends when the walls hold: it answers that it got nothing, gives an answer of its own (200, or with the status named), or is
 * ended by its exception (1101), by a limit (1102), or in the middle of its answer.
 */
export type End = 'nothing' | 'answer' | 'exception' | 'limit' | 'cut' | number;

/** One row of a table in attacks/*.js. */
export interface WorkerAttack {
  readonly run: (...given: never[]) => unknown;
  /** Default: `nothing`. Several only when it cannot be known which, and `because` says why. */
  readonly end?: End | readonly End[];
  readonly because?: string;
  readonly metadata?: Record<string, unknown>;
  /** Bindings beside those that every attack has. */
  readonly bindings?: readonly Record<string, unknown>[];
  readonly request?: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string };
  /** It needs a worker of its own, because it spoils the cell it runs in. */
  readonly own?: boolean;
  /** The network families: the same way, aimed at what is allowed, must lead somewhere. */
  readonly control?: boolean;
  /** What neither the answer nor its headers may hold. */
  readonly mustNotSay?: RegExp;
}

export type WorkerAttacks = Readonly<Record<string, WorkerAttack | WorkerAttack['run']>>;
export type ClientAttacks = Readonly<Record<string, (arena: Arena) => Promise<void>>>;

const ATTACKS = join(fileURLToPath(new URL('.', import.meta.url)), 'attacks');
/** What takes longer was neither answered nor ended; far above any limit, for machines that are busy with something else. */
const ANSWER_TIMEOUT_MS = 60_000;
const NEIGHBOUR_EVERY_MS = 15;
/** A wait this long counts as an error; how long it waited at most is told at the end. */
const NEIGHBOUR_TIMEOUT_MS = 30_000;

/** Everything around one server. */
export class Arena {
  readonly skep: Skep;
  readonly aim: Aim;
  readonly neighbour: Neighbour;
  /** What must never be seen by anybody: name and value. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly #outside: Outside;
  readonly #shared = new Map<string, Promise<string>>();
  #count = 0;

  constructor(skep: Skep, outside: Outside, secrets: ReadonlyMap<string, string>) {
    this.skep = skep;
    this.#outside = outside;
    this.secrets = secrets;
    this.neighbour = new Neighbour(skep);
    this.aim = {
      ...outside.aim,
      apiPort: skep.apiPort,
      gatewayPort: skep.gatewayPort,
      dataDir: skep.dataDir,
      serverPid: skep.pid,
    };
  }

  static async open(): Promise<Arena> {
    const outside = await Outside.open();
    const skep = await startSkep({
      env: {
        SKEP_EGRESS_ALLOW: `127.0.0.1:${outside.aim.allowedPort}`,
        SKEP_IDLE_CELL_SECONDS: '10',
      },
    });
    const secrets = new Map([
      ['the secret of a neighbour', `neighbour-${randomBytes(12).toString('hex')}`],
      ['the token of the API', skep.token],
      ['a file', outside.secret],
      ['the master key', readFileSync(join(skep.dataDir, 'master.key'), 'latin1').trim()],
    ]);
    await skep.deploy('neighbour', NEIGHBOUR, {
      bindings: [{ type: 'secret_text', name: 'SECRET', text: secrets.get('the secret of a neighbour') }],
    });
    const arena = new Arena(skep, outside, secrets);
    await arena.neighbour.start();
    return arena;
  }

  /** Deploys the attacks of a family as a worker and gives the name it has. */
  async deploy(family: string, attack: Pick<WorkerAttack, 'metadata' | 'bindings' | 'end'> = {}): Promise<string> {
    const name = `attack-${++this.#count}`;
    // What is not to be ended by a limit has room below it, also on a machine on which the same work takes thrice the time.
    const isToBeEnded = [attack.end].flat().includes('limit');
    const metadata = {
      main_module: 'index.js',
      compatibility_date: '2026-01-01',
      compatibility_flags: ['nodejs_compat'],
      bindings: attack.bindings ?? [],
      ...(!isToBeEnded && { limits: { cpu_ms: AMPLE_CPU_MS } }),
      ...attack.metadata,
    };
    const file = (path: string): string => readFileSync(join(ATTACKS, path), 'utf8');
    const upload = multipartBody([
      { name: 'metadata', content: JSON.stringify(metadata) },
      { name: 'index.js', content: file('support/index.js'), type: ESM },
      { name: 'attempt.js', content: file('support/attempt.js'), type: ESM },
      { name: 'echo.js', content: file('support/echo.js'), type: ESM },
      { name: 'attacks.js', content: file(`${family}.js`), type: ESM },
    ]);
    const answer = await this.skep.api('PUT', `/workers/scripts/${name}`, upload, { 'content-type': MULTIPART_TYPE });
    assert.equal(answer.status, 200, answer.text);
    const enabled = await this.skep.api('POST', `/workers/scripts/${name}/subdomain`, { enabled: true });
    assert.equal(enabled.status, 200, enabled.text);
    return name;
  }

  /** The worker that the harmless-looking attacks of a family share. */
  sharedWorker(family: string): Promise<string> {
    const worker = this.#shared.get(family) ?? this.deploy(family);
    this.#shared.set(family, worker);
    return worker;
  }

  /** Ends the worker, and with it whatever its cell still does. */
  async remove(name: string): Promise<void> {
    const answer = await this.skep.api('DELETE', `/workers/scripts/${name}`);
    assert.equal(answer.status, 200, answer.text);
  }

  /** Asserts from outside that nothing got out and that the neighbour is well. `texts`: whatever the attacker was given. */
  async assertUnharmed(...texts: readonly string[]): Promise<void> {
    await this.neighbour.assertWell();
    this.#outside.assertUntouched();
    for (const text of texts) this.assertNoSecretIn(text, 'what the attacker got');
  }

  /** The last line of the log about a worker. */
  lastWordsOf(name: string): string {
    return (
      this.skep
        .stdout()
        .split('\n')
        .findLast((line) => line.includes(`"worker":"${name}"`)) ?? ''
    );
  }

  assertNoSecretIn(text: string, where: string): void {
    for (const [what, secret] of this.secrets) assert.ok(!text.includes(secret), `${what} is in ${where}`);
  }

  /** The last look: the log, the processes, the server itself. */
  async close(): Promise<void> {
    await this.neighbour.stop();
    const { skep } = this;
    try {
      this.assertNoSecretIn(skep.stdout() + skep.stderr(), 'the log');
      assert.deepEqual(
        ownFailures(`${skep.stdout()}\n${skep.stderr()}`),
        [],
        'failures of the server’s own in its log',
      );
      const named = (): string[] => descendantsOf(skep.pid).map(({ command }) => command);
      // Who is just ending has no command line any more.
      await until(() => !named().includes(''), 'whoever has ended is gone');
      const commands = named();
      assert.ok(commands.filter((command) => STARTER.test(command)).length <= 1, 'one process starts cells');
      assert.deepEqual(
        commands.filter((command) => !/deno|bwrap|unshare|postgres/.test(command) && !STARTER.test(command)),
        [],
        'processes that are neither a cell, nor what starts them, nor the database',
      );
    } finally {
      const exit = await skep.stop();
      await this.#outside.close();
      assert.deepEqual(exit, { code: 0, signal: null }, 'the server ends in order');
    }
  }
}

/** The process of the server's own that starts cells. */
const STARTER = /\/dist\/server\/spawner\.js$/;

/** What the server complains about on its own account; what workers throw and log is theirs. */
function ownFailures(output: string): string[] {
  return output.split('\n').filter((line) => {
    if (!line.startsWith('{')) return /^\s+at |error|warning|deprecat/i.test(line);
    const entry = JSON.parse(line) as { level?: string; worker?: string };
    return (entry.level === 'error' || entry.level === 'fatal') && entry.worker === undefined;
  });
}

const NEIGHBOUR = `export default { fetch(request, env) { return new Response(env.SECRET.length > 20 ? 'fine' : 'robbed'); } };`;

/** A worker of somebody else, asked steadily. */
export class Neighbour {
  readonly #skep: Skep;
  #asked = 0;
  #slowestMs = 0;
  #errors: string[] = [];
  #ended: Promise<void> | undefined;
  #isStopped = false;

  constructor(skep: Skep) {
    this.#skep = skep;
  }

  async start(): Promise<void> {
    await this.#ask();
    this.#slowestMs = 0;
    this.#ended = this.#loop();
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, NEIGHBOUR_EVERY_MS));
    }
  }

  async #ask(): Promise<void> {
    const started = performance.now();
    try {
      const { status, text } = await this.#skep.request('neighbour', '/', { timeoutMs: NEIGHBOUR_TIMEOUT_MS });
      if (status !== 200 || text !== 'fine') this.#errors.push(`${status} ${text.slice(0, 80)}`);
    } catch (error) {
      this.#errors.push(String(error));
    }
    this.#asked++;
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - started);
  }

  /** Zero errors since the last time, of at least one question that began after this call. */
  async assertWell(): Promise<void> {
    const before = this.#asked;
    while (this.#asked < before + 2) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(this.#errors.splice(0), [], 'errors of the neighbour');
  }

  get facts(): string {
    return `the neighbour was asked ${this.#asked} times; the slowest answer took ${Math.round(this.#slowestMs)} ms`;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }
}

/** Files, sockets and ports that are watched. */
class Outside {
  readonly secret = `file-${randomBytes(12).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'skep-arena-'));
  readonly #touched: string[] = [];
  readonly #servers: Server[] = [];
  readonly #udp = createSocket({ type: 'udp6', ipv6Only: false });
  aim!: Omit<Aim, 'apiPort' | 'gatewayPort' | 'dataDir' | 'serverPid'>;

  static async open(): Promise<Outside> {
    const outside = new Outside();
    const { folder } = outside;
    writeFileSync(join(folder, 'secret'), outside.secret, { mode: 0o644 });
    const port = await outside.#watch('the port', 0, '::');
    await outside.#watch('the unix socket', join(folder, 'watched.sock'));
    await outside.#watchDatagrams(port);
    outside.aim = {
      port,
      allowedPort: await outside.#serveAllowed(port),
      ownAddress: ownAddress(),
      secretFile: join(folder, 'secret'),
      folder,
      unixSocket: join(folder, 'watched.sock'),
    };
    return outside;
  }

  async #watch(what: string, at: number | string, host?: string): Promise<number> {
    const server = createServer((socket) => {
      this.#touched.push(`${what} by ${socket.remoteAddress}`);
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${this.secret.length}\r\n\r\n${this.secret}`);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => {
      if (typeof at === 'string') server.listen(at, resolve);
      else server.listen(at, host, resolve);
    });
    return typeof at === 'string' ? 0 : (server.address() as AddressInfo).port;
  }

  async #watchDatagrams(port: number): Promise<void> {
    this.#udp.on('message', (_message, from) => this.#touched.push(`the UDP port by ${from.address}`));
    await new Promise<void>((resolve) => this.#udp.bind(port, '::', resolve));
  }

  /** Allowed to everybody. It answers, upgrades, and sends whoever asks on to where nobody may go. */
  async #serveAllowed(port: number): Promise<number> {
    const server = createHttpServer((request, response) => {
      const to = new URL(request.url ?? '/', 'http://allowed').searchParams.get('to');
      const status = Number(/^\/(30[1-8])/.exec(request.url ?? '')?.[1] ?? 200);
      if (serveSpecial(request.url ?? '', request, response)) return;
      if (to !== null) response.writeHead(status, { location: to.replaceAll('PORT', String(port)) });
      else if (request.url === '/events') response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(request.url === '/events' ? 'data: reached\n\n' : 'reached');
    });
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 403 reached\r\ncontent-length: 7\r\n\r\nreached');
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  assertUntouched(): void {
    assert.deepEqual(this.#touched.splice(0), [], 'what nobody may touch was touched');
    assert.deepEqual(readdirSync(this.folder).sort(), ['secret', 'watched.sock']);
    assert.equal(readFileSync(join(this.folder, 'secret'), 'utf8'), this.secret);
  }

  async close(): Promise<void> {
    this.#udp.close();
    for (const server of this.#servers) {
      if ('closeAllConnections' in server) (server as import('node:http').Server).closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const ENDLESS = Buffer.alloc(65_536, 'endless ');
let bombs: Record<string, Buffer> | undefined;

/** What an origin may do to who asks it. */
function serveSpecial(url: string, request: IncomingMessage, response: ServerResponse): boolean {
  switch (url) {
    case '/headers':
      response.end(JSON.stringify(request.headers));
      return true;
    case '/circle':
      response.writeHead(302, { location: '/circle' }).end();
      return true;
    case '/bomb-gzip':
    case '/bomb-br': {
      // Members of gzip may follow one another; a brotli stream is one.
      const zeros = Buffer.alloc(100_000_000);
      bombs ??= { gzip: Buffer.concat(Array(10).fill(gzipSync(zeros))), br: brotliCompressSync(zeros, FAST) };
      const encoding = url.slice('/bomb-'.length);
      response.writeHead(200, { 'content-encoding': encoding }).end(bombs[encoding]);
      return true;
    }
    case '/endless':
      Readable.from(endless())
        .on('error', () => {})
        .pipe(response.writeHead(200, { 'content-type': 'text/event-stream' }));
      return true;
    case '/endless-headers':
      response.socket?.on('error', () => {}).write(`HTTP/1.1 200 OK\r\n${'X-Endless: yes\r\n'.repeat(1_000_000)}`);
      return true;
    default:
      return false;
  }
}

const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 24 } };

function* endless(): Generator<Buffer> {
  for (;;) yield ENDLESS;
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.2';
}

/** The table of a family, from attacks/<family>.js or .ts. */
export async function attacksOf(file: string): Promise<Record<string, unknown>> {
  const { attacks } = (await import(new URL(`attacks/${file}`, import.meta.url).href)) as {
    attacks: Record<string, unknown>;
  };
  return attacks;
}

/** Runs each attack of attacks/<family>.js as a worker of its own, all of them on one server. */
export async function runWorkerFamily(family: string, title: string): Promise<void> {
  const attacks = (await attacksOf(`${family}.js`)) as WorkerAttacks;
  inArena(title, (arena) => {
    for (const [sentence, row] of Object.entries(attacks)) {
      const attack = typeof row === 'function' ? { run: row } : row;
      test(sentence, () => runWorkerAttack(arena(), family, sentence, attack));
    }
  });
}

/** Runs each attack of attacks/<family>.ts, which come from clients, all of them against one server. */
export async function runClientFamily(family: string, title: string): Promise<void> {
  const attacks = (await attacksOf(`${family}.ts`)) as ClientAttacks;
  inArena(title, (arena) => {
    for (const [sentence, attack] of Object.entries(attacks)) {
      test(sentence, async () => {
        await attack(arena());
        await arena().assertUnharmed();
      });
    }
  });
}

function inArena(title: string, define: (arena: () => Arena) => void): void {
  describe(title, () => {
    let arena: Arena;
    before(async () => {
      arena = await Arena.open();
    });
    define(() => arena);
    test('and nothing shows in the log, among the processes or in how the server ends', async (t) => {
      t.diagnostic(arena.neighbour.facts);
      await arena.close();
    });
    after(() => arena.skep.stop('SIGKILL'));
  });
}

const AMPLE_CPU_MS = 2_000;

/** An attack that may end or spoil its cell has a worker of its own; the others of a family share one. */
function needsItsOwn(attack: WorkerAttack): boolean {
  return attack.own === true || ![attack.end, attack.metadata, attack.bindings].every((field) => field === undefined);
}

async function runWorkerAttack(arena: Arena, family: string, sentence: string, attack: WorkerAttack): Promise<void> {
  const isOwn = needsItsOwn(attack);
  const name = isOwn ? await arena.deploy(family, attack) : await arena.sharedWorker(family);
  if (attack.control === true) {
    // The same way to what is allowed leads there: so it is the wall that stops the attack, not a slip in it.
    const control = await ask(arena, name, sentence, attack, { ...arena.aim, port: arena.aim.allowedPort });
    assert.match(control?.text ?? 'cut', /reached/, 'the same attempt reaches what is allowed');
  }
  const answer = await ask(arena, name, sentence, attack, arena.aim);
  await arena.assertUnharmed(answer === undefined ? '' : `${answer.text} ${JSON.stringify(answer.headers)}`);
  if (attack.mustNotSay !== undefined && answer !== undefined)
    assert.doesNotMatch(`${answer.text}\n${JSON.stringify(answer.headers)}`, attack.mustNotSay);
  assertEnd(attack, answer, () => arena.lastWordsOf(name));
  if (isOwn) await arena.remove(name);
}

async function ask(
  arena: Arena,
  name: string,
  sentence: string,
  attack: WorkerAttack,
  aim: Aim,
): Promise<HttpAnswer | undefined> {
  try {
    return await arena.skep.request(name, '/', {
      ...attack.request,
      headers: {
        ...attack.request?.headers,
        'the-attack': encodeURIComponent(sentence),
        'the-aim': JSON.stringify(aim),
      },
      timeoutMs: ANSWER_TIMEOUT_MS,
      newConnection: true,
    });
  } catch (error) {
    assert.notEqual((error as Error).name, 'TimeoutError', 'the attack was neither answered nor ended');
    return undefined;
  }
}

function assertEnd(
  { end = 'nothing', because }: WorkerAttack,
  answer: HttpAnswer | undefined,
  words: () => string,
): void {
  const ends = Array.isArray(end) ? (end as readonly End[]) : [end as End];
  assert.ok(ends.length === 1 || because !== undefined, 'an attack with several ends says why');
  const seen = endOf(answer);
  const said = `${seen}: ${answer?.status} ${answer?.text.slice(0, 600)} ${words()}`;
  assert.ok(
    ends.includes(seen) || (seen === 'nothing' && ends.includes('answer')),
    `must end with ${ends.join(' or ')}, was ${said}`,
  );
}

function endOf(answer: HttpAnswer | undefined): End {
  if (answer === undefined) return 'cut';
  const { status, text } = answer;
  if (status !== 200) {
    const code = /\b(1101|1102)\b/.exec(text)?.[1];
    return code === undefined ? status : code === '1101' ? 'exception' : 'limit';
  }
  return text === '{"got":[]}' ? 'nothing' : 'answer';
}

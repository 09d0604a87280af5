/**
 * What an honest program can reach that its author means to misuse: every API that leads out of a cell, towards every spelling of
 * an address that is none of its business. The targets are real servers of this process that note who knocks; each way is first shown to
 * work towards a server that is allowed, so that a refusal means something.
 */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createTestSupervisor, type TestSupervisor } from '../support/supervisor.ts';

const SECRET = 'what-only-the-platform-knows';
/** Stands in the environment of the server process, as a token does. */
const ENVIRONMENT_SECRET = 'a-token-from-the-environment';

/** A worker that tries one way towards one target and says what came of it. */
const EXPLORER = `
import { connect } from 'cloudflare:sockets';
import net from 'node:net';
import tls from 'node:tls';
import http from 'node:http';
import https from 'node:https';

const late = () => scheduler.wait(2000).then(() => 'refused: nothing came');
const fromEvents = (emitter, write) => new Promise((done) => {
  emitter.on('connect', () => write && emitter.write(write));
  emitter.on('data', (data) => done('GOT ' + data));
  emitter.on('error', (error) => done('refused: ' + error.message));
  emitter.on('close', () => done('refused: closed'));
});
const get = (module, options) => new Promise((done) => {
  const call = module.get(options, (response) => {
    let text = '';
    response.on('data', (data) => { text += data; });
    response.on('end', () => done('GOT ' + text));
  });
  call.on('error', (error) => done('refused: ' + error.message));
});
const HEAD = 'GET / HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n';
async function overSocket(address, options) {
  const socket = connect(address, options);
  const writer = socket.writable.getWriter();
  await writer.write(new TextEncoder().encode(HEAD));
  const { value } = await socket.readable.getReader().read();
  return 'GOT ' + new TextDecoder().decode(value);
}
const text = async (answer) => { const response = await answer; return 'GOT ' + response.status + ' ' + await response.text(); };

const WAYS = {
  fetch: ({ host, port }) => text(fetch('http://' + host + ':' + port + '/')),
  'fetch over TLS': ({ host, port }) => text(fetch('https://' + host + ':' + port + '/')),
  'fetch with a host header': ({ host, port }) => text(fetch('http://' + host + ':' + port + '/', { headers: { host: 'example.com' } })),
  'fetch with a user in the URL': ({ host, port }) => text(fetch('http://example.com:80@' + host + ':' + port + '/')),
  'fetch with an upgrade': ({ host, port }) => text(fetch('http://' + host + ':' + port + '/', { headers: { upgrade: 'websocket' } })),
  'a redirect': ({ host, port, allowed }) => text(fetch('http://127.0.0.1:' + allowed + '/302?' + encodeURIComponent('http://' + host + ':' + port + '/'))),
  'a redirect that keeps the method': ({ host, port, allowed }) => text(fetch('http://127.0.0.1:' + allowed + '/307?' + encodeURIComponent('http://' + host + ':' + port + '/'), { method: 'POST', body: 'x' })),
  'a redirect to a redirect': ({ host, port, allowed }) => {
    const second = 'http://127.0.0.1:' + allowed + '/301?' + encodeURIComponent('http://' + host + ':' + port + '/');
    return text(fetch('http://127.0.0.1:' + allowed + '/308?' + encodeURIComponent(second)));
  },
  WebSocket: ({ host, port }) => new Promise((done) => {
    const socket = new WebSocket('ws://' + host + ':' + port + '/');
    socket.addEventListener('open', () => done('GOT a connection'));
    socket.addEventListener('error', (event) => done('refused: ' + event.message));
    socket.addEventListener('close', () => done('refused: closed'));
  }),
  EventSource: ({ host, port }) => new Promise((done) => {
    const source = new EventSource('http://' + host + ':' + port + '/events');
    source.onmessage = (event) => { source.close(); done('GOT ' + event.data); };
    source.onerror = () => { source.close(); done('refused: error'); };
  }),
  'connect()': ({ host, port }) => overSocket(host + ':' + port),
  'connect() with parts': ({ host, port }) => overSocket({ hostname: host.replace(/^\\[|\\]$/g, ''), port }),
  'connect() over TLS': ({ host, port }) => overSocket(host + ':' + port, { secureTransport: 'on' }),
  'node:net': ({ host, port }) => fromEvents(net.connect({ host: host.replace(/^\\[|\\]$/g, ''), port }), HEAD),
  'node:tls': ({ host, port }) => fromEvents(tls.connect({ host: host.replace(/^\\[|\\]$/g, ''), port, rejectUnauthorized: false })),
  'node:http': ({ host, port }) => get(http, { host: host.replace(/^\\[|\\]$/g, ''), port, path: '/' }),
  'node:https': ({ host, port }) => get(https, { host: host.replace(/^\\[|\\]$/g, ''), port, path: '/', rejectUnauthorized: false }),
};
const UNIX_WAYS = {
  'fetch unix:': (path) => text(fetch('unix:' + path)),
  'fetch http+unix:': (path) => text(fetch('http+unix://' + encodeURIComponent(path) + '/')),
  'fetch with an option': (path) => text(fetch('http://localhost/', { unix: path, socketPath: path })),
  'connect() to a path': (path) => overSocket('unix:' + path),
  'connect() with a path for a host': (path) => overSocket({ hostname: path, port: 1 }),
  'node:net by path': (path) => fromEvents(net.connect({ path }), HEAD),
  'node:net by path alone': (path) => fromEvents(net.connect(path), HEAD),
  'node:http by path': (path) => get(http, { socketPath: path, path: '/' }),
};

export default { async fetch(request) {
  const target = await request.json();
  const run = async () => target.unix ? UNIX_WAYS[target.way](target.unix) : WAYS[target.way](target);
  try {
    if (target.way === undefined) return Response.json({ ways: Object.keys(WAYS), unixWays: Object.keys(UNIX_WAYS) });
    return Response.json(await Promise.race([run(), late()]));
  } catch (error) {
    return Response.json('refused: ' + error.name + ': ' + error.message);
  }
} };`;

let cells: TestSupervisor;
let folder: string;
const servers: Server[] = [];
/** What reached the servers that nobody may reach. */
const knocks: string[] = [];
const secret = { four: 0, six: 0, unix: '' };
let allowed = 0;

function listen(server: Server, at: object): Promise<AddressInfo | string | null> {
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => resolve(server.address()));
  });
}

function canary(name: string): Server {
  return createServer((socket) => {
    knocks.push(name);
    socket.on('error', () => undefined);
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${SECRET.length}\r\n\r\n${SECRET}`);
  });
}

/** Answers, sends events, and redirects wherever it is asked to. */
function createAllowed(): Server {
  return createHttpServer((request, response) => {
    const [, status, to] = /^\/(30\d)\?(.*)$/.exec(request.url ?? '') ?? [];
    // As bytes: addresses in other scripts go as they are.
    const location = Buffer.from(decodeURIComponent(to ?? '')).toString('latin1');
    if (status !== undefined) response.writeHead(Number(status), { location }).end();
    else if (request.url === '/events')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: allowed\n\n');
    else response.end('allowed');
  });
}

before(async () => {
  process.env['SKEP_TEST_SECRET'] = ENVIRONMENT_SECRET;
  folder = mkdtempSync(join(tmpdir(), 'skep-reach-'));
  secret.unix = join(folder, 'api.sock');
  secret.four = ((await listen(canary('127.0.0.1'), { port: 0, host: '0.0.0.0' })) as AddressInfo).port;
  try {
    secret.six = ((await listen(canary('::1'), { port: 0, host: '::1' })) as AddressInfo).port;
  } catch {
    secret.six = secret.four; // A machine without IPv6: refused all the same.
  }
  await listen(canary('unix'), { path: secret.unix });
  allowed = ((await listen(createAllowed(), { port: 0, host: '127.0.0.1' })) as AddressInfo).port;
  cells = await createTestSupervisor({
    prestarted: 1,
    egressAllow: [`127.0.0.1:${allowed}`],
    cpuMs: 1_000,
    externalSubrequests: 1_000,
  });
  cells.deploy({
    name: 'explorer',
    modules: { 'index.js': EXPLORER },
    compatibilityFlags: ['nodejs_compat', 'enable_nodejs_http_modules'],
  });
});
after(async () => {
  delete process.env['SKEP_TEST_SECRET'];
  await cells.close();
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const explore = async (target: object): Promise<string> =>
  (await cells.json('explorer', { method: 'POST', body: JSON.stringify(target) })) as string;

/** Ways that speak TLS cannot get an answer from servers that do not. */
const speaksTls = (way: string): boolean => /TLS|tls|https/.test(way);

/** Every one is this machine, its neighbourhood, or where a cloud keeps its keys. */
const HOSTS: readonly (readonly [host: string, family: 4 | 6])[] = [
  ['127.0.0.1', 4],
  ['localhost', 4],
  ['LOCALHOST.', 4],
  ['x.localhost', 4],
  ['127.1', 4],
  ['127.255.255.254', 4],
  ['2130706433', 4],
  ['0x7f000001', 4],
  ['0177.0.0.1', 4],
  ['0x7f.0.0.0x1', 4],
  ['127.0.0.1.', 4],
  ['0.0.0.0', 4],
  ['0', 4],
  ['①②⑦.⓪.⓪.①', 4],
  ['127。0。0。1', 4],
  ['%31%32%37.0.0.1', 4],
  ['[::1]', 6],
  ['[::]', 6],
  ['[0:0:0:0:0:0:0:1]', 6],
  ['[::ffff:127.0.0.1]', 4],
  ['[::ffff:7f00:1]', 4],
  ['[::127.0.0.1]', 4],
  ['[64:ff9b::7f00:1]', 4],
  ['[2002:7f00:1::]', 4],
  ['[fe80::1]', 6],
  ['[fd00:ec2::254]', 6],
  ['169.254.169.254', 4],
  ['0xa9fea9fe', 4],
  ['[::ffff:169.254.169.254]', 4],
  ['100.100.100.200', 4],
  ['192.168.0.1', 4],
  ['10.0.0.1', 4],
];

describe('towards addresses of the platform and its neighbourhood', () => {
  test('each way works towards a server that is allowed', async () => {
    const { ways } = (await explore({})) as unknown as { ways: string[] };
    assert.ok(ways.length >= 17, `${ways.length} ways`);
    const failed: string[] = [];
    for (const way of ways.filter((name) => !speaksTls(name))) {
      const outcome = await explore({ way, host: '127.0.0.1', port: allowed, allowed });
      // The server takes no WebSockets: that it has answered is what counts.
      if (!/^GOT [^]*allowed/.test(outcome) && way !== 'WebSocket') failed.push(`${way}: ${outcome}`);
    }
    assert.deepEqual(failed, []);
    assert.deepEqual(knocks, []);
  });

  for (const [host, family] of HOSTS) {
    test(`${host} is out of reach by every way`, async () => {
      const { ways } = (await explore({})) as unknown as { ways: string[] };
      const port = family === 4 ? secret.four : secret.six;
      const got = await Promise.all(ways.map(async (way) => `${way}: ${await explore({ way, host, port, allowed })}`));
      assert.deepEqual(
        got.filter((outcome) => outcome.includes(SECRET)),
        [],
      );
      assert.deepEqual(knocks.splice(0), [], 'nobody knocked');
    });
  }

  test('sockets of the file system are out of reach, by path and by any scheme', async () => {
    const { unixWays } = (await explore({})) as unknown as { unixWays: string[] };
    assert.ok(unixWays.length >= 8);
    for (const path of [
      secret.unix,
      `${cells.runDir}/1/broker.sock`,
      `${cells.runDir}/1/in.sock`,
      '/cell/broker.sock',
    ]) {
      for (const way of unixWays) {
        const outcome = await explore({ way, unix: path });
        assert.ok(!outcome.startsWith('GOT'), `${way} ${path}: ${outcome}`);
      }
    }
    assert.deepEqual(knocks.splice(0), []);
  });
});

test('no module of Node’s tells of the machine, its files, its environment or its other processes', async () => {
  cells.deploy({
    name: 'reader',
    compatibilityFlags: ['nodejs_compat'],
    modules: {
      'index.js': `
        import fs from 'node:fs';
        import os from 'node:os';
        import process from 'node:process';
        import { createRequire } from 'node:module';
        const attempt = (run) => { try { return String(JSON.stringify(run())); } catch (error) { return 'refused: ' + error.message; } };
        const paths = ['/etc/passwd', '/etc/hostname', '/proc/self/environ', '/proc/1/environ', '/proc/self/maps', '/proc/self/cmdline', '/deno', '/harness.js', '/cell', '/cell/broker.sock', '/dev/null/../../etc/passwd', 'file:///etc/passwd', '/bundle/../etc/passwd', ${JSON.stringify(import.meta.filename)}];
        const require = createRequire('/bundle/index.js');
        export default { fetch() { return Response.json({
          files: paths.map((path) => attempt(() => fs.readFileSync(path, 'utf8'))),
          folders: ['/etc', '/proc', '/home', '/root', '/cell'].map((path) => attempt(() => fs.readdirSync(path))),
          links: paths.map((path) => attempt(() => (fs.symlinkSync(path, '/tmp/link' + Math.random()), fs.readdirSync('/tmp').map((name) => fs.readFileSync('/tmp/' + name, 'utf8'))))),
          env: attempt(() => process.env),
          argv: attempt(() => [process.argv, process.execPath, process.execArgv, process.cwd(), process.title]),
          kill: attempt(() => process.kill(1, 9)),
          binding: attempt(() => Object.keys(process.binding('fs'))),
          builtin: attempt(() => Object.keys(process.getBuiltinModule('node:child_process')?.execSync('id'))),
          dlopen: attempt(() => process.dlopen({ exports: {} }, '/lib/libc.so.6')),
          required: ['node:child_process', 'node:worker_threads', 'node:vm', 'node:inspector', 'ext:core/mod.js', '/etc/passwd', '/harness.js'].map((name) => attempt(() => { const module = require(name); return [module.execSync?.('id')?.toString(), module.runInThisContext?.('Deno.pid'), typeof module === 'string' ? module : null]; })),
          os: attempt(() => [os.hostname(), os.userInfo(), os.homedir(), os.networkInterfaces()]),
        }); } };`,
    },
  });
  const told = (await cells.json('reader')) as Record<string, string | string[]>;
  const all = JSON.stringify(told);
  for (const [what, forbidden] of Object.entries({
    'the environment of the server': ENVIRONMENT_SECRET,
    'a line of /etc/passwd': 'root:',
    'the name of the machine': hostname(),
    'this file': 'what-only-the-platform',
    'a memory map': 'r-xp',
    'the result of a program': 'uid=',
    'the sockets of the cell': 'broker.sock"',
    'the number of a process': 'Deno.pid',
  })) {
    assert.ok(!all.includes(forbidden), `${what}: ${all}`);
  }
  assert.equal(told.env, '{}');
});

test('what one account has put into its cache no other account sees or removes', async () => {
  const source = (body: string): Record<string, string> => ({
    'index.js': `export default { async fetch(request) { ${body} } };`,
  });
  const url = 'https://example.com/private';
  const keep = `
    const response = () => new Response('private', { headers: { 'cache-control': 'max-age=600' } });
    const named = await caches.open('named');`;
  cells.deploy({
    name: 'owner',
    modules: source(`${keep}
      if (new URL(request.url).pathname === '/put') { await caches.default.put('${url}', response()); await named.put('${url}', response()); }
      const found = [await caches.default.match('${url}'), await named.match('${url}')];
      return Response.json(await Promise.all(found.map((one) => one?.text() ?? null)));`),
  });
  assert.deepEqual(await cells.json('owner', { url: '/put' }), ['private', 'private']);
  cells.deploy({
    name: 'thief',
    accountId: 'ffffffffffffffffffffffffffffffff',
    modules: source(`
      const owner = '0123456789abcdef0123456789abcdef';
      const names = ['named', 'default', '', owner, owner + '/named', owner + '\\0named', '../' + owner + '/named', '../named', 'named\\0', '%00', '.', '..'];
      const urls = ['${url}', '${url}?', '${url}#x', 'HTTPS://EXAMPLE.COM/private', 'https://example.com/../private', '/private'];
      const found = [];
      const caches_ = [caches.default];
      for (const name of names) try { caches_.push(await caches.open(name)); } catch {}
      for (const cache of caches_) for (const url of urls) {
        try { const answer = await cache.match(url, { ignoreMethod: true }); if (answer) found.push(await answer.text()); } catch {}
        try { if (await cache.delete(url)) found.push('deleted ' + url); } catch {}
      }
      return Response.json(found);`),
  });
  assert.deepEqual(await cells.json('thief'), []);
  assert.deepEqual(await cells.json('owner'), ['private', 'private'], 'it is still there');
});

/** Names that workers ask for: from files, from servers that answer, and from servers that do not. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createNameResolver, type ResolveName } from '../../server/bindings/egress/names.ts';

const A = 1;
const AAAA = 28;
/** What the server knows; it never answers names with `slow` in them, and knows no others. */
const KNOWN: Readonly<Record<string, Readonly<Record<number, readonly number[]>>>> = {
  'both.example': { [A]: [192, 0, 2, 1], [AAAA]: [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 1] },
  'four.example': { [A]: [192, 0, 2, 4] },
  'db.internal.example': { [A]: [192, 0, 2, 5] },
};
let server: Socket;
let folder: string;
let asked: string[] = [];
let resolve: ResolveName;

before(async () => {
  server = createSocket('udp4');
  server.on('message', (question, { port, address }) => {
    const { name, end } = readName(question);
    asked.push(name);
    if (!name.includes('slow')) server.send(answerTo(question, name, end), port, address);
  });
  await new Promise<void>((done) => server.bind(0, '127.0.0.1', done));
  folder = mkdtempSync(join(tmpdir(), 'skep-names-'));
  const files = { hosts: join(folder, 'hosts'), resolvConf: join(folder, 'resolv.conf') };
  writeFileSync(
    files.hosts,
    '127.0.0.7 localhost\n192.0.2.9 Printer.lan printer # a comment\n2001:db8::9 printer\nnonsense x\n',
  );
  writeFileSync(files.resolvConf, 'search internal.example.\noptions ndots:1\n');
  resolve = createNameResolver({ ...files, servers: [`127.0.0.1:${server.address().port}`], tryMs: 500 });
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function readName(question: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at] as number; length > 0; length = question[at] as number) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function answerTo(question: Buffer, name: string, end: number): Buffer {
  const type = question.readUInt16BE(end);
  const known = KNOWN[name];
  const data = known?.[type];
  const head = Buffer.from(question.subarray(0, end + 4));
  head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(data === undefined ? 0 : 1, 6);
  head.writeUInt16BE(0, 10);
  if (data === undefined) return head;
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]);
  return Buffer.concat([head, record]);
}

const addressesOf = async (name: string): Promise<string[]> => (await resolve(name)).map(({ address }) => address);

test('a name has the addresses of both families, or of the one that it has', async () => {
  assert.deepEqual(await resolve('Both.Example'), [
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]);
  assert.deepEqual(await addressesOf('four.example.'), ['192.0.2.4']);
});

test('what the file of hosts says goes before every server, and localhost is this machine', async () => {
  asked = [];
  assert.deepEqual(await addressesOf('PRINTER'), ['192.0.2.9', '2001:db8::9']);
  assert.deepEqual(await addressesOf('printer.lan.'), ['192.0.2.9']);
  assert.deepEqual(await addressesOf('a.localhost'), ['127.0.0.7']);
  assert.deepEqual(asked, []);
  const bare = createNameResolver({ hosts: '/nowhere', resolvConf: '/nowhere' });
  assert.deepEqual(
    (await bare('localhost')).map(({ address }) => address),
    ['127.0.0.1', '::1'],
  );
});

test('a short name is looked for in the domains of the operator, a name with a dot at its end is not', async () => {
  assert.deepEqual(await addressesOf('db'), ['192.0.2.5']);
  await assert.rejects(resolve('db.'), { code: 'ENOTFOUND' });
});

test('a name that is not there, or is none, is ENOTFOUND', async () => {
  for (const name of ['nope.example', '', '.', 'a..b', 'x'.repeat(64), 'x.'.repeat(200), 'a b', 'a\0b']) {
    await assert.rejects(resolve(name), { code: 'ENOTFOUND' }, name);
  }
});

test('names whose servers never answer keep no other name waiting', async () => {
  const slow = Array.from({ length: 50 }, (_, index) =>
    resolve(`x${index}.slow.example.`).catch((error: unknown) => error),
  );
  const start = performance.now();
  assert.deepEqual(await addressesOf('four.example'), ['192.0.2.4']);
  // With the system's resolver it took minutes: two names at a time, ten seconds each.
  const tookMs = performance.now() - start;
  assert.ok(tookMs < 8_000, `resolved after ${tookMs} ms`);
  assert.equal(((await slow[0]) as { code?: string }).code, 'EAI_AGAIN');
});

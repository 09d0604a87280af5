/** The format of backups: what is written is read, and nothing else is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readArchive, writeArchive } from '../../server/storage/backup/archive.ts';
import { TarError, bytesEntry, readTar, tarEnd, type TarEntry, writeEntry } from '../../server/storage/backup/tar.ts';

const directory = mkdtempSync(join(tmpdir(), 'skep-archive-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const FACTS = {
  skep: '9.9.9',
  createdAt: '2026-01-01T00:00:00.000Z',
  postgres: '18',
  layout: 1,
  hasMasterKey: false,
  masterKeyCheck: '',
};

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** As a network brings it: in pieces that end nowhere in particular. */
async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function* listed(...entries: TarEntry[]): AsyncGenerator<TarEntry> {
  yield* entries;
}

async function tarOf(...entries: TarEntry[]): Promise<Buffer> {
  const parts = await Promise.all(entries.map((entry) => collect(writeEntry(entry))));
  return Buffer.concat([...parts, tarEnd()]);
}

const LONG_NAME = `objects/${'ab/'.repeat(30)}${'c'.repeat(90)}`;

test('entries of every size come back whole, however the stream is cut', async () => {
  const contents = [0, 1, 511, 512, 513, 10_000].map((size) => Buffer.alloc(size, size % 251));
  const tar = await tarOf(
    ...contents.map((content, index) => bytesEntry(`file-${index}`, content, 0o640)),
    bytesEntry(LONG_NAME, 'long'),
  );
  for (const size of [1, 7, 512, 5_000, 1_000_000]) {
    const seen: [string, number, Buffer][] = [];
    for await (const { name, mode, body } of readTar(pieces(tar, size))) seen.push([name, mode, await collect(body)]);
    assert.deepEqual(
      seen.slice(0, -1),
      contents.map((content, index) => [`file-${index}`, 0o640, content]),
    );
    assert.deepEqual(seen.at(-1), [LONG_NAME, 0o600, Buffer.from('long')]);
  }
});

test('an entry whose body nobody takes is skipped', async () => {
  const names: string[] = [];
  const tar = await tarOf(bytesEntry('a', 'x'.repeat(700)), bytesEntry('b', 'y'));
  for await (const { name } of readTar(pieces(tar, 100))) names.push(name);
  assert.deepEqual(names, ['a', 'b']);
});

test('tar of the system lists what we write, and we read what it writes', async () => {
  const ours = join(directory, 'ours.tar');
  writeFileSync(ours, await tarOf(bytesEntry('one', '1'), bytesEntry(LONG_NAME, 'long')));
  assert.equal(spawnSync('tar', ['tf', ours], { encoding: 'utf8' }).stdout, `one\n${LONG_NAME}\n`);
  writeFileSync(join(directory, 'theirs'), 'content');
  const theirs = spawnSync('tar', ['cf', '-', '--format=ustar', '-C', directory, 'theirs']).stdout;
  for await (const entry of readTar(pieces(theirs, 300))) {
    assert.deepEqual([entry.name, (await collect(entry.body)).toString()], ['theirs', 'content']);
  }
});

test('sizes beyond 8 GiB are kept', async () => {
  const size = 9 * 1024 ** 3;
  const header = (await writeEntry({ ...bytesEntry('big', ''), size }).next()).value as Uint8Array;
  const entry = (await readTar(pieces(header, 512)).next()).value as TarEntry;
  assert.equal(entry.size, size);
});

test('a file that has become shorter or longer, a name without end, a link, a cut: refused', async () => {
  const reason = async (run: () => Promise<unknown>): Promise<string> => {
    const error = await run().then(
      () => assert.fail('accepted'),
      (thrown: Error) => thrown,
    );
    assert.ok(error instanceof TarError, String(error));
    return error.message;
  };
  assert.match(await reason(() => tarOf({ ...bytesEntry('short', 'abc'), size: 4 })), /has 3 bytes, not 4/);
  assert.match(await reason(() => tarOf({ ...bytesEntry('long', 'abc'), size: 2 })), /has 3 bytes, not 2/);
  assert.match(await reason(() => tarOf(bytesEntry('n'.repeat(300), 'abc'))), /too long/);
  const read = async (bytes: Uint8Array): Promise<void> => {
    for await (const entry of readTar(pieces(bytes, 512))) void entry;
  };
  const whole = await tarOf(bytesEntry('a', 'x'.repeat(2_000)));
  assert.match(await reason(() => read(whole.subarray(0, 1_500))), /ends too early/);
  assert.match(await reason(() => read(whole.subarray(0, 2_560))), /ends too early/);
  const damaged = Buffer.from(whole);
  damaged[0] = 0x62;
  assert.match(await reason(() => read(damaged)), /wrong checksum/);
  spawnSync('ln', ['-s', '/etc/passwd', join(directory, 'link')]);
  const link = spawnSync('tar', ['cf', '-', '-C', directory, 'link']).stdout;
  assert.match(await reason(() => read(link)), /neither a file nor a directory/);
});

async function writeBackup(name: string, change: (tar: Buffer) => Buffer = (tar) => tar): Promise<string> {
  const file = join(directory, name);
  const entries = listed(bytesEntry('objects/a', 'alpha'), bytesEntry('objects/b', 'beta'));
  writeFileSync(file, gzipSync(change(await collect(writeArchive(FACTS, entries)))));
  return file;
}

/** What is read until the archive turns out to be bad is no result. */
async function readBackup(file: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  await readArchive(file, {
    onFacts: async (facts) => assert.equal(facts.skep, FACTS.skep),
    onEntry: async ({ name, body }) => {
      found[name] = (await collect(body)).toString();
    },
  });
  return found;
}

test('a backup comes back with its facts and entries', async () => {
  assert.deepEqual(await readBackup(await writeBackup('good')), { 'objects/a': 'alpha', 'objects/b': 'beta' });
});

test('every byte of a damaged backup is noticed: none of them is restored, and a sentence says which file', async () => {
  const file = await writeBackup('damaged');
  const good = readFileSync(file);
  for (let at = 0; at < good.byteLength; at += 3) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 0x41;
    writeFileSync(file, bad);
    const outcome = await readBackup(file).catch((error: Error) => error);
    // The gzip header holds bytes without a meaning (time, system): whatever they are, the content is the same.
    if (!(outcome instanceof Error)) assert.deepEqual(outcome, { 'objects/a': 'alpha', 'objects/b': 'beta' });
    else
      assert.match(
        outcome.message,
        /^Cannot restore ".*damaged": it is (?:damaged \(|no backup of Skep)/,
        `byte ${at}`,
      );
  }
  for (const length of [0, 1, 20, good.byteLength >> 1, good.byteLength - 1]) {
    writeFileSync(file, good.subarray(0, length));
    await assert.rejects(readBackup(file), /damaged|no backup/, `cut at ${length}`);
  }
});

test('content that was changed and packed again, entries left out, and a missing end are noticed', async () => {
  const changed = await writeBackup('changed', (tar) => replaced(tar, 'alpha', 'aleph'));
  await assert.rejects(readBackup(changed), /its checksum is wrong/);
  const without = await writeBackup('without', (tar) => {
    const at = tar.indexOf('objects/a');
    return Buffer.concat([tar.subarray(0, at), tar.subarray(at + 1_024)]);
  });
  await assert.rejects(readBackup(without), /its checksum is wrong/);
  const endless = await writeBackup('endless', (tar) =>
    Buffer.concat([tar.subarray(0, tar.indexOf('skep-backup.end.json')), tarEnd()]),
  );
  await assert.rejects(readBackup(endless), /its end is missing/);
});

test('a newer format, another archive and a file that is not there are told apart', async () => {
  const newer = await writeBackup('newer', (tar) => replaced(tar, '"format": 1', '"format": 9'));
  await assert.rejects(readBackup(newer), /its format is 9, made by Skep 9\.9\.9; this Skep reads 1/);
  const other = join(directory, 'other');
  writeFileSync(other, gzipSync(await tarOf(bytesEntry('README', 'hello'))));
  await assert.rejects(readBackup(other), /it is no backup of Skep/);
  writeFileSync(other, 'plain text, not compressed');
  await assert.rejects(readBackup(other), /it is no backup of Skep/);
  await assert.rejects(readBackup(join(directory, 'nowhere')), /Cannot read the backup ".*nowhere": ENOENT/);
});

function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const at = bytes.indexOf(from);
  assert.deepEqual([at === -1, from.length], [false, to.length]);
  const copy = Buffer.from(bytes);
  copy.write(to, at);
  return copy;
}

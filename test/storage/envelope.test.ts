import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { EnvelopeError, open, seal } from '../../server/storage/envelope.ts';
import { loadMasterKey } from '../../server/storage/master-key.ts';

describe('sealing', () => {
  const key = randomBytes(32);
  const place = ['account', 'worker', 'version', 'NAME'];

  test('every text opens again at its place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.string()), (text, names) => {
        // A lone surrogate is no text: UTF-8 has no bytes for it.
        fc.pre(!/\p{Surrogate}/u.test(text));
        assert.equal(open(key, names, seal(key, names, text)), text);
      }),
    );
  });

  test('another key, another place or any changed byte does not open', () => {
    const sealed = seal(key, place, 'hush');
    assert.throws(() => open(randomBytes(32), place, sealed), EnvelopeError);
    assert.throws(() => open(key, [...place.slice(0, 3), 'OTHER'], sealed), EnvelopeError);
    assert.throws(
      () => open(key, ['account', 'worker/version', 'NAME'], seal(key, ['account/worker', 'version', 'NAME'], 'x')),
      EnvelopeError,
    );
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] as number) ^ 1;
      assert.throws(() => open(key, place, changed), EnvelopeError, `byte ${at}`);
    }
    for (let length = 0; length < sealed.length; length++)
      assert.throws(() => open(key, place, sealed.subarray(0, length)), EnvelopeError);
  });

  test('the same text is sealed differently each time', () => {
    assert.notDeepEqual(seal(key, place, 'hush'), seal(key, place, 'hush'));
  });
});

describe('the master key file', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'skep-test-key-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('a configured key wins and no file is made', async () => {
    const key = randomBytes(32);
    assert.equal(await loadMasterKey(key, directory), key);
    assert.deepEqual(await readdir(directory), []);
  });

  test('it is made once, for the owner only, even when many ask at once', async () => {
    const keys = await Promise.all(Array.from({ length: 10 }, () => loadMasterKey(null, directory)));
    assert.ok(keys.every((key) => key.length === 32 && Buffer.from(key).equals(keys[0] as Uint8Array)));
    assert.deepEqual(await readdir(directory), ['master.key']);
    assert.equal((await stat(join(directory, 'master.key'))).mode & 0o777, 0o600);
    assert.deepEqual(await loadMasterKey(null, directory), keys[0]);
  });

  test('a file that others can read, or that holds no key, is refused', async () => {
    const file = join(directory, 'master.key');
    const text = await readFile(file, 'utf8');
    await chmod(file, 0o640);
    await assert.rejects(loadMasterKey(null, directory), { name: 'DatabaseError', message: /mode is 640.*chmod 600/ });
    await chmod(file, 0o600);
    await writeFile(file, text.slice(0, 20));
    await assert.rejects(loadMasterKey(null, directory), { name: 'DatabaseError', message: /does not hold 32 bytes/ });
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { KvCache } from '../../server/bindings/kv/cache.ts';
import { createKvReader, type KvReader } from '../../server/bindings/kv/reader.ts';
import { kvHash } from '../../server/storage/kv/hash.ts';
import type { KvEntry } from '../../server/storage/kv/types.ts';
import { StoreUnavailable } from '../../server/storage/store.ts';

const NAMESPACE = 7;
const OWNER = { number: NAMESPACE, accountId: 'a' };
const FOREVER = Number.POSITIVE_INFINITY;

const entryOf = (text: string, more: Partial<KvEntry> = {}): KvEntry => ({
  value: Buffer.from(text),
  metadata: null,
  expiresAt: null,
  largeValueId: null,
  size: text.length,
  ...more,
});

const written = (...keys: string[]) =>
  ({ kind: 'entries', hashes: keys.map((key) => kvHash(NAMESPACE, key)) }) as const;

const textOf = (cache: KvCache, key: string): string | null | undefined => {
  const entry = cache.find(NAMESPACE, key, FOREVER);
  return entry === undefined || entry === null ? entry : entry.value.toString();
};

describe('the cache', () => {
  test('knows what was read, also that there is nothing, until it is written', () => {
    const cache = new KvCache(100_000);
    cache.remember(cache.begin(OWNER, 'a'), entryOf('1'));
    cache.remember(cache.begin(OWNER, 'b'), null);
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => textOf(cache, key)),
      ['1', null, undefined],
    );
    cache.invalidate(written('b', 'c'));
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => textOf(cache, key)),
      ['1', undefined, undefined],
    );
  });

  test('after messages may have been missed nothing is sure, until it is read anew; for who cannot ask it is there', () => {
    const cache = new KvCache(100_000);
    cache.remember(cache.begin(OWNER, 'a'), entryOf('1'));
    const underway = cache.begin(OWNER, 'b');
    cache.invalidate({ kind: 'any' });
    cache.remember(underway, entryOf('maybe old'));
    const sure = (key: string) => cache.find(NAMESPACE, key, 60_000)?.value.toString();
    assert.deepEqual([sure('a'), sure('b')], [undefined, undefined]);
    assert.deepEqual([textOf(cache, 'a'), textOf(cache, 'b')], ['1', 'maybe old']);
    cache.remember(cache.begin(OWNER, 'a'), entryOf('2'));
    assert.equal(sure('a'), '2');
  });

  test('does not keep what a read brings that a write has overtaken; a read that began after the write counts', () => {
    const cache = new KvCache(100_000);
    const before = cache.begin(OWNER, 'a');
    cache.invalidate(written('a'));
    const later = cache.begin(OWNER, 'a');
    cache.remember(before, entryOf('old'));
    assert.equal(textOf(cache, 'a'), undefined);
    cache.remember(later, entryOf('new'));
    cache.remember(before, entryOf('old'));
    assert.equal(textOf(cache, 'a'), 'new');
  });

  test('an entry that expires is gone at that second, and an old one is no answer to who wants a fresh one', () => {
    const cache = new KvCache(100_000);
    const now = Math.floor(Date.now() / 1000);
    cache.remember(cache.begin(OWNER, 'gone'), entryOf('x', { expiresAt: now }));
    cache.remember(cache.begin(OWNER, 'here'), entryOf('x', { expiresAt: now + 60 }));
    assert.deepEqual([textOf(cache, 'gone'), textOf(cache, 'here')], [null, 'x']);
    assert.equal(cache.find(NAMESPACE, 'here', -1), undefined);
  });

  test('keeps no more bytes than it may: what was not used for longest goes', () => {
    const cache = new KvCache(10_000);
    for (let n = 0; n < 8; n++) {
      cache.remember(cache.begin(OWNER, `key ${n}`), entryOf('x'.repeat(1_500)));
      assert.ok(textOf(cache, 'key 0') !== undefined, 'it is used all the time');
    }
    assert.ok(cache.bytes <= 10_000);
    assert.equal(textOf(cache, 'key 1'), undefined);
    assert.ok(textOf(cache, 'key 7') !== undefined);
    cache.remember(cache.begin(OWNER, 'larger than all'), entryOf('x'.repeat(20_000)));
    assert.equal(textOf(cache, 'larger than all'), undefined);
    assert.ok(textOf(cache, 'key 7') !== undefined, 'and threw out nothing');
  });
});

describe('the cache of several accounts', () => {
  const owner = (number: number, accountId: string) => ({ number, accountId });
  const fill = (cache: KvCache, who: ReturnType<typeof owner>, count: number): void => {
    for (let n = 0; n < count; n++) cache.remember(cache.begin(who, `key ${n}`), entryOf('x'.repeat(1_000)));
  };
  const kept = (cache: KvCache, { number }: ReturnType<typeof owner>, count: number): number =>
    Array.from({ length: count }, (_, n) => cache.find(number, `key ${n}`, FOREVER)).filter(Boolean).length;

  test('one that reads without end has what the others leave, and takes nothing of their even share', () => {
    const cache = new KvCache(100_000);
    const [greedy, modest] = [owner(1, 'greedy'), owner(2, 'modest')];
    fill(cache, greedy, 500);
    assert.ok(kept(cache, greedy, 500) > 50, 'alone it has all');
    fill(cache, modest, 10);
    fill(cache, greedy, 1_000);
    assert.equal(kept(cache, modest, 10), 10);
    // A second namespace is no second share.
    fill(cache, owner(3, 'greedy'), 1_000);
    assert.equal(kept(cache, modest, 10), 10);
    // Who wants more than the even share gets that.
    fill(cache, modest, 500);
    const [one, other] = [kept(cache, modest, 500), kept(cache, owner(3, 'greedy'), 1_000)];
    assert.ok(one >= 25 && other >= 25 && Math.abs(one - other) <= 2, `${one} and ${other}`);
    assert.ok(cache.bytes <= 100_000);
  });
});

describe('reading through it', () => {
  let stored: Map<string, string>;
  let asked: string[][];
  let isDown: boolean;
  let hearsOthers: boolean;
  let cache: KvCache;
  let reader: KvReader;

  beforeEach(() => {
    stored = new Map([
      ['a', '1'],
      ['b', '2'],
    ]);
    asked = [];
    [isDown, hearsOthers] = [false, true];
    cache = new KvCache(100_000);
    const store = {
      get isDown() {
        return isDown;
      },
      async read(_namespace: number, keys: readonly string[]) {
        asked.push([...keys]);
        if (isDown) throw new StoreUnavailable('gone');
        return keys.map((key) => (stored.has(key) ? entryOf(stored.get(key) as string) : null));
      },
    };
    reader = createKvReader({ store, cache, hearsOthers: () => hearsOthers });
  });

  const read = async (...keys: string[]): Promise<(string | null)[]> =>
    (await reader.read(OWNER, keys)).map((entry) => entry?.value.toString() ?? null);

  test('the store is asked once for each key, and only for those that are not known', async () => {
    assert.deepEqual(await read('a', 'no', 'a'), ['1', null, '1']);
    assert.deepEqual(await read('a', 'b', 'no'), ['1', '2', null]);
    assert.deepEqual(asked, [['a', 'no'], ['b']]);
  });

  test('while other nodes are not heard of, the store is asked again', async () => {
    await read('a');
    hearsOthers = false;
    stored.set('a', 'changed elsewhere');
    assert.deepEqual(await read('a'), ['changed elsewhere']);
  });

  test('without a database what was read before still answers; what was not is an error', async () => {
    await read('a', 'no');
    isDown = true;
    hearsOthers = false;
    assert.deepEqual(await read('a', 'no'), ['1', null]);
    await assert.rejects(read('b'), StoreUnavailable);
    await assert.rejects(read('a', 'b'), StoreUnavailable);
    isDown = false;
    assert.deepEqual(await read('b'), ['2']);
  });

  test('a database that goes away once more, right after it was back: what was read before still answers', async () => {
    await read('a');
    cache.invalidate({ kind: 'any' });
    isDown = true;
    assert.deepEqual(await read('a'), ['1']);
    isDown = false;
    stored.set('a', 'changed meanwhile');
    assert.deepEqual(await read('a'), ['changed meanwhile']);
  });
});

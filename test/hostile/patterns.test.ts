/**
 * Texts that make a pattern of the server's try every way to divide them: whoever sends one stops the server's only thread, and with it
 * everybody. Each of these took from ten seconds to minutes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeRuleOf } from '../../server/storage/databases/size-rules.ts';
import { storable } from '../../server/bindings/cache/freshness.ts';
import { parseXml } from '../../server/s3/xml.ts';
import { headerRange } from '../../server/storage/objects/rules.ts';
import { CHANNEL_LIMITS, DATABASE_LIMITS, R2_LIMITS } from '../../shared/limits.ts';

/** Reading the longest text that may be sent takes some milliseconds; far beyond that on a busy machine, far below what it took. */
const AT_ONCE_MS = 2_000;
const HEAD = CHANNEL_LIMITS.maxHeadBytes;

function assertAtOnce(work: () => void): void {
  const start = performance.now();
  work();
  const ms = performance.now() - start;
  assert.ok(ms < AT_ONCE_MS, `it took ${Math.round(ms)} ms`);
}

test('the range of an object is read at once, whatever white space is in it', () => {
  const blank = ' '.repeat(HEAD);
  for (const text of [
    'bytes=?',
    'bytes=?x',
    'bytes=-?x',
    'bytes=1?x',
    'bytes=1-?x',
    'bytes=1?-?2?x',
    '?bytes?=?1?-?2?x',
  ]) {
    assertAtOnce(() => assert.equal(headerRange(text.replaceAll('?', blank), 100), undefined));
  }
  const spread = ' bytes = 1 - 2 '.replaceAll(' ', ' '.repeat(HEAD));
  assertAtOnce(() => assert.deepEqual(headerRange(spread, 100), { offset: 1, length: 2 }));
});

test('what the cache is told about cookies is read at once, however often it is said', () => {
  const keeps = (control: string): boolean =>
    storable(['cache-control', `max-age=60, ${control}`, 'set-cookie', 'a=b'], 0) !== undefined;
  assertAtOnce(() => assert.equal(keeps('private='.repeat(HEAD / 8)), false));
  assertAtOnce(() => assert.equal(keeps(`${'private='.repeat(HEAD / 8)}set-cookie`), true));
  assert.equal(keeps('private="x, set-cookie"'), true);
  assert.equal(keeps('private="x" set-cookie'), false);
});

test('a statement for a database that is full is looked at at once, whatever stands behind it', () => {
  const length = DATABASE_LIMITS.maxSqlBytes;
  for (const front of [' ', '--\n', '/**/', '/*', '*/', '-', '/* */ '].map((piece) =>
    piece.repeat(length / piece.length),
  )) {
    assertAtOnce(() => assert.equal(sizeRuleOf(`${front}x`), 'read-only'));
  }
  assertAtOnce(() => assert.equal(sizeRuleOf(`${' '.repeat(length)}delete from t`), 'shrinks'));
});

test('XML whose names never end is refused at once', () => {
  const long = 'a'.repeat(R2_LIMITS.maxXmlBytes - 10);
  for (const text of [`<${long}`, `<${long}<`, `<a ${long}`, `</${long}`, `<?${long}`, `<!--${long}`]) {
    assertAtOnce(() => assert.throws(() => parseXml(text), /well-formed/));
  }
});

test('XML of millions of small elements is refused before they fill the memory', () => {
  const many = (count: number): string => `<a>${'<b/>'.repeat(count)}</a>`;
  assert.equal(parseXml(many(R2_LIMITS.maxXmlElements - 1)).children.length, R2_LIMITS.maxXmlElements - 1);
  assert.throws(() => parseXml(many(R2_LIMITS.maxXmlElements)), /well-formed/);
});

/** Which version serves, request ids, error pages. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeHtml, renderErrorPage } from '../../server/routing/error-page.ts';
import { rayIds } from '../../server/routing/ray.ts';
import { pickVersion } from '../../server/routing/version-choice.ts';
import { VISITOR_ERRORS } from '../../shared/visitor-errors.ts';
import { version } from '../gateway/support.ts';

const split = (...percentages: number[]) => ({
  versions: percentages.map((percentage, index) => ({ version: version('apple', `v${index}`), percentage })),
});

test('each version gets exactly its share of the numbers from 0 to 1', () => {
  const worker = split(70, 29.99, 0.01, 0);
  const counts = new Map<string | undefined, number>();
  for (let step = 0; step < 10_000; step++) {
    const id = pickVersion(worker, (step + 0.5) / 10_000)?.id;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  assert.deepEqual(
    [...counts],
    [
      ['v0', 7_000],
      ['v1', 2_999],
      ['v2', 1],
    ],
  );
});

test('some version with a share is chosen whatever the shares and the number are', () => {
  const shares = fc.array(
    fc.integer({ min: 0, max: 10_000 }).map((share) => share / 100),
    { minLength: 1, maxLength: 10 },
  );
  fc.assert(
    fc.property(shares, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (percentages, unit) => {
      const chosen = pickVersion(split(...percentages), unit);
      assert.ok(chosen !== undefined);
      const share = percentages[Number(chosen.id.slice(1))] ?? 0;
      if (percentages.some((percentage) => percentage > 0)) assert.ok(share > 0 || chosen.id === 'v0');
    }),
  );
});

test('the same number gives the same version; nothing deployed gives none', () => {
  assert.equal(pickVersion(split(50, 50), 0.49)?.id, 'v0');
  assert.equal(pickVersion(split(50, 50), 0.5)?.id, 'v1');
  assert.equal(pickVersion(split(100), 0.99)?.id, 'v0');
  assert.equal(pickVersion(split(), 0), undefined);
});

test('request ids are 16 hex digits and the node’s name, and never repeat', () => {
  const next = rayIds('node 1/ä', (bytes) => randomBytes(bytes).toString('hex'));
  const ids = new Set<string>();
  for (let count = 0; count < 5_000; count++) ids.add(next());
  assert.equal(ids.size, 5_000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{16}-node-1--$/);
  assert.match(rayIds('', (bytes) => randomBytes(bytes).toString('hex'))(), /^[0-9a-f]{16}-node$/);
});

test('error pages are HTML for who asks for it and one line for others', () => {
  const details = { ray: 'abc-node', host: null, accept: undefined };
  assert.deepEqual(renderErrorPage(VISITOR_ERRORS.limit, details), {
    contentType: 'text/plain; charset=UTF-8',
    body: 'error code: 1102',
  });
  for (const accept of ['*/*', 'application/json', '', 'text/*']) {
    assert.match(renderErrorPage(VISITOR_ERRORS.limit, { ...details, accept }).contentType, /^text\/plain/);
  }
  for (const accept of ['text/html', 'TEXT/HTML;q=0.9', 'text/html,application/xhtml+xml,*/*;q=0.8']) {
    const page = renderErrorPage(VISITOR_ERRORS.limit, { ...details, accept });
    assert.match(page.contentType, /^text\/html/);
    assert.match(page.body, /Error 1102/);
    assert.match(page.body, /abc-node/);
  }
});

test('nothing a visitor sends becomes markup in an error page', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.constantFrom('<script>', '"><img src=x onerror=alert(1)>', "'", '&lt;')),
      (host) => {
        const page = renderErrorPage(VISITOR_ERRORS.unknownHost, { ray: 'r', host, accept: 'text/html' });
        const shown = /<p>Asked for: <code>(.*?)<\/code><\/p>/s.exec(page.body)?.[1];
        assert.ok(shown !== undefined);
        assert.doesNotMatch(shown, /[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
      },
    ),
  );
  assert.equal(escapeHtml(`<a href="x">'&'</a>`), '&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;');
});

test('a host of any length is shown in part only', () => {
  const page = renderErrorPage(VISITOR_ERRORS.unknownHost, {
    ray: 'r',
    host: 'a'.repeat(100_000),
    accept: 'text/html',
  });
  assert.ok(page.body.length < 3_000);
});

test('every visitor error has a real status, and no code has two meanings', () => {
  const errors = Object.values(VISITOR_ERRORS);
  const codes = errors.flatMap((error) => (error.code === null ? [] : [error.code]));
  assert.equal(new Set(codes).size, codes.length);
  for (const { status, title, text } of errors) {
    assert.ok(status >= 400 && status < 600);
    assert.match(title, /^[A-Z][A-Za-z -]+$/);
    assert.match(text, /\.$/);
  }
});

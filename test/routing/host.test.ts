import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  isPlainPath,
  parseHostHeader,
  parseRequestTarget,
  urlAuthority,
  workerHost,
} from '../../server/routing/host.ts';

test('a host header is read with and without port, in lower case, without the root dot', () => {
  assert.deepEqual(parseHostHeader('apple.dev.localhost'), { name: 'apple.dev.localhost', port: null });
  assert.deepEqual(parseHostHeader('APPLE.Dev.localhost:8787'), { name: 'apple.dev.localhost', port: 8787 });
  assert.deepEqual(parseHostHeader('apple.dev.localhost.'), { name: 'apple.dev.localhost', port: null });
  assert.deepEqual(parseHostHeader('apple.dev.localhost.:80'), { name: 'apple.dev.localhost', port: 80 });
  assert.deepEqual(parseHostHeader('127.0.0.1:1'), { name: '127.0.0.1', port: 1 });
  assert.deepEqual(parseHostHeader('[::1]:65535'), { name: '[::1]', port: 65_535 });
  assert.deepEqual(parseHostHeader('my_worker.example'), { name: 'my_worker.example', port: null });
  // RFC 3986 §3.2.3 allows an empty port.
  assert.deepEqual(parseHostHeader('a:'), { name: 'a', port: null });
});

test('what is no host name is refused', () => {
  const bad = [
    '',
    '.',
    '..',
    '.a',
    'a..b',
    'a b',
    ' a',
    'a ',
    'a:b',
    'a:0',
    'a:65536',
    'a:123456',
    'a:1:2',
    'user@a',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
  ];
  const worse = [
    'a%41',
    'a,b',
    'a;b',
    'é',
    'a\0',
    'a\r\nb',
    '[::1',
    '::1',
    '[zz]',
    '[]',
    '<a>',
    'a'.repeat(254),
    'a'.repeat(100_000),
  ];
  for (const host of [...bad, ...worse]) assert.equal(parseHostHeader(host), null, JSON.stringify(host.slice(0, 20)));
  assert.notEqual(parseHostHeader('a'.repeat(253)), null);
});

test('whatever host passes keeps its place in a URL: nothing of it becomes a path, a user or another host', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '.',
    '-',
    '_',
    ':',
    '8',
    '@',
    '/',
    '\\',
    '%',
    '#',
    '?',
    '[',
    ']',
    ' ',
    '\t',
    'é',
    'xn--',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        const host = parseHostHeader(text);
        if (host === null) return;
        // A name ending in a number (`8`, `0x`) is an IPv4 address to URL, and may be an invalid one: then the worker never sees it.
        if (!URL.canParse(`http://${urlAuthority(host, 'http')}/path`)) return;
        const url = new URL(`http://${urlAuthority(host, 'http')}/path`);
        assert.equal(url.pathname, '/path');
        assert.equal(url.username, '');
        const endsInNumber = /(^|\.)(\d+|0x[0-9a-f]*)$/.test(host.name);
        if (/[a-z]$/.test(host.name) && !endsInNumber) assert.equal(url.hostname, host.name);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('the port of the scheme is left out of URLs', () => {
  assert.equal(urlAuthority({ name: 'a', port: 80 }, 'http'), 'a');
  assert.equal(urlAuthority({ name: 'a', port: 443 }, 'http'), 'a:443');
  assert.equal(urlAuthority({ name: 'a', port: 443 }, 'https'), 'a');
  assert.equal(urlAuthority({ name: 'a', port: 8787 }, 'https'), 'a:8787');
  assert.equal(urlAuthority({ name: 'a', port: null }, 'https'), 'a');
});

test('a worker’s public name is worker, subdomain, base domain', () => {
  assert.equal(workerHost('Apple', 'dev', 'localhost'), 'apple.dev.localhost');
});

test('request targets: path, absolute URL, asterisk', () => {
  assert.deepEqual(parseRequestTarget('GET', '/a?b=c'), { authority: null, path: '/a?b=c' });
  assert.deepEqual(parseRequestTarget('GET', '//evil.example/x'), { authority: null, path: '//evil.example/x' });
  assert.deepEqual(parseRequestTarget('GET', 'http://a:1/b?c'), { authority: 'a:1', path: '/b?c' });
  assert.deepEqual(parseRequestTarget('GET', 'HTTPS://a'), { authority: 'a', path: '/' });
  assert.deepEqual(parseRequestTarget('GET', 'http://a?b'), { authority: 'a', path: '/?b' });
  assert.deepEqual(parseRequestTarget('GET', 'http://user@a/'), { authority: 'user@a', path: '/' });
  assert.deepEqual(parseRequestTarget('OPTIONS', '*'), { authority: null, path: '/' });
  for (const target of [
    '*',
    '',
    'a',
    'a:80',
    'ftp://a/',
    '/a#b',
    'http://a/#b',
    '/a b',
    '/a\t',
    '/é',
    'http:/a',
    'http:a',
    '?a',
  ]) {
    assert.equal(parseRequestTarget('GET', target), null, target);
  }
});

test('a plain path appended to a host is a URL of that host', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' })).map((text) => `/${text}`),
      (path) => {
        if (!isPlainPath(path)) return;
        const url = new URL(`http://apple.dev.localhost:8787${path}`);
        assert.equal(url.host, 'apple.dev.localhost:8787');
        assert.equal(url.hash, '');
      },
    ),
    { numRuns: 2_000 },
  );
});

/** Which addresses workers may reach. The ranges are those of IANA's special-purpose registries (RFC 6890 and successors). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAddressPolicy, EgressAllowError, isPublic } from '../../server/bindings/egress/address-policy.ts';

const closed = createAddressPolicy([]);

/** The first and last address of each range that must not be reached, and one from its middle. */
const REFUSED = [
  ['this network', '0.0.0.0', '0.255.255.255', '0.1.2.3'],
  ['RFC 1918 10/8', '10.0.0.0', '10.255.255.255', '10.42.0.1'],
  ['carrier-grade NAT', '100.64.0.0', '100.127.255.255', '100.100.100.200'],
  ['loopback', '127.0.0.0', '127.255.255.255', '127.0.0.1'],
  ['link-local and cloud metadata', '169.254.0.0', '169.254.255.255', '169.254.169.254'],
  ['RFC 1918 172.16/12', '172.16.0.0', '172.31.255.255', '172.17.0.1'],
  ['IETF assignments', '192.0.0.0', '192.0.0.255', '192.0.0.192'],
  ['TEST-NET-1', '192.0.2.0', '192.0.2.255', '192.0.2.1'],
  ['6to4 relay anycast', '192.88.99.0', '192.88.99.255', '192.88.99.1'],
  ['RFC 1918 192.168/16', '192.168.0.0', '192.168.255.255', '192.168.1.1'],
  ['benchmarking', '198.18.0.0', '198.19.255.255', '198.18.0.1'],
  ['TEST-NET-2', '198.51.100.0', '198.51.100.255', '198.51.100.1'],
  ['TEST-NET-3', '203.0.113.0', '203.0.113.255', '203.0.113.1'],
  ['multicast', '224.0.0.0', '239.255.255.255', '239.1.1.1'],
  ['reserved', '240.0.0.0', '255.255.255.254', '250.0.0.1'],
  ['broadcast', '255.255.255.255', '255.255.255.255', '255.255.255.255'],
] as const;

/** The neighbours just outside the ranges, and well-known public ones. */
const ALLOWED = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '191.255.255.255',
  '192.0.1.0',
  '192.0.3.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '203.0.112.255',
  '203.0.114.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2001:4860:4860::8888',
  '2a00:1450:4001:800::200e',
  '2400:cb00::1',
  '3ffe:ffff::1',
  '2003::1',
];

const REFUSED_IPV6 = [
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fec0::1',
  'fc00::',
  'fd00:ec2::254',
  'fdff:ffff::1',
  'ff02::1',
  'ff0e::1',
  // Addresses that carry an IPv4 address: NAT64, its local-use prefix, 6to4, Teredo, compatible, translated.
  '64:ff9b::7f00:1',
  '64:ff9b::169.254.169.254',
  '64:ff9b::8.8.8.8',
  '64:ff9b:1::a00:1',
  '2002:7f00:1::',
  '2002:a9fe:a9fe::1',
  '2001::1',
  '2001:0:4136:e378::',
  '::7f00:1',
  '::127.0.0.1',
  '::8.8.8.8',
  '::ffff:0:127.0.0.1',
  // Documentation, benchmarking, ORCHID, discard-only, SRv6.
  '2001:db8::1',
  '3fff::1',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '100::1',
  '5f00::1',
];

test('every special-purpose IPv4 range is refused, at its ends and inside', () => {
  for (const [name, ...addresses] of REFUSED) {
    for (const address of addresses)
      assert.equal(closed.allows('example.com', 80, address), false, `${name}: ${address}`);
  }
});

test('the same ranges are refused as IPv4-mapped IPv6 addresses, in every spelling', () => {
  for (const [name, ...addresses] of REFUSED) {
    for (const address of addresses) {
      const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
      const high = ((a << 8) | b).toString(16);
      const low = ((c << 8) | d).toString(16);
      const spellings = [
        `::ffff:${address}`,
        `::FFFF:${address}`,
        `::ffff:${high}:${low}`,
        `0:0:0:0:0:ffff:${high}:${low}`,
        `0000:0000:0000:0000:0000:ffff:${high.padStart(4, '0')}:${low.padStart(4, '0')}`,
        `0::ffff:${address}`,
        `0:0::0:ffff:${high}:${low}`,
      ];
      for (const spelling of spellings)
        assert.equal(closed.allows('example.com', 80, spelling), false, `${name}: ${spelling}`);
    }
  }
});

test('loopback, link-local, unique-local, multicast and address-carrying IPv6 ranges are refused', () => {
  for (const address of REFUSED_IPV6) assert.equal(isPublic(address), false, address);
});

test('public addresses are allowed, next to the refused ranges too', () => {
  for (const address of ALLOWED) assert.equal(closed.allows('example.com', 443, address), true, address);
  assert.equal(closed.allows('example.com', 443, '::ffff:8.8.8.8'), true);
});

test('what is no address at all is refused', () => {
  for (const text of [
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '127.0.0.1:80',
    '[::1]',
    '1.2.3',
    'example.com',
  ]) {
    assert.equal(isPublic(text), false, text);
  }
});

test('any IPv4 address and its mapped form are judged alike', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      assert.equal(closed.allows('h', 80, `::ffff:${address}`), closed.allows('h', 80, address));
    }),
    { numRuns: 2_000 },
  );
});

test('any IPv6 address outside 2000::/3 is refused, unless it is a mapped public one', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const first = Number.parseInt(address.split(':')[0] || '0', 16);
      if (first >= 0x2000 && first <= 0x3fff) return;
      if (/^(0*:)*:?(0*:)*ffff:/i.test(address)) return;
      assert.equal(isPublic(address), false, address);
    }),
    { numRuns: 2_000 },
  );
});

test('a name on the allow list may resolve to any address; other names may not', () => {
  const policy = createAddressPolicy(['db.internal', 'Printer.Lan']);
  assert.equal(policy.allows('db.internal', 80, '10.0.0.5'), true);
  assert.equal(policy.allows('DB.INTERNAL', 80, '10.0.0.5'), true);
  assert.equal(policy.allows('db.internal.', 80, '10.0.0.5'), true, 'the root’s dot is no other name');
  assert.equal(policy.allows('printer.lan', 80, '10.0.0.6'), true);
  for (const other of ['xdb.internal', 'db.internal.example.com', 'sub.db.internal', 'internal']) {
    assert.equal(policy.allows(other, 80, '10.0.0.5'), false, other);
  }
});

test('an entry with a port allows that port only', () => {
  const policy = createAddressPolicy(['db.internal:5432', '127.0.0.1:9000', '[::1]:9000']);
  assert.equal(policy.allows('db.internal', 5432, '10.0.0.5'), true);
  assert.equal(policy.allows('db.internal', 80, '10.0.0.5'), false);
  assert.equal(policy.allows('anything.example', 9000, '127.0.0.1'), true);
  assert.equal(policy.allows('127.0.0.1', 9001, '127.0.0.1'), false);
  assert.equal(policy.allows('::1', 9000, '::1'), true);
  assert.equal(policy.allows('::1', 9001, '::1'), false);
});

test('an IPv6 address may be allowed with and without brackets and in any spelling', () => {
  for (const entry of ['::1', '[::1]', '0:0:0:0:0:0:0:1']) {
    assert.equal(createAddressPolicy([entry]).allows('localhost', 80, '::1'), true, entry);
  }
});

test('a range allows its addresses, also when they arrive as IPv4-mapped', () => {
  const policy = createAddressPolicy(['10.1.0.0/16', 'fd00:1::/32']);
  assert.equal(policy.allows('x', 80, '10.1.255.1'), true);
  assert.equal(policy.allows('x', 80, '::ffff:10.1.255.1'), true);
  assert.equal(policy.allows('x', 80, '10.2.0.1'), false);
  assert.equal(policy.allows('x', 80, 'fd00:1::5'), true);
  assert.equal(policy.allows('x', 80, 'fd00:2::5'), false);
});

test('an entry that is none of these stops the start with a sentence that shows it', () => {
  for (const entry of [
    '',
    ' ',
    'http://x/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0/8',
    'name/8',
    '::/129',
    '1.2.3.4/8/8',
    'a b',
    'x:99999',
    'x:y',
  ]) {
    assert.throws(() => createAddressPolicy([entry]), EgressAllowError, JSON.stringify(entry));
  }
});

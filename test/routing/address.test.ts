import assert from 'node:assert/strict';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressText,
  isLoopback,
  networkOf,
  clientAddress,
  parseAddress,
  trustedProxies,
  type AddressBytes,
} from '../../server/routing/address.ts';

const bytesOf = (text: string): AddressBytes => {
  const bytes = parseAddress(text);
  assert.ok(bytes !== null, text);
  return bytes;
};

test('addresses are read as bytes; IPv4 in IPv6 clothes is IPv4', () => {
  assert.deepEqual(parseAddress('192.0.2.1'), [192, 0, 2, 1]);
  assert.deepEqual(parseAddress('::ffff:192.0.2.1'), [192, 0, 2, 1]);
  assert.deepEqual(parseAddress('::FFFF:c000:201'), [192, 0, 2, 1]);
  assert.deepEqual(parseAddress('::1'), [...Array.from({ length: 15 }, () => 0), 1]);
  assert.deepEqual(parseAddress('fe80::1%eth0')?.slice(0, 2), [0xfe, 0x80]);
  assert.equal(addressText('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(addressText('fe80::1%eth0'), 'fe80::1');
});

test('what another program could read as another address is none', () => {
  for (const text of [
    '',
    '1',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.256',
    '1.2.3.4.5',
    '0x7f.0.0.1',
    '1.2.3.4 ',
    ':',
    ':::',
    '1::2::3',
    '12345::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1.2.3.4::',
    '::1.2.3',
    'g::',
  ]) {
    assert.equal(parseAddress(text), null, text);
  }
});

test('an address is one exactly when Node says so', () => {
  const part = fc.constantFrom(':', '::', '.', '0', '1', '255', '256', '00', 'ffff', 'a', '1.2.3.4', ' ', 'g');
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.array(part, { maxLength: 16 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (address) => assert.equal(parseAddress(address) !== null, isIP(address) !== 0, address)),
    { numRuns: 3_000 },
  );
});

test('a trusted network holds exactly the addresses that Node’s BlockList finds in it', () => {
  const network = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })),
  );
  const near = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('same'));
  fc.assert(
    fc.property(network, near, ([base, prefix], choice) => {
      const address = choice === 'same' ? base : choice;
      // IPv4-mapped networks are IPv4 to us and not to BlockList: they have a test of their own.
      if (bytesOf(base).length === 4 && !isIPv4(base)) return;
      const list = new BlockList();
      list.addSubnet(base, prefix, isIPv4(base) ? 'ipv4' : 'ipv6');
      if (isIPv4(base) !== isIPv4(address)) return;
      assert.equal(
        trustedProxies([`${base}/${prefix}`])(bytesOf(address)),
        list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('trusted proxies may be addresses, networks and mapped networks; nothing is trusted by default', () => {
  const isTrusted = trustedProxies(['10.0.0.0/8', ' 192.0.2.7 ', 'fd00::/8', '::ffff:172.16.0.0/108']);
  for (const address of ['10.255.0.1', '::ffff:10.1.2.3', '192.0.2.7', 'fd12::1', '172.16.9.9', '172.31.0.1'])
    assert.ok(isTrusted(bytesOf(address)), address);
  for (const address of ['11.0.0.1', '192.0.2.8', 'fe80::1', '172.32.0.1', '::1', '0.0.0.0'])
    assert.ok(!isTrusted(bytesOf(address)), address);
  assert.equal(trustedProxies([])(bytesOf('127.0.0.1')), false);
  assert.equal(trustedProxies(['0.0.0.0/0'])(bytesOf('8.8.8.8')), true);
});

test('an entry that is neither address nor network is refused by name', () => {
  for (const entry of [
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    'fd00::/129',
    '/8',
    '',
    '::ffff:10.0.0.0/8',
  ]) {
    assert.throws(
      () => trustedProxies(['127.0.0.1', entry]),
      (error: Error) => error.message.includes(`"${entry}"`),
      entry,
    );
  }
});

test('the client is the last address in X-Forwarded-For that no trusted proxy has', () => {
  const isTrusted = trustedProxies(['10.0.0.0/8']);
  const client = (header: string | undefined): string => clientAddress('10.0.0.1', header, isTrusted);
  assert.equal(client(undefined), '10.0.0.1');
  assert.equal(client('203.0.113.5'), '203.0.113.5');
  assert.equal(client('6.6.6.6, 203.0.113.5'), '203.0.113.5');
  assert.equal(client('6.6.6.6, 203.0.113.5, 10.0.0.2,10.0.0.3'), '203.0.113.5');
  assert.equal(client('10.0.0.9, 10.0.0.2'), '10.0.0.9');
  assert.equal(client('203.0.113.5:1234'), '203.0.113.5');
  assert.equal(client('[2001:db8::1]:1234'), '2001:db8::1');
  assert.equal(client('2001:db8::1'), '2001:db8::1');
  assert.equal(client('::ffff:203.0.113.5'), '203.0.113.5');
  // Rubbish ends the chain: what stands before it is worth nothing.
  assert.equal(client('203.0.113.5, unknown, 10.0.0.2'), '10.0.0.2');
  assert.equal(client('unknown'), '10.0.0.1');
  assert.equal(client(''), '10.0.0.1');
});

test('a client cannot choose its address: what it writes itself never comes out', () => {
  const isTrusted = trustedProxies(['10.0.0.0/8']);
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60 }),
      fc.ipV4().filter((address) => !isTrusted(bytesOf(address))),
      (forged, real) => {
        assert.equal(clientAddress('10.0.0.1', `${forged}, ${real}`, isTrusted), real);
        assert.equal(clientAddress('10.0.0.1', `${forged}, ${real}, 10.0.0.2`, isTrusted), real);
      },
    ),
  );
});

test('one client is an IPv4 address or an IPv6 network of 64 bits; this machine is nobody’s network', () => {
  assert.equal(networkOf('192.0.2.1'), networkOf('::ffff:192.0.2.1'));
  assert.notEqual(networkOf('192.0.2.1'), networkOf('192.0.2.2'));
  assert.equal(networkOf('2001:db8:0:1::1'), networkOf('2001:db8:0:1:ffff::2'));
  assert.notEqual(networkOf('2001:db8:0:1::1'), networkOf('2001:db8:0:2::1'));
  for (const own of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(own), own);
  for (const other of ['128.0.0.1', '::', '::2', '1::1', 'x']) assert.ok(!isLoopback(other), other);
});

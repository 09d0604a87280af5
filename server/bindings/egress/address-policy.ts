/**
 * Which addresses workers may reach: public unicast ones, and what the operator named in `SKEP_EGRESS_ALLOW`. Everything that leads to this
 * machine, its networks or a cloud's metadata service is refused (server-side request forgery). Decided on resolved
 * addresses, never on names: a name can resolve to anything, and to something else a moment later.
 */
import { BlockList, isIP } from 'node:net';

/** Not globally reachable: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and successors). */
const REFUSED_IPV4: readonly (readonly [address: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** Only 2000::/3 is given out as global unicast; of that, these are special. */
const REFUSED_IPV6: readonly (readonly [address: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
];

export interface AddressPolicy {
  /** May a connection to `host` (as the URL names it), port and resolved address be made? */
  allows(host: string, port: number, address: string): boolean;
}

/** One entry of SKEP_EGRESS_ALLOW was no host, host:port, address or CIDR. */
export class EgressAllowError extends Error {
  override readonly name = 'EgressAllowError';
}

/** `allow`: host names, `host:port`, addresses, `address:port` or CIDRs. Throws EgressAllowError. */
export function createAddressPolicy(allow: readonly string[]): AddressPolicy {
  const named = new Set<string>();
  const ranges = new BlockList();
  for (const entry of allow) addEntry(entry.trim(), named, ranges);
  return {
    allows(host, port, address) {
      const name = canonical(host);
      if (named.has(name) || named.has(portKey(name, port))) return true;
      const plain = unmap(address);
      const key = canonical(plain);
      if (named.has(key) || named.has(portKey(key, port))) return true;
      return ranges.check(plain, family(plain)) || isPublic(plain);
    },
  };
}

const portKey = (host: string, port: number): string => `${host} ${port}`;

/** One spelling for a host: lower case, no brackets, no root dot, IPv6 written out. */
function canonical(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  return isIP(name) === 6
    ? ipv6Words(name)
        .map((word) => word.toString(16))
        .join(':')
    : name;
}

/** `[v6]:port`, `[v6]`, `v6`, `host:port`, `host`. */
const HOST_ENTRY = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/;

function addEntry(entry: string, named: Set<string>, ranges: BlockList): void {
  if (entry.includes('/')) addRange(entry, ranges);
  else named.add(hostKey(entry));
}

function addRange(entry: string, ranges: BlockList): void {
  const [address, prefix, ...rest] = entry.split('/') as [string, string, ...string[]];
  const bits = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) {
    throw refusedEntry(entry, 'an address range');
  }
  ranges.addSubnet(address, Number(prefix), family(address));
}

function hostKey(entry: string): string {
  if (isIP(entry) === 6) return canonical(entry);
  const { v6, host, port } = HOST_ENTRY.exec(entry)?.groups ?? {};
  const name = v6 ?? host;
  const isValid =
    name !== undefined && (v6 === undefined || isIP(v6) === 6) && Number(port ?? 1) >= 1 && Number(port ?? 1) <= 65_535;
  if (!isValid) throw refusedEntry(entry, 'a host');
  return port === undefined ? canonical(name) : portKey(canonical(name), Number(port));
}

const refusedEntry = (entry: string, what: string): EgressAllowError =>
  new EgressAllowError(
    `SKEP_EGRESS_ALLOW: "${entry}" is not ${what}. Allowed are host names, host:port, addresses and CIDRs such as 10.1.0.0/16.`,
  );

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** `::ffff:127.0.0.1` (mapped, in any spelling) is the IPv4 address it holds. */
function unmap(address: string): string {
  const bytes = isIP(address) === 6 ? ipv6Words(address) : undefined;
  if (bytes === undefined) return address;
  const [w0, w1, w2, w3, w4, w5, high, low] = bytes as [number, number, number, number, number, number, number, number];
  if (w0 === 0 && w1 === 0 && w2 === 0 && w3 === 0 && w4 === 0 && w5 === 0xffff) {
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  return address;
}

/** The eight 16-bit words of a valid IPv6 address; a zone is ignored. */
function ipv6Words(address: string): number[] {
  let text = (address.split('%')[0] as string).toLowerCase();
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted !== null) {
    const [, head, a, b, c, d] = dotted;
    text = `${head}${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`;
  }
  const [left, right] = text.split('::') as [string, string?];
  const words = (part: string | undefined) =>
    part === undefined || part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const head = words(left);
  const tail = words(right);
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

const refused4 = new BlockList();
for (const [address, prefix] of REFUSED_IPV4) refused4.addSubnet(address, prefix, 'ipv4');
const refused6 = new BlockList();
for (const [address, prefix] of REFUSED_IPV6) refused6.addSubnet(address, prefix, 'ipv6');

/** Globally reachable unicast. Anything that embeds an IPv4 address (6to4, NAT64, Teredo) is not. */
export function isPublic(address: string): boolean {
  const plain = unmap(address);
  const version = isIP(plain);
  if (version === 4) return !refused4.check(plain, 'ipv4');
  if (version !== 6) return false;
  const first = ipv6Words(plain)[0] as number;
  if ((first & 0xe000) !== 0x2000 || first === 0x2002) return false;
  return !refused6.check(plain, 'ipv6');
}

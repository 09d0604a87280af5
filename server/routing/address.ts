/** IP addresses as text: whom to trust as a proxy, and who the client is behind the trusted ones. */

/** 4 or 16 bytes. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is its IPv4 address. */
export type AddressBytes = readonly number[];

interface Network {
  readonly bytes: AddressBytes;
  readonly prefixBits: number;
}

const MAPPED_PREFIX_BITS = 96;

/** Reads an IPv4 or IPv6 address; a zone (`fe80::1%eth0`) is dropped. Null: no address. No octal, no short forms. */
export function parseAddress(text: string): AddressBytes | null {
  if (!text.includes(':')) return parseIPv4(text);
  const zone = text.indexOf('%');
  const bytes = parseIPv6(zone === -1 ? text : text.slice(0, zone));
  return bytes !== null && isMapped(bytes) ? bytes.slice(12) : bytes;
}

function parseIPv4(text: string): number[] | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const bytes: number[] = [];
  for (let index = 1; index <= 4; index++) {
    const part = match[index] as string;
    // `010` is 8 to some programs and 10 to others, so it is no address here.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return null;
    bytes.push(Number(part));
  }
  return bytes;
}

function parseIPv6(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] as string, true) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** `isEnd`: only the end of an address may be written as IPv4. */
function parseGroups(text: string, isEnd: boolean): number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const embedded = isEnd && index === groups.length - 1 ? parseIPv4(group) : null;
      if (embedded === null) return null;
      bytes.push(...embedded);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function isMapped(bytes: AddressBytes): boolean {
  return bytes.length === 16 && bytes.every((byte, index) => (index < 10 ? byte === 0 : index > 11 || byte === 0xff));
}

function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/');
  const addressText = slash === -1 ? text : text.slice(0, slash);
  const bytes = parseAddress(addressText);
  if (bytes === null) return null;
  if (slash === -1) return { bytes, prefixBits: bytes.length * 8 };
  const prefixText = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText)) return null;
  // `::ffff:10.0.0.0/104` was written as IPv6 and became the IPv4 network 10.0.0.0/8.
  const isMappedNetwork = bytes.length === 4 && addressText.includes(':');
  const prefixBits = Number(prefixText) - (isMappedNetwork ? MAPPED_PREFIX_BITS : 0);
  return prefixBits < 0 || prefixBits > bytes.length * 8 ? null : { bytes, prefixBits };
}

function isInside(address: AddressBytes, network: Network): boolean {
  if (address.length !== network.bytes.length) return false;
  const whole = network.prefixBits >> 3;
  for (let index = 0; index < whole; index++) if (address[index] !== network.bytes[index]) return false;
  const rest = network.prefixBits & 7;
  if (rest === 0) return true;
  const shift = 8 - rest;
  return (address[whole] as number) >> shift === (network.bytes[whole] as number) >> shift;
}

export type AddressTest = (address: AddressBytes) => boolean;

/**
 * Makes the test "is this peer a proxy we believe?" from addresses and CIDR networks.
 * Throws an Error that names the first entry which is neither.
 */
export function trustedProxies(entries: readonly string[]): AddressTest {
  const networks = entries.map((entry) => {
    const network = parseNetwork(entry.trim());
    if (network !== null) return network;
    throw new Error(
      `Trusted proxies: "${entry}" is not an IP address or network. Allowed are addresses such as 10.0.0.7 and networks such as 10.0.0.0/8 or fd00::/8. Correct the entry and start again.`,
    );
  });
  if (networks.length === 0) return () => false;
  return (address) => networks.some((network) => isInside(address, network));
}

/** The usual text of a peer's address: IPv4-mapped IPv6 as plain IPv4, no zone. */
export function addressText(text: string): string {
  const bytes = parseAddress(text);
  if (bytes?.length === 4) return bytes.join('.');
  const zone = text.indexOf('%');
  return zone === -1 ? text : text.slice(0, zone);
}

/**
 * Who the client is. Every proxy appends the address it saw to X-Forwarded-For, so the list is read from its end for as
 * long as the address that vouches for the next one is a trusted proxy; what stands before may be invented by the client.
 * `peer` must itself be trusted, else its own address is the answer and the header says nothing.
 */
export function clientAddress(peer: string, forwardedFor: string | undefined, isTrusted: AddressTest): string {
  if (forwardedFor === undefined) return peer;
  let client = peer;
  const hops = forwardedFor.split(',');
  for (let index = hops.length - 1; index >= 0; index--) {
    const hop = withoutPort((hops[index] as string).trim());
    const bytes = parseAddress(hop);
    if (bytes === null) break;
    client = addressText(hop);
    if (!isTrusted(bytes)) break;
  }
  return client;
}

/** Some proxies write `192.0.2.1:5678` or `[2001:db8::1]:5678`. */
function withoutPort(hop: string): string {
  const match = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(hop);
  return match === null ? hop : (match[1] ?? match[2] ?? hop);
}

/** True for an address of this machine that only programs on it can have. */
export function isLoopback(address: string): boolean {
  const bytes = parseAddress(address);
  if (bytes === null) return false;
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** What one client has of the internet: an IPv4 address, or the /64 around an IPv6 address, of which it may use every one. */
export function networkOf(address: string): string {
  const bytes = parseAddress(address);
  if (bytes === null) return address;
  return bytes.length === 4 ? bytes.join('.') : bytes.slice(0, 8).join(':');
}

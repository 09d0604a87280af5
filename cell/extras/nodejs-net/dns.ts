/** `node:dns` on Workers: DNS over HTTPS, asked of Cloudflare's resolver through the worker's own `fetch`. */
import { denoNode, type Exports } from '../nodejs/deno-node.ts';
import { describeReceived, invalidArgType, nodeError, nodeTypeError, shaped, toText } from '../nodejs/errors.ts';

type Callback = (...args: unknown[]) => unknown;

const RESOLVER = 'https://cloudflare-dns.com/dns-query';
const SERVERS = ['1.1.1.1', '2606:4700:4700::1111', '1.0.0.1', '2606:4700:4700::1001'];
const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  CAA: 257,
};
const NAME_NOT_FOUND = 3;
const ERROR_NAMES =
  'ADDRGETNETWORKPARAMS BADFAMILY BADFLAGS BADHINTS BADNAME BADQUERY BADRESP BADSTR CANCELLED CONNREFUSED DESTRUCTION EOF FILE FORMERR ' +
  'LOADIPHLPAPI NODATA NOMEM NONAME NOTFOUND NOTIMP NOTINITIALIZED REFUSED SERVFAIL TIMEOUT';

interface DnsRecord {
  readonly type: number;
  readonly TTL: number;
  readonly data: string;
}

const dnsError = (code: string, syscall: string, hostname: string): Error =>
  Object.assign(nodeError(code, `${syscall} ${code} ${hostname}`), { syscall, hostname });

async function query(name: string, type: string): Promise<DnsRecord[]> {
  const url = `${RESOLVER}?name=${encodeURIComponent(name)}&type=${type}`;
  const syscall = `query${type === 'AAAA' ? 'Aaaa' : type[0] + type.slice(1).toLowerCase()}`;
  const response = await fetch(url, { headers: { accept: 'application/dns-json' } });
  if (!response.ok) throw dnsError('ESERVFAIL', syscall, name);
  const answer = (await response.json()) as { Status?: number; Answer?: DnsRecord[] };
  if (answer.Status === NAME_NOT_FOUND) throw dnsError('ENOTFOUND', syscall, name);
  const records = (answer.Answer ?? []).filter((record) => record.type === TYPES[type]);
  if (records.length === 0) throw dnsError('ENODATA', syscall, name);
  return records;
}

const withoutDot = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name);

/** `"a" "b"` is one record of two strings. */
const strings = (data: string): string[] =>
  Array.from(
    data.matchAll(/"((?:\\.|[^"\\])*)"|(\S+)/g),
    ([, quoted, bare]) => quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '',
  );

const PARSERS: Readonly<Record<string, (data: string) => unknown>> = {
  CNAME: withoutDot,
  NS: withoutDot,
  PTR: withoutDot,
  TXT: strings,
  MX(data) {
    const [priority, exchange = ''] = data.split(' ');
    return { exchange: withoutDot(exchange), priority: Number(priority) };
  },
  SRV(data) {
    const [priority, weight, port, name = ''] = data.split(' ');
    return { name: withoutDot(name), port: Number(port), priority: Number(priority), weight: Number(weight) };
  },
  SOA(data) {
    const [nsname = '', hostmaster = '', ...numbers] = data.split(' ');
    const [serial, refresh, retry, expire, minttl] = numbers.map(Number);
    return { nsname: withoutDot(nsname), hostmaster: withoutDot(hostmaster), serial, refresh, retry, expire, minttl };
  },
  CAA(data) {
    const [critical, tag = '', value = ''] = strings(data);
    return { critical: Number(critical), [tag]: value };
  },
  NAPTR(data) {
    const [order, preference, flags, service, regexp, replacement = ''] = strings(data);
    return {
      flags,
      service,
      regexp,
      replacement: withoutDot(replacement),
      order: Number(order),
      preference: Number(preference),
    };
  },
};

function requireName(name: unknown): string {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name);
  return name;
}

/** The name is checked at once; the rest is promised. */
const resolver =
  (type: string) =>
  (name: unknown, options?: { ttl?: boolean }): Promise<unknown> => {
    const asked = requireName(name);
    return query(asked, type).then((records) => {
      const parse = PARSERS[type];
      if (type === 'SOA') return parse?.((records[0] as DnsRecord).data);
      return records.map(({ data, TTL }) => {
        if (parse !== undefined) return parse(data);
        return options?.ttl === true ? { address: data, ttl: TTL } : data;
      });
    });
  };

const notImplemented = async (): Promise<never> => {
  throw new Error('Not implemented');
};

function resolve(name: unknown, type: unknown = 'A', options?: { ttl?: boolean }): Promise<unknown> {
  if (typeof type !== 'string') throw invalidArgType('rrtype', 'of type string', type);
  if (type === 'ANY') return notImplemented();
  if (!Object.hasOwn(TYPES, type)) {
    throw nodeTypeError('ERR_INVALID_ARG_VALUE', `The argument 'rrtype' is invalid. Received '${type}'`);
  }
  return resolver(type)(name, options);
}

interface LookupOptions {
  readonly family?: number | string;
  readonly all?: boolean;
}

async function lookup(hostname: unknown, options?: unknown): Promise<unknown> {
  const { family = 0, all = false } = (
    typeof options === 'number' ? { family: options } : (options ?? {})
  ) as LookupOptions;
  if (hostname === undefined || hostname === null || hostname === '') {
    return all ? [] : { address: null, family: family === 6 ? 6 : 4 };
  }
  if (typeof hostname !== 'string') throw invalidArgType('hostname', 'of type string', hostname);
  const { isIP } = denoNode('net') as { isIP(text: string): number };
  const literal = isIP(hostname);
  if (literal !== 0) return all ? [{ address: hostname, family: literal }] : { address: hostname, family: literal };
  const types =
    family === 6 || family === 'IPv6' ? ['AAAA'] : family === 4 || family === 'IPv4' || !all ? ['A'] : ['A', 'AAAA'];
  const answers = await Promise.allSettled(types.map((type) => query(hostname, type)));
  const found = answers.flatMap((answer, index) =>
    answer.status === 'rejected'
      ? []
      : answer.value.map(({ data }) => ({ address: data, family: types[index] === 'AAAA' ? 6 : 4 })),
  );
  if (found.length === 0) throw dnsError('ENOTFOUND', 'getaddrinfo', hostname);
  return all ? found : found[0];
}

/** `1.2.3.4` is asked for as `4.3.2.1.in-addr.arpa`. */
function reverse(ip: unknown): Promise<unknown> {
  const address = requireName(ip);
  if (!address.includes(':')) return resolver('PTR')(`${address.split('.').reverse().join('.')}.in-addr.arpa`);
  const [head = '', tail = ''] = address.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  const digits = groups.map((group) => group.padStart(4, '0')).join('');
  return resolver('PTR')(`${digits.split('').reverse().join('.')}.ip6.arpa`);
}

const ORDERS = ['verbatim', 'ipv4first', 'ipv6first'];
let order = 'verbatim';

const settings = {
  getDefaultResultOrder: () => order,
  setDefaultResultOrder(wanted: unknown) {
    if (!ORDERS.includes(wanted as string)) {
      const shown = typeof wanted === 'string' ? `'${wanted}'` : toText(wanted);
      const known = ORDERS.map((name) => `'${name}'`).join(', ');
      throw nodeTypeError(
        'ERR_INVALID_ARG_VALUE',
        `The argument 'dnsOrder' must be one of: ${known}. Received ${shown}`,
      );
    }
    order = wanted as string;
  },
  getServers: () => [...SERVERS],
  setServers() {
    throw new Error('Not implemented');
  },
};

function promised(): Record<string, Callback> {
  const functions: Record<string, Callback> = {
    resolve: resolve as Callback,
    resolve4: resolver('A') as Callback,
    resolve6: resolver('AAAA') as Callback,
    resolveAny: notImplemented,
    reverse,
    lookup: lookup as Callback,
    lookupService: notImplemented,
  };
  for (const name of ['Caa', 'Cname', 'Mx', 'Naptr', 'Ns', 'Ptr', 'Soa', 'Srv', 'Txt']) {
    functions[`resolve${name}`] = resolver(name.toUpperCase()) as Callback;
  }
  return functions;
}

function callbackForm(name: string, run: Callback): Callback {
  return (...args) => {
    const callback = args.at(-1);
    if (typeof callback !== 'function') {
      if (name === 'lookup') throw invalidArgType('callback', 'of type function', args[2]);
      throw nodeTypeError(
        'ERR_INVALID_ARG_TYPE',
        `The last argument must be of type function.${describeReceived(callback)}`,
      );
    }
    const answer = callback as Callback;
    const isOne = name === 'lookup' && (args[1] as LookupOptions | undefined)?.all !== true;
    void (run(...args.slice(0, -1)) as Promise<unknown>).then(
      (value) => {
        const { address, family } = value as { address?: unknown; family?: unknown };
        if (isOne) answer(null, address, family);
        else answer(null, value);
      },
      (error: unknown) => answer(error),
    );
  };
}

function resolverClass(functions: Record<string, Callback>): unknown {
  class Resolver {
    cancel(): void {}

    setLocalAddress(): void {}

    getServers(): string[] {
      return [...SERVERS];
    }

    setServers(): never {
      throw new Error('Not implemented');
    }
  }
  for (const [name, value] of Object.entries(functions)) {
    if (!name.startsWith('lookup'))
      Object.defineProperty(Resolver.prototype, name, { value, writable: true, configurable: true });
  }
  return Resolver;
}

const constants = (): Exports => ({
  ...Object.fromEntries(ERROR_NAMES.split(' ').map((name) => [name, `E${name}`])),
  ADDRCONFIG: 1024,
  ALL: 256,
  V4MAPPED: 2048,
});

export function dnsPromises(): Exports {
  const functions = promised();
  return { ...constants(), ...settings, ...functions, Resolver: resolverClass(functions) };
}

export function dns(): Exports {
  const functions: Record<string, Callback> = {};
  for (const [name, run] of Object.entries(promised()))
    functions[name] = shaped(callbackForm(name, run), `bound ${name}`, run.length);
  return { ...constants(), ...settings, ...functions, Resolver: resolverClass(functions), promises: dnsPromises() };
}

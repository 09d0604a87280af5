/**
 * Names that workers ask for, resolved over sockets. The system's own resolver waits in a thread for each name, and Node has two for that: six
 * names whose servers do not answer kept everybody's names waiting for half a minute. Here a name costs a datagram and a timer.
 *
 * As the system's: `/etc/hosts` first, then the servers of `/etc/resolv.conf`, with its `search` and `ndots`. Multicast names (mDNS) and other
 * sources of nsswitch are not asked.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Resolves with at least one address. Rejects with an error whose `code` is ENOTFOUND, or EAI_AGAIN when nobody answered. */
export type ResolveName = (name: string) => Promise<readonly Address[]>;

export interface NameResolverOptions {
  readonly hosts?: string;
  readonly resolvConf?: string;
  /** Default: those of `resolvConf`. */
  readonly servers?: readonly string[];
  readonly tryMs?: number;
}

/** The first try; c-ares waits longer for the second. */
const TRY_MS = 2_000;
const TRIES = 2;
/** How long what the files say is believed. */
const FILES_MS = 5_000;
const MAX_NAME_LENGTH = 253;
const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

interface Sources {
  readonly hosts: ReadonlyMap<string, readonly Address[]>;
  readonly search: readonly string[];
  readonly ndots: number;
}

/** Everything has the default that the system's resolver has. */
export function createNameResolver({
  hosts: hostsFile = '/etc/hosts',
  resolvConf = '/etc/resolv.conf',
  servers,
  tryMs = TRY_MS,
}: NameResolverOptions = {}): ResolveName {
  let sources: Promise<Sources> | undefined;
  let untilMs = 0;
  const read = (): Promise<Sources> => {
    if (sources === undefined || performance.now() > untilMs) {
      sources = readSources(hostsFile, resolvConf);
      untilMs = performance.now() + FILES_MS;
    }
    return sources;
  };
  /** One for each name: one that waits for many slow servers holds back all it is asked. */
  const newResolver = (): Resolver => {
    const resolver = new Resolver({ timeout: tryMs, tries: TRIES });
    if (servers !== undefined) resolver.setServers(servers);
    return resolver;
  };
  return async (given) => {
    const name = given.toLowerCase().replace(/\.$/, '');
    if (name === '' || name.length > MAX_NAME_LENGTH) throw failure(given, 'ENOTFOUND');
    const { hosts, search, ndots } = await read();
    const known = hosts.get(name);
    if (known !== undefined) return known;
    if (name === 'localhost' || name.endsWith('.localhost')) return hosts.get('localhost') ?? LOOPBACK;
    let code = 'ENOTFOUND';
    for (const candidate of candidates(name, given.endsWith('.') ? [] : search, ndots)) {
      const answer = await ask(newResolver(), candidate);
      if (typeof answer !== 'string') return answer;
      if (answer !== 'ENOTFOUND') code = answer;
    }
    throw failure(given, code);
  };
}

/** With few dots a name is first looked for in the domains of `search`. */
function candidates(name: string, search: readonly string[], ndots: number): string[] {
  const inDomains = search.map((domain) => `${name}.${domain}`);
  return name.split('.').length - 1 >= ndots ? [name, ...inDomains] : [...inDomains, name];
}

/** The addresses of both families, or why there are none. */
async function ask(resolver: Resolver, name: string): Promise<readonly Address[] | 'ENOTFOUND' | 'EAI_AGAIN'> {
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = answers.flatMap((answer, index) =>
    answer.status === 'rejected'
      ? []
      : answer.value.map((address): Address => ({ address, family: index === 0 ? 4 : 6 })),
  );
  if (found.length > 0) return found;
  const isThere = answers.some((answer) => answer.status === 'rejected' && !MEANS_NONE.has(codeOf(answer.reason)));
  return isThere ? 'EAI_AGAIN' : 'ENOTFOUND';
}

/** The server knows that there is none, or the name is no name. */
const MEANS_NONE: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME', 'EBADQUERY', 'EBADSTR']);

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code);

const failure = (name: string, code: string): Error =>
  Object.assign(new Error(`The name ${name.slice(0, MAX_NAME_LENGTH)} does not resolve`), { code });

async function readSources(hosts: string, resolvConf: string): Promise<Sources> {
  const lines = await linesOf(resolvConf);
  // The last of them counts.
  const search = lines.findLast(([word]) => word === 'search' || word === 'domain')?.slice(1) ?? [];
  const options = lines.filter(([word]) => word === 'options').flat();
  const ndots = Number(options.findLast((option) => option.startsWith('ndots:'))?.slice('ndots:'.length) ?? 1);
  return {
    hosts: readHosts(await linesOf(hosts)),
    search: search.filter((domain) => domain !== '.').map((domain) => domain.replace(/\.$/, '')),
    ndots: Number.isInteger(ndots) ? ndots : 1,
  };
}

function readHosts(lines: readonly (readonly string[])[]): Map<string, Address[]> {
  const found = new Map<string, Address[]>();
  for (const [address = '', ...names] of lines) {
    const family = isIP(address);
    if (family !== 4 && family !== 6) continue;
    for (const name of names.map((text) => text.toLowerCase())) {
      const all = found.get(name) ?? [];
      if (!all.some((known) => known.address === address)) all.push({ address, family });
      found.set(name, all);
    }
  }
  return found;
}

/** Words of each line, without comments. A file that is not there has none. */
async function linesOf(path: string): Promise<string[][]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').map((line) =>
    line
      .replace(/[#;].*$/, '')
      .split(/\s+/)
      .filter((word) => word !== ''),
  );
}

/**
 * Where a database of a user's own may be: where `fetch` of workers may go, and never at the platform's own PostgreSQL. Decided on resolved
 * addresses, for every connection anew.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { AddressPolicy } from '../egress/address-policy.ts';
import type { ResolveName } from '../egress/names.ts';

export interface OriginAddressOptions {
  readonly policy: AddressPolicy;
  readonly resolveName: ResolveName;
  /** URLs of the platform's own databases; those on a unix socket need no guard. */
  readonly platformUrls: readonly string[];
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Resolves with the address to connect to. Rejects with a sentence for the user when there is none that may be reached. */
export function createOriginResolver({
  policy,
  resolveName,
  platformUrls,
}: OriginAddressOptions): (host: string, port: number) => Promise<string> {
  const platform = platformUrls.flatMap(placeOf);
  return async (host, port) => {
    const addresses = await resolve(resolveName, host);
    const forbidden = await addressesOf(platform.filter((place) => place.port === port));
    const found = addresses.find((address) => policy.allows(host, port, address) && !isOneOf(address, forbidden));
    if (found !== undefined) return found;
    throw new Error(
      `${host}:${port} may not be reached: its address is not public, or it is the platform's own database. The operator can allow private addresses with SKEP_EGRESS_ALLOW`,
    );
  };
}

async function resolve(resolveName: ResolveName, host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await resolveName(host)).map(({ address }) => address);
  } catch {
    throw new Error(`The name ${host} does not resolve`);
  }
}

function placeOf(url: string): Place[] {
  if (!URL.canParse(url)) return [];
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return host === '' || host.includes('%2F') || host.includes('/') ? [] : [{ host, port: Number(port || 5432) }];
}

/** As the platform itself finds them: with the system's resolver. Their names are the operator's. */
async function addressesOf(places: readonly Place[]): Promise<string[]> {
  const all = await Promise.all(places.map(({ host }) => lookup(host, { all: true }).catch(() => [])));
  return all.flat().map(({ address }) => address);
}

/** On this machine one server listens on many addresses. */
function isOneOf(address: string, forbidden: readonly string[]): boolean {
  return forbidden.includes(address) || (isOfThisMachine(address) && forbidden.some(isOfThisMachine));
}

function isOfThisMachine(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  if (/^(?:127\.|0\.0\.0\.0$|::1?$)/.test(plain)) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === plain));
}

/** `cloudflare:sockets`, and `connect()` of bindings: the implementation is loaded with the first use. */
import { registerBuiltin } from './builtins.ts';
import type { Destination } from './call-head.ts';
import { loadExtra } from './extras.ts';
import { MapConstructor, mapGet, mapSet, stringLastIndexOf, stringSlice } from './primordials.ts';

interface SocketsExtra {
  readonly connect: unknown;
  connectSocket(address: unknown, options: unknown, destination: Destination): object;
}

const extra = (): SocketsExtra => loadExtra<SocketsExtra>('sockets');

export function installSockets(): void {
  registerBuiltin('cloudflare:sockets', () => ({ connect: extra().connect }));
}

/** Names of hosts that exist in this cell only, and the bindings that stand for them. */
const bindingHosts = new MapConstructor<string, string>();

/** From now on sockets to this host lead to the binding. */
export const addBindingHost = (host: string, binding: string): void => {
  mapSet(bindingHosts, host, binding);
};

/** Where a socket to `host:port` leads: null is the internet. */
export const destinationOfAddress = (address: string): Destination =>
  (mapGet(bindingHosts, stringSlice(address, 0, stringLastIndexOf(address, ':'))) as string | undefined) ?? null;

/** `Fetcher.connect(address, options)`. */
export const connectThrough = (destination: Destination, address: unknown, options: unknown): object =>
  extra().connectSocket(address, options, destination);

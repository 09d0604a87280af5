/** `cloudflare:sockets`, and `connect()` of bindings: the implementation is loaded with the first use. */
import { registerBuiltin } from './builtins.ts';
import type { Destination } from './calls.ts';
import { loadExtra } from './extras.ts';

interface SocketsExtra {
  readonly connect: unknown;
  connectSocket(address: unknown, options: unknown, destination: Destination): object;
}

const extra = (): SocketsExtra => loadExtra<SocketsExtra>('sockets');

export function installSockets(): void {
  registerBuiltin('cloudflare:sockets', () => ({ connect: extra().connect }));
}

/** `Fetcher.connect(address, options)`. */
export const connectThrough = (destination: Destination, address: unknown, options: unknown): object =>
  extra().connectSocket(address, options, destination);

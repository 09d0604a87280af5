/** How many connections each client address holds: one client cannot take the places of all. */
import { addTo } from '../../shared/counts.ts';
import type { Socket } from 'node:net';
import { isLoopback, networkOf } from '../routing/address.ts';

export class AddressPlaces {
  readonly #perAddress: number;
  readonly #taken = new Map<string, number>();

  constructor(perAddress: number) {
    this.#perAddress = perAddress;
  }

  /** Takes a place until the socket is closed. False: the address has all that it may have. */
  take(address: string, socket: Pick<Socket, 'once'>): boolean {
    if (isLoopback(address)) return true;
    const network = networkOf(address);
    const taken = this.#taken.get(network) ?? 0;
    if (taken >= this.#perAddress) return false;
    addTo(this.#taken, network, 1);
    socket.once('close', () => addTo(this.#taken, network, -1));
    return true;
  }
}

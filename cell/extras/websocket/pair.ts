/** `new WebSocketPair()`: two sockets joined to one another. */
import { defineProperty, NativeArray, symbolIterator } from '../../primordials.ts';
import { refuseAtStartup } from '../../startup.ts';
import { connectedEnds } from './inbox.ts';
import { exposeInterface } from './interface.ts';
import { CREATE, WebSocket } from './socket.ts';

const arrayIterator = (NativeArray.prototype as unknown as Record<symbol, () => Iterator<unknown>>)[symbolIterator];

export class WebSocketPair {
  declare readonly 0: WebSocket;
  declare readonly 1: WebSocket;

  constructor() {
    refuseAtStartup();
    const [first, second] = connectedEnds();
    for (const [key, end] of [
      ['0', first],
      ['1', second],
    ] as const) {
      defineProperty(this, key, {
        value: new WebSocket(CREATE, end),
        writable: false,
        enumerable: true,
        configurable: true,
      });
    }
  }

  [Symbol.iterator](): Iterator<WebSocket> {
    return (arrayIterator as unknown as (this: unknown[]) => Iterator<WebSocket>).call([this[0], this[1]]);
  }
}

exposeInterface(WebSocketPair, 'WebSocketPair');

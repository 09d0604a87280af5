/** The stream of bytes behind a socket, with whoever it belongs to at the moment: `startTls()` hands it to another socket. */
import { type CallHead, CALL_FULL, type Failure, type ResponseHead, START_TLS } from '../../../shared/protocol.ts';
import { type Destination, toWire } from '../../call-head.ts';
import { openStream, sendFrame, sendFull, type StreamListener } from '../../channel.ts';
import { advanceClock, type Invocation } from '../../context.ts';
import { jsonParse, jsonStringify, NativeUint8Array, utf8Decode, utf8Encode } from '../../primordials.ts';
import { Tunnel, type TunnelListener } from '../../tunnel.ts';

const EMPTY = new NativeUint8Array(0);

export interface ConnectionOwner extends TunnelListener {
  onOpened(): void;
}

export class Connection implements TunnelListener {
  owner: ConnectionOwner;
  tunnel: Tunnel | undefined;
  readonly #invocation: Invocation;
  readonly #stream: number;

  constructor(owner: ConnectionOwner, invocation: Invocation, destination: Destination, url: string) {
    this.owner = owner;
    this.#invocation = invocation;
    const listener: StreamListener = {
      onResponse: (head) => this.#opened(head),
      onData: () => undefined,
      onEnd: () => undefined,
      onFail: (payload) => this.onLost(jsonParse(utf8Decode(payload)) as Failure),
      onWindow: () => undefined,
    };
    this.#stream = openStream(listener);
    const head: CallHead = {
      invocation: invocation.id,
      ...toWire(destination),
      method: 'CONNECT',
      url,
      headers: [],
      hasBody: false,
      bodyBytes: null,
      upgrade: 'socket',
      clockMs: invocation.clockMs,
    };
    sendFull(CALL_FULL, this.#stream, utf8Encode(jsonStringify(head)), EMPTY);
  }

  startTls(expectedServerHostname: string | null): void {
    sendFrame(START_TLS, this.#stream, utf8Encode(jsonStringify({ expectedServerHostname })));
  }

  #opened(head: Uint8Array): void {
    this.#advance(head);
    this.tunnel = new Tunnel(this, this.#stream);
    this.owner.onOpened();
  }

  #advance(head: Uint8Array): void {
    advanceClock(this.#invocation, (jsonParse(utf8Decode(head)) as ResponseHead).clockMs);
  }

  onBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.owner.onBytes(bytes);
  }

  onEnd(): void {
    this.owner.onEnd();
  }

  onLost(failure: Failure): void {
    this.owner.onLost(failure);
  }

  /** TLS is there. */
  onAnswer(head: Uint8Array): void {
    this.#advance(head);
    this.owner.onOpened();
  }
}

/** Joins one end of a WebSocket connection to a stream of bytes: RFC 6455 on the outside. */
import {
  NativeUint8Array,
  randomFill,
  setAdd,
  SetConstructor,
  setDelete,
  setForEach,
  utf8Encode,
} from '../../primordials.ts';
import { Tunnel, type TunnelListener } from '../../tunnel.ts';
import { BINARY, encodeClose, encodeMessage, FrameDecoder, PONG, TEXT } from './frames.ts';
import type { End, Message } from './inbox.ts';

/** Messages that nobody has read: from here on the sender gets no more room. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const GOING_AWAY = 1001;
const LOST = 'WebSocket disconnected without sending Close frame.';

/** A client masks what it sends. */
type Role = 'server' | 'client';

/** A call that was answered with 101 goes on as this connection. */
export function joinClientWire(end: End, stream: number): void {
  const wire = new WireEnd(end, 'client');
  wire.start(new Tunnel(wire, stream));
}

/** Connections to visitors that are not closed. */
const visitors = new SetConstructor<WireEnd>();

/** Says to every visitor that this end goes away (RFC 6455 §7.4.1); the worker hears of it by the visitor's answer. */
export function closeVisitors(): void {
  setForEach(visitors, (wire) => wire.goAway());
}

/** Opens the connection to the visitor. `announce` tells the supervisor what the new stream is, before anything is sent on it. */
export function joinServerWire(end: End, announce: (stream: number) => void): void {
  const wire = new WireEnd(end, 'server');
  const tunnel = new Tunnel(wire);
  announce(tunnel.stream);
  wire.start(tunnel);
  setAdd(visitors, wire);
}

class WireEnd implements TunnelListener {
  readonly #end: End;
  readonly #role: Role;
  #tunnel!: Tunnel;
  readonly #decoder: FrameDecoder;
  #closeReceived = false;
  #closeSent = false;
  #failed = false;
  /** Read by the decoder but not yet given back to the sender's window. */
  #ungranted = 0;

  constructor(end: End, role: Role) {
    this.#end = end;
    this.#role = role;
    const receive = (message: Message): void => end.outgoing.receive(message);
    this.#decoder = new FrameDecoder({
      onText: (text, bytes) => receive({ kind: 'text', text, bytes }),
      onBinary: (data) => receive({ kind: 'binary', data, bytes: data.length }),
      onPing: (data) => {
        if (!this.#closeSent) this.#tunnel.write(encodeMessage(PONG, data, this.#mask()));
      },
      onClose: (code, reason) => {
        this.#closeReceived = true;
        receive({ kind: 'close', code, reason, bytes: 0 });
        this.#endWhenClosed();
      },
      onProtocolError: (code, description) => this.#protocolError(code, description),
    });
  }

  start(tunnel: Tunnel): void {
    this.#tunnel = tunnel;
    this.#end.outgoing.onDelivered = () => this.#grant();
    this.#end.incoming.drainTo(
      (message) => this.#send(message),
      () => tunnel.queuedBytes,
    );
  }

  #abort(): void {
    this.#failed = true;
    setDelete(visitors, this);
    this.#tunnel.abort();
  }

  /** What was sent before leaves first; what the worker sends from now on has nowhere to go. */
  goAway(): void {
    if (this.#closeSent || this.#failed) return;
    this.#tunnel.write(encodeClose(GOING_AWAY, '', this.#mask()));
    this.#closeSent = true;
    this.#endWhenClosed();
  }

  // --- from the network ---

  onBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#ungranted += bytes.length;
    if (!this.#closeReceived && !this.#failed) this.#decoder.push(bytes);
    this.#grant();
  }

  onEnd(): void {
    this.#lost();
    this.#tunnel.end();
  }

  onLost(): void {
    this.#lost();
  }

  #lost(): void {
    setDelete(visitors, this);
    if (this.#failed) return;
    const { outgoing, shared } = this.#end;
    if (!this.#closeReceived) {
      this.#failed = true;
      outgoing.receive({ kind: 'lost', reason: LOST, bytes: 0 });
    } else if (this.#role === 'client' && !shared.released) {
      shared.released = true;
      outgoing.receive({ kind: 'gone', bytes: 0 });
    }
  }

  #protocolError(code: number, description: string): void {
    this.#failed = true;
    if (!this.#closeSent) this.#tunnel.write(encodeClose(code, description, this.#mask()));
    this.#closeSent = true;
    this.#tunnel.end();
    const message = `WebSocket protocol error; protocolError.statusCode = ${code}; protocolError.description = ${description}`;
    this.#end.outgoing.receive({ kind: 'unreadable', message, bytes: 0 });
  }

  #grant(): void {
    if (this.#end.outgoing.bufferedBytes > MAX_UNREAD_BYTES) return;
    const bytes = this.#ungranted;
    this.#ungranted = 0;
    if (bytes > 0) this.#tunnel.consumed(bytes);
  }

  // --- from user code ---

  #send(message: Message): void {
    if (this.#closeSent || this.#failed) return;
    if (message.kind === 'text') this.#write(encodeMessage(TEXT, utf8Encode(message.text), this.#mask()));
    else if (message.kind === 'binary') this.#write(encodeMessage(BINARY, message.data, this.#mask()));
    else if (message.kind === 'close') {
      this.#tunnel.write(encodeClose(message.code, message.reason, this.#mask()));
      this.#closeSent = true;
      this.#endWhenClosed();
    } else if (message.kind === 'broken') this.#abort();
    else if (message.kind === 'unreadable' || message.kind === 'lost') this.#abort();
  }

  /** Where messages come from another connection, that one gets room again when they have left. */
  #write(frame: Uint8Array): void {
    this.#tunnel.write(frame, () => this.#end.incoming.onDelivered?.());
  }

  #endWhenClosed(): void {
    if (!this.#closeReceived || !this.#closeSent) return;
    setDelete(visitors, this);
    this.#tunnel.end();
  }

  #mask(): Uint8Array | undefined {
    return this.#role === 'client' ? randomFill(new NativeUint8Array(4)) : undefined;
  }
}

/** `crypto.DigestStream`: a WritableStream that hashes what is written to it. */
import { createHash } from 'node:crypto';
import {
  construct,
  defineProperty,
  NativePromise,
  NativeTypeError,
  NativeWritableStream,
  promiseThen,
  utf8Encode,
} from '../../primordials.ts';
import { constructorParameterError, illegalInvocation } from '../../webidl.ts';
import { viewOf } from '../../http/bytes.ts';
import { toArrayBuffer } from './bytes.ts';
import { toHashAlgorithm } from './convert.ts';
import type { RunningDigest } from '../../../shared/crc.ts';
import { startChecksum } from './crc.ts';
import { findHash } from './digest.ts';

function startDigest(name: string): RunningDigest {
  const checksum = startChecksum(name);
  if (checksum !== undefined) return checksum;
  const hash = createHash(findHash(name).node);
  return { update: (data) => void hash.update(data), digest: () => hash.digest() };
}

interface Settled {
  readonly promise: Promise<ArrayBuffer>;
  readonly resolve: (digest: ArrayBuffer) => void;
  readonly reject: (reason: unknown) => void;
}

function pending(): Settled {
  let resolve: (digest: ArrayBuffer) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new NativePromise<ArrayBuffer>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Set for as long as bytes are taken; afterwards the result stands. */
interface State {
  readonly digest: Settled;
  running: RunningDigest | undefined;
  failed: boolean;
  reason: unknown;
  bytesWritten: bigint;
}

function takeChunk(state: State, chunk: unknown): void {
  const bytes = typeof chunk === 'string' ? utf8Encode(chunk) : viewOf(chunk);
  if (bytes === undefined) {
    throw new NativeTypeError(
      'DigestStream is a byte stream but received an object of non-ArrayBuffer/ArrayBufferView/string type on its writable side.',
    );
  }
  if (bytes.length === 0) return;
  if (state.failed) throw state.reason;
  state.running?.update(bytes);
  state.bytesWritten += BigInt(bytes.length);
}

function fail(state: State, reason: unknown): void {
  if (state.running === undefined) return;
  state.running = undefined;
  state.failed = true;
  state.reason = reason;
  state.digest.reject(reason);
}

function finish(state: State): void {
  if (state.failed) throw state.reason;
  if (state.running === undefined) return;
  const result = state.running.digest();
  state.running = undefined;
  state.digest.resolve(toArrayBuffer(result));
}

class DigestStreamClass extends NativeWritableStream {
  readonly #state: State;

  constructor(state: State) {
    super({
      write: (chunk) => takeChunk(state, chunk),
      close: () => finish(state),
      abort: (reason) => fail(state, reason),
    });
    this.#state = state;
  }

  static read(stream: unknown): State {
    if (typeof stream !== 'object' || stream === null || !(#state in stream)) {
      throw illegalInvocation();
    }
    return (stream as DigestStreamClass).#state;
  }
}

const stateOf = DigestStreamClass.read;
Reflect.deleteProperty(DigestStreamClass, 'read');

const FAILED = "Failed to construct 'DigestStream':";

/** What user code calls. Not a class, because its message for a call without `new` is not that of the engine. */
export function DigestStream(this: unknown): unknown {
  if (new.target === undefined) {
    throw new NativeTypeError(
      `${FAILED} Please use the 'new' operator, this object constructor cannot be called as a function.`,
    );
  }
  if (arguments.length === 0) {
    throw constructorParameterError('DigestStream', 1, 'string or HashAlgorithm');
  }
  const running = startDigest(toHashAlgorithm(arguments[0]).name);
  const state: State = { digest: pending(), running, failed: false, reason: undefined, bytesWritten: 0n };
  // Nobody need look at the digest of a stream that was given up.
  void promiseThen(state.digest.promise, undefined, () => undefined);
  return construct(DigestStreamClass, [state], new.target as never);
}

function addGetter(name: string, read: (state: State) => unknown): void {
  const descriptor = Object.getOwnPropertyDescriptor(
    {
      get [name]() {
        return read(stateOf(this));
      },
    },
    name,
  ) as PropertyDescriptor;
  defineProperty(DigestStreamClass.prototype, name, descriptor);
}

addGetter('digest', (state) => state.digest.promise);
addGetter('bytesWritten', (state) => state.bytesWritten);
const { dispose } = {
  dispose(this: unknown) {
    fail(stateOf(this), new NativeTypeError('The DigestStream was disposed.'));
  },
};
defineProperty(dispose, 'name', { value: '', configurable: true });
const hidden = { configurable: true, writable: true };
defineProperty(DigestStreamClass.prototype, Symbol.dispose, { value: dispose, ...hidden });
defineProperty(DigestStreamClass.prototype, 'constructor', { value: DigestStream, ...hidden });
defineProperty(DigestStreamClass.prototype, Symbol.toStringTag, { value: 'DigestStream', ...hidden });
defineProperty(DigestStream, 'prototype', { value: DigestStreamClass.prototype, writable: true });

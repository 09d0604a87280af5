/** RPC between workers, as `cell/rpc-classes.ts` describes it to the rest of the harness. */
import { isObject } from '../../webidl.ts';
import { isRpcTarget } from '../../entrypoints.ts';
import { getPrototypeOf, NativeTypeError, objectPrototype } from '../../primordials.ts';
import { ByteReader } from './bytes.ts';
import { Decoder } from './decode.ts';
import { encodeDetached } from './encode.ts';
import { localSession, openSession } from './ends.ts';
import { createStubFor, setSessionOpener } from './stubs.ts';
import { fromBase64, toBase64 } from '../../value-primordials.ts';
import { localTarget } from './targets.ts';
import { decodeThrown, thrownBytes } from './thrown.ts';

export { accept } from './ends.ts';
export { dispose, dup, fetchImported, serviceProperty, settle } from './stubs.ts';

setSessionOpener(openSession);

/** `new RpcStub(target)`: calls on it run in this isolate, and arguments and results are copied all the same. */
export function createStub(args: readonly unknown[]): object {
  const target = args[0];
  if (!isObject(target)) {
    throw new NativeTypeError("Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.");
  }
  if (!canBeWrapped(target)) {
    throw new NativeTypeError('RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.');
  }
  let stub: object | undefined;
  localSession((server, client) => {
    stub = createStubFor(client.importFrom(server, localTarget(target)), []);
  });
  return stub as object;
}

const canBeWrapped = (target: object): boolean =>
  typeof target === 'function' || isRpcTarget(target) || getPrototypeOf(target) === objectPrototype;

/** `props` of a loopback, for the way to the supervisor and back. Throws DataCloneError on what cannot be copied. */
export const encodeProps = (props: object): string => toBase64(encodeDetached(props));

export const encodeThrownValue = (thrown: unknown): string => toBase64(thrownBytes(thrown));

export const decodeThrownValue = (encoded: string): unknown => decodeThrown(fromBase64(encoded));

export const decodeProps = (encoded: string): unknown => new Decoder(new ByteReader(fromBase64(encoded)), null).value();

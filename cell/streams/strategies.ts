/** `CountQueuingStrategy` and `ByteLengthQueuingStrategy`: Deno's, which take what workerd takes. */
import { type Construct, replaceConstructor } from '../constructors.ts';
import { arrayBufferView, construct, defineProperty, isArrayBuffer } from '../primordials.ts';
import { constructorParameterError, isObject } from '../webidl.ts';

const NativeCount = CountQueuingStrategy;
const NativeByteLength = ByteLengthQueuingStrategy;

/** A high-water mark that is missing is none: `NaN`. */
function constructorOf(name: string, native: object): Construct {
  return (args, newTarget) => {
    const init = args[0];
    if (!isObject(init)) throw constructorParameterError(name, 1, 'QueuingStrategyInit');
    const highWaterMark = +(init as { highWaterMark: number }).highWaterMark;
    return construct(native as never, [{ __proto__: null, highWaterMark }], newTarget) as object;
  };
}

/** Of what has no length in bytes that is undefined, and no exception. */
function byteLengthOf(chunk: unknown): number | undefined {
  if (!isObject(chunk)) return undefined;
  const { byteLength } = chunk as { byteLength?: unknown };
  return isArrayBuffer(chunk) || arrayBufferView(chunk) || typeof byteLength === 'number'
    ? (byteLength as number)
    : undefined;
}

const { size } = { size: (chunk?: unknown): number | undefined => byteLengthOf(chunk) };
defineProperty(size, 'length', { value: 0, configurable: true });

/** Replaces the global classes. */
export function installStrategies(): void {
  for (const native of [NativeCount, NativeByteLength]) {
    replaceConstructor(native.name, native, constructorOf(native.name, native));
  }
  const { get } = { get: () => size };
  defineProperty(NativeByteLength.prototype, 'size', { get, enumerable: true, configurable: true });
}

/** Random values: refused at the top level of a module, like those of Web Crypto. */
import { startupGuard } from '../../random.ts';
import { describe } from './describe.ts';
import { argumentTypeError, nativeFunction, outOfRange, rephrase, type Rephrasing } from './native.ts';

type AnyFunction = (...args: unknown[]) => unknown;

function guarded(name: string, rephrasing: Rephrasing): AnyFunction {
  const run = rephrase(name, rephrasing);
  const wrapped = {
    [name]: (...args: unknown[]) => {
      startupGuard();
      return run(...args);
    },
  }[name] as AnyFunction;
  Object.defineProperty(wrapped, 'length', { value: run.length, configurable: true });
  return wrapped;
}

/** `randomInt(max)`, `randomInt(min, max)`, each with a callback or without. */
function checkRange(args: readonly unknown[]): void {
  const hasMin = typeof args[1] === 'number';
  const [min, max] = hasMin ? [args[0], args[1]] : [0, args[0]];
  for (const [name, value] of [['min', min] as const, ['max', max] as const]) {
    if (typeof value !== 'number') {
      throw argumentTypeError(`The "${name}" argument must be of type number. Received ${describe(value)}`);
    }
    if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  }
  if ((min as number) >= (max as number)) throw outOfRange('min', 'min < max', min);
  const span = (max as number) - (min as number);
  if (span > 2 ** 48 - 1) throw outOfRange('max', '<= 281474976710655', max);
}

const nativeRandomInt = nativeFunction('randomInt');

/** `crypto.randomInt` */
function randomInt(...args: unknown[]): unknown {
  startupGuard();
  checkRange(args);
  return nativeRandomInt(...args);
}
Object.defineProperty(randomInt, 'length', { value: 3, configurable: true });

const FILL: Rephrasing = [
  [
    /"buf" argument/,
    (args) =>
      argumentTypeError(
        `The "buffer" argument must be an instance of TypedArray, DataView, ArrayBuffer, or SharedArrayBuffer. Received ${describe(args[0])}`,
      ),
  ],
];

const randomBytes = guarded('randomBytes', []);

export const randomFunctions = {
  randomBytes,
  pseudoRandomBytes: randomBytes,
  randomInt,
  randomUUID: guarded('randomUUID', []),
  randomFill: guarded('randomFill', FILL),
  randomFillSync: guarded('randomFillSync', FILL),
};

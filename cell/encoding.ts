/** `TextDecoder`, `TextEncoder` and their streams: Deno's, with the argument checks and the words of Workers. */
import { defineLazyGlobal } from './globals.ts';
import {
  apply,
  construct,
  defineProperty,
  NativeTypeError,
  setPrototypeOf,
  stringIndexOf,
  uncurry,
} from './primordials.ts';
import { replaceConstructor } from './constructors.ts';
import { constructorParameterError, isObject, parameterError } from './webidl.ts';

type AnyFunction = (...args: never[]) => unknown;

const NativeTextDecoder = TextDecoder;
const NativeTextEncoder = TextEncoder;
const NativeRangeError = RangeError;
const decode = uncurry(TextDecoder.prototype.decode as (input: unknown, options: unknown) => string);
const encodeInto = uncurry(TextEncoder.prototype.encodeInto as (text: string, into: unknown) => object);

const FAILED = 'Failed to decode input.';
const DENO_FAILED = 'The encoded data is not valid';

function takeOptions(owner: string, options: unknown): object | undefined {
  if (options === undefined || options === null) return undefined;
  if (!isObject(options)) throw constructorParameterError(owner, 2, 'ConstructorOptions');
  return options;
}

/** Makes a decoder, or what wraps one; the only thing Deno refuses by a RangeError is the label. */
function makeDecoder(owner: string, native: object, args: unknown[], newTarget: object): object {
  const label = args[0] === undefined ? 'utf-8' : `${args[0] as string}`;
  const options = takeOptions(owner, args[1]);
  try {
    return construct(native as never, options === undefined ? [label] : [label, options], newTarget as never) as object;
  } catch (error) {
    if (error instanceof NativeRangeError) throw new NativeRangeError(`"${label}" is not a valid encoding.`);
    throw error;
  }
}

const methods = {
  decode(this: TextDecoder, input?: unknown, options?: unknown): string {
    if (options !== undefined && options !== null && !isObject(options)) {
      throw parameterError('decode', 'TextDecoder', 2, 'DecodeOptions');
    }
    try {
      return decode(this, input, options ?? undefined);
    } catch (error) {
      const { message } = error as Error;
      if (message === DENO_FAILED) throw new NativeTypeError(FAILED);
      if (stringIndexOf(message, 'Argument 1') >= 0) throw parameterError('decode', 'TextDecoder', 1, 'Array');
      throw error;
    }
  },

  encodeInto(this: TextEncoder, text: string, into: unknown): object {
    try {
      return encodeInto(this, text, into);
    } catch (error) {
      if (stringIndexOf((error as Error).message, 'Argument 2') < 0 && into !== undefined) throw error;
      throw parameterError('encodeInto', 'TextEncoder', 2, 'Uint8Array');
    }
  },
};

/** Deno's class, made when it is first named. */
function lazyClass(name: string): () => { prototype: object } {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
  const get = descriptor?.get ?? (() => descriptor?.value as unknown);
  return () => apply(get as AnyFunction, globalThis, []) as { prototype: object };
}

export function installEncoding(): void {
  replaceConstructor('TextDecoder', NativeTextDecoder, (args, newTarget) =>
    makeDecoder('TextDecoder', NativeTextDecoder, args, newTarget),
  );
  defineProperty(NativeTextDecoder.prototype, 'decode', { value: methods.decode });
  defineProperty(NativeTextEncoder.prototype, 'encodeInto', { value: methods.encodeInto });
  for (const name of ['TextEncoderStream', 'TextDecoderStream']) {
    const native = lazyClass(name);
    defineLazyGlobal(name, () => {
      const made = native();
      // On Workers they are transform streams.
      setPrototypeOf(made.prototype, TransformStream.prototype);
      return made;
    });
  }
}

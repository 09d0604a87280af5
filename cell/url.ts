/** `URL` and `URLSearchParams`: Deno's, with the argument checks and the words of Workers. */
import { replaceConstructor } from './constructors.ts';
import { apply, construct, defineProperty, NativeError, NativeTypeError, NativeURL } from './primordials.ts';
import { constructorParameterError, parameterError } from './webidl.ts';

const NativeURLSearchParams = URLSearchParams;
const { canParse, parse } = NativeURL;

const statics = {
  canParse(...args: unknown[]): boolean {
    if (args.length === 0) throw parameterError('canParse', 'URL', 1, 'USVString');
    return canParse(args[0] as string, args[1] as string);
  },

  parse(...args: unknown[]): URL | null {
    if (args.length === 0) throw parameterError('parse', 'URL', 1, 'USVString');
    return apply(parse as (...args: never[]) => unknown, NativeURL, args as never[]) as URL | null;
  },

  createObjectURL(): never {
    throw new NativeError('URL.createObjectURL() is not implemented');
  },

  revokeObjectURL(): never {
    throw new NativeError('URL.revokeObjectURL() is not implemented');
  },
};

function constructUrl(args: unknown[], newTarget: never): object {
  if (args.length === 0) throw constructorParameterError('URL', 1, 'USVString');
  const text = `${args[0] as string}`;
  const base = args[1] === undefined ? undefined : `${args[1] as string}`;
  try {
    return construct(NativeURL, base === undefined ? [text] : [text, base], newTarget) as object;
  } catch {
    throw new NativeTypeError('Invalid URL string.');
  }
}

export function installUrl(): void {
  for (const [name, value] of Object.entries(statics)) {
    defineProperty(NativeURL, name, { value, writable: true, enumerable: true, configurable: true });
  }
  replaceConstructor('URL', NativeURL, constructUrl);
  replaceConstructor(
    'URLSearchParams',
    NativeURLSearchParams,
    (args, newTarget) => construct(NativeURLSearchParams, args[0] === undefined ? [] : [args[0]], newTarget) as object,
  );
}

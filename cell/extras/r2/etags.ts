/** Lists of entity tags in `if-match` and `if-none-match`, with workerd's leniency and its words. */
import type { EtagCondition } from '../../../shared/r2.ts';
import { asStored } from '../../lone-surrogates.ts';
import { NativeError, stringIndexOf, stringSlice } from '../../primordials.ts';

const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\t';

/** @throws {Error} for what is no list of entity tags; what follows the last tag and is none is overlooked */
export function parseEtagHeader(header: string, name: string): EtagCondition[] {
  const etags: EtagCondition[] = [];
  let needsComma = false;
  for (let at = 0; ; ) {
    while (isSpace(header[at])) at++;
    const first = header[at];
    if (first === ',') {
      needsComma = false;
      at++;
      continue;
    }
    if (first !== '*' && first !== '"' && first !== 'W') break;
    if (needsComma) throw commaExpected(first);
    // It stands for all others.
    if (first === '*') return [{ type: 'wildcard' }];
    const isWeak = first === 'W';
    if (isWeak && (header[at + 1] !== '/' || header[at + 2] !== '"')) {
      throw new NativeError('Weak etags must start with W/ and their value must be quoted');
    }
    const start = isWeak ? at + 3 : at + 1;
    const length = stringIndexOf(stringSlice(header, start), '"');
    if (length < 0) throw new NativeError('Unclosed double quote for Etag');
    etags[etags.length] = {
      type: isWeak ? 'weak' : 'strong',
      value: asStored(stringSlice(header, start, start + length)),
    };
    at = start + length + 1;
    needsComma = true;
  }
  if (etags.length === 0) throw new NativeError(`Invalid ETag in ${name} header`);
  return etags;
}

function commaExpected(found: string): Error {
  const shown =
    found === '*'
      ? "Encountered a wildcard character '*' instead."
      : found === '"'
        ? `Encountered a double quote character '"' instead. This would otherwise indicate the start of a new strong etag.`
        : "Encountered a weak quotation character 'W' instead. This would otherwise indicate the start of a new weak etag.";
  return new NativeError(`Comma was expected to separate etags. ${shown}`);
}

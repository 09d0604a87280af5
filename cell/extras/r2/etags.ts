/** Lists of entity tags in `if-match` and `if-none-match`, with workerd's leniency and its words. */
import type { EtagCondition } from '../../../shared/r2.ts';
import { NativeError, stringIndexOf, stringSlice } from '../../primordials.ts';

const NOWHERE = Number.MAX_SAFE_INTEGER;

function find(text: string, char: string, from: number): number {
  const at = stringIndexOf(stringSlice(text, from), char);
  return at < 0 ? NOWHERE : from + at;
}

/** @throws {Error} for what is no list of entity tags */
export function parseEtagHeader(header: string, name: string): EtagCondition[] {
  const etags: EtagCondition[] = [];
  let needsComma = false;
  for (let at = 0; ; ) {
    const wildcard = find(header, '*', at);
    const quote = find(header, '"', at);
    if (wildcard === NOWHERE && quote === NOWHERE) break;
    const weak = find(header, 'W', at);
    const comma = find(header, ',', at);
    if (comma < wildcard && comma < quote && comma < weak) {
      at = comma + 1;
      needsComma = false;
      continue;
    }
    if (needsComma) throw commaExpected(wildcard, quote, weak);
    // It stands for all others.
    if (wildcard < quote) return [{ type: 'wildcard' }];
    const end = find(header, '"', quote + 1);
    if (end === NOWHERE) throw new NativeError('Unclosed double quote for Etag');
    const isWeak = weak < quote;
    if (isWeak && (weak + 2 !== quote || header[weak + 1] !== '/')) {
      throw new NativeError('Weak etags must start with W/ and their value must be quoted');
    }
    etags[etags.length] = { type: isWeak ? 'weak' : 'strong', value: stringSlice(header, quote + 1, end) };
    at = end + 1;
    needsComma = true;
  }
  if (etags.length === 0) throw new NativeError(`Invalid ETag in ${name} header`);
  return etags;
}

function commaExpected(wildcard: number, quote: number, weak: number): Error {
  const found =
    wildcard < quote && wildcard < weak
      ? "Encountered a wildcard character '*' instead."
      : quote < weak
        ? `Encountered a double quote character '"' instead. This would otherwise indicate the start of a new strong etag.`
        : "Encountered a weak quotation character 'W' instead. This would otherwise indicate the start of a new weak etag.";
  return new NativeError(`Comma was expected to separate etags. ${found}`);
}

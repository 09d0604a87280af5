/** ASCII case, for algorithm names. */
import { uncurry } from '../../primordials.ts';

export const stringToUpperCase = uncurry(String.prototype.toUpperCase);

export const sameName = (first: string, second: string): boolean =>
  stringToUpperCase(first) === stringToUpperCase(second);

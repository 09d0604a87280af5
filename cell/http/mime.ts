/** Media types (`type/subtype;parameter=value`) as the Workers runtime reads them. */
import { stringIndexOf, stringSlice, stringSplit } from '../primordials.ts';
import { execRegExp, matches, toLowerCase, trimHttpSpace } from './text.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PARAMETER = /^[ \t]*([^;=]*)(?:=(?:"((?:[^"\\]|\\.)*)"[^;]*|([^;]*)))?(?:;|$)/;

/** `type/subtype` in lower case, without parameters. */
export function mimeEssence(text: string): string {
  const end = stringIndexOf(text, ';');
  return toLowerCase(trimHttpSpace(end < 0 ? text : stringSlice(text, 0, end)));
}

/** The parameters in order, names in lower case; the first of a name counts. Ones without a value are left out. */
function parameters(text: string): [name: string, value: string][] {
  const found: [string, string][] = [];
  const start = stringIndexOf(text, ';');
  let rest = start < 0 ? '' : stringSlice(text, start + 1, text.length);
  while (rest !== '') {
    const match = execRegExp(PARAMETER, rest);
    if (match === null) break;
    rest = stringSlice(rest, (match[0] as string).length, rest.length);
    const name = toLowerCase(trimHttpSpace(match[1] as string));
    const value = match[2] ?? (match[3] === undefined ? undefined : trimHttpSpace(match[3]));
    if (value === undefined || !matches(TOKEN, name)) continue;
    if (value === '' && match[2] === undefined) continue;
    found[found.length] = [name, value];
  }
  return found;
}

export function mimeParameter(text: string, wanted: string): string | null {
  const list = parameters(text);
  for (let index = 0; index < list.length; index++) {
    const parameter = list[index] as [string, string];
    if (parameter[0] === wanted) return parameter[1];
  }
  return null;
}

/** The last usable media type of a header's value, in its normal form; empty when there is none. */
export function normalMime(header: string): string {
  const parts = stringSplit(header, ',');
  for (let index = parts.length - 1; index >= 0; index--) {
    const part = trimHttpSpace(parts[index] as string);
    const essence = mimeEssence(part);
    const slash = stringIndexOf(essence, '/');
    if (slash < 0 || !matches(TOKEN, stringSlice(essence, 0, slash))) continue;
    if (!matches(TOKEN, stringSlice(essence, slash + 1, essence.length))) continue;
    // The boundary is data of the body: it stays as it is written.
    return essence === 'multipart/form-data' ? part : essence + normalParameters(part);
  }
  return '';
}

function normalParameters(text: string): string {
  const list = parameters(text);
  let result = '';
  for (let index = 0; index < list.length; index++) {
    const parameter = list[index] as [string, string];
    result += `;${parameter[0]}=${matches(TOKEN, parameter[1]) ? parameter[1] : `"${parameter[1]}"`}`;
  }
  return result;
}

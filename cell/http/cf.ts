/**
 * `request.cf`: what is known of a visitor's request. Made from its headers, of which the gateway lets those below pass only when it wrote
 * them itself or a trusted proxy did (Cloudflare's names, as its "visitor location headers" have them). What is not known is not there.
 */
import { jsonParse, stringIndexOf, stringSlice } from '../primordials.ts';
import { listFromWire, listGet, listHas } from './headers.ts';
import { isObject } from './shape.ts';

/** Properties that are a header's value. */
const FROM_HEADERS: readonly (readonly [property: string, header: string])[] = [
  ['country', 'cf-ipcountry'],
  ['continent', 'cf-ipcontinent'],
  ['city', 'cf-ipcity'],
  ['region', 'cf-region'],
  ['regionCode', 'cf-region-code'],
  ['metroCode', 'cf-metro-code'],
  ['postalCode', 'cf-postal-code'],
  ['timezone', 'cf-timezone'],
  ['latitude', 'cf-iplatitude'],
  ['longitude', 'cf-iplongitude'],
  ['clientAcceptEncoding', 'accept-encoding'],
];

/** `given`: what a calling worker gave, as JSON. A call without it has no `cf`: it has no visitor either, and no `host`. */
export function makeCf(flat: readonly string[], given: string | undefined): object | undefined {
  if (given !== undefined) return parsed(given);
  const list = listFromWire(flat);
  if (!listHas(list, 'host')) return undefined;
  const cf: Record<string, string> = { httpProtocol: 'HTTP/1.1' };
  const ray = listGet(list, 'cf-ray') ?? '';
  const dash = stringIndexOf(ray, '-');
  // The name of the node stands where Cloudflare has that of the data centre.
  if (dash >= 0) cf.colo = stringSlice(ray, dash + 1, ray.length);
  for (let index = 0; index < FROM_HEADERS.length; index++) {
    const entry = FROM_HEADERS[index] as readonly [string, string];
    const value = listGet(list, entry[1]);
    if (value !== null) cf[entry[0]] = value;
  }
  return cf;
}

function parsed(text: string): object | undefined {
  const value: unknown = jsonParse(text);
  return isObject(value) ? value : undefined;
}

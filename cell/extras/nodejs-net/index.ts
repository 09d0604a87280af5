/** `node:dns`, `node:net`, `node:tls` and their internals that programs import. */
import type { BuiltinNamespace } from '../../builtins.ts';
import { whileModulesStart } from '../../extras.ts';
import type { Exports } from '../nodejs/deno-node.ts';
import { defaultObject, exportedNames } from '../nodejs/exports.ts';
import { dns, dnsPromises } from './dns.ts';
import { net, tls, tlsCommon, tlsWrap } from './net.ts';

const MODULES: Readonly<Record<string, () => Exports>> = {
  __proto__: null as never,
  _tls_common: tlsCommon,
  _tls_wrap: tlsWrap,
  dns,
  'dns/promises': dnsPromises,
  net,
  tls,
};

export const createModule = (name: string): BuiltinNamespace => whileModulesStart(() => namedExports(name));

function namedExports(name: string): BuiltinNamespace {
  const made = MODULES[name]?.() ?? {};
  const exports: Exports = {};
  for (const key of exportedNames(name)) if (key in made) exports[key] = made[key];
  return { ...exports, default: defaultObject(name, exports) };
}

export { exportedNames };

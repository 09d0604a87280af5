/** `node:crypto`: Deno's own implementation, cut down to the names Workers exports. It computes inside the cell and reaches nothing. */
import type { BuiltinNamespace } from '../../builtins.ts';
import { denoNode, type Exports, whileModulesStart } from '../nodejs/deno-node.ts';
import { exportedNames } from '../nodejs/exports.ts';

export const createModule = (name: string): BuiltinNamespace => whileModulesStart(() => namedExports(name));

function namedExports(name: string): BuiltinNamespace {
  const source = denoNode(name);
  const exports: Exports = {};
  for (const key of exportedNames(name)) if (key in source) exports[key] = source[key];
  return { ...exports, default: { ...exports } };
}

export { exportedNames };

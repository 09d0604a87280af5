/**
 * WebAssembly as Workers has it: code comes with the upload. Compiling bytes is refused once the worker runs, as in workerd; at the top level of
 * a module `new WebAssembly.Module(bytes)` is allowed. The harness keeps the engine's own constructor for modules that were uploaded.
 */
import { currentInvocation } from './context.ts';
import { settledElsewhere } from './hang.ts';
import { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor, ownKeys } from './primordials.ts';

export const NativeWasmModule = WebAssembly.Module;
const { CompileError, compile, instantiate } = WebAssembly;

const refusal = (where: string): Error =>
  new CompileError(`WebAssembly.${where}(): Wasm code generation disallowed by embedder`);

function isBytes(value: unknown): boolean {
  return ArrayBuffer.isView(value) || isBuffer(value);
}
const byteLength = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get as () => number;
function isBuffer(value: unknown): boolean {
  try {
    apply(byteLength, value, []);
    return true;
  } catch {
    return false;
  }
}

/** Replaces what compiles bytes, in place; the streaming forms do not exist on Workers. */
export function installWebAssembly(): void {
  deleteProperty(WebAssembly, 'compileStreaming');
  deleteProperty(WebAssembly, 'instantiateStreaming');
  const methods = {
    async compile(bytes: BufferSource) {
      if (currentInvocation() !== undefined) throw refusal('compile');
      return await settledElsewhere(compile(bytes));
    },
    async instantiate(source: WebAssembly.Module, imports?: WebAssembly.Imports) {
      if (currentInvocation() !== undefined && isBytes(source)) throw refusal('instantiate');
      return await settledElsewhere(instantiate(source, imports));
    },
  };
  for (const [name, value] of Object.entries(methods)) {
    defineProperty(value, 'length', { value: 1, configurable: true });
    defineProperty(WebAssembly, name, { value, writable: true, enumerable: true, configurable: true });
  }
  installModuleConstructor();
}

/** A constructor that refuses at run time. Its prototype stays the engine's, so `instanceof` holds for uploaded modules. */
function installModuleConstructor(): void {
  const Module = function (this: unknown, bytes: BufferSource) {
    if (new.target === undefined) return (NativeWasmModule as unknown as () => never)();
    if (currentInvocation() !== undefined) throw refusal('Module');
    return construct(NativeWasmModule, [bytes], new.target) as object;
  };
  for (const key of ownKeys(NativeWasmModule)) {
    defineProperty(Module, key, getOwnPropertyDescriptor(NativeWasmModule, key) as PropertyDescriptor);
  }
  defineProperty(NativeWasmModule.prototype, 'constructor', {
    value: Module,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  defineProperty(WebAssembly, 'Module', { value: Module, writable: true, enumerable: false, configurable: true });
}

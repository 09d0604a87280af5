/** What cannot be sent through RPC, and in whose words: the engine's for its own kinds, workerd's for all others. */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  isAbortSignal,
  nativeString,
  objectToString,
  reflectGet,
} from '../../primordials.ts';
import { shortFunctionText } from '../../function-text.ts';
import { bindingComplaint } from '../../scope-functions.ts';
import {
  ERROR_NAMES,
  isArgumentsObject,
  isGeneratorObject,
  isModuleNamespaceObject,
  NativeDOMException,
  UNCLONEABLE_PROTOTYPES,
} from '../../value-primordials.ts';

export const PROXY_REFUSED =
  "Proxy could not be serialized because it is not a valid RPC receiver type. The Proxy must emulate either a plain object or an RpcTarget, as indicated by the Proxy's prototype chain.";

export const cloneError = (message: string): DOMException => new NativeDOMException(message, 'DataCloneError');

export const unsupported = (name: string): DOMException =>
  cloneError(`Could not serialize object of type "${name}". This type does not support serialization.`);

export const uncloneable = (text: string): DOMException => cloneError(`${text} could not be cloned.`);

/** Says of an exception that another worker is where it came from. */
export function markRemote<T extends object>(thrown: T): T {
  defineProperty(thrown, 'remote', { value: true, writable: true, enumerable: true, configurable: true });
  return thrown;
}

/** As in V8's own clone, an error's name decides of which class it arrives. */
export function kindOf(name: unknown): number {
  for (let index = 0; index < ERROR_NAMES.length; index++) if (ERROR_NAMES[index] === name) return index;
  return 0;
}

/** Why an object cannot be sent. */
export function refusal(value: object): DOMException {
  if (value === globalThis) return uncloneable('#<ServiceWorkerGlobalScope>');
  if (isAbortSignal(value)) return cloneError('AbortSignal serialization is not enabled.');
  const complaint = bindingComplaint(value);
  if (complaint !== undefined) return cloneError(complaint);
  return isOfEngine(value) ? uncloneable(engineText(value)) : unsupported(constructorName(value));
}

/** An instance of a class that the worker has declared: none of the engine's, none of the platform's. */
export function isOwnInstance(value: object): boolean {
  if (value === globalThis || isOfEngine(value)) return false;
  const name = constructorName(value);
  if (name === 'Object' || ERROR_NAMES[kindOf(name)] === name) return true;
  const found: unknown = reflectGet(globalThis, name);
  return typeof found !== 'function' || found !== inherited(value, 'constructor');
}

/** Objects with state inside the engine, which structured clone does not know. */
export function isOfEngine(value: object): boolean {
  if (isGeneratorObject(value) || isArgumentsObject(value) || isModuleNamespaceObject(value)) return true;
  for (let step: object | null = value; step !== null; step = getPrototypeOf(step)) {
    for (let index = 0; index < UNCLONEABLE_PROTOTYPES.length; index++) {
      if (UNCLONEABLE_PROTOTYPES[index] === step) return true;
    }
  }
  return false;
}

/** What V8 prints in an error message: `#<Promise>`, `[object Generator]`. Runs no getter. */
export function engineText(value: object): string {
  if (typeof value === 'function') return shortFunctionText(value as () => void);
  if (inherited(value, 'toString') === objectToString) {
    const constructor = inherited(value, 'constructor');
    const name: unknown = typeof constructor === 'function' ? constructor.name : '';
    if (typeof name === 'string' && name !== '') return `#<${name}>`;
  }
  const tag = inherited(value, Symbol.toStringTag);
  return `[object ${typeof tag === 'string' ? tag : 'Object'}]`;
}

function inherited(value: object, key: PropertyKey): unknown {
  for (let step: object | null = value; step !== null; step = getPrototypeOf(step)) {
    const descriptor = getOwnPropertyDescriptor(step, key);
    if (descriptor !== undefined) return descriptor.value;
  }
  return undefined;
}

function constructorName(value: object): string {
  for (let step: object | null = value; step !== null; step = getPrototypeOf(step)) {
    const constructor: unknown = getOwnPropertyDescriptor(step, 'constructor')?.value;
    const name: unknown = typeof constructor === 'function' ? constructor.name : undefined;
    if (name !== undefined && name !== '') return nativeString(name);
  }
  return 'Object';
}

/** `Event` and the classes made of it, in the shape Workers have them: what their constructors want, and what is on their prototypes. */
import { defineTag, hideConstructor, replaceConstructor } from './constructors.ts';
import { preventDefault } from './event-target.ts';
import { loadExtra } from './extras.ts';
import { defineLazyGlobal } from './globals.ts';
import { construct, defineProperty, deleteProperty, getOwnPropertyDescriptor, getterOf } from './primordials.ts';
import { constructorParameterError, isObject } from './webidl.ts';

const NativeEvent = Event;
/** Events that user code can make. */
const CONSTRUCTIBLE = () => [NativeEvent, OwnCustomEvent, NativeMessageEvent, NativeErrorEvent, NativeCloseEvent];
const NativeMessageEvent = MessageEvent;
const NativeErrorEvent = ErrorEvent;
const NativeCloseEvent = CloseEvent;
/** Named by its property: the bundler renames a class of its own that is called like a global. */
const OwnCustomEvent = {
  CustomEvent: class extends NativeEvent {
    readonly #detail: unknown;

    constructor(type: string, init?: CustomEventInit | null) {
      super(type, init ?? undefined);
      this.#detail = init?.detail as unknown;
    }

    get detail(): unknown {
      return this.#detail;
    }
  },
}.CustomEvent;

export function installEventClasses(): void {
  defineProperty(OwnCustomEvent.prototype, 'detail', { enumerable: true });
  for (const event of CONSTRUCTIBLE()) defineTag(event);
  defineTag(PromiseRejectionEvent);
  replaceEventConstructors();
  shapeEvent();
  hideConstructor('PromiseRejectionEvent', PromiseRejectionEvent);
  for (const name of ['MessageChannel', 'MessagePort']) defineLazyGlobal(name, () => loadMessageChannel()[name]);
}

const loadMessageChannel = (): Record<string, unknown> => loadExtra('message-channel');

/** All of them want a type, and options that are an object. */
function replaceEventConstructors(): void {
  for (const native of CONSTRUCTIBLE()) {
    replaceConstructor(native.name, native, (args, newTarget) => {
      if (args.length === 0) throw constructorParameterError(native.name, 1, 'string');
      const init = args[1];
      if (init !== undefined && init !== null && !isObject(init))
        throw constructorParameterError(native.name, 2, 'Init');
      const taken = init === undefined || init === null ? [`${args[0] as string}`] : [`${args[0] as string}`, init];
      return construct(native, taken, newTarget) as object;
    });
  }
}

function shapeEvent(): void {
  const { prototype } = NativeEvent;
  defineProperty(prototype, 'preventDefault', {
    value: preventDefault,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  for (const key of ['stopPropagation', 'stopImmediatePropagation', 'composedPath', 'cancelBubble']) {
    defineProperty(prototype, key, { enumerable: true });
  }
  defineProperty(prototype, 'returnValue', { set: undefined } as unknown as PropertyDescriptor);
  for (const key of ['target', 'currentTarget'] as const) {
    const native = getterOf<Event, EventTarget | null>(prototype, key);
    // Nobody yet is nothing, not null.
    const get = function (this: Event): EventTarget | undefined {
      return native(this) ?? undefined;
    };
    defineProperty(prototype, key, { get, enumerable: true, configurable: true });
  }
  const { get } = getOwnPropertyDescriptor(prototype, 'target') as PropertyDescriptor;
  defineProperty(prototype, 'srcElement', { get, set: undefined } as unknown as PropertyDescriptor);
  // The real one would be a clock that runs while JavaScript does.
  defineProperty(prototype, 'timeStamp', { get: () => 0, enumerable: true, configurable: true });
  for (const [index, key] of ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'].entries()) {
    deleteProperty(prototype, key);
    defineProperty(prototype, key, { value: index, writable: false, enumerable: true, configurable: true });
  }
}

/**
 * The streams of Workers on top of Deno's: the machinery is Deno's, while arguments are taken and refused as workerd does, in its words, and where
 * workerd departs from the Streams standard (errors of `start`, `tee()`'s cancel, byte streams that close, `readAtLeast`) so does this.
 */
import { type Construct, replaceConstructor } from '../constructors.ts';
import {
  defineProperty,
  getOwnPropertyDescriptor,
  getterOf,
  NativeReadableStream,
  NativeTransformStream,
  NativeWritableStream,
  weakMapGet,
} from '../primordials.ts';
import { transformPairs } from '../stream-facts.ts';
import type { AnyFunction } from './arguments.ts';
import { constructReadable, constructTransform, constructWritable, readableFrom } from './constructors.ts';
import { byobRequestMethods, byteControllerMethods, controllerMethods } from './controllers.ts';
import { byobReaderMethods, readableMethods, readerMethods } from './readable.ts';
import { installStrategies } from './strategies.ts';
import { writableMethods, writerMethods } from './writable.ts';

function replaceMethods(prototype: object, methods: Record<string, AnyFunction>): void {
  for (const name of Object.keys(methods)) {
    const descriptor = getOwnPropertyDescriptor(prototype, name);
    defineProperty(prototype, name, {
      enumerable: true,
      configurable: true,
      writable: true,
      ...descriptor,
      value: methods[name],
    });
  }
}

/** Replaces the global classes, and what user code calls on their instances. The harness keeps Deno's own. */
export function installStreams(): void {
  defineProperty(NativeReadableStream, 'from', { value: readableFrom });
  replaceConstructor('ReadableStream', NativeReadableStream, constructReadable as Construct);
  replaceConstructor('WritableStream', NativeWritableStream, constructWritable as Construct);
  replaceConstructor('TransformStream', NativeTransformStream, constructTransform as Construct);
  installStrategies();
  replaceMethods(NativeReadableStream.prototype, readableMethods as unknown as Record<string, AnyFunction>);
  defineProperty(NativeReadableStream.prototype, Symbol.asyncIterator, {
    value: readableMethods.values,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  replaceMethods(ReadableStreamDefaultReader.prototype, readerMethods as unknown as Record<string, AnyFunction>);
  replaceMethods(ReadableStreamBYOBReader.prototype, byobReaderMethods as unknown as Record<string, AnyFunction>);
  replaceMethods(ReadableStreamDefaultController.prototype, controllerMethods as never);
  replaceMethods(ReadableByteStreamController.prototype, byteControllerMethods as never);
  replaceMethods(ReadableStreamBYOBRequest.prototype, byobRequestMethods as never);
  replaceMethods(NativeWritableStream.prototype, writableMethods as never);
  replaceMethods(WritableStreamDefaultWriter.prototype, writerMethods as never);
  for (const side of ['readable', 'writable'] as const) {
    const get = getterOf<TransformStream, unknown>(NativeTransformStream.prototype, side);
    defineProperty(NativeTransformStream.prototype, side, {
      get(this: TransformStream) {
        const pair = weakMapGet(transformPairs, this) as TransformStream | undefined;
        return pair === undefined ? get(this) : pair[side];
      },
      enumerable: true,
      configurable: true,
    });
  }
}

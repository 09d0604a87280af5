/** The few Node built-ins the harness itself uses inside Deno. User code cannot import them from here. */

declare module 'node:async_hooks' {
  export class AsyncLocalStorage<T> {
    static snapshot(): <T>(run: () => T) => T;
    getStore(): T | undefined;
    run<R>(store: T, callback: (...args: never[]) => R, ...args: unknown[]): R;
  }
}

declare module 'node:module' {
  export interface ResolveContext {
    readonly parentURL?: string;
    readonly importAttributes?: Readonly<Record<string, string>>;
  }
  export interface LoadContext {
    readonly importAttributes?: Readonly<Record<string, string>>;
  }
  export interface LoadResult {
    readonly source?: string;
    readonly format: string;
    readonly shortCircuit?: boolean;
  }
  export interface ResolveResult {
    readonly url: string;
    readonly format?: string;
    readonly shortCircuit?: boolean;
  }
  const module: {
    registerHooks(hooks: {
      resolve(
        specifier: string,
        context: ResolveContext,
        next: (specifier: string, context: ResolveContext) => ResolveResult,
      ): ResolveResult;
      load(url: string, context: LoadContext, next: (url: string, context: LoadContext) => LoadResult): LoadResult;
    }): unknown;
  };
  export default module;
}

declare module 'node:vm' {
  export class Script {
    constructor(source: string, options?: { filename: string; cachedData?: Uint8Array });
    createCachedData(): Uint8Array;
    runInThisContext(): unknown;
  }
  export function runInNewContext(source: string): unknown;
}

declare module 'node:v8' {
  export function serialize(value: unknown): Uint8Array;
  export function setFlagsFromString(flags: string): void;
}

declare module 'node:zlib' {
  const zlib: unknown;
  export default zlib;
}

/** Terminals, and who talks over them. */
import { findBuiltin } from '../../../builtins.ts';
import { denoNode, type Exports } from '../deno-node.ts';
import { shaped } from '../errors.ts';
import { BUILTIN_MODULES } from './module.ts';
import { type AnyClass, type Callback, doingNothing, emitterClass, refusing, returning, stubClass } from './stub.ts';

export function tty(): Exports {
  const { Readable, Writable } = denoNode('stream') as Record<string, new (options?: object) => object>;
  class ReadStream extends (Readable as new (options?: object) => object) {
    readonly fd: unknown;
    isRaw = false;
    isTTY = false;

    constructor(fd: unknown) {
      super({
        read(this: { push(chunk: null): void }) {
          this.push(null);
        },
      });
      this.fd = fd;
    }

    setRawMode(mode: unknown): this {
      this.isRaw = Boolean(mode);
      return this;
    }
  }
  class WriteStream extends (Writable as new (options?: object) => object) {
    readonly fd: unknown;
    columns = 0;
    rows = 0;

    constructor(fd: unknown) {
      super({
        write(_chunk: unknown, _encoding: unknown, done: () => void) {
          done();
        },
      });
      this.fd = fd;
    }

    get isTTY(): boolean {
      return false;
    }

    getColorDepth(): number {
      return 0;
    }

    hasColors(): boolean {
      return false;
    }

    _refreshSize(): void {}

    cursorTo(): boolean {
      return false;
    }

    moveCursor(): boolean {
      return false;
    }

    clearLine(): boolean {
      return false;
    }

    clearScreenDown(): boolean {
      return false;
    }

    getWindowSize(): [number, number] {
      return [0, 0];
    }
  }
  return { ReadStream, WriteStream, isatty: returning('isatty', false, 1) };
}

function readlineInterface(question: Callback): AnyClass {
  const EventEmitter = emitterClass() as new () => { emit(event: string): boolean };
  return class Interface extends EventEmitter {
    terminal = false;
    line = '';
    cursor = 0;
    #prompt = '> ';

    getPrompt(): string {
      return this.#prompt;
    }

    setPrompt(prompt: string): void {
      this.#prompt = prompt;
    }

    prompt(): void {}

    question(...args: unknown[]): unknown {
      return Reflect.apply(question, this, args);
    }

    pause(): this {
      return this;
    }

    resume(): this {
      return this;
    }

    close(): void {
      this.emit('close');
    }

    write(): void {}

    getCursorPos(): { rows: number; cols: number } {
      return { rows: 0, cols: 0 };
    }

    async *[Symbol.asyncIterator](): AsyncGenerator<string> {}
  };
}

export function readline(): Exports {
  const Interface = readlineInterface((_query, options, callback) => {
    const answer = typeof options === 'function' ? options : callback;
    if (typeof answer === 'function') answer('');
  }) as new () => object;
  return {
    Interface,
    clearLine: returning('clearLine', false),
    clearScreenDown: returning('clearScreenDown', false),
    createInterface: shaped(() => new Interface(), 'createInterface', 0),
    cursorTo: returning('cursorTo', false),
    emitKeypressEvents: doingNothing('emitKeypressEvents'),
    moveCursor: returning('moveCursor', false),
    promises: findBuiltin('node:readline/promises')?.default,
  };
}

export function readlinePromises(): Exports {
  const Interface = readlineInterface(async () => '') as new () => object;
  class Readline {
    clearLine(): this {
      return this;
    }

    clearScreenDown(): this {
      return this;
    }

    async commit(): Promise<void> {}

    cursorTo(): this {
      return this;
    }

    moveCursor(): this {
      return this;
    }

    rollback(): this {
      return this;
    }
  }
  return { Interface, Readline, createInterface: shaped(() => new Interface(), 'createInterface', 0) };
}

export function repl(): Exports {
  const builtinModules = BUILTIN_MODULES.split(' ').filter((name) => !name.startsWith('_'));
  return {
    REPLServer: stubClass('REPLServer', 'setupHistory defineCommand displayPrompt clearBufferedCommand', {
      refuse: 'REPLServer',
    }),
    REPL_MODE_SLOPPY: Symbol('repl-sloppy'),
    REPL_MODE_STRICT: Symbol('repl-strict'),
    Recoverable: class Recoverable extends SyntaxError {
      readonly err: unknown;

      constructor(err: unknown) {
        super();
        this.err = err;
      }
    },
    _builtinLibs: builtinModules,
    builtinModules,
    ...refusing('', { start: 0, writer: 0 }),
  };
}

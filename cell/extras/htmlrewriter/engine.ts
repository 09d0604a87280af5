/**
 * lol-html, the streaming HTML parser behind HTMLRewriter, as the WebAssembly of the package html-rewriter-wasm. This is the other half
 * of its bindings: how values cross, and how a handler's promise stops the parser in the middle of a document (asyncify).
 *
 * An engine runs one document at a time: two at once on one instance corrupt its memory. Instances wait in a small pool between documents.
 */
import {
  copyInto,
  exactUtf8Decode,
  freeze,
  NativeError,
  NativeInt32Array,
  NativeTypeError,
  NativeUint8Array,
  subarray,
  utf8Encode,
  WasmInstance,
  WasmModule,
} from '../../primordials.ts';
import { readExtra } from '../../extras.ts';
import wasmName from 'html-rewriter-wasm/dist/html_rewriter_bg.wasm';

/** What the parser calls for a piece of the document: `token` is valid until the handler is over. A promise suspends the parser. */
export type RawHandler = (token: number) => Promise<void> | undefined;

export interface RawElementHandlers {
  readonly element?: RawHandler | undefined;
  readonly comments?: RawHandler | undefined;
  readonly text?: RawHandler | undefined;
}

export interface RawDocumentHandlers {
  readonly doctype?: RawHandler | undefined;
  readonly comments?: RawHandler | undefined;
  readonly text?: RawHandler | undefined;
  readonly end?: RawHandler | undefined;
}

export type TokenKind = 'comment' | 'doctype' | 'documentend' | 'element' | 'endtag' | 'textchunk';

type WasmFunction = (...args: number[]) => number;
type Exports = Record<string, WasmFunction> & { readonly memory: WebAssembly.Memory };

const ASYNCIFY_UNWINDING = 1;
const ASYNCIFY_REWINDING = 2;
/** Handles below this are constants of the bindings. */
const FIRST_HANDLE = 36;
/** The handle of undefined. */
const CONSTANT = 32;
const HTML = freeze({ html: true });
const TEXT = freeze({ html: false });

/** Idle instances are few: each keeps what memory its largest document took. */
const MAX_IDLE_ENGINES = 4;
const MAX_IDLE_MEMORY_BYTES = 8 * 1024 * 1024;
const MAX_DOCUMENTS_PER_ENGINE = 500;

let compiled: WebAssembly.Module | undefined;
const idle: Engine[] = [];
let idleCount = 0;

/** An engine that nobody else uses. Give it back with `release`; after an error throw it away instead. */
export function acquireEngine(): Engine {
  if (idleCount > 0) return idle[--idleCount] as Engine;
  compiled ??= new WasmModule(readExtra(wasmName));
  return new Engine(compiled);
}

export class Engine {
  readonly #wasm: Exports;
  #bytes: Uint8Array;
  #words: Int32Array;
  readonly #objects: unknown[] = [];
  #nextHandle: number;
  #rewriter = 0;
  #stack = 0;
  #awaited: Promise<void> | undefined;
  #onOutput: ((bytes: Uint8Array) => void) | undefined;
  #ended: number[] = [];
  #documents = 0;
  /** The piece of memory that the parser speaks of, on its way to the sink. */
  readonly #view = { start: 0, end: 0 };

  constructor(module: WebAssembly.Module) {
    for (let handle = 0; handle < FIRST_HANDLE; handle++) this.#objects[handle] = undefined;
    this.#objects[FIRST_HANDLE - 3] = null;
    this.#objects[FIRST_HANDLE - 2] = true;
    this.#objects[FIRST_HANDLE - 1] = false;
    this.#nextHandle = FIRST_HANDLE;
    const instance = new WasmInstance(module, { __wbindgen_placeholder__: this.#imports() });
    this.#wasm = instance.exports as Exports;
    this.#bytes = new NativeUint8Array(this.#wasm.memory.buffer);
    this.#words = new NativeInt32Array(this.#wasm.memory.buffer);
  }

  /** Begins a document. What comes out is a view of the parser's memory, good until `onOutput` returns. */
  begin(onOutput: (bytes: Uint8Array) => void, esiTags: boolean): void {
    this.#onOutput = onOutput;
    const sink = this.#hold(() => {
      this.#onOutput?.(subarray(this.#memory(), this.#view.start, this.#view.end));
    });
    this.#rewriter = this.#call('htmlrewriter_new', sink, this.#hold({ enableEsiTags: esiTags }));
    this.#drop(sink);
    this.#stack = this.#call('htmlrewriter_asyncify_stack_ptr', this.#rewriter);
  }

  /** @throws {TypeError} "Parser error: …" when the selector cannot be used */
  on(selector: string, handlers: RawElementHandlers): void {
    const { pointer, length } = this.#passString(selector);
    this.#call('htmlrewriter_on', this.#rewriter, pointer, length, this.#hold(handlers));
  }

  onDocument(handlers: RawDocumentHandlers): void {
    this.#call('htmlrewriter_onDocument', this.#rewriter, this.#hold(handlers));
  }

  /** Parses a part of the document. `onSuspend` is called when a handler's promise has to be waited for. */
  write(bytes: Uint8Array, onSuspend: () => void): Promise<void> | undefined {
    const pointer = this.#call('__wbindgen_malloc', bytes.length);
    copyInto(this.#memory(), bytes, pointer);
    return this.#run('htmlrewriter_write', onSuspend, pointer, bytes.length);
  }

  end(onSuspend: () => void): Promise<void> | undefined {
    return this.#run('htmlrewriter_end', onSuspend, 0, 0);
  }

  /** The document is complete, or was only begun: the engine is free for the next one. */
  release(): void {
    this.#freeTokens();
    this.#call('__wbg_htmlrewriter_free', this.#rewriter);
    this.#rewriter = 0;
    this.#onOutput = undefined;
    this.#documents++;
    const small = this.#wasm.memory.buffer.byteLength <= MAX_IDLE_MEMORY_BYTES;
    if (small && this.#documents < MAX_DOCUMENTS_PER_ENGINE && idleCount < MAX_IDLE_ENGINES) idle[idleCount++] = this;
  }

  #run(
    name: 'htmlrewriter_write' | 'htmlrewriter_end',
    onSuspend: () => void,
    pointer: number,
    length: number,
  ): Promise<void> | undefined {
    this.#call(name, this.#rewriter, pointer, length);
    if (this.#call('asyncify_get_state') !== ASYNCIFY_UNWINDING) {
      this.#freeTokens();
      return undefined;
    }
    return this.#resume(name, onSuspend, pointer, length);
  }

  /** The parser's stack has been put aside; when the promise is there, the same call again goes on where it stopped. */
  async #resume(name: string, onSuspend: () => void, pointer: number, length: number): Promise<void> {
    while (this.#call('asyncify_get_state') === ASYNCIFY_UNWINDING) {
      this.#call('asyncify_stop_unwind');
      onSuspend();
      await this.#awaited;
      this.#call('asyncify_start_rewind', this.#stack);
      this.#call(name, this.#rewriter, pointer, length);
    }
    this.#freeTokens();
  }

  /** A token whose handler is over. Its memory is given back when the parser is not in the middle of something. */
  tokenEnded(kind: TokenKind, token: number): void {
    this.#ended[this.#ended.length] = KINDS[kind];
    this.#ended[this.#ended.length] = token;
  }

  #freeTokens(): void {
    const ended = this.#ended;
    if (ended.length === 0) return;
    this.#ended = [];
    for (let index = 0; index < ended.length; index += 2) {
      this.#call(FREE[ended[index] as number] as string, ended[index + 1] as number);
    }
  }

  /** A method of a token that takes a string, an options object or nothing. */
  edit(method: string, token: number, content: string, html: boolean): void {
    const { pointer, length } = this.#passString(content);
    this.#call(method, token, pointer, length, this.#hold(html ? HTML : TEXT));
  }

  setString(method: string, token: number, value: string): void {
    const { pointer, length } = this.#passString(value);
    this.#call(method, token, pointer, length);
  }

  setAttribute(token: number, name: string, value: string): void {
    const first = this.#passString(name);
    const second = this.#passString(value);
    this.#call('element_setAttribute', token, first.pointer, first.length, second.pointer, second.length);
  }

  invoke(method: string, token: number): void {
    this.#call(method, token);
  }

  flag(method: string, token: number): boolean {
    return this.#call(method, token) !== 0;
  }

  flagOf(method: string, token: number, name: string): boolean {
    const { pointer, length } = this.#passString(name);
    return this.#call(method, token, pointer, length) !== 0;
  }

  string(method: string, token: number): string {
    const returned = this.#call('__wbindgen_add_to_stack_pointer', -16);
    try {
      this.#call(method, returned, token);
      const words = this.#wordsOfMemory();
      const pointer = words[returned / 4] as number;
      const length = words[returned / 4 + 1] as number;
      const text = this.#readString(pointer, length);
      this.#call('__wbindgen_free', pointer, length);
      return text;
    } finally {
      this.#call('__wbindgen_add_to_stack_pointer', 16);
    }
  }

  value(method: string, token: number): unknown {
    return this.#take(this.#call(method, token));
  }

  valueOf(method: string, token: number, name: string): unknown {
    const { pointer, length } = this.#passString(name);
    return this.#take(this.#call(method, token, pointer, length));
  }

  onEndTag(token: number, handler: RawHandler): void {
    this.#call('element_onEndTag', token, this.#hold(handler));
  }

  /** Arguments by name and not by spread, which walks Array's iterator; WebAssembly ignores those too many. */
  #call(name: string, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    return (this.#wasm[name] as WasmFunction)(a, b, c, d, e);
  }

  #memory(): Uint8Array {
    if (this.#bytes.length === 0) this.#bytes = new NativeUint8Array(this.#wasm.memory.buffer);
    return this.#bytes;
  }

  #wordsOfMemory(): Int32Array {
    if (this.#words.length === 0) this.#words = new NativeInt32Array(this.#wasm.memory.buffer);
    return this.#words;
  }

  #readString(pointer: number, length: number): string {
    return exactUtf8Decode(subarray(this.#memory(), pointer, pointer + length));
  }

  #passString(text: string): { pointer: number; length: number } {
    const bytes = utf8Encode(text);
    const pointer = this.#call('__wbindgen_malloc', bytes.length);
    copyInto(this.#memory(), bytes, pointer);
    return { pointer, length: bytes.length };
  }

  #returnString(at: number, text: string): void {
    const { pointer, length } = this.#passString(text);
    const words = this.#wordsOfMemory();
    words[at / 4] = pointer;
    words[at / 4 + 1] = length;
  }

  /** JavaScript values are known to the parser by handle; free handles form a list through the array. */
  #hold(value: unknown): number {
    const handle = this.#nextHandle;
    const next = this.#objects[handle];
    this.#nextHandle = next === undefined ? handle + 1 : (next as number);
    this.#objects[handle] = value;
    return handle;
  }

  #drop(handle: number): void {
    if (handle < FIRST_HANDLE) return;
    this.#objects[handle] = this.#nextHandle;
    this.#nextHandle = handle;
  }

  #take(handle: number): unknown {
    const value = this.#objects[handle];
    this.#drop(handle);
    return value;
  }

  /** The names are those of the compiled bindings, their hashes included. */
  #imports(): Record<string, (...args: number[]) => unknown> {
    const get = (handle: number): unknown => this.#objects[handle];
    const property = (name: string) => (handle: number) => {
      const value = (get(handle) as Record<string, unknown>)[name];
      return value === undefined ? 0 : this.#hold(value);
    };
    const option = (name: string) => (handle: number) => ((get(handle) as Record<string, boolean>)[name] ? 1 : 0);
    /** A token reaches its handler as its address: the objects that user code sees are made there. */
    const token = (address: number) => this.#hold(address);
    return {
      __wbindgen_object_drop_ref: (handle) => this.#drop(handle as number),
      __wbindgen_object_clone_ref: (handle) => this.#hold(get(handle as number)),
      __wbindgen_string_new: (pointer, length) => this.#hold(this.#readString(pointer as number, length as number)),
      __wbindgen_debug_string: (at, handle) => this.#returnString(at as number, `${get(handle as number) as string}`),
      __wbg_String_60c4ba333b5ca1c6: (at, handle) =>
        this.#returnString(at as number, `${get(handle as number) as string}`),
      __wbindgen_throw: (pointer, length) => {
        throw new NativeError(this.#readString(pointer as number, length as number));
      },
      __wbindgen_rethrow: (handle) => {
        throw this.#take(handle as number);
      },
      __wbindgen_memory: () => this.#hold(this.#wasm.memory),
      // The parser makes a view of its memory, copies that, and gives the copy to the sink. Here the sink copies, and once.
      __wbg_buffer_89a8560ab6a3d9c6: () => CONSTANT,
      __wbg_newwithbyteoffsetandlength_e45d8b33c02dc3b5: (_buffer, pointer, length) => {
        this.#view.start = (pointer as number) >>> 0;
        this.#view.end = this.#view.start + ((length as number) >>> 0);
        return CONSTANT;
      },
      __wbg_new_bd2e1d010adb8a1a: () => CONSTANT,
      __wbg_new_4fee7e2900033464: () => this.#hold([]),
      __wbg_push_ba9b5e3c25cff8f9: (array, handle) => {
        const list = get(array as number) as unknown[];
        list[list.length] = get(handle as number);
        return list.length;
      },
      __wbg_new_917809a3e20a4b00: (pointer, length) =>
        this.#hold(new NativeTypeError(this.#readString(pointer as number, length as number))),
      __wbg_html_cd9a0f328493678b: option('html'),
      __wbg_enableEsiTags_de6b91cc61a25874: option('enableEsiTags'),
      __wbg_element_c38470ed972aea27: property('element'),
      __wbg_comments_ba86bc03331d9378: property('comments'),
      __wbg_comments_94d876f6c0502e82: property('comments'),
      __wbg_text_7800bf26cb443911: property('text'),
      __wbg_text_4606a16c30e4ae91: property('text'),
      __wbg_doctype_ac58c0964a59b61b: property('doctype'),
      __wbg_end_34efb9402eac8a4e: property('end'),
      __wbg_element_new: token,
      __wbg_endtag_new: token,
      __wbg_comment_new: token,
      __wbg_textchunk_new: token,
      __wbg_doctype_new: token,
      __wbg_documentend_new: token,
      __wbg_call_6c4ea719458624eb: (handler, _self, argument) => {
        try {
          return this.#hold((get(handler as number) as (value: unknown) => unknown)(get(argument as number)));
        } catch (error) {
          this.#call('__wbindgen_exn_store', this.#hold(error));
          return 0;
        }
      },
      // Handlers here answer with a promise of the harness's own, or with nothing.
      __wbg_instanceof_Promise_c6535fc791fcc4d2: (handle) => (get(handle as number) === undefined ? 0 : 1),
      __wbg_awaitPromise_39a1101fd8518869: (stack, promise) => {
        if (this.#call('asyncify_get_state') === ASYNCIFY_REWINDING) {
          this.#call('asyncify_stop_rewind');
          this.#awaited = undefined;
          return;
        }
        const words = this.#wordsOfMemory();
        words[(stack as number) / 4] = (stack as number) + 8;
        words[(stack as number) / 4 + 1] = (stack as number) + 1024;
        this.#call('asyncify_start_unwind', stack as number);
        this.#awaited = get(promise as number) as Promise<void>;
      },
    } as Record<string, (...args: number[]) => unknown>;
  }
}

const KINDS = { comment: 0, doctype: 1, documentend: 2, element: 3, endtag: 4, textchunk: 5 } as const;
const FREE = [
  '__wbg_comment_free',
  '__wbg_doctype_free',
  '__wbg_documentend_free',
  '__wbg_element_free',
  '__wbg_endtag_free',
  '__wbg_textchunk_free',
];

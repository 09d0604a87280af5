/**
 * What a handler is given: Element, EndTag, Comment, Text, Doctype, DocumentEnd. Each is a view of the parser's own piece of the
 * document, which is gone when the handler is over; from then on every use throws.
 */
import {
  defineProperty,
  deleteProperty,
  freeze,
  getOwnPropertyDescriptor,
  NativeError,
  NativeReadableStream,
  NativeTypeError,
  stringIndexOf,
  stringStartsWith,
  symbolIterator,
  symbolToStringTag,
} from '../../primordials.ts';
import { isResponse, type Response } from '../../http/index.ts';
import { compatFlag } from '../../compat.ts';
import { illegalConstructor, illegalInvocation, isObject, parameterError } from '../../webidl.ts';
import { stringParameter } from './arguments.ts';
import type { Engine, TokenKind } from './engine.ts';

export type HandlerFunction = (...args: never[]) => unknown;

/** What tokens need of the rewriting they belong to. */
export interface TokenOwner {
  readonly engine: Engine;
  /** Text of the document as user code may see it. */
  readText(text: string): string;
  /** Text of user code as the parser takes it. */
  writeText(text: string): string;
  /** A stream or response to be put in where the returned text will come out. */
  placeStream(content: ReadableStream | Response, html: boolean): string;
  onEndTag(element: number, handler: HandlerFunction): void;
  /** Parts of the document may be dropped from here on. */
  contentRemoved(): void;
}

/** Known here only: nobody else makes tokens. */
const CREATE = {};
type Args = readonly unknown[];

/** A token as long as its handler runs. */
abstract class Token {
  #owner: TokenOwner;
  #address: number;
  #live = true;

  constructor(key: unknown, owner: TokenOwner, address: number) {
    if (key !== CREATE) throw illegalConstructor();
    this.#owner = owner;
    this.#address = address;
  }

  /** @throws {TypeError} for anything but a token of this class */
  static ownerOf(token: Token): TokenOwner {
    if (!isObject(token) || !(#owner in token)) throw illegalInvocation();
    return token.#owner;
  }

  static addressOf(token: Token): number {
    if (!isObject(token) || !(#owner in token)) throw illegalInvocation();
    if (!token.#live) {
      throw new NativeTypeError(
        'This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.',
      );
    }
    return token.#address;
  }

  static close(token: Token, kind: TokenKind): void {
    token.#live = false;
    token.#owner.engine.tokenEnded(kind, token.#address);
  }
}

const { ownerOf, addressOf } = Token;

export function closeToken(token: Token, kind: TokenKind): void {
  Token.close(token, kind);
}

const engineOf = (token: Token): Engine => ownerOf(token).engine;

/** `content` and `options` of `before()` and its like. */
function contentOf(
  type: string,
  method: string,
  args: Args,
): { content: string | ReadableStream | Response; html: boolean } {
  if (args.length === 0) throw parameterError(method, type, 1, 'string or JsReadableStream or Response');
  const value = args[0];
  const options = args[1];
  const streams = value instanceof NativeReadableStream || (typeof value === 'object' && isResponse(value));
  const content = streams ? (value as ReadableStream | Response) : `${value as string}`;
  if (options === undefined || options === null) return { content, html: false };
  if (!isObject(options)) throw parameterError(method, type, 2, 'ContentOptions');
  return { content, html: !!(options as { html?: unknown }).html };
}

function edit<T extends Token>(token: T, type: string, kind: TokenKind, method: string, args: Args): T {
  const { content, html } = contentOf(type, method, args);
  const owner = ownerOf(token);
  const address = addressOf(token);
  if (method === 'replace' || method === 'setInnerContent') owner.contentRemoved();
  if (typeof content === 'string') owner.engine.edit(`${kind}_${method}`, address, owner.writeText(content), html);
  else owner.engine.edit(`${kind}_${method}`, address, owner.placeStream(content, html), true);
  return token;
}

function remove<T extends Token>(token: T, method: string): T {
  const address = addressOf(token);
  ownerOf(token).contentRemoved();
  engineOf(token).invoke(method, address);
  return token;
}

const readString = (token: Token, method: string): string =>
  ownerOf(token).readText(engineOf(token).string(method, addressOf(token)));

function setString(token: Token, method: string, value: unknown): void {
  const text = `${value as string}`;
  const address = addressOf(token);
  const owner = ownerOf(token);
  owner.engine.setString(method, address, owner.writeText(text));
}

function readNullable(token: Token, method: string): string | null {
  const value = engineOf(token).value(method, addressOf(token)) as string | null;
  return typeof value === 'string' ? ownerOf(token).readText(value) : null;
}

/** Elements that the parser takes for HTML already, because what is inside them is. They themselves are not. */
const INTEGRATION_POINTS = {
  __proto__: null,
  'annotation-xml': 'http://www.w3.org/1998/Math/MathML',
  mi: 'http://www.w3.org/1998/Math/MathML',
  mn: 'http://www.w3.org/1998/Math/MathML',
  mo: 'http://www.w3.org/1998/Math/MathML',
  ms: 'http://www.w3.org/1998/Math/MathML',
  mtext: 'http://www.w3.org/1998/Math/MathML',
  desc: 'http://www.w3.org/2000/svg',
  foreignobject: 'http://www.w3.org/2000/svg',
} as unknown as Record<string, string | undefined>;

class Element extends Token {
  /** Counts changes, so that an iterator notices them. */
  #changes = 0;

  get tagName(): string {
    return readString(this, 'element_tag_name');
  }
  set tagName(name: unknown) {
    setString(this, 'element_set_tag_name', name);
  }
  get namespaceURI(): string {
    const namespace = engineOf(this).value('element_namespace_uri', addressOf(this)) as string;
    return INTEGRATION_POINTS[this.tagName] ?? namespace;
  }
  get removed(): boolean {
    return engineOf(this).flag('element_removed', addressOf(this));
  }
  get attributes(): AttributesIterator {
    const list = engineOf(this).value('element_attributes', addressOf(this)) as [string, string][];
    for (let index = 0; index < list.length; index++) {
      const pair = list[index] as [string, string];
      pair[0] = ownerOf(this).readText(pair[0]);
      pair[1] = ownerOf(this).readText(pair[1]);
    }
    const changes = this.#changes;
    return new AttributesIterator(CREATE, list, () => {
      addressOf(this);
      if (changes !== this.#changes) {
        throw new NativeError(
          'The attributes of this element have been modified during iteration. You must create a new iterator after modifying attributes.',
        );
      }
    });
  }
  getAttribute(...args: unknown[]): string | null {
    const name = stringParameter('Element', 'getAttribute', args, 0);
    const owner = ownerOf(this);
    const value = owner.engine.valueOf('element_getAttribute', addressOf(this), owner.writeText(name)) as string | null;
    return typeof value === 'string' ? owner.readText(value) : null;
  }
  hasAttribute(...args: unknown[]): boolean {
    const name = stringParameter('Element', 'hasAttribute', args, 0);
    return engineOf(this).flagOf('element_hasAttribute', addressOf(this), ownerOf(this).writeText(name));
  }
  setAttribute(...args: unknown[]): this {
    const name = stringParameter('Element', 'setAttribute', args, 0);
    const value = stringParameter('Element', 'setAttribute', args, 1);
    const owner = ownerOf(this);
    owner.engine.setAttribute(addressOf(this), owner.writeText(name), owner.writeText(value));
    this.#changes++;
    return this;
  }
  /** All of that name: a document may have an attribute twice, and the parser removes one at a time. */
  removeAttribute(...args: unknown[]): this {
    const name = ownerOf(this).writeText(stringParameter('Element', 'removeAttribute', args, 0));
    const address = addressOf(this);
    const engine = engineOf(this);
    do engine.setString('element_removeAttribute', address, name);
    while (engine.flagOf('element_hasAttribute', address, name));
    this.#changes++;
    return this;
  }
  before(...args: unknown[]): this {
    return edit(this, 'Element', 'element', 'before', args);
  }
  after(...args: unknown[]): this {
    return edit(this, 'Element', 'element', 'after', args);
  }
  prepend(...args: unknown[]): this {
    return edit(this, 'Element', 'element', 'prepend', args);
  }
  append(...args: unknown[]): this {
    return edit(this, 'Element', 'element', 'append', args);
  }
  replace(...args: unknown[]): this {
    return edit(this, 'Element', 'element', 'replace', args);
  }
  setInnerContent(...args: unknown[]): this {
    return edit(this, 'Element', 'element', 'setInnerContent', args);
  }
  remove(): this {
    return remove(this, 'element_remove');
  }
  removeAndKeepContent(): this {
    return remove(this, 'element_removeAndKeepContent');
  }
  onEndTag(...args: unknown[]): void {
    if (typeof args[0] !== 'function') throw parameterError('onEndTag', 'Element', 1, 'function');
    ownerOf(this).onEndTag(addressOf(this), args[0] as HandlerFunction);
  }
}

class EndTag extends Token {
  get name(): string {
    return readString(this, 'endtag_name');
  }
  set name(name: unknown) {
    setString(this, 'endtag_set_name', name);
  }
  before(...args: unknown[]): this {
    return edit(this, 'EndTag', 'endtag', 'before', args);
  }
  after(...args: unknown[]): this {
    return edit(this, 'EndTag', 'endtag', 'after', args);
  }
  remove(): this {
    return remove(this, 'endtag_remove');
  }
}

function editComment(comment: Comment, method: string, args: Args): Comment {
  if (typeof contentOf('Comment', method, args).content !== 'string') {
    throw new NativeTypeError(
      'Replacing content in HTML comments using a ReadableStream or Response object is not implemented. You must provide a string.',
    );
  }
  return edit(comment, 'Comment', 'comment', method, args);
}

class Comment extends Token {
  get text(): string {
    return readString(this, 'comment_text');
  }
  set text(value: unknown) {
    const text = `${value as string}`;
    addressOf(this);
    if (closesComment(text)) {
      throw new NativeTypeError("Parser error: Comment text shouldn't contain a comment-closing sequence.");
    }
    setString(this, 'comment_set_text', text);
  }
  get removed(): boolean {
    return engineOf(this).flag('comment_removed', addressOf(this));
  }
  before(...args: unknown[]): Comment {
    return editComment(this, 'before', args);
  }
  after(...args: unknown[]): Comment {
    return editComment(this, 'after', args);
  }
  replace(...args: unknown[]): Comment {
    return editComment(this, 'replace', args);
  }
  remove(): this {
    return remove(this, 'comment_remove');
  }
}

/** https://html.spec.whatwg.org/multipage/syntax.html#comments: what ends a comment early. */
const closesComment = (text: string): boolean =>
  stringStartsWith(text, '>') ||
  stringStartsWith(text, '->') ||
  stringIndexOf(text, '-->') !== -1 ||
  stringIndexOf(text, '--!>') !== -1;

export class Text extends Token {
  get text(): string {
    return readString(this, 'textchunk_text');
  }
  get lastInTextNode(): boolean {
    return engineOf(this).flag('textchunk_last_in_text_node', addressOf(this));
  }
  get removed(): boolean {
    return engineOf(this).flag('textchunk_removed', addressOf(this));
  }
  before(...args: unknown[]): this {
    return edit(this, 'Text', 'textchunk', 'before', args);
  }
  after(...args: unknown[]): this {
    return edit(this, 'Text', 'textchunk', 'after', args);
  }
  replace(...args: unknown[]): this {
    return edit(this, 'Text', 'textchunk', 'replace', args);
  }
  remove(): this {
    return remove(this, 'textchunk_remove');
  }
}

class Doctype extends Token {
  get name(): string | null {
    return readNullable(this, 'doctype_name');
  }
  get publicId(): string | null {
    return readNullable(this, 'doctype_public_id');
  }
  get systemId(): string | null {
    return readNullable(this, 'doctype_system_id');
  }
}

class DocumentEnd extends Token {
  append(...args: unknown[]): this {
    return edit(this, 'DocumentEnd', 'documentend', 'append', args);
  }
}

/** The attributes of an element as they were; using it after one was changed is an error. */
class AttributesIterator {
  readonly #list: readonly [string, string][];
  readonly #check: () => void;
  #next = 0;

  constructor(key: unknown, list: readonly [string, string][], check: () => void) {
    if (key !== CREATE) throw illegalConstructor();
    this.#list = list;
    this.#check = check;
  }

  next(): IteratorResult<[string, string]> {
    this.#check();
    if (this.#next >= this.#list.length) return { done: true, value: undefined };
    return { done: false, value: this.#list[this.#next++] as [string, string] };
  }

  [symbolIterator](): this {
    return this;
  }
}

type Property = readonly [name: string, descriptor: PropertyDescriptor];

/**
 * On Workers the properties of a token are its own and not its prototype's: `Object.keys`, JSON and spreading see them. Those that only
 * read say so in the words of a data property.
 */
function ownProperties(
  type: { readonly prototype: object; readonly name: string },
  names: readonly string[],
): Property[] {
  const properties: Property[] = [];
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const { get, set = readOnly(type.name, name) } = getOwnPropertyDescriptor(type.prototype, name) as {
      get: () => unknown;
      set?: (value: unknown) => void;
    };
    properties[index] = [name, freeze({ get, set, enumerable: true, configurable: true })];
    deleteProperty(type.prototype, name);
  }
  return properties;
}

const readOnly = (type: string, name: string) => (): never => {
  throw new NativeTypeError(`Cannot assign to read only property '${name}' of object '#<${type}>'`);
};

const KINDS = {
  element: { type: Element, properties: ownProperties(Element, ['namespaceURI', 'removed', 'attributes', 'tagName']) },
  endtag: { type: EndTag, properties: ownProperties(EndTag, ['name']) },
  comment: { type: Comment, properties: ownProperties(Comment, ['removed', 'text']) },
  textchunk: { type: Text, properties: ownProperties(Text, ['removed', 'lastInTextNode', 'text']) },
  doctype: { type: Doctype, properties: ownProperties(Doctype, ['systemId', 'publicId', 'name']) },
  documentend: { type: DocumentEnd, properties: ownProperties(DocumentEnd, []) },
};

export function createToken(kind: TokenKind, owner: TokenOwner, address: number): Token {
  const { type, properties } = KINDS[kind];
  const token = new type(CREATE, owner, address);
  for (let index = 0; index < properties.length; index++) {
    const property = properties[index] as Property;
    defineProperty(token, property[0], property[1]);
  }
  return token;
}

function tag(type: { readonly prototype: object }, name: string): void {
  if (!compatFlag('set_tostring_tag')) return;
  defineProperty(type.prototype, symbolToStringTag, { value: name, configurable: true });
}
tag(Element, 'Element');
tag(EndTag, 'EndTag');
tag(Comment, 'Comment');
tag(Text, 'Text');
tag(Doctype, 'Doctype');
tag(DocumentEnd, 'DocumentEnd');
tag(AttributesIterator, 'AttributesIterator');

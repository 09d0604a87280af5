/**
 * The little XML that S3 speaks. Written by functions; read by a scanner that knows elements and text and nothing else: no entities of a
 * document's own, no attributes that matter, a bounded depth.
 */
import { R2_LIMITS } from '../../shared/limits.ts';
import { S3Error } from './errors.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** XML 1.0 has no place for these, escaped or not. */
const UNPRINTABLE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const escapeXml = (text: string): string =>
  text
    .replace(UNPRINTABLE, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;');

/** An element of escaped text, or of elements. */
export const element = (name: string, content: string | number | boolean | readonly string[]): string =>
  `<${name}>${Array.isArray(content) ? content.join('') : escapeXml(String(content))}</${name}>`;

/** The outermost element of an answer. */
export const root = (name: string, children: readonly string[]): string =>
  xml(`<${name} xmlns="${NAMESPACE}">${children.join('')}</${name}>`);

export const xml = (document: string): string => `<?xml version="1.0" encoding="UTF-8"?>\n${document}`;

export interface XmlElement {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

/** A name ends where no more of a name follows: without that look ahead a name without end would be divided in every way, in quadratic time. */
const TOKEN = /<\?[^>]*\?>|<!--[^]*?-->|<(\/?)([A-Za-z_][\w.:-]*)(?![\w.:-])([^<>]*?)(\/?)>|([^<]+)/gy;

/** The outermost element of a document. @throws S3Error MalformedXML */
export function parseXml(document: string): XmlElement {
  const top: XmlElement = { name: '', children: [], text: '' };
  const open: XmlElement[] = [top];
  let elements = 0;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < document.length) {
    const match = TOKEN.exec(document);
    if (match === null) throw malformed();
    const [, isEnd, name, , isEmpty, text] = match;
    const current = open.at(-1) as XmlElement;
    if (text !== undefined) current.text += unescapeXml(text);
    else if (name !== undefined && isEnd === '/') {
      if (open.length === 1 || current.name !== localName(name)) throw malformed();
      open.pop();
    } else if (name !== undefined) {
      if (++elements > R2_LIMITS.maxXmlElements) throw malformed();
      const child = { name: localName(name), children: [], text: '' };
      current.children.push(child);
      if (isEmpty !== '/') open.push(child);
      if (open.length > R2_LIMITS.maxXmlDepth) throw malformed();
    }
  }
  const [document_] = top.children;
  if (open.length > 1 || top.children.length !== 1 || document_ === undefined) throw malformed();
  return document_;
}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1);

const malformed = (): S3Error =>
  new S3Error(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema.',
  );

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescapeXml = (text: string): string =>
  text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(\w+));?/g,
    (_whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) {
        const entity = ENTITIES[name];
        if (entity === undefined) throw malformed();
        return entity;
      }
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      if (code > 0x10ffff) throw malformed();
      return String.fromCodePoint(code);
    },
  );

/** The text of the first child of this name. */
export const childText = (parent: XmlElement, name: string): string | undefined =>
  parent.children.find((child) => child.name === name)?.text;

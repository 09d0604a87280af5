/**
 * Stack traces as a worker sees them: modules by the names they were uploaded under, and no frames of the harness or the engine's own
 * JavaScript. Deno (2.9.6) asks `Error.prepareStackTrace`, looked up along the prototype chain, whenever a stack is first read; so an accessor on
 * `Function.prototype` answers, and what a worker assigns to `Error.prepareStackTrace` is kept and called by us.
 */
import { nameOf, preludeLength, shownName } from './module-names.ts';
import {
  apply,
  defineProperty,
  errorToString,
  nativeString,
  stringIndexOf,
  stringReplaceAll,
  stringSlice,
  stringStartsWith,
} from './primordials.ts';

interface CallSite {
  getFileName(): string | undefined;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

type PrepareStackTrace = (error: unknown, sites: CallSite[]) => unknown;

let prepareOfUser: PrepareStackTrace | undefined;
const nativeError = Error;

/** To be called before user code runs. */
export function installStackTraces(): void {
  defineProperty(Function.prototype, 'prepareStackTrace', {
    get(this: unknown) {
      return this === nativeError ? prepareStackTrace : undefined;
    },
    set(this: unknown, value: unknown) {
      if (this === nativeError) prepareOfUser = value === prepareStackTrace ? undefined : (value as PrepareStackTrace);
      else {
        defineProperty(this as object, 'prepareStackTrace', {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      }
    },
    enumerable: false,
    configurable: true,
  });
}

function prepareStackTrace(error: unknown, sites: CallSite[]): unknown {
  const kept: CallSite[] = [];
  for (let index = 0; index < sites.length; index++) {
    const site = sites[index] as CallSite;
    if (!isOwnFile(fileOf(site))) kept[kept.length] = site;
  }
  if (typeof prepareOfUser === 'function') {
    for (let index = 0; index < kept.length; index++) showName(kept[index] as CallSite);
    return apply(prepareOfUser as (...args: never[]) => unknown, nativeError, [error, kept]);
  }
  let text = header(error);
  for (let index = 0; index < kept.length; index++) text += `\n    at ${frameText(kept[index] as CallSite)}`;
  return text;
}

const fileOf = (site: CallSite): string => site.getFileName() ?? '';

/** Frames that are none of the worker's: the harness, its extras, and JavaScript inside the engine. */
const isOwnFile = (file: string): boolean =>
  stringStartsWith(file, 'ext:') ||
  stringStartsWith(file, 'node:') ||
  stringStartsWith(file, 'skep:') ||
  (stringIndexOf(file, 'harness.js') >= 0 && nameOf(file) === undefined);

function header(error: unknown): string {
  try {
    return errorToString(error);
  } catch {
    return '<error>';
  }
}

/** The frame with the module's name in place of its URL, and on its first line the column of the uploaded text. */
function frameText(site: CallSite): string {
  const text = nativeString(site);
  const file = fileOf(site);
  const name = nameOf(file);
  if (name === undefined) return text;
  const line = site.getLineNumber();
  const column = site.getColumnNumber();
  const prelude = line === 1 ? preludeLength(file) : 0;
  const shown = shownName(name);
  if (prelude === 0 || column === null) return stringReplaceAll(text, file, shown);
  const place = `${file}:1:${column}`;
  return stringReplaceAll(text, place, `${shown}:1:${column - prelude}`);
}

/** For `Error.prepareStackTrace` of a worker: the frame tells the uploaded name too. */
function showName(site: CallSite): void {
  const name = nameOf(fileOf(site));
  if (name === undefined) return;
  const shown = shownName(name);
  const text = frameText(site);
  const prelude = site.getLineNumber() === 1 ? preludeLength(fileOf(site)) : 0;
  const column = site.getColumnNumber();
  hideMethod(site, 'getFileName', () => shown);
  hideMethod(site, 'getScriptNameOrSourceURL', () => shown);
  hideMethod(site, 'toString', () => text);
  if (prelude > 0 && column !== null) hideMethod(site, 'getColumnNumber', () => column - prelude);
}

function hideMethod(site: CallSite, name: string, value: () => unknown): void {
  defineProperty(site, name, { value, writable: true, enumerable: false, configurable: true });
}

/** Text of the engine's with module names in place of URLs: messages of syntax errors, stacks made before this was installed. */
export function withModuleNames(text: string): string {
  if (stringIndexOf(text, 'cell:/') < 0) return text;
  let result = '';
  let at = 0;
  for (;;) {
    const start = stringIndexOf(stringSlice(text, at), 'cell:/');
    if (start < 0) return result + stringSlice(text, at);
    const from = at + start;
    const end = from + urlLength(stringSlice(text, from));
    const url = stringSlice(text, from, end);
    const name = nameOf(url);
    result += stringSlice(text, at, from) + (name === undefined ? stringSlice(url, 'cell:/'.length) : shownName(name));
    at = end;
  }
}

/** Module URLs are percent-encoded: they end before a colon (line and column), a quote, a bracket or white space. */
function urlLength(text: string): number {
  let length = 'cell:/'.length;
  while (length < text.length && stringIndexOf(' :"\'()\n', text[length] as string) < 0) length++;
  return length;
}

/** How a file is opened. */
import { FS_CONSTANTS, numbers } from '../constants.ts';
import { nodeTypeError, toText } from '../errors.ts';

export interface Flags {
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly truncate: boolean;
  readonly create: boolean;
  readonly exclusive: boolean;
}

export function parseFlags(flags: unknown): Flags {
  if (typeof flags === 'number') {
    const { O_WRONLY, O_RDWR, O_APPEND, O_TRUNC, O_CREAT, O_EXCL } = constants() as Record<string, number>;
    const has = (bit: number | undefined) => (flags & (bit ?? 0)) !== 0;
    const write = has(O_WRONLY) || has(O_RDWR);
    return {
      read: !has(O_WRONLY),
      write,
      append: has(O_APPEND),
      truncate: has(O_TRUNC),
      create: has(O_CREAT),
      exclusive: has(O_EXCL),
    };
  }
  const text = toText(flags);
  if (!/^(?:r[s+]{0,2}|[wa]x?s?\+?|[wa]\+x?|x[wa]\+?|as\+?|sa\+?)$/.test(text)) {
    throw nodeTypeError('ERR_INVALID_ARG_VALUE', `The argument 'flags' is invalid. Received '${text}'`);
  }
  const first = text.replace(/[sx]/g, '')[0];
  return {
    read: first === 'r' || text.includes('+'),
    write: first !== 'r' || text.includes('+'),
    append: first === 'a',
    truncate: first === 'w',
    create: first !== 'r',
    exclusive: text.includes('x'),
  };
}

let fsConstants: object | undefined;
export const constants = (): object => {
  fsConstants ??= Object.freeze(Object.assign(Object.create(null) as object, numbers(FS_CONSTANTS)));
  return fsConstants;
};

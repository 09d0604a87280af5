/** Texts of any length on their way into the log. */

/** The text, or its beginning and how much of it is left out. */
export const cutText = (text: string, maxCharacters: number): string =>
  text.length <= maxCharacters
    ? text
    : `${text.slice(0, maxCharacters)}… (${text.length - maxCharacters} more characters are left out)`;

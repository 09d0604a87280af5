/** How every part of the server reports. Fields are structured; `message` is a plain sentence without values to search for. */

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line, `component` for example. */
  child(fields: LogFields): Logger;
}

/** What stands before each value in an RPC message. */
export const UNDEFINED = 0;
export const NULL = 1;
export const TRUE = 2;
export const FALSE = 3;
export const INTEGER = 4;
export const NEGATIVE_INTEGER = 5;
export const DOUBLE = 6;
export const TEXT = 7;
export const BIGINT = 8;
/** A value that came before in the same message, by its number. */
export const REFERENCE = 9;
export const OBJECT = 10;
export const ARRAY = 11;
/** An array with holes or further properties. */
export const SPARSE_ARRAY = 12;
export const MAP = 13;
export const SET = 14;
export const DATE = 15;
export const REGEXP = 16;
export const BUFFER = 17;
export const VIEW = 18;
export const DATA_VIEW = 19;
export const BOXED = 20;
export const ERROR = 21;
export const DOM_EXCEPTION = 22;
export const RESIZABLE_BUFFER = 23;
/** Capabilities: what is called stays where it is, and its number travels. */
export const STUB = 30;
export const SERVICE = 31;
export const READABLE = 32;
export const WRITABLE = 33;
export const HEADERS = 34;
export const REQUEST = 35;
export const RESPONSE = 36;
export const BLOB = 37;
/** `Response.error()`: has nothing but that it is one. */
export const ERROR_RESPONSE = 38;
/** What `head()` or `get()` of a bucket gave: its facts as a value, then a body. */
export const R2_OBJECT = 39;
/** The checksums of one, alone. */
export const R2_CHECKSUMS = 40;
/** Bodies of requests and responses. */
export const NO_BODY = 0;
export const WHOLE_BODY = 1;
export const STREAM_BODY = 2;

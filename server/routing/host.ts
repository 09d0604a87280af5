/** Host names and request targets: what a visitor asked for, taken apart without trusting a byte of it. */

export interface HostName {
  /** Lower case, without port, without the root's trailing dot. IPv6 literals keep their brackets. */
  readonly name: string;
  /** Null when the header names none. */
  readonly port: number | null;
}

/** RFC 1035 §2.3.4: 253 characters of name; then the root's dot, the colon and five digits. */
const MAX_HOST_LENGTH = 253 + 1 + 6;
/** Underscores are no letters of host names (RFC 952) but resolvable and in use, so they pass. */
const HOST_PATTERN = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::(\d{0,5}))?$/;

/**
 * Reads a Host header (RFC 9110 §7.2). Null when it is no host name with an optional port: what passes can be put into a
 * URL without changing its meaning, so no user info, percent signs, slashes, spaces or letters beyond ASCII.
 */
export function parseHostHeader(host: string): HostName | null {
  if (host.length === 0 || host.length > MAX_HOST_LENGTH) return null;
  const match = HOST_PATTERN.exec(host.toLowerCase());
  if (match === null) return null;
  const name = match[1] as string;
  const digits = match[2] ?? '';
  const port = digits === '' ? null : Number(digits);
  if (name.length > 253 || (port !== null && (port < 1 || port > 65_535))) return null;
  return { name, port };
}

/** The public name of a worker: `<worker>.<subdomain>.<base domain>`, lower case. */
export function workerHost(worker: string, subdomain: string, baseDomain: string): string {
  return `${worker}.${subdomain}.${baseDomain}`.toLowerCase();
}

/** `host` or `host:port` as it stands in a URL of this scheme: the scheme's own port is left out (WHATWG URL). */
export function urlAuthority(host: HostName, scheme: 'http' | 'https'): string {
  const ownPort = scheme === 'http' ? 80 : 443;
  return host.port === null || host.port === ownPort ? host.name : `${host.name}:${host.port}`;
}

export interface RequestTarget {
  /** From an absolute-form target, where it outranks the Host header (RFC 9112 §3.2.2); else null. */
  readonly authority: string | null;
  /** Path and query, starting with a slash. */
  readonly path: string;
}

const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)([^#]*)$/i;
/** A fragment never belongs in a request (RFC 9112 §3.2); the rest would not survive being part of a URL. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNCLEAN = /[#\x00-\x20\x7f-\uffff]/;

/** True for a target that is already a clean path with query: the only form that browsers and proxies send. */
export function isPlainPath(target: string): boolean {
  return target.charCodeAt(0) === 0x2f && !UNCLEAN.test(target);
}

/** Reads origin-form, absolute-form and asterisk-form (RFC 9112 §3.2). Null: none of them. */
export function parseRequestTarget(method: string, target: string): RequestTarget | null {
  if (isPlainPath(target)) return { authority: null, path: target };
  // §3.3: the target URI of `OPTIONS *` has an empty path, which a URL writes as a slash.
  if (target === '*') return method === 'OPTIONS' ? { authority: null, path: '/' } : null;
  const match = ABSOLUTE_FORM.exec(target);
  if (match === null || UNCLEAN.test(target)) return null;
  const rest = match[2] as string;
  return { authority: match[1] as string, path: rest.charCodeAt(0) === 0x2f ? rest : `/${rest}` };
}

/** The body of an answer that no worker gave: a small page for browsers, one line for programs. */
import type { VisitorError } from '../../shared/visitor-errors.ts';

export interface ErrorPage {
  readonly contentType: string;
  readonly body: string;
}

export interface ErrorPageDetails {
  readonly ray: string;
  /** What the visitor asked for, as received; shown where the error is about it. */
  readonly host: string | null;
  /** The Accept header. */
  readonly accept: string | undefined;
}

/** HTML for who accepts it by name (browsers do, programs send `*` or nothing); else `error code: 1101` as on Cloudflare. */
export function renderErrorPage(error: VisitorError, details: ErrorPageDetails): ErrorPage {
  if (details.accept !== undefined && /text\/html/i.test(details.accept)) {
    return { contentType: 'text/html; charset=UTF-8', body: htmlPage(error, details) };
  }
  return { contentType: 'text/plain; charset=UTF-8', body: plainText(error, details) };
}

function plainText(error: VisitorError, { host }: ErrorPageDetails): string {
  if (error.code !== null) return `error code: ${error.code}`;
  const asked = host === null ? '' : ` Asked for: ${printable(host)}`;
  return `${error.status} ${error.title}: ${error.text}${asked}\n`;
}

function htmlPage(error: VisitorError, { ray, host }: ErrorPageDetails): string {
  const heading = error.code === null ? `${error.status} ${error.title}` : `Error ${error.code}`;
  const asked = host === null ? '' : `\n<p>Asked for: <code>${escapeHtml(printable(host))}</code></p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(heading)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#222}h1{font-size:1.5rem}code{overflow-wrap:anywhere}small{color:#666}@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}small{color:#999}}</style>
</head>
<body>
<h1>${escapeHtml(heading)}</h1>
<p>${escapeHtml(error.text)}</p>${asked}
<p><small>Request id: <code>${escapeHtml(ray)}</code></small></p>
</body>
</html>
`;
}

/** A Host header may be 128 KB of anything; a page shows the start of it, without control characters. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.slice(0, 260).replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Makes any text safe inside an element and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] as string);
}

// The service that workerd's Cache API talks to (workerd has no cache of its own).
// GET with `cache-control: only-if-cached` is match(), PUT (body: a serialised HTTP response) is
// put(), PURGE is delete(). Named caches arrive in `cf-cache-namespace`.
// Follows Cloudflare's public documentation of the Cache API: freshness from Cache-Control/Expires,
// Set-Cookie responses are not stored unless `private=set-cookie`, Range and conditional match.
const store = new Map();

function ttl(headers) {
  const cc = (headers.get('cache-control') ?? '').toLowerCase();
  if (/\b(no-store|no-cache|private(?!=))/.test(cc)) return 0;
  const m = /s-maxage\s*=\s*"?(\d+)/.exec(cc) ?? /max-age\s*=\s*"?(\d+)/.exec(cc);
  if (m) return +m[1];
  const ex = headers.get('expires');
  if (ex) return Math.max(0, (Date.parse(ex) - Date.now()) / 1000 || 0);
  return 7200;
}
const miss = () => new Response(null, { status: 504, headers: { 'cf-cache-status': 'MISS' } });

export default {
  async fetch(req) {
    const key = (req.headers.get('cf-cache-namespace') ?? '') + '\n' + req.url;
    if (req.method === 'PUT') {
      const buf = new Uint8Array(await req.arrayBuffer());
      let end = -1;
      for (let i = 0; i + 3 < buf.length; i++)
        if (buf[i] === 13 && buf[i + 1] === 10 && buf[i + 2] === 13 && buf[i + 3] === 10) {
          end = i;
          break;
        }
      const [line, ...hs] = new TextDecoder().decode(buf.subarray(0, end)).split('\r\n');
      const [, status, ...text] = line.split(' ');
      const headers = new Headers();
      for (const h of hs) {
        const i = h.indexOf(':');
        headers.append(h.slice(0, i), h.slice(i + 1).trim());
      }
      const cc = headers.get('cache-control') ?? '';
      if (headers.has('set-cookie')) {
        if (/private=["']?set-cookie/i.test(cc)) headers.delete('set-cookie');
        else return new Response(null, { status: 204 });
      }
      const life = ttl(headers);
      if (life <= 0) return new Response(null, { status: 204 });
      const raw = buf.subarray(end + 4);
      // (workerd writes `Transfer-Encoding: chunked` when the length is not known, but no chunk framing)
      headers.delete('transfer-encoding');
      store.set(key, {
        status: +status,
        statusText: text.join(' '),
        headers: [...headers],
        body: raw.slice(),
        until: Date.now() + life * 1000,
      });
      return new Response(null, { status: 204 });
    }
    if (req.method === 'PURGE') return new Response(null, { status: store.delete(key) ? 200 : 404 });
    const hit = store.get(key);
    if (!hit || hit.until <= Date.now()) return miss();
    const headers = new Headers(hit.headers);
    headers.set('cf-cache-status', 'HIT');
    const etag = headers.get('etag'),
      lm = headers.get('last-modified');
    const inm = req.headers.get('if-none-match'),
      ims = req.headers.get('if-modified-since');
    if (
      inm
        ? etag && (inm === '*' || inm.split(',').some((x) => x.trim().replace(/^W\//, '') === etag.replace(/^W\//, '')))
        : ims && lm && Date.parse(lm) <= Date.parse(ims)
    )
      return new Response(null, { status: 304, headers });
    const range = /^bytes=(\d*)-(\d*)$/.exec(req.headers.get('range') ?? '');
    if (range && hit.status === 200 && (range[1] || range[2])) {
      const n = hit.body.length;
      const from = range[1] ? +range[1] : Math.max(0, n - +range[2]);
      const to = range[1] && range[2] ? Math.min(+range[2], n - 1) : n - 1;
      if (from >= n || from > to) {
        headers.set('content-range', `bytes */${n}`);
        headers.delete('content-length');
        return new Response(null, { status: 416, headers });
      }
      headers.set('content-range', `bytes ${from}-${to}/${n}`);
      headers.set('content-length', String(to - from + 1));
      return new Response(hit.body.slice(from, to + 1), { status: 206, headers });
    }
    return new Response([101, 204, 205, 304].includes(hit.status) ? null : hit.body, {
      status: hit.status,
      statusText: hit.statusText,
      headers,
    });
  },
};

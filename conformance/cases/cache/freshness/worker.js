const H = (headers, status = 200) => ({ status, headers });
export default {
  async fetch(request) {
    const c = caches.default;
    const q = new URL(request.url).search;
    const out = {};
    let n = 0;
    const cycle = async (name, init, body = "b") => {
      const k = new URL(`/cache/fresh/${n++}${q}`, request.url).href;
      try {
        await c.put(k, new Response(body, init));
        const r = await c.match(k);
        out[name] = r ? [r.status, r.statusText, await r.text(), r.headers.get("cf-cache-status"), r.headers.get("set-cookie"), r.headers.get("cache-control"), r.url, r.redirected, r.type] : null;
      } catch (e) {
        out[name] = { $error: e.name, $message: e.message };
      }
    };
    await cycle("none", H({}));
    await cycle("maxAge", H({ "cache-control": "max-age=60" }));
    await cycle("maxAge0", H({ "cache-control": "max-age=0" }));
    await cycle("sMaxAge", H({ "cache-control": "max-age=0, s-maxage=60" }));
    await cycle("sMaxAge0", H({ "cache-control": "max-age=60, s-maxage=0" }));
    await cycle("noStore", H({ "cache-control": "no-store" }));
    await cycle("noStoreAge", H({ "cache-control": "no-store, max-age=60" }));
    await cycle("noCache", H({ "cache-control": "no-cache" }));
    await cycle("private", H({ "cache-control": "private, max-age=60" }));
    await cycle("public", H({ "cache-control": "public" }));
    await cycle("upper", H({ "cache-control": "MAX-AGE=60" }));
    await cycle("quoted", H({ "cache-control": 'max-age="60"' }));
    await cycle("negative", H({ "cache-control": "max-age=-1" }));
    await cycle("expiresFuture", H({ expires: new Date(Date.now() + 60000).toUTCString() }));
    await cycle("expiresPast", H({ expires: new Date(0).toUTCString() }));
    await cycle("expiresBad", H({ expires: "0" }));
    await cycle("expiresAndAge", H({ expires: new Date(0).toUTCString(), "cache-control": "max-age=60" }));
    await cycle("setCookie", H({ "set-cookie": "a=b", "cache-control": "max-age=60" }));
    await cycle("setCookiePrivate", H({ "set-cookie": "a=b", "cache-control": "private=set-cookie, max-age=60" }));
    await cycle("setCookieQuoted", H({ "set-cookie": "a=b", "cache-control": 'private="Set-Cookie", max-age=60' }));
    await cycle("notFound", H({ "cache-control": "max-age=60" }, 404), "nf");
    await cycle("redirect", H({ "cache-control": "max-age=60", location: "/x" }, 302), "r");
    await cycle("error", H({ "cache-control": "max-age=60" }, 500), "e");
    await cycle("gatewayTimeout", H({ "cache-control": "max-age=60" }, 504), "t");
    await cycle("noContent", H({ "cache-control": "max-age=60" }, 204), null);
    await cycle("created", { status: 201, statusText: "Made", headers: { "cache-control": "max-age=60" } }, "m");
    await cycle("vary", H({ "cache-control": "max-age=60", vary: "accept-encoding" }));
    await cycle("cfCacheStatus", H({ "cache-control": "max-age=60", "cf-cache-status": "MISS" }));
    await cycle("immutable", H({ "cache-control": "max-age=60, immutable" }));
    return Response.json(out);
  },
};

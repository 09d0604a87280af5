const probe = (f) => {
  try {
    const v = f();
    return v === undefined
      ? "undefined"
      : typeof v === "function"
        ? "fn"
        : typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.prototype.toString.call(v)
          : typeof v === "bigint"
            ? String(v)
            : v;
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
const show = (v) =>
  v instanceof Uint8Array ? "u8:" + [...v].join() : v instanceof ArrayBuffer ? "ab" + v.byteLength : v;
const aprobe = async (f, ms = 300) => {
  try {
    const v = await Promise.race([f(), new Promise((r) => setTimeout(r, ms, "PENDING"))]);
    return v === undefined
      ? "undefined"
      : v && typeof v === "object" && "done" in v
        ? { done: v.done, value: show(v.value) }
        : show(v);
  } catch (e) {
    return { $error: e?.name ?? String(e), $message: e?.message };
  }
};
const enc = new TextEncoder();
const U = (...a) => new Uint8Array(a);
const all = async (s) => {
  const o = [];
  for await (const c of s) o.push(show(c));
  return o;
};
export default {
  async fetch() {
    const out = {};
    const parse = (u, b) =>
      probe(() => {
        const x = new URL(u, b);
        return [
          x.href,
          x.origin,
          x.protocol,
          x.username,
          x.password,
          x.host,
          x.hostname,
          x.port,
          x.pathname,
          x.search,
          x.hash,
        ].join("|");
      });
    const U = (out.U = {});
    for (const u of [
      "http://a",
      "https://user:pa%20ss@ex.com:8080/p/../q?x=1#f",
      "HTTP://EX.com:80/",
      "//x",
      "",
      "/a",
      "x",
      "http://",
      "http://a b/",
      "http://[::1]:3000/",
      "http://[::ffff:1.2.3.4]/",
      "http://1.2.3",
      "http://0x7f.1/",
      "http://256.1.1.1/",
      "http://ex.com:99999/",
      "http://ex.com:/",
      "file:///a/b",
      "file:c:\\x",
      "data:text/plain,hi",
      "blob:https://a/b",
      "javascript:alert(1)",
      "mailto:a@b",
      "http://münchen.de/",
      "http://xn--mnchen-3ya.de/",
      "http://a.com/%7Efoo/é?q=é#é",
      "http://a.com/ a",
      "http://a\tb.com/",
      "http://%41.com/",
      "http://a.com\\b",
      "ws://a:80/",
      "wss://a:443/",
      "ftp://a:21/",
      "http://a..b/",
      "http://a.com/?a=b&c",
      "http://a.com?#",
      "http://user@/",
      "http://@a/",
      "foo://bar/baz",
      "foo:bar",
      "http://a.com/a;b?c;d",
      "http://ＧＯ.com/",
      "http://a%00b/",
      "http://a<b/",
      "http://😀.com/",
    ])
      U[u] = parse(u);
    out.rel = [
      ["../c", "http://a/b/d/e"],
      ["?x", "http://a/b?c#d"],
      ["#x", "http://a/b?c"],
      ["", "http://a/b?c#d"],
      ["//h/p", "http://a/b"],
      ["http:x", "http://a/b/"],
      ["/x", "foo://bar/baz"],
      ["x", "mailto:a"],
      ["./.", "http://a/b/c"],
      ["x", "nope"],
      ["x", undefined],
      ["http://z", undefined],
      ["x", null],
    ].map(([u, b]) => parse(u, b));
    out.args = [
      probe(() => new URL()),
      probe(() => new URL(5)),
      probe(() => new URL(null)),
      probe(
        () =>
          new URL({
            toString() {
              return "http://o/";
            },
          }).href,
      ),
      probe(() => new URL("http://a", 5)),
      probe(() => URL("http://a")),
      probe(() => new URL(Symbol())),
    ];
    out.can = [
      probe(() => URL.canParse("http://a")),
      probe(() => URL.canParse("x")),
      probe(() => URL.canParse("x", "http://a")),
      probe(() => URL.canParse()),
      probe(() => URL.parse("x")),
      probe(() => URL.parse("http://a").href),
      probe(() => URL.parse()),
      probe(() => URL.createObjectURL(new Blob([]))),
      probe(() => URL.revokeObjectURL("x")),
    ];
    const set = (k, ...vs) =>
      vs.map((v) =>
        probe(() => {
          const u = new URL("https://u:p@ex.com:8080/p?q#h");
          u[k] = v;
          return u.href;
        }),
      );
    out.set = {
      href: set("href", "http://n/", "bad"),
      protocol: set("protocol", "http", "http:", "foo:", "ftp", ""),
      username: set("username", "a b", "", "é"),
      password: set("password", "x:y", ""),
      host: set("host", "n:1", "n", "n:99999", "", "a b"),
      hostname: set("hostname", "n", "n:1", "", "[::1]"),
      port: set("port", "1", "443", "", "x", "8080abc", "99999"),
      pathname: set("pathname", "a", "/a b", "", "../x"),
      search: set("search", "a", "?b", "", "é"),
      hash: set("hash", "a", "#b", ""),
      origin: set("origin", "http://z"),
      searchParams: set("searchParams", "x"),
    };
    const P = (i) => probe(() => new URLSearchParams(i).toString());
    out.P = [
      P(),
      P(""),
      P("?a=1&a=2"),
      P("a=b=c"),
      P("a&b"),
      P({ a: 1, b: "x y" }),
      P([
        ["a", "b"],
        ["c", "d"],
      ]),
      P([["a"]]),
      P([["a", "b", "c"]]),
      P(5),
      P(null),
      P(new URLSearchParams("z=1")),
      P(new Map([["m", "n"]])),
      P("a=%zz&b=%41+%2B"),
      P("é=ü"),
      P([1]),
      P(
        (function* () {
          yield ["g", "h"];
        })(),
      ),
      P("a='~!*()"),
    ];
    const q = new URLSearchParams("a=1&b=2&a=3");
    q.sort();
    out.sorted = String(q);
    q.delete("a", "1");
    out.del = String(q);
    q.set("a", "n");
    q.append("k", "é &");
    out.sa = String(q);
    out.fe = (() => {
      const l = [];
      q.forEach(function (v, k, o) {
        l.push([v, k, o === q, this === 5 || typeof this]);
      }, {});
      return JSON.stringify(l);
    })();
    out.link = (() => {
      const u = new URL("http://a/?x=1");
      const s = u.searchParams;
      s.append("y", "2 3");
      const a = u.href;
      u.search = "?z=9";
      const b = String(s);
      s.delete("z");
      return [a, b, u.href, u.searchParams === s];
    })();
    out.iter = (() => {
      const p = new URLSearchParams("a=1&b=2&c=3");
      const l = [];
      for (const [k] of p) {
        l.push(k);
        p.delete(k);
      }
      return l;
    })();
    out.json = JSON.stringify({ u: new URL("http://a/"), p: new URLSearchParams("a=1") });
    out.str = [String(new URL("http://a")), Object.keys(new URL("http://a")).length];
    const PT = (out.PT = {});
    const tp = (init, inp, base) =>
      probe(() => {
        const p = new URLPattern(init, base);
        const r = p.exec(inp);
        return JSON.stringify([p.test(inp), r && r.pathname, r && r.hostname?.input, r && r.inputs]);
      });
    PT.a = tp({ pathname: "/a/:id" }, "http://x/a/5");
    PT.b = tp("https://*.ex.com/:p*", "https://a.ex.com/q/r");
    PT.c = tp({ pathname: "/(\\d+)" }, "http://x/abc");
    PT.d = tp({ pathname: "/a{/b}?" }, "http://x/a/b");
    PT.e = tp("/x", "http://h/x");
    PT.f = tp("/x", "http://h/x", "http://h");
    PT.g = probe(() => new URLPattern({ pathname: "/((" }));
    PT.h = probe(() => {
      const p = new URLPattern({ pathname: "/A" }, { ignoreCase: true });
      return p.test({ pathname: "/a" });
    });
    PT.i = probe(() => {
      const p = new URLPattern({ pathname: "/a/:b" });
      return [
        p.protocol,
        p.username,
        p.password,
        p.hostname,
        p.port,
        p.pathname,
        p.search,
        p.hash,
        p.hasRegExpGroups,
      ];
    });
    PT.j = probe(() => new URLPattern().test("http://any/"));
    PT.k = probe(() => new URLPattern(5));
    PT.n = tp({ search: "q=:v" }, "http://x/?q=1");
    PT.o = probe(() => new URLPattern({ pathname: "/foo/*" }).exec("http://h/foo/b/c").pathname.groups["0"]);
    PT.p = probe(() => new URLPattern("https://e.com/a", "nope"));
    return Response.json(out);
  },
};

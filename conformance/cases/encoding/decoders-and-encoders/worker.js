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
    const D = (out.D = {});
    D.def = probe(() => {
      const d = new TextDecoder();
      return [d.encoding, d.fatal, d.ignoreBOM].join();
    });
    D.labels = [
      "utf8",
      "UTF-8",
      " utf-8 ",
      "unicode-1-1-utf-8",
      "latin1",
      "ascii",
      "iso-8859-1",
      "windows-1252",
      "l1",
      "sjis",
      "shift_jis",
      "euc-jp",
      "iso-2022-jp",
      "euc-kr",
      "korean",
      "gbk",
      "gb2312",
      "gb18030",
      "chinese",
      "big5",
      "big5-hkscs",
      "utf-16",
      "utf-16le",
      "utf-16be",
      "ucs-2",
      "iso-8859-2",
      "iso-8859-5",
      "iso-8859-8",
      "iso-8859-8-i",
      "logical",
      "visual",
      "koi8-r",
      "koi8-u",
      "macintosh",
      "x-mac-cyrillic",
      "windows-874",
      "tis-620",
      "windows-1250",
      "windows-1251",
      "windows-1258",
      "ibm866",
      "iso-8859-16",
      "x-user-defined",
      "replacement",
      "iso-2022-kr",
      "hz-gb-2312",
      "x-x-big5",
      "utf-7",
      "utf-32",
      "",
      "null",
      "csisolatin9",
      "iso-8859-10",
      "iso-8859-13",
      "iso-8859-14",
      "iso-8859-15",
      "x-sjis",
      "ms932",
      "windows-31j",
      "ks_c_5601-1987",
      "x-gbk",
    ].map((l) => [l, probe(() => new TextDecoder(l).encoding)]);
    D.num = probe(() => new TextDecoder(5));
    D.nul = probe(() => new TextDecoder(null));
    D.undef = probe(() => new TextDecoder(undefined).encoding);
    D.opt = probe(() => new TextDecoder("utf-8", 5));
    D.call = probe(() => TextDecoder());
    D.dec = probe(() => new TextDecoder().decode());
    D.decu = probe(() => new TextDecoder().decode(undefined));
    D.decnull = probe(() => new TextDecoder().decode(null));
    D.decstr = probe(() => new TextDecoder().decode("x"));
    D.decobj = probe(() => new TextDecoder().decode({}));
    D.decarr = probe(() => new TextDecoder().decode([1]));
    D.decopt = probe(() => new TextDecoder().decode(U(65), 5));
    D.dv = probe(() => new TextDecoder().decode(new DataView(new Uint8Array([65, 66]).buffer, 1)));
    D.u16 = probe(() => new TextDecoder().decode(new Uint16Array([0x4241])));
    D.ab = probe(() => new TextDecoder().decode(new Uint8Array([65]).buffer));
    D.fatal = probe(() => new TextDecoder("utf-8", { fatal: true }).decode(U(255)));
    D.rep = probe(() => new TextDecoder().decode(U(255, 65, 0xe2, 0x82)));
    D.bom = probe(() => new TextDecoder().decode(U(0xef, 0xbb, 0xbf, 65)).length);
    D.ibom = probe(
      () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(U(0xef, 0xbb, 0xbf, 65)).length,
    );
    D.stream = probe(() => {
      const d = new TextDecoder();
      return [
        d.decode(U(0xe2, 0x82), { stream: true }),
        d.decode(U(0xac), { stream: true }),
        d.decode(U(0xe2), { stream: true }),
        d.decode(),
        d.decode(U(65)),
      ];
    });
    D.streambom = probe(() => {
      const d = new TextDecoder();
      return [
        d.decode(U(0xef, 0xbb), { stream: true }),
        d.decode(U(0xbf, 65), { stream: true }),
        d.decode(),
        d.decode(U(0xef, 0xbb, 0xbf, 66)),
      ];
    });
    D.fatalstream = probe(() => {
      const d = new TextDecoder("utf-8", { fatal: true });
      d.decode(U(0xe2), { stream: true });
      return d.decode();
    });
    D.fatalafter = probe(() => {
      const d = new TextDecoder("utf-8", { fatal: true });
      try {
        d.decode(U(255));
      } catch {}
      return d.decode(U(65));
    });
    const S = (l, ...b) => probe(() => new TextDecoder(l).decode(U(...b)));
    const F = (l, ...b) => probe(() => new TextDecoder(l, { fatal: true }).decode(U(...b)));
    D.le = S("utf-16le", 65, 0, 0x3d, 0xd8, 0, 0xde);
    D.lelone = S("utf-16le", 0x3d, 0xd8, 65, 0)
      .split?.("")
      .map((c) => c.charCodeAt(0));
    D.leodd = S("utf-16le", 65, 0, 66);
    D.lefatal = F("utf-16le", 0x3d, 0xd8, 65, 0);
    D.be = S("utf-16be", 0, 65, 0xd8, 0x3d, 0xde, 0);
    D.lebom = S("utf-16le", 0xff, 0xfe, 65, 0);
    D.bebom = S("utf-16be", 0xfe, 0xff, 0, 65);
    D.lestream = probe(() => {
      const d = new TextDecoder("utf-16le");
      return [
        d.decode(U(65), { stream: true }),
        d.decode(U(0, 0x3d), { stream: true }),
        d.decode(U(0xd8, 0), { stream: true }),
        d.decode(U(0xde)),
      ];
    });
    D.w1252 = S("windows-1252", 0x80, 0x81, 0x8d, 0x99, 0xe9);
    D.latin = S("latin1", 0x80, 0xe9);
    D.sj = S("shift_jis", 0x82, 0xa0, 0xb1, 0x80, 0x41);
    D.sjf = F("shift_jis", 0x82);
    D.ej = S("euc-jp", 0xa4, 0xa2, 0x8e, 0xb1, 0x8f, 0xa2, 0xaf);
    D.i2022 = S("iso-2022-jp", 0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42, 65);
    D.ek = S("euc-kr", 0xb0, 0xa1, 0xff);
    D.gbk = S("gbk", 0xc4, 0xe3, 0x80);
    D.gb18030 = S("gb18030", 0x81, 0x30, 0x81, 0x30, 0xa8, 0xbc);
    D.big5 = S("big5", 0xa7, 0x41, 0x88, 0x62, 0x81);
    D.i8 = S("iso-8859-8", 0xe0, 0xa1);
    D.koi = S("koi8-r", 0xc1);
    D.mac = S("macintosh", 0x80, 0xf0);
    D.xud = S("x-user-defined", 0x41, 0x80, 0xff)
      .split?.("")
      .map((c) => c.charCodeAt(0));
    D.ibm = S("ibm866", 0x80);
    D.w874 = S("windows-874", 0xa1, 0xdb);
    D.w874f = F("windows-874", 0xdb);
    D.w1253 = S("windows-1253", 0xaa);
    D.gbks = probe(() => {
      const d = new TextDecoder("gbk");
      return [
        d.decode(U(0xc4), { stream: true }),
        d.decode(U(0xe3), { stream: true }),
        d.decode(U(0xc4), { stream: true }),
        d.decode(),
      ];
    });
    D.sjs = probe(() => {
      const d = new TextDecoder("shift_jis");
      return [d.decode(U(0x82), { stream: true }), d.decode(U(0xa0)), d.decode(U(0x82, 0x41))];
    });
    const E = (out.E = {});
    E.enc = new TextEncoder().encoding;
    E.none = show(new TextEncoder().encode());
    E.undef = show(new TextEncoder().encode(undefined));
    E.nul = show(new TextEncoder().encode(null));
    E.num = show(new TextEncoder().encode(12));
    E.lone = show(new TextEncoder().encode("a\ud800b"));
    E.sym = probe(() => new TextEncoder().encode(Symbol()));
    E.arg = probe(() => new TextEncoder("utf-16").encoding);
    E.into = probe(() => JSON.stringify(new TextEncoder().encodeInto("héllo€😀", new Uint8Array(8))));
    E.into2 = probe(() => JSON.stringify(new TextEncoder().encodeInto("😀", new Uint8Array(3))));
    E.intobad = probe(() => new TextEncoder().encodeInto("x", []));
    E.intono = probe(() => new TextEncoder().encodeInto("x"));
    E.intolone = probe(() => {
      const b = new Uint8Array(3);
      return JSON.stringify([new TextEncoder().encodeInto("\ud800", b), show(b)]);
    });
    E.into16 = probe(() => new TextEncoder().encodeInto("x", new Uint16Array(2)));
    E.call = probe(() => TextEncoder());
    const TS = (out.TS = {});
    TS.enc = await aprobe(async () =>
      JSON.stringify(
        await all(ReadableStream.from(["a\ud83d", "\ude00b", ""]).pipeThrough(new TextEncoderStream())),
      ),
    );
    TS.encnum = await aprobe(async () =>
      JSON.stringify(await all(ReadableStream.from([1, null]).pipeThrough(new TextEncoderStream()))),
    );
    TS.lone = await aprobe(async () =>
      JSON.stringify(await all(ReadableStream.from(["\ud83d"]).pipeThrough(new TextEncoderStream()))),
    );
    TS.dec = await aprobe(async () =>
      JSON.stringify(
        await all(ReadableStream.from([U(0xe2), U(0x82, 0xac), U(65)]).pipeThrough(new TextDecoderStream())),
      ),
    );
    TS.decfatal = await aprobe(async () =>
      JSON.stringify(
        await all(ReadableStream.from([U(255)]).pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))),
      ),
    );
    TS.decfatal2 = await aprobe(async () =>
      JSON.stringify(
        await all(
          ReadableStream.from([U(0xe2)]).pipeThrough(new TextDecoderStream("utf-8", { fatal: true })),
        ),
      ),
    );
    TS.decbad = await aprobe(async () =>
      JSON.stringify(await all(ReadableStream.from(["x"]).pipeThrough(new TextDecoderStream()))),
    );
    TS.label = probe(() => new TextDecoderStream("klingon"));
    TS.props = probe(() => {
      const d = new TextDecoderStream("latin1", { fatal: true, ignoreBOM: true });
      return [d.encoding, d.fatal, d.ignoreBOM, new TextEncoderStream().encoding];
    });
    TS.inst = new TextDecoderStream() instanceof TransformStream;
    TS.leftover = await aprobe(async () =>
      JSON.stringify(await all(ReadableStream.from([U(0xe2)]).pipeThrough(new TextDecoderStream()))),
    );
    TS.ab = await aprobe(async () =>
      JSON.stringify(
        await all(
          ReadableStream.from([U(65).buffer, new DataView(U(66).buffer)]).pipeThrough(
            new TextDecoderStream(),
          ),
        ),
      ),
    );
    TS.sj = await aprobe(async () =>
      JSON.stringify(
        await all(ReadableStream.from([U(0x82), U(0xa0)]).pipeThrough(new TextDecoderStream("shift_jis"))),
      ),
    );
    const B = (out.B = {});
    for (const s of [
      "",
      "YQ",
      "YQ=",
      "YQ==",
      "YQ===",
      "Y",
      "YWI",
      "YWI=",
      "Y W I =",
      "\tYQ==\n",
      "YQ==x",
      "=",
      "====",
      "a-_b",
      "+/+/",
      "\u00e9",
      "YR==",
      "YQ=\u00a0=",
    ])
      B[s] = probe(() => {
        const r = atob(s);
        return [...r].map((c) => c.charCodeAt(0)).join();
      });
    B.b = [
      probe(() => btoa("")),
      probe(() => btoa("\xff\xfe")),
      probe(() => btoa("\u0100")),
      probe(() => btoa(undefined)),
      probe(() => btoa({})),
      probe(() => btoa([1, 2])),
    ];
    B.u8 = probe(() => U(1, 2, 255).toBase64?.());
    B.from = probe(() => show(Uint8Array.fromBase64?.("AQL_", { alphabet: "base64url" })));
    B.hex = probe(() => U(1, 255).toHex?.());
    B.fromhex = probe(() => show(Uint8Array.fromHex?.("01ff")));
    return Response.json(out);
  },
};

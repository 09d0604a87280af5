import { text, serve } from "./h.js";
const got = (f) => text(async () => { const o = await f(); return o === null ? null : o.body ? await o.text() : "no body"; });
const E = "9a0364b9e99bb480dd25e1f0284c8555";
const bounds = [6911e9, 6911e9 + 1, 69e11, 7e12, 8e12, 9.2e12, 9223372036854, 9223372036855, 9.3e12, 1e13, 8.64e15, -9223372036855, -9.3e12, -1e13, -8.64e15, 0.5, -0.5];
export default serve({
  async seed({ R2 }) { return (await R2.put("k", "content")).etag; },
  async parse({ R2 }) { const out = []; for (const v of [`x, "${E}"`, `x "${E}"`, `"${E}" x`, `"${E}", x`, `*x`, `x*`, `* x`, `*,`, `, *`, `,"${E}"`, ` "${E}"`, `"${E}" `, `"x" ,"${E}"`, `"x",,"${E}"`, `W`, `W/`, `W/*`, `W*`, `W/"x`, `W/""`, `""`, `"x"W/"y"`, `"x",W/"${E}"`, `Wx"${E}"`, `W /"${E}"`, `"x"*`, `"a,b"`, `"a*b"`, `"aWb"`, `"W/"`, `W/"${E}", "${E}"`, `"\\"${E}"`, `'${E}'`, `**`, `*, *`, `"x", *`, `x`, `,x`, `"x"x"y"`, `"é"`]) out.push([v, await got(() => R2.get("k", { onlyIf: new Headers({ "if-match": v }) })), await got(() => R2.get("k", { onlyIf: new Headers({ "if-none-match": v }) }))]); return out; },
  async bounds({ R2 }) { const out = []; for (const ms of bounds) for (const d of [ms, new Date(ms)]) out.push([ms, typeof d, await got(() => R2.get("k", { onlyIf: { uploadedBefore: d } })), await got(() => R2.get("k", { onlyIf: { uploadedAfter: d } }))]); return out; },
  async expiry({ R2 }) { const out = []; for (const ms of bounds) for (const d of [ms, new Date(ms)]) out.push([ms, typeof d, await text(async () => { await R2.put("x", "", { httpMetadata: { cacheExpiry: d } }); return (await R2.head("x")).httpMetadata; })]); return out; },
  async headerDates({ R2 }) { const out = []; for (const v of ["Fri, 01 Jan 2250 00:00:00 GMT", "Fri, 01 Jan 2195 00:00:00 GMT"]) out.push([v, await got(() => R2.get("k", { onlyIf: new Headers({ "if-modified-since": v }) })), await got(() => R2.get("k", { onlyIf: new Headers({ "if-unmodified-since": v }) })), await text(async () => { await R2.put("x", "", { httpMetadata: new Headers({ expires: v }) }); return (await R2.head("x")).httpMetadata; })]); return out; },
});

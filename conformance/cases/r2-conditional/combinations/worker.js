import { attempt, serve } from "./h.js";

/** All subsets of four conditions, each of which may hold or not. */
const combinations = (right, wrong, past, future) => {
  const choices = [
    [undefined, { etagMatches: right }, { etagMatches: wrong }],
    [undefined, { etagDoesNotMatch: right }, { etagDoesNotMatch: wrong }],
    [undefined, { uploadedBefore: future }, { uploadedBefore: past }],
    [undefined, { uploadedAfter: past }, { uploadedAfter: future }],
  ];
  return choices.reduce((sets, options) => sets.flatMap((set) => options.map((option) => ({ ...set, ...option }))), [{}]);
};
const headerSets = (right, wrong, past, future) => {
  const choices = [
    [{}, { "if-match": right }, { "if-match": `${wrong}, ${right}` }, { "if-match": wrong }, { "if-match": "*" }],
    [{}, { "if-none-match": right }, { "if-none-match": `${right}, ${wrong}` }, { "if-none-match": wrong }, { "if-none-match": "*" }],
    [{}, { "if-unmodified-since": future }, { "if-unmodified-since": past }],
    [{}, { "if-modified-since": past }, { "if-modified-since": future }],
  ];
  return choices.reduce((sets, options) => sets.flatMap((set) => options.map((option) => ({ ...set, ...option }))), [{}]);
};
const times = () => [new Date(Date.now() - 3600e3), new Date(Date.now() + 3600e3)];
const wrong = "0".repeat(32);

export default serve({
  async seed({ R2 }) { await R2.put("k", "0123456789", { customMetadata: { a: "1" } }); },
  async get({ R2 }) {
    const { etag } = await R2.head("k");
    const results = await Promise.all(combinations(etag, wrong, ...times()).map(async (onlyIf) => { const object = await R2.get("k", { onlyIf, range: { offset: 2, length: 3 } }); return object.body ? await object.text() : "-"; }));
    return results.join(" ");
  },
  async put({ R2 }) {
    const out = [];
    for (const pick of Array.from({ length: 81 }, (_, index) => index)) {
      const { etag } = await R2.head("k");
      out.push((await R2.put("k", "0123456789", { onlyIf: combinations(etag, wrong, ...times())[pick] })) === null ? "-" : "y");
    }
    return out.join("");
  },
  async putNew({ R2 }) {
    const out = [];
    for (const onlyIf of combinations("1".repeat(32), wrong, ...times())) { out.push((await R2.put("new", "x", { onlyIf })) === null ? "-" : "y"); await R2.delete("new"); }
    return out.join("");
  },
  async getHeaders({ R2 }) {
    const { httpEtag } = await R2.head("k");
    const [past, future] = times().map((time) => time.toUTCString());
    const results = await Promise.all(headerSets(httpEtag, `"${wrong}"`, past, future).map((set) => attempt(async () => { const object = await R2.get("k", { onlyIf: new Headers(set), range: new Headers({ range: "bytes=-4" }) }); return object.body ? await object.text() : "-"; })));
    return results.map((result) => result.$error ?? result.ok ?? result).join(" ");
  },
  async putHeaders({ R2 }) {
    const out = [];
    for (const pick of Array.from({ length: 150 }, (_, index) => index)) {
      const { httpEtag } = await R2.head("k");
      const [past, future] = times().map((time) => time.toUTCString());
      const result = await attempt(async () => ((await R2.put("k", "0123456789", { onlyIf: new Headers(headerSets(httpEtag, `"${wrong}"`, past, future)[pick]) })) === null ? "-" : "y"));
      out.push(result.$error ? "e" : (result.ok ?? result));
    }
    return out.join("");
  },
});

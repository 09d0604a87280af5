import { attempt, serve } from "./h.js";

const all = async (R2, options) => {
  const pages = [];
  let cursor;
  do {
    const page = await R2.list({ ...options, cursor });
    pages.push([page.objects.map(({ key }) => key), page.delimitedPrefixes, page.truncated, typeof page.cursor]);
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor && pages.length < 50);
  return pages;
};
const keys = ["a", "a/", "a/1", "a/2", "a/b/1", "a/b/2", "a0", "b/1", "b//1", "c", "ä/1", "z/1", "🐝/1", "🐝/2"];

export default serve({
  async seed({ R2 }) { for (const key of keys) await R2.put(key, key, { customMetadata: { key } }); },
  async everything({ R2 }) { return await all(R2, {}); },
  async one({ R2 }) { return await all(R2, { limit: 1 }); },
  async three({ R2 }) { return await all(R2, { limit: 3 }); },
  async folders({ R2 }) { return await all(R2, { delimiter: "/" }); },
  async foldersBelow({ R2 }) { return await all(R2, { delimiter: "/", prefix: "a/" }); },
  async startAfter({ R2 }) { return await all(R2, { startAfter: "a/2", limit: 4 }); },
  async startAfterBetween({ R2 }) { return await all(R2, { startAfter: "a/b", prefix: "a", limit: 2 }); },
  async longDelimiter({ R2 }) { return await all(R2, { delimiter: "//" }); },
  async emptyDelimiter({ R2 }) { return (await attempt(() => all(R2, { delimiter: "" }))); },
  async included({ R2 }) { return (await R2.list({ prefix: "a/", include: ["customMetadata"] })).objects.map(({ key, customMetadata, httpMetadata }) => [key, customMetadata, httpMetadata]); },
});

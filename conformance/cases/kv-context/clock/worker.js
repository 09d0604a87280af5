import { serve } from "./h.js";

async function moves(operation) { const before = Date.now(); for (let i = 0; i < 20; i++) await operation(i); return Date.now() > before; }

export default serve({
  async put({ KV }) { return await moves((i) => KV.put("k" + i, "v")); },
  async get({ KV }) { return await moves((i) => KV.get("none" + i)); },
  async list({ KV }) { return await moves(() => KV.list()); },
  async objects({ R2 }) { return [await moves((i) => R2.put("k" + i, "v")), await moves((i) => R2.head("k" + i)), await moves(async (i) => (await R2.get("k" + i)).text())]; },
});

import { text, serve } from "./h.js";
const det = () => { const b = new Uint8Array([1, 2, 3]); structuredClone(b.buffer, { transfer: [b.buffer] }); return b; };
export default serve({
  async detached({ R2 }) { const out = []; for (const v of [det(), det().buffer, new DataView(new ArrayBuffer(2))]) out.push(await text(async () => (await R2.put("d", v)).size)); return out; },
  async response() { return [await text(async () => (await new Response(det()).arrayBuffer()).byteLength), await text(async () => (await new Response(det().buffer).arrayBuffer()).byteLength), await text(async () => new Blob([det()]).size), await text(async () => (await crypto.subtle.digest("SHA-1", det())).byteLength), await text(() => new TextDecoder().decode(det()))]; },
  async shared({ R2 }) { const s = new SharedArrayBuffer(3); return [await text(async () => (await R2.put("d", s)).size), await text(async () => (await R2.put("d", new Uint8Array(s))).size), await text(async () => (await new Response(s).arrayBuffer()).byteLength), await text(async () => (await new Response(new Uint8Array(s)).arrayBuffer()).byteLength), await text(async () => new Blob([s]).size)]; },
  async resizable({ R2 }) { const r = new ArrayBuffer(4, { maxByteLength: 8 }); return [await text(async () => (await R2.put("d", r)).size), await text(async () => (await R2.put("d", new Uint8Array(r, 1))).size)]; },
  async mutated({ R2 }) { const b = new Uint8Array([65, 66]); const p = R2.put("mut", b); b.fill(67); await p; return (await R2.get("mut")).text(); },
});

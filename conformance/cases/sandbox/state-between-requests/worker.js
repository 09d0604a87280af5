let n = 0; globalThis.shared = []; const cache = new Map();
export default { async fetch(request) { n++; const a = new URL(request.url).searchParams.get("a"); shared.push(a); cache.set(a, n); await null; return Response.json({ n, shared, size: cache.size, g: globalThis.n ?? null }); } };

import a from "./lib/c.cjs";
import n from "./lib/n.cjs";
export default { fetch() { return new Response(JSON.stringify({ a, n }), { headers: { "content-type": "application/json" } }); } };

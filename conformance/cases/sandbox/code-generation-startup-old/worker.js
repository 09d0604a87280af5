const rec = (f) => { try { const v = f(); return typeof v === "function" ? "function" : v; } catch (e) { return { $error: e.name, $message: e.message }; } };
const out = { eval: rec(() => eval("1+1")), fn: rec(() => new Function("a", "return a+1")(1)), evalNumber: rec(() => eval(7)) };
export default { fetch() { return Response.json(out); } };

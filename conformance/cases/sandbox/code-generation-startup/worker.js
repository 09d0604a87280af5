const rec = (f) => { try { const v = f(); return typeof v === "function" ? "function" : v; } catch (e) { return { $error: e.name, $message: e.message }; } };
const out = { eval: rec(() => eval("1+1")), fn: rec(() => new Function("a", "return a+1")(1)), made: rec(() => new Function("return 5")), syntax: rec(() => new Function("return {")), later: null };
const made = (() => { try { return new Function("x", "return x * 2"); } catch { return null; } })();
const genf = rec(() => [...new ((function* () {}).constructor)("yield 1; yield 2")()]);
export default { fetch() { return Response.json({ ...out, later: rec(() => new Function("return 1")()), madeWorks: made && made(4), genf, name: made && made.name, text: made && String(made), proto: made && Object.getPrototypeOf(made) === Function.prototype, inst: made instanceof Function }); } };

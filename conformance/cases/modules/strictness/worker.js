import c from "./c.cjs";
const rec = (f) => { try { return f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
export default { fetch() { return Response.json({ c, undeclared: rec(() => { undeclaredVariable = 1; return "made"; }), frozen: rec(() => { Object.freeze([1]).push(2); }), that: rec(function () { return typeof this; }), del: rec(() => { delete Object.prototype; }) }); } };

const enc = new TextEncoder();
const failing = (e) => { let n = 0; return new Response(new ReadableStream({ async pull(c) { if (n++ < 2) c.enqueue(enc.encode("part")); else { await scheduler.wait(5); c.error(e()); } } })); };
function inner() { throw new RangeError("thrown by callee"); }
export default { async fetch(request) {
  const path = new URL(request.url).pathname;
  if (path === "/range") return failing(() => new RangeError("callee broke"));
  if (path === "/own") return failing(() => Object.assign(new TypeError("with code"), { code: 7 }));
  if (path === "/first") return new Response(new ReadableStream({ start(c) { c.error(new SyntaxError("at once")); } }));
  if (path === "/pull") return new Response(new ReadableStream({ async pull() { await scheduler.wait(1); throw new EvalError("pull threw"); } }));
  if (path === "/text") return failing(() => "only text");
  inner();
} };

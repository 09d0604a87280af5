const seen = {};
const attempt = (name, run) => {
  try {
    const value = run();
    if (value && typeof value.then === "function") {
      value.then(
        (settled) => (seen[name] = Object.prototype.toString.call(settled)),
        (error) => (seen[name] = { $error: error.name, $message: error.message }),
      );
    } else seen[name] = typeof value;
  } catch (error) {
    seen[name] = { $error: error.name, $message: error.message };
  }
};
attempt("eval", () => eval("1 + 1"));
attempt("evalVariable", () => eval("var made = 5; made"));
attempt("function", () => new Function("a", "b = 2", "return a + b")(1));
attempt("functionCall", () => Function("return this === globalThis")());
attempt("asyncFunction", () => new (Object.getPrototypeOf(async () => {}).constructor)("return 1"));
attempt("badFunction", () => new Function("}{"));
attempt("setTimeout", () => setTimeout(() => {}, 0));
attempt("clearTimeout", () => clearTimeout(1));
attempt("setInterval", () => setInterval(() => {}, 1));
attempt("wait", () => scheduler.wait(1));
attempt("fetch", () => fetch("http://example.com/"));
attempt("random", () => Math.random());
attempt("randomValues", () => crypto.getRandomValues(new Uint8Array(1)));
attempt("uuid", () => crypto.randomUUID());
attempt("generateKey", () => crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]));
attempt("digest", () => crypto.subtle.digest("SHA-256", new Uint8Array(1)));
attempt("response", () => new Response("text"));
attempt("responseNull", () => new Response(null));
attempt("responseJson", () => Response.json(1));
attempt("request", () => new Request("http://example.com/"));
attempt("abortTimeout", () => AbortSignal.timeout(1));
attempt("abortController", () => new AbortController());
attempt("pair", () => new WebSocketPair());
attempt("identity", () => new IdentityTransformStream());
attempt("fixed", () => new FixedLengthStream(1));
attempt("compression", () => new CompressionStream("gzip"));
attempt("readable", () => new ReadableStream());
attempt("transform", () => new TransformStream());
attempt("channel", () => new MessageChannel());
attempt("microtask", () => queueMicrotask(() => (seen.microtaskRan = true)));
attempt("now", () => Date.now());
const atStart = [Date.now(), performance.now(), new Date().getTime()];
const keptEval = globalThis.eval;
const KeptFunction = Function;
export default {
  async fetch() {
    attempt("laterEval", () => eval("1"));
    attempt("laterKeptEval", () => keptEval("1"));
    attempt("laterFunction", () => new Function("return 1"));
    attempt("laterKeptFunction", () => KeptFunction("return 1"));
    attempt("laterRandom", () => crypto.randomUUID());
    attempt("laterResponse", () => new Response("text"));
    return Response.json({ seen, atStart });
  },
};

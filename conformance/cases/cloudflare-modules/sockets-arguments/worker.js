import * as sockets from "cloudflare:sockets";
import { connect } from "cloudflare:sockets";
const quiet = (socket) => {
  socket.opened.catch(() => {});
  socket.closed.catch(() => {});
  return socket;
};
const probe = (f) => {
  try {
    return f() ?? null;
  } catch (e) {
    return { $error: e.name, $message: e.message };
  }
};
const atTop = probe(() => connect("x.invalid:99"));
export default {
  async fetch(request, env) {
    const out = { atTop, exports: Object.keys(sockets).filter((k) => k === "connect" || k === "default").sort(), addresses: {}, options: {} };
    const addresses = [null, "", "x", "x:", "x:0", "x:70000", "x.invalid:99", "[::1]:99", "::1:99", "127.0.0.1:1/path", "http://127.0.0.1:99", "a b:99", "user@x:99", "x:99 ", 5, {}, { hostname: "x" }, { port: 5 }, { hostname: "x", port: "a" }, { hostname: "x", port: "99" }, { hostname: "x", port: -1 }, { hostname: "x y", port: 99 }, { hostname: "x", port: 65536 }, { hostname: "x".repeat(300), port: 99 }];
    for (const address of addresses) out.addresses[JSON.stringify(address).slice(0, 40)] = probe(() => quiet(connect(address)).secureTransport);
    for (const options of [null, 5, {}, { secureTransport: "x" }, { secureTransport: "starttls" }, { allowHalfOpen: "x" }, { highWaterMark: -1 }])
      out.options[JSON.stringify(options)] = probe(() => quiet(connect("x.invalid:99", options)).secureTransport);
    const socket = quiet(connect("x.invalid:99"));
    out.shape = [Object.prototype.toString.call(socket), socket.upgraded, socket.secureTransport, socket.readable instanceof ReadableStream, socket.writable instanceof WritableStream, socket.opened instanceof Promise];
    out.names = Object.getOwnPropertyNames(Object.getPrototypeOf(socket)).sort();
    out.startTls = probe(() => socket.startTls());
    out.detached = probe(() => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(socket), "opened").get.call({}));
    out.construct = probe(() => new socket.constructor());
    const binding = env.SELF.connect("x.invalid:99");
    out.binding = await Promise.all([binding.opened, binding.closed].map((p) => p.then(() => "fine", (e) => ({ $error: e.name, $message: e.message }))));
    return Response.json(out);
  },
};

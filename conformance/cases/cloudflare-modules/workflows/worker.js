const probe = async (f) => {
  try {
    const value = await f();
    return value === undefined ? "undefined" : value;
  } catch (e) {
    return { $error: e?.name ?? typeof e, $message: e?.message ?? String(e) };
  }
};
import { NonRetryableError } from "cloudflare:workflows";
import * as all from "cloudflare:workflows";
export default {
  async fetch() {
    const e = new NonRetryableError("message");
    const n = new NonRetryableError("message", "Custom");
    return Response.json({
      keys: Object.keys(all).sort(),
      a: [e.name, e.message, e instanceof Error, e instanceof NonRetryableError, Object.keys(e), String(e), e.constructor.name],
      b: [n.name, n.message, String(n)],
      none: await probe(() => [new NonRetryableError().message, new NonRetryableError().name]),
      call: await probe(() => NonRetryableError("x")),
      shape: [NonRetryableError.name, NonRetryableError.length],
    });
  },
};

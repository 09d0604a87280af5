import * as sub from "./lib/sub.js";
const late = await import("./lib/late.js");
export default {
  fetch() {
    const m = import.meta;
    const set = (() => { try { m.x = 1; return m.x; } catch (e) { return e.name; } })();
    return Response.json({ keys: Object.getOwnPropertyNames(m), proto: Object.getPrototypeOf(m), set, same: m === import.meta, sub: sub.keys, late: late.keys, string: (() => { try { return String(m); } catch (e) { return e.name; } })(), main: typeof m.main, env: typeof m.env });
  },
};

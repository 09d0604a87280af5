import { a } from "./lib/a.js";
import def, * as ns from "./lib/deep/b.js";
import { again } from "./lib/../lib/a.js";
import note from "./lib/note.txt";
import space from "./with space.txt";
import uni from "./grüße.txt";
export default {
  async fetch() {
    const late = await import("./lib/deep/late.js");
    return Response.json({
      a, again, def, keys: Object.keys(ns), note, space, uni, late: late.default, tag: ns[Symbol.toStringTag],
      same: (await import("./lib/a.js")).a === a, proto: Object.getPrototypeOf(ns), ext: Object.isExtensible(ns),
      lateNs: Object.keys(late),
    });
  },
};

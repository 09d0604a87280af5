import { fromA, callB } from "./a.js";
import { fromB, early, count, bump } from "./b.js";
export default {
  fetch() {
    const before = count;
    bump();
    return Response.json({ fromA, fromB, early, viaCall: callB(), before, after: count });
  },
};

import def from "./common.cjs";
import * as ns from "./common.cjs";
import fn from "./function.cjs";
import self from "./self.cjs";
export default {
  fetch() {
    return Response.json({
      def, keys: Object.keys(ns), fn: [typeof fn, fn?.name, fn?.(2)], self,
    });
  },
};

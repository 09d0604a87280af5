import def from "./common.cjs";
import * as ns from "./common.cjs";
import * as prim from "./primitive.cjs";
export default {
  fetch() { return new Response(JSON.stringify({ def, nsKeys: Object.keys(ns), nsDefault: ns.default, prim: [Object.keys(prim), prim.default] }), { headers: { "content-type": "application/json" } }); },
};
